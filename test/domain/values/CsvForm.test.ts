import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { ByteWriter } from "../../../src/domain/ByteWriter.ts"
import * as PgType from "../../../src/domain/PgType.ts"
import * as CsvForm from "../../../src/domain/values/CsvForm.ts"
import * as ValuePolicy from "../../../src/domain/values/ValuePolicy.ts"
import * as ValueRule from "../../../src/domain/values/ValueRule.ts"
import * as CsvFields from "../../../src/layers/embedded/starrocks/body/CsvFields.ts"
import * as CsvFormat from "../../../src/layers/embedded/starrocks/body/CsvFormat.ts"

const OIDS = {
  bool: 16,
  bytea: 17,
  int8: 20,
  text: 25,
  float4: 700,
  float8: 701,
  money: 790,
  "int4[]": 1007,
  date: 1082,
  timestamp: 1114,
  timestamptz: 1184,
  numeric: 1700,
  jsonb: 3802
} as const
const NULLS: ValuePolicy.Policies = {
  ...ValuePolicy.DEFAULTS,
  notFinite: "clamp",
  numericOverflow: "clamp",
  dateRange: "clamp",
  length: "clamp",
  jsonNull: "string",
  arrayBounds: "string"
}

/** The field of a value, or the problem. */
const field = (type: keyof typeof OIDS, target: string, value: string): string => {
  const column = { name: "v", type: target, nullable: true }
  const rule = ValueRule.compile(PgType.of(OIDS[type]), column, NULLS, CsvForm.CSV_FORM)!
  const writer = new ByteWriter(16)
  const bytes = Buffer.from(`<${value}>`, "utf8")
  return ValueRule.write(writer, rule, bytes, 1, bytes.length - 1)?.text ?? writer.view().toString("utf8")
}

/** How the endpoint reads fields with these marks: it refuses what the server's versions do not read alike. */
const reader = () =>
  CsvFields.reader({
    ...CsvFormat.standard,
    columnSeparator: CsvForm.SEPARATOR,
    enclose: CsvForm.ENCLOSE.charCodeAt(0),
    escape: CsvForm.ESCAPE.charCodeAt(0)
  })

describe("CsvForm: a value in CSV is the value that it is in JSON", () => {
  for (
    const [type, target, value, expected] of [
      ["bool", "boolean", "t", "true"],
      ["bool", "int(11)", "f", "0"],
      ["bool", "varchar(9)", "f", "\"f\""],
      ["int8", "bigint(20)", "-9223372036854775808", "-9223372036854775808"],
      ["int8", "varchar(99)", "7", "\"7\""],
      ["int8", "int(11)", "9000000000", "2147483647"],
      ["float4", "float", "1e-45", "1.401298464324817e-45"],
      ["float8", "double", "-0", "-0.0"],
      ["float8", "double", "-Infinity", "-1.7976931348623157e308"],
      ["float8", "double", "NaN", "\\N"],
      ["numeric", "decimal(38, 10)", "12345678901234567890.0123456789", "12345678901234567890.0123456789"],
      ["numeric", "decimal(5, 2)", "123456", "999.99"],
      ["numeric", "varchar(99)", "NaN", "\"NaN\""],
      ["money", "decimal(19, 2)", "-$1,234.50", "-1234.50"],
      ["date", "date", "2024-02-29", "2024-02-29"],
      ["date", "date", "0044-03-15 BC", "0001-01-01"],
      ["timestamp", "datetime", "2024-01-02 03:04:05.123456", "2024-01-02 03:04:05.123456"],
      ["timestamptz", "datetime", "2024-01-02 03:04:05+00", "2024-01-02 03:04:05"],
      ["bytea", "varbinary", "\\x00ff", "00ff"],
      ["bytea", "varbinary", "\\x", ""],
      ["jsonb", "json", `{"a": "b^c"}`, `"{^"a^": ^"b^^c^"}"`],
      ["jsonb", "json", `"\\\\N"`, `"^"\\\\N^""`],
      ["jsonb", "json", "null", `"^"null^""`],
      ["int4[]", "json", "{1,NULL}", `"[1,null]"`],
      ["int4[]", "json", "[0:1]={7,8}", `"^"[0:1]={7,8}^""`],
      ["int4[]", "varchar(99)", "{1,2}", `"[1,2]"`],
      ["text", "varchar(99)", "", ""],
      ["text", "varchar(99)", " a,b\n\"c\"\\ \\N^", `" a,b\n^"c^"\\ \\N^^"`],
      ["text", "varchar(99)", "\\n", "\"\\n\""],
      ["text", "varchar(99)", "NULL", "\"NULL\""],
      ["text", "varchar(99)", "\ufeffé🦀", "\"\ufeffé🦀\""],
      ["text", "varchar(2)", "ab", "\"ab\""]
    ] as const
  ) {
    it(`T36 T40 T43 T44 ${type} as ${target}: ${JSON.stringify(value)}`, () => {
      assert.strictEqual(field(type, target, value), expected)
    })
  }

  it("T44 the text \\N is never given to a server that would read NULL, also not when it is cut to that", () => {
    assert.strictEqual(field("text", "varchar(99)", "\\N"), CsvForm.LIKE_NULL.text)
    assert.strictEqual(field("text", "varchar(2)", "\\Nine"), CsvForm.LIKE_NULL.text)
  })

  it("T43 text that is longer than a field may be, and hex digits, are not given to a server; a document is", () => {
    const most = "x".repeat(1_048_576)
    assert.strictEqual(field("text", "varchar(2147482624)", most), `"${most}"`)
    assert.strictEqual(field("text", "varchar(2147482624)", `${most}x`), CsvForm.TOO_LONG.text)
    assert.strictEqual(field("bytea", "varbinary", `\\x${"ab".repeat(524_288)}`), "ab".repeat(524_288))
    assert.strictEqual(field("bytea", "varbinary", `\\x${"ab".repeat(524_289)}`), CsvForm.TOO_LONG.text)
    assert.strictEqual(field("bytea", "varbinary", `\\x${"ab".repeat(1_048_577)}`), CsvForm.TOO_LONG.text)
    assert.lengthOf(field("jsonb", "json", `"${most}"`), most.length + 6)
  })
})

describe("CsvForm law", () => {
  const Text = Schema.Array(
    Schema.Literals(["\"", "^", ",", "\n", "\r", "\\", "N", "\\N", "\t", " ", "a", "é", "🦀", "\"\"", "^\"", "\",\""])
  )

  it.effect.prop(
    "T44 whatever a text holds, every version of the server reads it back",
    [Text, Text],
    ([one, two]) =>
      Effect.sync(() => {
        const texts = [one.join(""), two.join("")].filter((text) => text !== "\\N")
        const line = `${[...texts.map((text) => field("text", "varchar(999)", text)), "1"].join(CsvForm.SEPARATOR)}\n`
        const fields = reader()
        fields.begin(line)
        assert.strictEqual(fields.next(0, true), line.length)
        assert.isUndefined(fields.problem)
        assert.deepStrictEqual(fields.fields.slice(0, fields.count), [...texts, "1"])
      }),
    { arbitrary: { runs: 300 } }
  )

  it("NULL is read as it stands, and an empty text as one", () => {
    const fields = reader()
    fields.begin("\\N,,1\n")
    fields.next(0, true)
    assert.deepStrictEqual(fields.fields.slice(0, fields.count), ["\\N", "", "1"])
  })
})
