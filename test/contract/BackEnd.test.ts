import { assert, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { gzipSync } from "node:zlib"
import { ContractServer, newLabel, tColumns } from "./ContractServer.ts"

const live = { excludeTestServices: true } as const
const rows = [{ id: 1, name: "a", n: 1 }, { id: 2, name: "b", n: 2 }]

layer(ContractServer.layer, live)("the BE's HTTP port", (it) => {
  it.effect("16: with Expect the server says 100, then Success", () =>
    Effect.gen(function*() {
      const server = yield* ContractServer
      const table = yield* server.table(tColumns)
      const answer = yield* server.be({
        method: "PUT",
        path: `/api/${server.database}/${table}/_stream_load`,
        expect: true,
        body: "{\"id\":1}",
        headers: { format: "json" }
      })
      assert.isTrue(answer.continued)
      assert.strictEqual(answer.status, 200)
      assert.include(answer.body, "\"Status\": \"Success\"")
    }))

  it.effect("17: Expect is not needed", () =>
    Effect.gen(function*() {
      const server = yield* ContractServer
      const table = yield* server.table(tColumns)
      const reply = yield* server.load({ table, rows, expect: false })
      assert.strictEqual(reply["Status"], "Success")
      assert.strictEqual(reply["NumberLoadedRows"], 2)
    }))

  it.effect("18: a chunked body loads, and LoadBytes is its size", () =>
    Effect.gen(function*() {
      const server = yield* ContractServer
      const table = yield* server.table(tColumns)
      const reply = yield* server.load({ table, rows, chunkBytes: 7 })
      assert.strictEqual(reply["Status"], "Success")
      assert.strictEqual(reply["LoadBytes"], rows.map((row) => JSON.stringify(row)).join("\n").length)
    }))

  it.effect("19: a bad timeout is answered instead of 100", () =>
    Effect.gen(function*() {
      const server = yield* ContractServer
      const table = yield* server.table(tColumns)
      const answer = yield* server.be({
        method: "PUT",
        path: `/api/${server.database}/${table}/_stream_load`,
        expect: true,
        body: "{\"id\":1}",
        headers: { format: "json", timeout: "abc" }
      })
      assert.isFalse(answer.continued)
      assert.strictEqual(answer.status, 200)
      assert.include(answer.body, "Invalid timeout format")
    }))

  it.effect("20: without credentials the load fails with 200 and no transaction", () =>
    Effect.gen(function*() {
      const server = yield* ContractServer
      const table = yield* server.table(tColumns)
      const reply = yield* server.load({ table, rows, headers: { authorization: undefined } })
      assert.strictEqual(reply["Status"], "Fail")
      assert.strictEqual(reply["Message"], "no valid Basic authorization")
      assert.strictEqual(reply["TxnId"], -1)
    }))

  it.effect("21: a wrong password fails with 200", () =>
    Effect.gen(function*() {
      const server = yield* ContractServer
      const table = yield* server.table(tColumns)
      const authorization = `Basic ${Buffer.from("root:wrong").toString("base64")}`
      const reply = yield* server.load({ table, rows, headers: { authorization } })
      assert.strictEqual(reply["Status"], "Fail")
      assert.match(String(reply["Message"]), /Access denied/)
    }))

  it.effect("23: an unknown table, and an unknown database, fail", () =>
    Effect.gen(function*() {
      const server = yield* ContractServer
      const table = yield* server.load({ table: "nope", rows })
      assert.strictEqual(table["Status"], "Fail")
      assert.match(String(table["Message"]), /unknown table/)
      const database = yield* server.load({ table: "t", rows, path: "/api/nodb/t/_stream_load" })
      assert.match(String(database["Message"]), /unknown database, database=nodb/)
      assert.strictEqual(database["TxnId"], -1)
    }))

  it.effect("24: an unknown path is 404 in plain text", () =>
    Effect.gen(function*() {
      const server = yield* ContractServer
      const answer = yield* server.be({ method: "GET", path: "/nope" })
      assert.strictEqual(answer.status, 404)
      assert.include(answer.body, "Not Found")
    }))

  it.effect("25: a truncated body is rolled back and its label can be used again", () =>
    Effect.gen(function*() {
      const server = yield* ContractServer
      const table = yield* server.table(tColumns)
      const label = newLabel()
      yield* server.load({ table, rows, headers: { label }, missingBytes: 5 })
      const reply = yield* server.load({ table, rows: [{ id: 7 }], headers: { label } }).pipe(
        Effect.repeat({ until: (attempt) => attempt["Status"] !== "Label Already Exists" })
      )
      assert.strictEqual(reply["Status"], "Success")
      const found = yield* server.sql(`SELECT id FROM ${table}`)
      assert.deepStrictEqual(found.map((row) => String(row["id"])), ["7"])
    }))

  it.effect("26: without a label the server makes one", () =>
    Effect.gen(function*() {
      const server = yield* ContractServer
      const table = yield* server.table(tColumns)
      const reply = yield* server.load({ table, rows })
      assert.strictEqual(reply["Status"], "Success")
      assert.isAbove(String(reply["Label"]).length, 10)
    }))

  it.effect("27: a label of 129 characters, or with a space, is refused", () =>
    Effect.gen(function*() {
      const server = yield* ContractServer
      const table = yield* server.table(tColumns)
      for (const label of ["x".repeat(129), "a b"]) {
        const reply = yield* server.load({ table, rows, headers: { label } })
        assert.strictEqual(reply["Status"], "Fail")
        assert.match(String(reply["Message"]), /Label format error/)
      }
      assert.strictEqual(
        (yield* server.load({ table, rows, headers: { label: `${newLabel()}_`.padEnd(128, "x") } }))["Status"],
        "Success"
      )
    }))

  it.effect("28: an unknown format is refused", () =>
    Effect.gen(function*() {
      const server = yield* ContractServer
      const table = yield* server.table(tColumns)
      const reply = yield* server.load({ table, rows, headers: { format: "xml" } })
      assert.include(String(reply["Message"]), "unknown data format, format=xml")
    }))

  it.effect("29: the format is read without regard to case", () =>
    Effect.gen(function*() {
      const server = yield* ContractServer
      const table = yield* server.table(tColumns)
      assert.strictEqual((yield* server.load({ table, rows, headers: { format: "JSON" } }))["Status"], "Success")
    }))

  it.effect("30: partitions and temporary_partitions fail after the transaction began", () =>
    Effect.gen(function*() {
      const server = yield* ContractServer
      const table = yield* server.table(tColumns)
      const label = newLabel()
      const headers = { label, partitions: "p1", temporary_partitions: "p2" }
      const reply = yield* server.load({ table, rows, headers })
      assert.match(String(reply["Message"]), /Can not specify both partitions and temporary partitions/)
      assert.isAbove(Number(reply["TxnId"]), 0)
      assert.strictEqual((yield* server.labelState(label))["state"], "ABORTED")
    }))

  it.effect("31: compression and Content-Encoding exclude each other", () =>
    Effect.gen(function*() {
      const server = yield* ContractServer
      const table = yield* server.table(tColumns)
      const headers = { compression: "gzip", "content-encoding": "gzip" }
      const reply = yield* server.load({ table, rows, headers })
      assert.match(String(reply["Message"]), /Only one of http header content-encoding and compression can be set/)
    }))

  it.effect("32: a gzip body is decoded; one that is none fails", () =>
    Effect.gen(function*() {
      const server = yield* ContractServer
      const table = yield* server.table(tColumns)
      const body = gzipSync(rows.map((row) => JSON.stringify(row)).join("\n"))
      const reply = yield* server.load({ table, body, headers: { compression: "gzip" } })
      assert.strictEqual(reply["Status"], "Success")
      assert.strictEqual(reply["NumberLoadedRows"], 2)
      const bad = yield* server.load({ table, rows, headers: { compression: "gzip" } })
      assert.strictEqual(bad["Status"], "Fail")
    }))

  it.effect("34: over 100 MB of declared JSON is refused before the body, unless ignore_json_size is set", () =>
    Effect.gen(function*() {
      const server = yield* ContractServer
      const table = yield* server.table(tColumns)
      const declared = { "content-length": "104857601" }
      const refused = yield* server.load({ table, rows, headers: declared })
      assert.match(
        String(refused["Message"]),
        /The size of this batch exceed the max size \[104857600\] {2}of json type/
      )
      const accepted = yield* server.be({
        method: "PUT",
        path: `/api/${server.database}/${table}/_stream_load`,
        expect: true,
        headers: { ...declared, format: "json", ignore_json_size: "true" },
        waitMs: 300
      })
      assert.isTrue(accepted.continued)
    }))

  it.effect("35: the reply has the contract's fields in the contract's order, pretty-printed", () =>
    Effect.gen(function*() {
      const server = yield* ContractServer
      const table = yield* server.table(tColumns)
      const reply = yield* server.load({ table, rows })
      assert.strictEqual(reply["Message"], "OK")
      const keys = Object.keys(reply).filter((key) => key !== "StreamLoadPutTimeMs")
      assert.deepStrictEqual(keys, [
        "TxnId",
        "Label",
        "Status",
        "Message",
        "NumberTotalRows",
        "NumberLoadedRows",
        "NumberFilteredRows",
        "NumberUnselectedRows",
        "LoadBytes",
        "LoadTimeMs",
        "BeginTxnTimeMs",
        "StreamLoadPlanTimeMs",
        "ReadDataTimeMs",
        "WriteDataTimeMs",
        "CommitAndPublishTimeMs"
      ])
    }))

  it.effect("a broken request closes its own connection only", () =>
    Effect.gen(function*() {
      const server = yield* ContractServer
      const table = yield* server.table(tColumns)
      const broken = yield* server.be({ method: "P\u0000T", path: "/ \u0001 /", waitMs: 1000 })
      assert.notStrictEqual(broken.status, 200)
      assert.strictEqual((yield* server.load({ table, rows }))["Status"], "Success")
    }))
})
