import { assert, it, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import mysql from "mysql2/promise"
import { gzipSync, zstdCompressSync } from "node:zlib"
import * as EmbeddedStarRocks from "../../src/layers/embedded/EmbeddedStarRocks.ts"
import { server as httpServer } from "../../src/layers/embedded/starrocks/http/HttpReply.ts"
import { listen } from "../../src/layers/embedded/starrocks/http/Listening.ts"
import * as TemporaryDirectory from "../support/TemporaryDirectory.ts"
import { ContractServer, external, newLabel, type Shape, tColumns } from "./ContractServer.ts"
import { http, raw, type Request } from "./WireHttp.ts"

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

  it.effect("a table has one partition, named like the table; another one is refused by name", () =>
    Effect.gen(function*() {
      const server = yield* ContractServer
      const table = yield* server.table(tColumns)
      const rows = [{ id: 1 }]
      assert.strictEqual((yield* server.load({ table, rows, headers: { partitions: table } }))["Status"], "Success")
      const refused = yield* server.load({ table, rows, headers: { partitions: `${table}, p9` } })
      assert.strictEqual(refused["Status"], "Fail")
      assert.include(String(refused["Message"]), `unknown partition p9 in table ${table}`)
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

  it.effect("32: a gzip or zstd body is decoded, all frames of it; one that is none, or not to its end, fails", () =>
    Effect.gen(function*() {
      const server = yield* ContractServer
      const table = yield* server.table(tColumns)
      const body = gzipSync(rows.map((row) => JSON.stringify(row)).join("\n"))
      const reply = yield* server.load({ table, body, headers: { compression: "gzip" } })
      assert.strictEqual(reply["Status"], "Success")
      assert.strictEqual(reply["NumberLoadedRows"], 2)
      const bad = yield* server.load({ table, rows, headers: { compression: "gzip" } })
      assert.strictEqual(bad["Status"], "Fail")
      for (const [compression, compress] of [["gzip", gzipSync], ["zstd", zstdCompressSync]] as const) {
        const headers = { compression }
        const frame = (from: number) =>
          compress(Array.from({ length: 1000 }, (_, id) => `{"id":${from + id}}\n`).join(""))
        const frames = Buffer.concat([frame(0), frame(1000)])
        const several = yield* server.load({ table, body: frames, headers })
        assert.strictEqual(several["NumberLoadedRows"], 2000, compression)
        for (const behind of [frame(0).subarray(0, -1), Buffer.from("{\"id\":1}")]) {
          const cut = yield* server.load({ table, body: Buffer.concat([frames, behind]), headers })
          assert.strictEqual(cut["Status"], "Fail", compression)
        }
      }
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

  it.effect("names in the path are percent-decoded; a target may be absolute", () =>
    Effect.gen(function*() {
      const server = yield* ContractServer
      const table = yield* server.table(tColumns)
      const encoded = table.replace(/./g, (letter) => `%${letter.charCodeAt(0).toString(16)}`)
      const path = `/api/${server.database}/${encoded}/_stream_load`
      assert.strictEqual((yield* server.load({ table, rows, path }))["Status"], "Success")
      const absolute = `http://elsewhere:1${path}`
      assert.strictEqual((yield* server.load({ table, rows, path: absolute }))["Status"], "Success")
      const broken = yield* server.be({ method: "PUT", path: "/api/%zz/t/_stream_load" })
      assert.strictEqual(broken.status, 404)
    }))

  it.effect("a connection is used again after a load that failed, also when requests come before the answers", () =>
    Effect.gen(function*() {
      const server = yield* ContractServer
      const table = yield* server.table(tColumns)
      const put = (body: string, headers = "") =>
        `PUT /api/${server.database}/${table}/_stream_load HTTP/1.1\r\nhost: x\r\nformat: json\r\n` +
        `authorization: ${server.authorization}\r\n${headers}content-length: ${body.length}\r\n\r\n${body}`
      const requests = [
        put("{\"id\":1", ""),
        put("{\"id\":3}"),
        "GET /api/health HTTP/1.1\r\nhost: x\r\n\r\n"
      ]
      const answers = (text: string) => [...text.matchAll(/"(?:Status|status)": ?"([^"]+)"/g)].map((found) => found[1])
      const send = (bytes: string, wanted: number) =>
        Effect.promise(() => raw(server.host, server.bePort, bytes, (text) => answers(text).length === wanted))
      const { closed, text } = yield* send(requests.join(""), 3)
      assert.deepStrictEqual(answers(text), ["Fail", "Success", "OK"])
      assert.isFalse(closed)
      // A body that nobody wants ends the connection: what follows it is not mistaken for a request.
      const refused = yield* send(put("{\"id\":2}", "timeout: abc\r\n") + requests.join(""), 2)
      assert.deepStrictEqual(answers(refused.text), ["Fail"])
      assert.isTrue(refused.closed)
    }))

  it.effect("chunks that are none end the load without rows, its label is free, the server lives", () =>
    Effect.gen(function*() {
      const server = yield* ContractServer
      const table = yield* server.table(tColumns)
      const label = newLabel()
      const head = `PUT /api/${server.database}/${table}/_stream_load HTTP/1.1\r\nhost: x\r\nformat: json\r\n` +
        `label: ${label}\r\nauthorization: ${server.authorization}\r\ntransfer-encoding: chunked\r\n\r\n`
      const broken = yield* Effect.promise(() =>
        raw(server.host, server.bePort, `${head}8\r\n{"id":1}\r\nxyz\r\n`, () => false)
      )
      assert.isTrue(broken.closed)
      assert.notInclude(broken.text, "Success")
      const reply = yield* server.load({ table, rows: [{ id: 7 }], headers: { label } }).pipe(
        Effect.repeat({ until: (attempt) => attempt["Status"] !== "Label Already Exists" })
      )
      assert.strictEqual(reply["Status"], "Success")
      assert.lengthOf(yield* server.sql(`SELECT id FROM ${table}`), 1)
    }))

  it.effect("a client that leaves after its last byte has loaded its rows", () =>
    Effect.gen(function*() {
      const server = yield* ContractServer
      const table = yield* server.table(tColumns)
      const label = newLabel()
      yield* server.load({ table, rows, headers: { label }, leaves: true })
      yield* server.labelState(label).pipe(Effect.repeat({ until: (answer) => answer["state"] === "VISIBLE" }))
      assert.lengthOf(yield* server.sql(`SELECT id FROM ${table}`), 2)
    }))

  it.effect("the error log answers HEAD, and 404 when there is none of that name", () =>
    Effect.gen(function*() {
      const server = yield* ContractServer
      const table = yield* server.table(tColumns)
      const failed = yield* server.load({ table, rows: [{ id: "x" }] })
      const url = new URL(String(failed["ErrorURL"]))
      const path = `${url.pathname}${url.search}`
      const full = yield* server.be({ method: "GET", path })
      assert.match(full.body, /^Error: .*\. Row: /)
      const head = yield* Effect.promise(() =>
        raw(server.host, server.bePort, `HEAD ${path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n`, () => false)
      )
      assert.match(head.text, /^HTTP\/1\.1 200 [^]*\r\n\r\n$/)
      assert.strictEqual((yield* server.be({ method: "GET", path: "/api/_load_error_log?file=none" })).status, 404)
    }))

  it.effect("headers up to 1 MB are read, larger ones are a bad request", () =>
    Effect.gen(function*() {
      const server = yield* ContractServer
      const table = yield* server.table(tColumns)
      const large = { "x-large": "x".repeat(900_000) }
      assert.strictEqual((yield* server.load({ table, rows, headers: large }))["Status"], "Success")
      const larger = yield* server.be({
        method: "GET",
        path: "/api/health",
        headers: { "x-large": "x".repeat(1_200_000) }
      })
      assert.isTrue(larger.status === 400 || larger.status === 0)
    }))

  it.effect.skipIf(external)(
    "faults in the header phase: a BE that shuts down, and one that is slow to say 100",
    () =>
      Effect.gen(function*() {
        const server = yield* ContractServer
        const table = yield* server.table(tColumns)
        server.faults.on("be-shutdown", { table, count: 1 })
        const refused = yield* server.load({ table, rows })
        assert.deepInclude(refused, {
          TxnId: -1,
          Status: "Fail",
          Message: "Service is shutting down, please retry later!"
        })
        const label = newLabel()
        const path = `/api/${server.database}/${table}/_stream_load`
        server.faults.on("slow-continue", { table })
        const early = yield* server.be({ method: "PUT", path, expect: true, headers: { label }, waitMs: 200 })
        assert.strictEqual(early.status, -1)
        assert.isFalse(early.continued)
        // The client has left: its load ends though the fault is still on.
        yield* server.labelState(label).pipe(Effect.repeat({ until: (answer) => answer["state"] === "ABORTED" }))
        const [reply] = yield* Effect.all([server.load({ table, rows }), released(server, "slow-continue")], {
          concurrency: 2
        })
        assert.strictEqual(reply["Status"], "Success")
      })
  )

  it.effect.skipIf(external)(
    "faults in the body: a reset rolls back, a stall keeps the label until it is over",
    () =>
      Effect.gen(function*() {
        const server = yield* ContractServer
        const table = yield* server.table(tColumns)
        const label = newLabel()
        server.faults.on("reset-in-body", { table, count: 1 })
        assert.deepStrictEqual(yield* server.load({ table, rows, headers: { label } }), {})
        yield* server.labelState(label).pipe(Effect.repeat({ until: (answer) => answer["state"] === "ABORTED" }))
        assert.lengthOf(yield* server.sql(`SELECT id FROM ${table}`), 0)
        server.faults.on("stall-in-body", { table, count: 1 })
        const [reply] = yield* Effect.all([
          server.load({ table, rows, headers: { label } }),
          released(server, "stall-in-body", label)
        ], { concurrency: 2 })
        assert.strictEqual(reply["Status"], "Success")
      })
  )

  it.effect.skipIf(external)(
    "46: a held commit goes on though its client has left: a zombie that commits later",
    () =>
      Effect.gen(function*() {
        const server = yield* ContractServer
        const table = yield* server.table(tColumns)
        const label = newLabel()
        server.faults.on("hold-commit", { table })
        yield* server.load({ table, rows, headers: { label }, leaves: true })
        yield* Effect.sync(() => server.faults.hits("hold-commit")).pipe(
          Effect.tap(() => Effect.yieldNow),
          Effect.repeat({ until: (hits) => hits === 1 })
        )
        assert.strictEqual((yield* server.labelState(label))["state"], "PREPARE")
        const retry = yield* server.load({ table, rows: [{ id: 9 }], headers: { label } })
        assert.deepInclude(retry, { Status: "Label Already Exists", ExistingJobStatus: "RUNNING" })
        assert.lengthOf(yield* server.sql(`SELECT id FROM ${table}`), 0)
        server.faults.off("hold-commit")
        yield* server.labelState(label).pipe(Effect.repeat({ until: (answer) => answer["state"] === "VISIBLE" }))
        assert.lengthOf(yield* server.sql(`SELECT id FROM ${table}`), 2)
      })
  )
})

/** Waits until a fault holds a load, sees that its label is held too, and switches the fault off. */
const released = (server: Shape, kind: "slow-continue" | "stall-in-body", label?: string) =>
  Effect.gen(function*() {
    const before = server.faults.hits(kind)
    yield* Effect.sync(() => server.faults.hits(kind)).pipe(
      Effect.tap(() => Effect.yieldNow),
      Effect.repeat({ until: (hits) => hits > before })
    )
    if (label !== undefined) assert.strictEqual((yield* server.labelState(label))["state"], "PREPARE")
    server.faults.off(kind)
  })

it.live.skipIf(external)(
  "streaming_load_max_mb bounds bodies with a declared length and bodies in chunks",
  () =>
    Effect.gen(function*() {
      const dataDir = yield* TemporaryDirectory.make("contract")
      const { bePort, mysqlPort } = yield* EmbeddedStarRocks.make({ dataDir, database: "d", bodyBytesMax: 1000 })
      yield* Effect.promise(async () => {
        const connection = await mysql.createConnection({ host: "127.0.0.1", port: mysqlPort, user: "root" })
        await connection.query("CREATE TABLE d.t (id BIGINT) PRIMARY KEY (id) DISTRIBUTED BY HASH(id)")
        await connection.end()
      })
      const authorization = `Basic ${Buffer.from("root:").toString("base64")}`
      const put = (bytes: number, more: Partial<Request>) =>
        Effect.promise(() =>
          http("127.0.0.1", bePort, {
            method: "PUT",
            path: "/api/d/t/_stream_load",
            expect: true,
            body: "{\"id\":1}".padEnd(bytes, " "),
            headers: { authorization, format: "json" },
            ...more
          })
        )
      const declared = yield* put(1001, {})
      assert.isFalse(declared.continued)
      assert.include(declared.body, "body size 1001 exceed limit: 1000, ")
      assert.include(declared.body, "\"TxnId\": -1")
      assert.include((yield* put(1000, {})).body, "Success")
      assert.include((yield* put(1000, { chunkBytes: 100 })).body, "Success")
      const cut = yield* put(1001, { chunkBytes: 100 })
      assert.isTrue(cut.continued)
      assert.strictEqual(cut.status, 0)
    }).pipe(Effect.scoped)
)

it.live.skipIf(external)("a client that does not finish its headers is not waited for", () =>
  Effect.gen(function*() {
    const headersMs = 100
    const port = yield* listen(httpServer(() => undefined, headersMs), "test", "127.0.0.1", 0)
    const slow = yield* Effect.promise(() => raw("127.0.0.1", port, "PUT /x HTTP/1.1\r\nhost: x\r\nlabel", () => false))
    assert.isTrue(slow.closed)
    assert.match(slow.text, /^(HTTP\/1.1 4\d\d |$)/)
  }).pipe(Effect.scoped))
