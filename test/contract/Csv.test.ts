import { assert, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { deflateSync, gzipSync, zstdCompressSync } from "node:zlib"
import * as Lz4 from "../support/Lz4.ts"
import { ContractServer, type LoadOptions, type Shape, tColumns } from "./ContractServer.ts"

const live = { excludeTestServices: true } as const
const fields = { format: "csv", column_separator: ",", columns: "id,name,n" }

/** A CSV load with commas into id, name and n, unless the options say otherwise. */
const load = (server: Shape, table: string, body: string | Buffer, options: Partial<LoadOptions> = {}) =>
  server.load({ table, body, ...options, headers: { ...fields, ...options.headers } })

const rowsOf = (server: Shape, table: string) =>
  server.sql(`SELECT id, name, n FROM ${table} ORDER BY id`).pipe(
    Effect.map((rows) => rows.map((row) => [Number(row["id"]), row["name"], row["n"]]))
  )

/** The error log of a reply. */
const errorsOf = (server: Shape, reply: Readonly<Record<string, unknown>>) =>
  Effect.suspend(() => {
    const url = new URL(String(reply["ErrorURL"]))
    return server.be({ method: "GET", path: `${url.pathname}${url.search}` }).pipe(Effect.map(({ body }) => body))
  })

layer(ContractServer.layer, live)("CSV bodies", (it) => {
  it.effect("57: __op among the columns deletes and upserts", () =>
    Effect.gen(function*() {
      const server = yield* ContractServer
      const table = yield* server.table(tColumns)
      yield* load(server, table, "1,a,1\n2,b,2\n3,c,3\n")
      const headers = { columns: "id,name,__op" }
      const reply = yield* load(server, table, "1,x,1\n2,y,0\n3,z,delete\n4,w,upsert\n", { headers })
      assert.strictEqual(reply["Status"], "Success")
      assert.strictEqual(reply["NumberLoadedRows"], 4)
      assert.deepStrictEqual(yield* rowsOf(server, table), [[2, "y", null], [4, "w", null]])
    }))

  it.effect("57: an __op that is neither filters the row [?: so this endpoint]", () =>
    Effect.gen(function*() {
      const server = yield* ContractServer
      const table = yield* server.table(tColumns)
      const reply = yield* load(server, table, "1,2\n", { headers: { columns: "id,__op" } })
      assert.strictEqual(reply["Status"], "Fail")
      assert.strictEqual(reply["NumberFilteredRows"], 1)
    }))

  it.effect("without headers fields are between tabs and belong to the table's columns, and CSV is the format", () =>
    Effect.gen(function*() {
      const server = yield* ContractServer
      const table = yield* server.table(tColumns)
      const headers = { format: undefined, column_separator: undefined, columns: undefined }
      const reply = yield* load(server, table, "1\ta,b\t-5\t2024-01-02 03:04:05\n2\t\\N\t\\N\t\\N", { headers })
      assert.strictEqual(reply["Status"], "Success", String(reply["Message"]))
      assert.deepStrictEqual(yield* rowsOf(server, table), [[1, "a,b", -5], [2, null, null]])
    }))

  it.effect("91: NULL, an empty text and two quotes are three different things", () =>
    Effect.gen(function*() {
      const server = yield* ContractServer
      const table = yield* server.table(tColumns)
      const reply = yield* load(server, table, "1,\\N,1\n2,,2\n3,\"\",3\n")
      assert.strictEqual(reply["Status"], "Success")
      assert.deepStrictEqual(yield* rowsOf(server, table), [[1, null, 1], [2, "", 2], [3, "\"\"", 3]])
      assert.strictEqual((yield* load(server, table, "4,x,\n"))["Status"], "Fail")
      const lenient = yield* load(server, table, "4,x,\n", { headers: { strict_mode: "false" } })
      assert.strictEqual(lenient["Status"], "Success")
      assert.deepStrictEqual((yield* rowsOf(server, table)).at(-1), [4, "x", null])
    }))

  it.effect("91: an enclosed \\N is NULL, and an enclosed nothing is an empty text [?: so this endpoint]", () =>
    Effect.gen(function*() {
      const server = yield* ContractServer
      const table = yield* server.table(tColumns)
      yield* load(server, table, "1,\"\\N\",1\n2,\"\",2\n", { headers: { enclose: "\"" } })
      assert.deepStrictEqual(yield* rowsOf(server, table), [[1, null, 1], [2, "", 2]])
    }))

  it.effect("a field of text has at most 1,048,576 bytes, also one that a function reads", () =>
    Effect.gen(function*() {
      const server = yield* ContractServer
      const table = yield* server.table("id BIGINT NOT NULL, b VARBINARY NULL")
      const headers = { columns: "id,hex,b=to_binary(hex,'hex')" }
      const digits = "ab".repeat(524_288)
      assert.strictEqual((yield* load(server, table, `1,${digits}\n`, { headers }))["Status"], "Success")
      const reply = yield* load(server, table, `2,${digits}ab\n`, { headers })
      assert.strictEqual(reply["NumberFilteredRows"], 1)
      assert.include(yield* errorsOf(server, reply), "(name = hex, pos = 1) is out of range.")
      assert.include(yield* errorsOf(server, reply), "Value length: 1048578")
      const lenient = { ...headers, strict_mode: "false" }
      assert.strictEqual((yield* load(server, table, `3,${digits}ab\n`, { headers: lenient }))["Status"], "Success")
      const rows = yield* server.sql(`SELECT id, length(b) AS n FROM ${table} ORDER BY id`)
      assert.deepStrictEqual(rows.map(({ id, n }) => [id, n === null ? n : Number(n)]), [["1", 524_288], ["3", null]])
    }))

  it.effect("92: a row with a field too few or too many is filtered, and the error log says the counts", () =>
    Effect.gen(function*() {
      const server = yield* ContractServer
      const table = yield* server.table(tColumns)
      const reply = yield* load(server, table, "1,a,1\n2,b\n3,c,3,4\n", { headers: { max_filter_ratio: "0.7" } })
      assert.strictEqual(reply["Status"], "Success")
      assert.strictEqual(reply["NumberFilteredRows"], 2)
      assert.deepStrictEqual(yield* rowsOf(server, table), [[1, "a", 1]])
      const log = yield* errorsOf(server, reply)
      assert.include(log, "Target column count: 3 doesn't match source value column count: 2. ")
      assert.include(log, "Target column count: 3 doesn't match source value column count: 4. ")
      assert.include(log, "Column separator: ',', Row delimiter: '\\n'")
      const strict = yield* load(server, table, "1,a,1\n2,b\n")
      assert.include(String(strict["Message"]), "too many filtered rows")
    }))

  it.effect("bytes that are no UTF-8 filter their row", () =>
    Effect.gen(function*() {
      const server = yield* ContractServer
      const table = yield* server.table(tColumns)
      const body = Buffer.concat([Buffer.from("1,ä,1\n2,"), Buffer.from([0xff]), Buffer.from(",2\n")])
      const reply = yield* load(server, table, body, { headers: { max_filter_ratio: "0.5" } })
      assert.include(yield* errorsOf(server, reply), "Invalid UTF-8 row")
      assert.deepStrictEqual(yield* rowsOf(server, table), [[1, "ä", 1]])
    }))

  it.effect("separators may be several characters, escapes or hexadecimal; chunks may cut anywhere", () =>
    Effect.gen(function*() {
      const server = yield* ContractServer
      const cases: ReadonlyArray<readonly [Record<string, string>, string]> = [
        [{ column_separator: "|+|", row_delimiter: "\\r\\n" }, "1|+|ä,1|+|1\r\n2|+|\n|+|2\r\n"],
        [{ column_separator: "\\x01", row_delimiter: "0x0201" }, "1\x01ä,1\x011\x02\x012\x01\n\x012"],
        [{ column_separator: "\\t", row_delimiter: "\\x0A0a" }, "1\tä,1\t1\n\n2\t\n\t2\n\n"],
        [
          {
            column_separator: "€",
            row_delimiter: "§§"
          },
          "1€ä,1€1§§2€\n€2§§"
        ]
      ]
      for (const [headers, body] of cases) {
        const table = yield* server.table(tColumns)
        const reply = yield* load(server, table, body, { headers, chunkBytes: 1 })
        assert.strictEqual(reply["Status"], "Success", JSON.stringify(headers))
        assert.deepStrictEqual(yield* rowsOf(server, table), [[1, "ä,1", 1], [2, "\n", 2]])
      }
    }))

  it.effect("enclose and escape protect separators, newlines and marks; skip_header and trim_space leave out", () =>
    Effect.gen(function*() {
      const server = yield* ContractServer
      const table = yield* server.table(tColumns)
      const body = "id,\"na\nme\",n\n 1 ,\"a,\n\"\"b\" , 1\n2,\"\\\"x\\\\\",2\n3,c\\,d,3\n"
      const headers = { skip_header: "2", trim_space: "true", enclose: "\"", escape: "\\" }
      const loaded = yield* load(server, table, body, { headers })
      assert.strictEqual(loaded["Status"], "Success", String(loaded["Message"]))
      assert.deepStrictEqual(yield* rowsOf(server, table), [[1, "a,\n\"b", 1], [2, "\"x\\", 2], [3, "c,d", 3]])
      const plain = yield* server.table(tColumns)
      yield* load(server, plain, " 1 , a b , 1 \n", { headers: { trim_space: "true" } })
      assert.deepStrictEqual(yield* rowsOf(server, plain), [[1, "a b", 1]])
    }))

  it.effect("a body whose rows were all skipped has no load data", () =>
    Effect.gen(function*() {
      const server = yield* ContractServer
      const table = yield* server.table(tColumns)
      const reply = yield* load(server, table, "1,a,1\n", { headers: { skip_header: "2" } })
      assert.include(String(reply["Message"]), "all partitions have no load data")
      assert.include(String((yield* load(server, table, "\n\n"))["Message"]), "all partitions have no load data")
    }))

  it.effect("bad marks fail the load by the header's name, in a transaction that began", () =>
    Effect.gen(function*() {
      const server = yield* ContractServer
      const table = yield* server.table(tColumns)
      const cases: ReadonlyArray<readonly [Record<string, string>, RegExp]> = [
        [{ skip_header: "-1" }, /skip_header must be equal or greater than 0/],
        [{ skip_header: "one" }, /Invalid csv load skip_header format/],
        [{ trim_space: "yes" }, /Invalid trim space format. Must be bool type/],
        [{ column_separator: "\\x0" }, /hex length must be a even number/],
        [{ row_delimiter: "0xzz" }, /invalid hex format/],
        [{ column_separator: "-".repeat(51) }, /column separator/]
      ]
      for (const [headers, expected] of cases) {
        const reply = yield* load(server, table, "1,a,1\n", { headers })
        assert.strictEqual(reply["Status"], "Fail", JSON.stringify(headers))
        assert.match(String(reply["Message"]), expected)
        assert.isAbove(Number(reply["TxnId"]), 0)
      }
    }))

  it.effect("a format that names a compression is CSV compressed by it", () =>
    Effect.gen(function*() {
      const server = yield* ContractServer
      const body = Buffer.from(Array.from({ length: 5_000 }, (_, id) => `${id},ä${id},${id}\n`).join(""))
      const bodies = {
        gzip: gzipSync(body),
        deflate: deflateSync(body),
        zstd: zstdCompressSync(body),
        LZ4: Lz4.frame(body)
      }
      for (const [format, compressed] of Object.entries(bodies)) {
        const table = yield* server.table(tColumns)
        const reply = yield* load(server, table, compressed, { headers: { format }, chunkBytes: 4099 })
        assert.strictEqual(reply["NumberLoadedRows"], 5_000, format)
        assert.strictEqual(reply["LoadBytes"], compressed.length)
        const damaged = yield* load(server, table, compressed.subarray(0, -9), { headers: { format } })
        assert.strictEqual(damaged["Status"], "Fail", format)
        assert.strictEqual(damaged["NumberLoadedRows"], 0)
      }
    }))

  it.effect("the compression header is for JSON; with CSV it is refused [?: so this endpoint]", () =>
    Effect.gen(function*() {
      const server = yield* ContractServer
      const table = yield* server.table(tColumns)
      const reply = yield* load(server, table, gzipSync("1,a,1\n"), { headers: { compression: "gzip" } })
      assert.strictEqual(reply["Status"], "Fail")
      assert.include(String(reply["Message"]), "CSV names its compression as its format")
    }))

  it.effect("JSON and ARRAY columns take JSON text; NULL stays NULL", () =>
    Effect.gen(function*() {
      const server = yield* ContractServer
      const table = yield* server.table("id BIGINT NOT NULL, j JSON NULL, l ARRAY<INT> NULL")
      const headers = { column_separator: "|", columns: "id,j,l" }
      const reply = yield* load(server, table, "1|{\"a\": [1]}|[1,null,3]\n2|\\N|\\N\n", { headers })
      assert.strictEqual(reply["Status"], "Success", String(reply["Message"]))
      const rows = yield* server.sql(`SELECT j, l FROM ${table} ORDER BY id`)
      assert.strictEqual(String(rows[0]?.["j"]).replaceAll(" ", ""), "{\"a\":[1]}")
      assert.strictEqual(String(rows[0]?.["l"]).replaceAll(" ", ""), "[1,null,3]")
      assert.deepStrictEqual([rows[1]?.["j"], rows[1]?.["l"]], [null, null])
      assert.strictEqual((yield* load(server, table, "3|{\"a\"|[]\n", { headers }))["Status"], "Fail")
    }))
})
