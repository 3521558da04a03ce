import { assert, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { ContractServer, type LoadOptions, type Shape, tColumns } from "./ContractServer.ts"

const live = { excludeTestServices: true } as const

/** Loads one value, given as JSON text, into column `v` of a fresh table; the stored text, or the reply's status. */
const stored = (server: Shape, type: string, value: string, options: Partial<LoadOptions> = {}) =>
  Effect.gen(function*() {
    const table = yield* server.table(`id BIGINT NOT NULL, v ${type} NULL`)
    const reply = yield* server.load({ table, body: `{"id":1,"v":${value}}`, ...options })
    if (reply["Status"] !== "Success") return String(reply["Status"])
    const [row] = yield* server.sql(`SELECT v FROM ${table}`)
    const found = row?.["v"]
    return typeof found === "number" ? String(found) : typeof found === "string" ? found : null
  })

const lenient = { headers: { strict_mode: "false" } } as const

layer(ContractServer.layer, live)("types and literals", (it) => {
  it.effect("74, 75: a text that is too long in bytes fails strictly, and is NULL otherwise", () =>
    Effect.gen(function*() {
      const server = yield* ContractServer
      assert.strictEqual(yield* stored(server, "VARCHAR(10)", "\"12345678901\""), "Fail")
      assert.strictEqual(yield* stored(server, "VARCHAR(10)", "\"ää12345\""), "ää12345")
      assert.strictEqual(yield* stored(server, "VARCHAR(10)", "\"ääääää\""), "Fail")
      assert.isNull(yield* stored(server, "VARCHAR(10)", "\"12345678901\"", lenient))
      const table = yield* server.table(tColumns)
      const reply = yield* server.load({ table, rows: [{ id: 1, name: "12345678901" }], ...lenient })
      assert.strictEqual(reply["NumberFilteredRows"], 0)
      const notNull = yield* server.table("id BIGINT NOT NULL, v INT NOT NULL")
      const refused = yield* server.load({ table: notNull, rows: [{ id: 1, v: "x" }], ...lenient })
      assert.strictEqual(refused["NumberFilteredRows"], 1)
    }))

  it.effect("77, 78: words and overflows are no integers", () =>
    Effect.gen(function*() {
      const server = yield* ContractServer
      for (const value of ["\"abc\"", "2147483648", "\"2147483648\"", "-2147483649", "1e10", "\"\"", "true", "{}"]) {
        assert.strictEqual(yield* stored(server, "INT", value), "Fail", value)
        assert.isNull(yield* stored(server, "INT", value, lenient), value)
      }
      assert.strictEqual(yield* stored(server, "INT", "2147483647"), "2147483647")
      assert.strictEqual(yield* stored(server, "INT", "\" -5 \""), "-5")
      assert.strictEqual(yield* stored(server, "INT", "1.9"), "1")
      assert.strictEqual(yield* stored(server, "BIGINT", "-9223372036854775808"), "-9223372036854775808")
      assert.strictEqual(yield* stored(server, "BIGINT", "9007199254740993"), "9007199254740993")
      assert.strictEqual(yield* stored(server, "BIGINT", "9223372036854775808"), "Fail")
      assert.strictEqual(yield* stored(server, "TINYINT", "127"), "127")
      assert.strictEqual(yield* stored(server, "TINYINT", "128"), "Fail")
      assert.strictEqual(yield* stored(server, "SMALLINT", "-32769"), "Fail")
    }))

  it.effect("80: LARGEINT and DECIMAL are exact as number and as text; extra scale is rounded", () =>
    Effect.gen(function*() {
      const server = yield* ContractServer
      const large = "170141183460469231731687303715884105727"
      assert.strictEqual(yield* stored(server, "LARGEINT", large), large)
      assert.strictEqual(yield* stored(server, "LARGEINT", `"-${large}"`), `-${large}`)
      assert.strictEqual(yield* stored(server, "LARGEINT", `${large}0`), "Fail")
      const decimal = "1234567890123456789012345678.0123456789"
      assert.strictEqual(yield* stored(server, "DECIMAL(38,10)", decimal), decimal)
      assert.strictEqual(yield* stored(server, "DECIMAL(38,10)", `"-${decimal}"`), `-${decimal}`)
      assert.strictEqual(yield* stored(server, "DECIMAL(5,2)", "1.005"), "1.01")
      assert.strictEqual(yield* stored(server, "DECIMAL(5,2)", "-1.005"), "-1.01")
      assert.strictEqual(yield* stored(server, "DECIMAL(5,2)", "999.994"), "999.99")
      assert.strictEqual(yield* stored(server, "DECIMAL(5,2)", "999.995"), "Fail")
      assert.strictEqual(yield* stored(server, "DECIMAL(5,2)", "1e2"), "100.00")
      assert.strictEqual(yield* stored(server, "DECIMAL(5,2)", "1000"), "Fail")
      assert.strictEqual(yield* stored(server, "DECIMAL(18,4)", "0.00005"), "0.0001")
      assert.strictEqual(yield* stored(server, "DECIMAL(18,4)", "12.5"), "12.5000")
      assert.strictEqual(yield* stored(server, "DECIMAL(18,4)", "\"x\""), "Fail")
    }))

  it.effect("doubles keep their value; NaN and Infinity are refused [?: so this endpoint]", () =>
    Effect.gen(function*() {
      const server = yield* ContractServer
      assert.strictEqual(yield* stored(server, "DOUBLE", "0.1"), "0.1")
      assert.strictEqual(yield* stored(server, "DOUBLE", "\"-1.5e300\""), "-1.5e+300")
      for (const value of ["1e999", "\"NaN\"", "\"Infinity\"", "\"0x10\""]) {
        assert.strictEqual(yield* stored(server, "DOUBLE", value), "Fail", value)
      }
    }))

  it.effect("82, 83: a zone behind a datetime is ignored and shifts nothing", () =>
    Effect.gen(function*() {
      const server = yield* ContractServer
      const expected = "2024-01-02 03:04:05.123456"
      assert.strictEqual(yield* stored(server, "DATETIME", "\"2024-01-02T03:04:05.123456Z\""), expected)
      assert.strictEqual(yield* stored(server, "DATETIME", "\"2024-01-02 03:04:05+02\""), "2024-01-02 03:04:05")
    }))

  it.effect("84: infinity, month 13 and hour 24 are no datetimes", () =>
    Effect.gen(function*() {
      const server = yield* ContractServer
      const bad = [
        "infinity",
        "-infinity",
        "2024-13-01",
        "2024-00-01",
        "2023-02-29",
        "2024-01-01 24:00:00",
        "10000-01-01",
        ""
      ]
      for (const value of bad) {
        assert.strictEqual(yield* stored(server, "DATETIME", `"${value}"`), "Fail", value)
        assert.isNull(yield* stored(server, "DATETIME", `"${value}"`, lenient), value)
        assert.strictEqual(yield* stored(server, "DATE", `"${value}"`), "Fail", value)
      }
    }))

  it.effect("85: fraction digits after the sixth are cut; other spellings of dates are read", () =>
    Effect.gen(function*() {
      const server = yield* ContractServer
      const cases = [
        ["2024-01-02 03:04:05.123456999", "2024-01-02 03:04:05.123456"],
        ["2024-01-02 03:04:05.1", "2024-01-02 03:04:05.100000"],
        ["20240102", "2024-01-02 00:00:00"],
        ["20240102030405", "2024-01-02 03:04:05"],
        ["2024/1/2", "2024-01-02 00:00:00"],
        ["70-01-02", "1970-01-02 00:00:00"],
        ["0000-01-01 00:00:00", "0000-01-01 00:00:00"],
        ["9999-12-31 23:59:59.999999", "9999-12-31 23:59:59.999999"]
      ] as const
      for (const [text, expected] of cases) assert.strictEqual(yield* stored(server, "DATETIME", `"${text}"`), expected)
      assert.strictEqual(yield* stored(server, "DATE", "\"2024-02-29\""), "2024-02-29")
    }))

  it.effect("86: booleans from true, text and numbers", () =>
    Effect.gen(function*() {
      const server = yield* ContractServer
      const cases = [["true", "1"], ["\"false\"", "0"], ["1", "1"], ["0", "0"], ["\"1\"", "1"], [
        "\"x\"",
        "Fail"
      ]] as const
      for (const [value, expected] of cases) {
        assert.strictEqual(yield* stored(server, "BOOLEAN", value), expected, value)
      }
    }))

  it.effect("texts from numbers, booleans and objects; escapes and control characters", () =>
    Effect.gen(function*() {
      const server = yield* ContractServer
      assert.strictEqual(yield* stored(server, "VARCHAR(100)", "1.500"), "1.500")
      assert.strictEqual(yield* stored(server, "VARCHAR(100)", "true"), "1")
      assert.strictEqual(yield* stored(server, "VARCHAR(100)", "{\"a\": [1, 2]}"), "{\"a\":[1,2]}")
      assert.strictEqual(
        yield* stored(server, "VARCHAR(100)", "\"a\\u00e9\\ud83d\\ude00\\n\\\"\\\\\\/\\u0000\""),
        "aé😀\n\"\\/\0"
      )
      for (const bad of ["\"a\nb\"", "\"\\x\"", "\"\\ud800\"", "01", "1.", "+1", "tru", "{\"a\"}", "[1,]"]) {
        assert.strictEqual(yield* stored(server, "VARCHAR(100)", bad), "Fail", bad)
      }
    }))

  it.effect("bytes that are no UTF-8 filter the row", () =>
    Effect.gen(function*() {
      const server = yield* ContractServer
      const table = yield* server.table(tColumns)
      const body = Buffer.concat([
        Buffer.from("{\"id\":1,\"name\":\"ü\"}\n{\"id\":2,\"name\":\""),
        Buffer.from([0xff]),
        Buffer.from("\"}")
      ])
      const reply = yield* server.load({ table, body, headers: { max_filter_ratio: "0.5" } })
      assert.strictEqual(reply["NumberFilteredRows"], 1)
      assert.deepStrictEqual((yield* server.sql(`SELECT name FROM ${table}`)).map((row) => row["name"]), ["ü"])
    }))

  it.effect("88: JSON columns keep objects, arrays and scalars with big numbers; null is SQL NULL [?: so this endpoint]", () =>
    Effect.gen(function*() {
      const server = yield* ContractServer
      const object = yield* stored(server, "JSON", "{\"a\": 12345678901234567890, \"b\": [1, null]}")
      assert.strictEqual(String(object).replaceAll(" ", ""), "{\"a\":12345678901234567890,\"b\":[1,null]}")
      assert.strictEqual(yield* stored(server, "JSON", "\"x\\ny\""), "\"x\\ny\"")
      assert.strictEqual(yield* stored(server, "JSON", "1.50"), "1.50")
      assert.isNull(yield* stored(server, "JSON", "null"))
    }))

  it.effect("89: arrays keep their nulls", () =>
    Effect.gen(function*() {
      const server = yield* ContractServer
      assert.strictEqual(yield* stored(server, "ARRAY<INT>", "[1,null,3]"), "[1,null,3]")
      assert.strictEqual(
        yield* stored(server, "ARRAY<VARCHAR(10)>", "[\"a,]\", \"\\\"\", null]"),
        "[\"a,]\",\"\\\"\",null]"
      )
      assert.strictEqual(yield* stored(server, "ARRAY<INT>", "[]"), "[]")
      assert.strictEqual(yield* stored(server, "ARRAY<INT>", "[\"x\"]"), "Fail")
      assert.strictEqual(yield* stored(server, "ARRAY<INT>", "5"), "Fail")
    }))

  it.effect("90: bytes travel as hexadecimal text through to_binary", () =>
    Effect.gen(function*() {
      const server = yield* ContractServer
      const table = yield* server.table("id BIGINT NOT NULL, b VARBINARY NULL")
      const headers = { columns: "id, b_hex, b = to_binary(b_hex, 'hex')" }
      const reply = yield* server.load({ table, rows: [{ id: 1, b_hex: "00ff7F" }, { id: 2, b_hex: null }], headers })
      assert.strictEqual(reply["Status"], "Success")
      const found = yield* server.sql(`SELECT b FROM ${table} ORDER BY id`)
      assert.deepStrictEqual(found.map((row) => Buffer.isBuffer(row["b"]) ? row["b"].toString("hex") : row["b"]), [
        "00ff7f",
        null
      ])
      const unknown = yield* server.load({
        table,
        rows: [{ id: 1 }],
        headers: { columns: "id, b = to_binary(c, 'hex')" }
      })
      assert.include(String(unknown["Message"]), "unknown reference column, column=b, reference=c")
    }))

  it.effect("94: a key of more than 128 bytes fails the whole load", () =>
    Effect.gen(function*() {
      const server = yield* ContractServer
      const table = yield* server.table("k VARCHAR(200) NOT NULL, n INT", "PRIMARY KEY (k) DISTRIBUTED BY HASH(k)")
      const headers = { max_filter_ratio: "1" }
      const reply = yield* server.load({ table, rows: [{ k: "a" }, { k: "x".repeat(129) }], headers })
      assert.strictEqual(reply["Status"], "Fail")
      assert.strictEqual(reply["Message"], "primary key size exceed the limit.")
      assert.strictEqual((yield* server.load({ table, rows: [{ k: "x".repeat(128) }], headers }))["Status"], "Success")
    }))
})
