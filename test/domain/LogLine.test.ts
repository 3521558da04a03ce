import { assert, describe, it } from "@effect/vitest"
import * as LogLine from "../../src/domain/LogLine.ts"

const line = (message: string, fields: LogLine.Fields = {}): LogLine.LogLine => ({
  date: new Date("2026-01-31T12:34:56.789Z"),
  level: "warn",
  module: "StreamLoader",
  message,
  fields
})

/** Everything that ends a line, moves a terminal's cursor, colours it, or turns text round. */
const HOSTILE = "a\n{\"level\":\"error\"}\r\t\u0000\u001b[2J\u007f\u009b31m\u2028\u2029\u202e\u2066\ufeff\ud800b"
const COLOURS = ["\u001b[0m", "\u001b[33m", "\u001b[90m"]
const CONTROLS = /[\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff\ud800]/u

describe("a line for machines", () => {
  it("has its text as text and every field under its own name, or no query finds it", () => {
    const made = LogLine.json(line("load acknowledged", {
      table: "shop.orders",
      rows: 5,
      visible: true,
      position: 18_446_744_073_709_551_615n,
      tables: ["a", "b"],
      nothing: null,
      absent: undefined
    }))
    assert.deepStrictEqual(JSON.parse(made), {
      timestamp: "2026-01-31T12:34:56.789Z",
      level: "warn",
      module: "StreamLoader",
      message: "load acknowledged",
      table: "shop.orders",
      rows: 5,
      visible: true,
      position: "18446744073709551615",
      tables: ["a", "b"],
      nothing: null
    })
  })

  it("keeps its four own members whatever a field is called", () => {
    const made = JSON.parse(LogLine.json(line("m", { level: "x", message: "y", module: "z", timestamp: 1 })))
    assert.deepInclude(made, {
      level: "warn",
      message: "m",
      module: "StreamLoader",
      field_level: "x",
      field_message: "y"
    })
  })

  it("lets nobody who chooses a name write lines or terminal commands of his own", () => {
    const made = LogLine.json(line(HOSTILE, { table: HOSTILE, [HOSTILE]: 1, list: [HOSTILE] }))
    assert.notMatch(made, CONTROLS)
    const read = JSON.parse(made)
    assert.strictEqual(read.table, HOSTILE)
    assert.strictEqual(read.message, HOSTILE)
  })
})

describe("a line for people", () => {
  it("is time, level, module, text and key=value", () => {
    const fields = { table: "shop.orders", rows: 5, reason: "no \"back end\"", tables: ["a", "b"], empty: "" }
    assert.strictEqual(
      LogLine.pretty(line("'x': stream load, at C:\\dir \"again\"", fields), false),
      "2026-01-31T12:34:56.789Z WARN  StreamLoader: 'x': stream load, at C:\\dir \"again\" table=shop.orders rows=5 " +
        "reason=\"no \\\"back end\\\"\" tables=a,b empty=\"\""
    )
  })

  it("has colours only where they are wanted, and no other escape sequence", () => {
    const coloured = LogLine.pretty(line(HOSTILE, { table: HOSTILE, [HOSTILE]: 1, list: [HOSTILE] }), true)
    assert.include(coloured, "\u001b[33mWARN \u001b[0m")
    assert.notMatch(COLOURS.reduce((text, colour) => text.replaceAll(colour, ""), coloured), CONTROLS)
    assert.notMatch(LogLine.pretty(line(HOSTILE, { table: HOSTILE, [HOSTILE]: 1, list: [HOSTILE] }), false), CONTROLS)
  })
})

it("a value cannot flood the log: it is cut, and the line says by how much", () => {
  const long = "x".repeat(1_000_000)
  const fields = { long, list: Array.from({ length: 100_000 }, (_, index) => `table_${index}`), items: [long] }
  for (const made of [LogLine.json(line(long, fields)), LogLine.pretty(line(long, fields), false)]) {
    assert.isBelow(made.length, 16 * 1024)
    assert.include(made, `… (${1_000_000 - LogLine.VALUE_CHARACTERS_MAX} more characters)`)
    assert.match(made, /… \(\d+ more\)/)
  }
})
