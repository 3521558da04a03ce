import { assert, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { ContractServer, stored, tColumns } from "./ContractServer.ts"

const live = { excludeTestServices: true } as const

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

  it.effect("T44 a text may begin with U+FEFF, or be nothing else", () =>
    Effect.gen(function*() {
      const server = yield* ContractServer
      for (const text of ["\ufeff", "\ufeffab", `\ufeff\ufeff${"x".repeat(20)}`]) {
        assert.strictEqual(yield* stored(server, "VARCHAR(99)", JSON.stringify(text)), text)
        assert.strictEqual(
          yield* stored(server, "ARRAY<VARCHAR(99)>", JSON.stringify([text])),
          JSON.stringify([text])
        )
      }
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
      for (const value of ["1e999", "\"NaN\"", "\"Infinity\"", "\"0x10\"", "\"\"", "true", "{}"]) {
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

  it.effect("94: composite keys count fixed widths, escaped inner texts and a raw last one; deletes count as well", () =>
    Effect.gen(function*() {
      const server = yield* ContractServer
      const inner = yield* server.table(
        "n INT NOT NULL, a VARCHAR(200) NOT NULL, b VARCHAR(200) NOT NULL, v INT",
        "PRIMARY KEY (n, a, b) DISTRIBUTED BY HASH(n)"
      )
      const message = (table: string, row: unknown, headers = {}) =>
        server.load({ table, rows: [row], headers }).pipe(
          Effect.map((reply) => reply["Status"] === "Success" ? "Success" : String(reply["Message"]))
        )
      const tooLong = "primary key size exceed the limit."
      // 4 for the INT, a's bytes, its zeros once more, 2 for its end, b's bytes.
      assert.strictEqual(yield* message(inner, { n: 1, a: "x".repeat(100), b: "y".repeat(22) }), "Success")
      assert.strictEqual(yield* message(inner, { n: 1, a: "x".repeat(100), b: "y".repeat(23) }), tooLong)
      assert.strictEqual(yield* message(inner, { n: 1, a: "x".repeat(99) + "\0", b: "y".repeat(21) }), "Success")
      assert.strictEqual(yield* message(inner, { n: 1, a: "x".repeat(99) + "\0", b: "y".repeat(22) }), tooLong)
      assert.strictEqual(yield* message(inner, { n: 1, a: "", b: "ä".repeat(61) }), "Success")
      assert.strictEqual(yield* message(inner, { n: 1, a: "", b: "ä".repeat(62) }), tooLong)
      for (const headers of [{}, { strict_mode: "false", max_filter_ratio: "1" }]) {
        assert.strictEqual(yield* message(inner, { n: 1, a: "x".repeat(130), b: "", __op: 1 }, headers), tooLong)
      }
    }))

  it.effect("75, 77, 78: without strict mode a value of every type that does not fit is NULL, and counts as loaded", () =>
    Effect.gen(function*() {
      const server = yield* ContractServer
      const bad = [
        ["BOOLEAN", "\"x\""],
        ["TINYINT", "128"],
        ["SMALLINT", "\"-32769\""],
        ["INT", "\"abc\""],
        ["BIGINT", "9223372036854775808"],
        ["LARGEINT", "170141183460469231731687303715884105728"],
        ["FLOAT", "1e39"],
        ["FLOAT", "3.4028235e38"],
        ["DOUBLE", "\"abc\""],
        ["DECIMAL(5,2)", "1000"],
        ["DECIMAL(38,0)", `1${"0".repeat(38)}`],
        ["DATE", "\"2024-02-30\""],
        ["DATETIME", "\"2024-01-01 25:00:00\""],
        ["CHAR(3)", "\"abcd\""],
        ["VARCHAR(3)", "\"äa€\""],
        ["VARBINARY", "5"]
      ] as const
      for (const [type, value] of bad) {
        assert.strictEqual(yield* stored(server, type, value), "Fail", type)
        assert.isNull(yield* stored(server, type, value, lenient), type)
        const table = yield* server.table(`id BIGINT NOT NULL, v ${type} NOT NULL`)
        const reply = yield* server.load({ table, body: `{"id":1,"v":${value}}`, ...lenient })
        assert.strictEqual(reply["NumberFilteredRows"], 1, type)
      }
      for (const type of ["INT", "VARCHAR(3)", "DECIMAL(5,2)", "DATE", "JSON", "BOOLEAN"]) {
        assert.isNull(yield* stored(server, type, "null"), type)
      }
    }))

  it.effect("the widest value of every type is kept exactly", () =>
    Effect.gen(function*() {
      const server = yield* ContractServer
      const cases = [
        ["TINYINT", "-128", "-128"],
        ["SMALLINT", "32767", "32767"],
        ["INT", "\"-2147483648\"", "-2147483648"],
        ["BIGINT", "\"9223372036854775807\"", "9223372036854775807"],
        ["LARGEINT", "-170141183460469231731687303715884105728", "-170141183460469231731687303715884105728"],
        ["DECIMAL(38,0)", "9".repeat(38), "9".repeat(38)],
        ["DECIMAL(38,38)", `0.${"9".repeat(38)}`, `0.${"9".repeat(38)}`],
        ["DECIMAL", "1234567890.4", "1234567890"],
        ["CHAR(255)", `"${"c".repeat(255)}"`, "c".repeat(255)],
        ["CHAR(5)", "\"a \"", "a "],
        ["STRING", "\"\"", ""],
        ["DOUBLE", "1.7976931348623157e308", "1.7976931348623157e+308"],
        ["DOUBLE", "5e-324", "5e-324"],
        ["FLOAT", "0.1", "0.1"],
        ["FLOAT", "\"3.4028235e38\"", "3.4028235e+38"],
        ["FLOAT", "3.4028234663852886e38", "3.4028235e+38"],
        ["FLOAT", "16777217", "16777216"]
      ] as const
      for (const [type, value, expected] of cases) {
        assert.strictEqual(yield* stored(server, type, value), expected, type)
      }
      const long = "v".repeat(1_048_576)
      assert.strictEqual(yield* stored(server, "VARCHAR(1048576)", `"${long}"`), long)
      assert.strictEqual(yield* stored(server, "VARCHAR(1048576)", `"${long}v"`), "Fail")
      assert.strictEqual(yield* stored(server, "STRING", `"${long.slice(0, 65_534)}"`), "Fail")
    }))

  it.effect("lengths and precisions have limits, and keys the types that may be one", () =>
    Effect.gen(function*() {
      const server = yield* ContractServer
      const refusal = (columns: string) => server.table(columns).pipe(Effect.flip, Effect.map((error) => error.message))
      for (const type of ["CHAR(0)", "CHAR(256)", "VARCHAR(0)", "VARCHAR(1048577)", "VARBINARY(1048577)"]) {
        assert.isString(yield* refusal(`id INT NOT NULL, v ${type}`), type)
      }
      for (const type of ["DECIMAL(0)", "DECIMAL(39,0)", "DECIMAL(5,6)"]) {
        assert.isString(yield* refusal(`id INT NOT NULL, v ${type}`), type)
      }
      for (const type of ["DECIMAL(5,0)", "CHAR(5)", "FLOAT", "DOUBLE", "JSON", "VARBINARY"]) {
        assert.include(yield* refusal(`id ${type} NOT NULL, v INT`), "type not supported")
      }
      for (const type of ["BOOLEAN", "TINYINT", "LARGEINT", "DATE", "DATETIME", "VARCHAR(5)"]) {
        yield* server.table(`id ${type} NOT NULL, v INT`)
      }
      const [type] = (yield* server.sql(`DESC ${yield* server.table("id INT NOT NULL, v DECIMAL")}`)).slice(1)
      assert.strictEqual(type?.["Type"], "decimal(10,0)")
    }))

  it.effect("85: dates are read in every spelling, and junk behind them is ignored", () =>
    Effect.gen(function*() {
      const server = yield* ContractServer
      const cases = [
        ["2024-01-02 BC", "2024-01-02 00:00:00"],
        ["2024-01-02T03:04", "2024-01-02 03:04:00"],
        ["2024.01.02 03.04.05", "2024-01-02 03:04:05"],
        ["240102", "2024-01-02 00:00:00"],
        ["69-12-31", "2069-12-31 00:00:00"],
        ["20240102T030405", "2024-01-02 03:04:05"],
        ["2024-01-02 03:04:05.5 America/New_York", "2024-01-02 03:04:05.500000"]
      ] as const
      for (const [text, expected] of cases) assert.strictEqual(yield* stored(server, "DATETIME", `"${text}"`), expected)
      assert.strictEqual(yield* stored(server, "DATE", "\"2024-01-02 23:59:59\""), "2024-01-02")
      assert.strictEqual(yield* stored(server, "DATE", "20240102"), "2024-01-02")
    }))
})
