import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { ByteWriter } from "../../../src/domain/ByteWriter.ts"
import * as PgType from "../../../src/domain/PgType.ts"
import * as Problem from "../../../src/domain/values/Problem.ts"
import * as ValuePolicy from "../../../src/domain/values/ValuePolicy.ts"
import * as ValueRule from "../../../src/domain/values/ValueRule.ts"

const OIDS = {
  int4: 23,
  int8: 20,
  float4: 700,
  float8: 701,
  numeric: 1700,
  money: 790,
  text: 25,
  uuid: 2950,
  bytea: 17,
  date: 1082,
  timestamp: 1114,
  timestamptz: 1184,
  json: 114,
  jsonb: 3802,
  "json[]": 199,
  "int4[]": 1007,
  "float8[]": 1022,
  "numeric[]": 1231,
  "text[]": 1009,
  "jsonb[]": 3807,
  "box[]": 1020,
  "bool[]": 1000
} as const
type TypeName = keyof typeof OIDS

const EVERYWHERE = (policy: "null" | "clamp"): ValuePolicy.Policies => ({
  notFinite: policy,
  numericOverflow: policy,
  numericScale: policy,
  dateRange: policy,
  length: policy,
  jsonNumber: policy,
  jsonNull: "null",
  jsonText: "null",
  arrayBounds: policy
})

/** What is written, as text of JSON, or the problem. */
const written = (
  type: TypeName,
  target: string,
  value: string,
  policies?: ValuePolicy.Policies,
  nullable = true
): { readonly json?: string; readonly problem?: Problem.Problem } => {
  const rule = ValueRule.compile(PgType.of(OIDS[type]), { name: "v", type: target, nullable }, policies)
  if (rule === undefined) throw new Error(`${type} cannot be written to ${target}`)
  const writer = new ByteWriter(16)
  const bytes = Buffer.from(`<${value}>`, "utf8")
  const problem = ValueRule.write(writer, rule, bytes, 1, bytes.length - 1)
  return problem === undefined ? { json: writer.view().toString("utf8") } : { problem }
}
const json = (...args: Parameters<typeof written>): string | undefined => written(...args).json

/** Type, target, value, its class, and what `null` and `clamp` make of it. */
const BEYOND: ReadonlyArray<
  readonly [TypeName, string, string, ValuePolicy.ValueClass, asNull: string, asClamp: string]
> = [
  ["float8", "double", "NaN", "notFinite", "null", "null"],
  ["float8", "double", "Infinity", "notFinite", "null", "1.7976931348623157e308"],
  ["float4", "float", "-Infinity", "notFinite", "null", "-3.4028234663852886e38"],
  ["numeric", "decimal(5, 2)", "NaN", "notFinite", "null", "null"],
  ["numeric", "decimal(5, 2)", "-Infinity", "notFinite", "null", "\"-999.99\""],
  ["numeric", "bigint(20)", "Infinity", "notFinite", "null", "\"9223372036854775807\""],
  ["numeric", "decimal(5, 2)", "1000", "numericOverflow", "null", "\"999.99\""],
  ["numeric", "decimal(38, 9)", `-${"9".repeat(30)}`, "numericOverflow", "null", `"-${"9".repeat(29)}.999999999"`],
  ["numeric", "bigint(20)", "9223372036854775808", "numericOverflow", "null", "\"9223372036854775807\""],
  ["int8", "int(11)", "2147483648", "numericOverflow", "null", "2147483647"],
  ["int8", "int(11)", "-2147483649", "numericOverflow", "null", "-2147483648"],
  ["int8", "tinyint(4)", "128", "numericOverflow", "null", "127"],
  ["int4", "decimal(4, 0)", "10000", "numericOverflow", "null", "9999"],
  ["numeric", "decimal(5, 2)", "1.005", "numericScale", "null", "\"1.01\""],
  ["numeric", "decimal(5, 2)", "-1.004999", "numericScale", "null", "\"-1.00\""],
  ["numeric", "decimal(5, 2)", "-0.001", "numericScale", "null", "\"0.00\""],
  ["numeric", "bigint(20)", "7.5", "numericScale", "null", "\"8\""],
  ["date", "date", "infinity", "dateRange", "null", "\"9999-12-31\""],
  ["date", "datetime", "10000-01-01", "dateRange", "null", "\"9999-12-31 23:59:59.999999\""],
  ["date", "date", "0044-03-15 BC", "dateRange", "null", "\"0001-01-01\""],
  ["timestamp", "datetime", "-infinity", "dateRange", "null", "\"0001-01-01 00:00:00\""],
  ["timestamptz", "datetime", "0044-03-15 00:00:00+00 BC", "dateRange", "null", "\"0001-01-01 00:00:00\""],
  ["timestamptz", "datetime", "10000-01-01 00:00:00+00", "dateRange", "null", "\"9999-12-31 23:59:59.999999\""],
  ["text", "varchar(5)", "a🦀🦀", "length", "null", "\"a🦀\""],
  ["text", "varchar(3)", "🦀", "length", "null", "\"\""],
  ["bytea", "varbinary(2)", "\\x010203", "length", "null", "\"0102\""],
  ["jsonb", "json", "[1, 12345678901234567890123]", "jsonNumber", "[1, null]", "[1, 1.2345678901234568e+22]"],
  ["json", "json", "{\"1e999\":-1e999}", "jsonNumber", "{\"1e999\":null}", "{\"1e999\":-1.7976931348623157e+308}"],
  ["int4[]", "json", "[0:1]={7,8}", "arrayBounds", "null", "[7,8]"],
  ["jsonb", "json", "12345678901234567890", "jsonNumber", "null", "12345678901234567000.0"],
  ["jsonb[]", "json", "{\"null\",NULL}", "jsonNull", "[null,null]", "[null,null]"],
  ["jsonb[]", "json", "{\"[1e400]\"}", "jsonNumber", "[[null]]", "[[1.7976931348623157e+308]]"],
  ...[
    "\"\\ud800\"",
    "{\"\\uDBFFx\":1}",
    "[\"\\\\\\udc00\"]",
    "\"\\ud83e\\ud83e\\udd80\"",
    "\"\\ud83e\\u0041\""
  ].map((value) => ["json", "json", value, "jsonText", "null", "null"] as const),
  ["json[]", "json", "{\"[\\\"\\\\udfff\\\"]\"}", "jsonText", "null", "null"]
]

describe("ValueRule: values that a column cannot hold", () => {
  it.each(BEYOND)(
    "T40 T41 T43 %s in %s, %s: refused by class, or what its policy says",
    (type, target, value, is, asNull, asClamp) => {
      const { problem } = written(type, target, value)
      assert.strictEqual(problem, Problem.NO_FORM[is])
      assert.include(problem?.text, ValuePolicy.CLASSES[is].variable)
      assert.strictEqual(json(type, target, value, EVERYWHERE("null")), asNull)
      assert.strictEqual(json(type, target, value, EVERYWHERE("clamp")), asClamp)
      // Only this class asks for it.
      const others = { ...EVERYWHERE("clamp"), [is]: "fail" }
      assert.strictEqual(written(type, target, value, others).problem, Problem.NO_FORM[is])
    }
  )

  it("T43 rounding up to one digit more is an overflow, and each policy has its say", () => {
    const rounds: ValuePolicy.Policies = { ...ValuePolicy.DEFAULTS, numericScale: "clamp" }
    assert.strictEqual(json("numeric", "decimal(3, 2)", "9.994", rounds), "\"9.99\"")
    assert.strictEqual(
      written("numeric", "decimal(3, 2)", "9.995", rounds).problem,
      Problem.NO_FORM.numericOverflow
    )
    assert.strictEqual(json("numeric", "decimal(3, 2)", "9.995", { ...rounds, numericOverflow: "clamp" }), "\"9.99\"")
  })

  it("`string` keeps what JSON or an array cannot say", () => {
    const strings: ValuePolicy.Policies = {
      ...ValuePolicy.DEFAULTS,
      jsonNumber: "string",
      jsonNull: "string",
      jsonText: "string",
      arrayBounds: "string"
    }
    assert.strictEqual(json("json", "json", "{\"a\":\"\\ud800\"}", strings), "\"{\\\"a\\\":\\\"\\\\ud800\\\"}\"")
    assert.strictEqual(
      json("json[]", "json", "{1,\"\\\"\\\\udc00\\\"\"}", strings),
      JSON.stringify("{1,\"\\\"\\\\udc00\\\"\"}")
    )
    assert.strictEqual(
      json("jsonb", "json", "{\"n\": 0.1234567890123456789}", strings),
      "{\"n\": \"0.1234567890123456789\"}"
    )
    assert.strictEqual(json("json", "json", " null\n", strings), "\"null\"")
    assert.strictEqual(json("text[]", "json", "[2:2]={\"a\"}", strings), "\"[2:2]={\\\"a\\\"}\"")
    assert.strictEqual(json("text[]", "varchar(99)", "[2:2]={a}", strings), "\"[2:2]={a}\"")
    assert.strictEqual(json("jsonb[]", "json", "{\"null\",NULL}", strings), "[\"null\",null]")
  })

  it("T44 a document is as deep as every server reads it, or of the class of those that none may get", () => {
    const deep = (levels: number) => `[[],{"a":${"[".repeat(levels - 2)}${"]".repeat(levels - 2)}}]`
    for (const type of ["json", "jsonb"] as const) {
      assert.strictEqual(json(type, "json", deep(200)), deep(200))
      assert.strictEqual(written(type, "json", deep(201)).problem, Problem.NO_FORM.jsonText)
      assert.strictEqual(json(type, "json", deep(201), EVERYWHERE("null")), "null")
      assert.strictEqual(json(type, "varchar(999)", deep(201)), JSON.stringify(deep(201)))
    }
  })

  it("NULL is not written where the column has none: the error says so", () => {
    const { problem } = written("float8", "double", "NaN", EVERYWHERE("null"), false)
    assert.include(problem?.text, "VALUE_POLICY_NOT_FINITE asks for NULL")
  })

  it("T45 in a text column an array that JSON cannot say is PostgreSQL's text: nothing is lost, and nothing stops", () => {
    assert.strictEqual(json("int4[]", "varchar(99)", "[0:1]={7,8}"), "\"[0:1]={7,8}\"")
    assert.strictEqual(json("jsonb[]", "varchar(99)", "{\"null\",NULL}"), "\"{\\\"null\\\",NULL}\"")
    assert.strictEqual(json("jsonb[]", "varchar(99)", "{\"null\",NULL}", EVERYWHERE("null")), "\"[null,null]\"")
    assert.strictEqual(written("int4[]", "varchar(9)", "[0:1]={7,8}").problem, Problem.NO_FORM.length)
  })

  it("`clamp` cuts neither numbers nor documents nor arrays to another meaning", () => {
    for (
      const [type, value] of [["int8", "123456"], ["uuid", "a0eebc99"], ["json", "[1,2,3]"], [
        "int4[]",
        "{1,2,3}"
      ]] as const
    ) {
      const { problem } = written(type, "varchar(5)", value, EVERYWHERE("clamp"))
      assert.strictEqual(problem, Problem.NO_FORM.length, type)
    }
    assert.strictEqual(
      written("money", "varchar(3)", "$1.00", EVERYWHERE("clamp")).problem,
      Problem.NO_FORM.length
    )
  })
})

describe("ValueRule: values that fit", () => {
  it.each<readonly [TypeName, string, string, string]>([
    ["int8", "int(11)", "-2147483648", "-2147483648"],
    ["int8", "bigint(20) unsigned", "-9223372036854775808", "-9223372036854775808"],
    ["numeric", "decimal(5, 2)", "-999.990", "\"-999.990\""],
    ["numeric", "decimal(38, 38)", "0.5", `"0.5${"0".repeat(37)}"`],
    ["text", "varchar(4)", "🦀", "\"🦀\""],
    ["text", "string", "", "\"\""],
    ["bytea", "varbinary", "\\x", "\"\""],
    ["float8", "double", "-0", "-0.0"],
    ["float8", "double", "-1e-05", "-1e-05"],
    ["float4", "float", "0.1", "0.10000000149011612"],
    ["float4", "float", "-0", "-0.0"],
    ["float8[]", "json", "{-0,0,-1,NULL,-0.5}", "[-0.0,0,-1,null,-0.5]"],
    ["float4", "float", "-3.4028235e+38", "-3.4028234663852886e+38"],
    ["float4", "float", "1e-45", "1.401298464324817e-45"],
    ["float4", "float", "7.038531e-26", "7.038530691851209e-26"],
    ["float4", "double", "0.1", "0.1"],
    ["money", "decimal(19, 2)", "-$1,234.50", "\"-1234.50\""],
    ["money", "varchar(20)", "$0.01", "\"0.01\""],
    ["jsonb", "json", "9223372036854775807", "9223372036854775807"],
    [
      "jsonb",
      "json",
      "[0.30000000000000004, 1.50, \"12345678901234567890\"]",
      "[0.30000000000000004, 1.50, \"12345678901234567890\"]"
    ],
    // Older servers refuse an integer of more than 64 bits in JSON lines; with a point it is a double, which it is.
    [
      "jsonb",
      "json",
      "[100000000000000000000, -9223372036854775808]",
      "[100000000000000000000.0, -9223372036854775808]"
    ],
    [
      "json",
      "json",
      "{\"a\":-1e20, \"b\":1000000000000000000000.000}",
      "{\"a\":-1e20, \"b\":1000000000000000000000.000}"
    ],
    ["jsonb", "varchar(99)", "100000000000000000000", "\"100000000000000000000\""],
    ["jsonb[]", "json", "{100000000000000000000}", "[100000000000000000000.0]"],
    ["jsonb[]", "varchar(99)", "{100000000000000000000}", "\"[100000000000000000000]\""],
    ["json", "json", "{\"a\":\r\n\t\"\\\"\\\\\",\n\"null\": null}", "{\"a\":   \"\\\"\\\\\", \"null\": null}"],
    ["json", "varchar(99)", "null", "\"null\""],
    // What every server reads stays, and so does what is text there.
    ["json", "json", "\"\\u0000\\ud83e\\uDD80\\\\ud800\"", "\"\\u0000\\ud83e\\uDD80\\\\ud800\""],
    ["json", "json", "{\"a\":1,\"a\":2}", "{\"a\":1,\"a\":2}"],
    ["json", "varchar(99)", "\"\\ud800\"", "\"\\\"\\\\ud800\\\"\""],
    ["json[]", "varchar(99)", "{\"\\\"\\\\ud800\\\"\"}", "\"[\\\"\\\\ud800\\\"]\""],
    ["int4[]", "json", "{}", "[]"],
    ["int4[]", "json", "{{1,NULL},{-3,4}}", "[[1,null],[-3,4]]"],
    ["bool[]", "json", "{t,f,NULL}", "[true,false,null]"],
    ["float8[]", "json", "{NaN,-Infinity,1e+300}", "[\"NaN\",\"-Infinity\",1e+300]"],
    ["numeric[]", "json", "{1.10,NaN}", "[\"1.10\",\"NaN\"]"],
    ["text[]", "json", "{\"NULL\",NULL,\"\",\"a\\\"\\\\b\"}", "[\"NULL\",null,\"\",\"a\\\"\\\\b\"]"],
    ["text[]", "varchar(99)", "{\"a,b\"}", "\"[\\\"a,b\\\"]\""],
    ["jsonb[]", "json", "{\"{\\\"a\\\": [1]}\"}", "[{\"a\": [1]}]"],
    ["box[]", "json", "{(1,1),(0,0);(2,2),(1,1)}", "[\"(1,1),(0,0)\",\"(2,2),(1,1)\"]"]
  ])("T43 T45 %s in %s: %s", (type, target, value, expected) => {
    assert.deepStrictEqual(written(type, target, value), { json: expected })
  })

  it("T43 money in another country's form is never taken for another amount", () => {
    for (const amount of ["1.234,50 €", "$1,23", "￥1,234", "(1.00)"]) {
      const { problem } = written("money", "decimal(19, 2)", amount)
      // With another number of decimals, C would show another amount.
      assert.include(problem?.text, "where amounts have two decimals, set lc_monetary")
    }
  })
})

type Nested = string | null | ReadonlyArray<Nested>
/** PostgreSQL's text of an array. */
const arrayText = (value: Nested): string =>
  value === null ? "NULL" : typeof value === "string"
    ? `"${value.replaceAll(/["\\]/g, "\\$&")}"`
    : `{${value.map(arrayText).join(",")}}`
const Text = Schema.Array(Schema.NullOr(Schema.String))

describe("ValueRule law", () => {
  it.effect.prop(
    "T45 an array of any text is the same array as JSON, in a JSON column and in one of text",
    [Schema.Array(Text)],
    ([rows]) =>
      Effect.sync(() => {
        // Text travels as UTF-8, which has no lone surrogates.
        const value = rows.map((row) => row.map((text) => text?.toWellFormed() ?? null))
        assert.deepStrictEqual<unknown>(JSON.parse(json("text[]", "json", arrayText(value))!), value)
        assert.deepStrictEqual<unknown>(
          JSON.parse(JSON.parse(json("text[]", "varchar(1048576)", arrayText(value))!)),
          value
        )
      }),
    { arbitrary: { runs: 300 } }
  )
})
