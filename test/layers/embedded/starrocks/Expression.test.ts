import { assert, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as Expression from "../../../../src/layers/embedded/starrocks/expression/Expression.ts"
import * as ExpressionSink from "../../../../src/layers/embedded/starrocks/expression/ExpressionSink.ts"
import type { Row } from "../../../../src/layers/embedded/starrocks/expression/ExpressionValue.ts"
import type { ColumnType } from "../../../../src/layers/embedded/starrocks/values/ColumnType.ts"
import { ValueKind } from "../../../../src/layers/embedded/starrocks/values/ValueKind.ts"
import type { Cell } from "../../../../src/layers/embedded/starrocks/values/Values.ts"

const names = ["a", "b", "n"]
const rowOf = (...values: ReadonlyArray<string | null>): Row => ({
  kinds: Int8Array.from(names.map((_, index) => typeof values[index] === "string" ? ValueKind.string : ValueKind.null)),
  texts: names.map((_, index) => values[index] ?? "")
})
const slotOf = (name: string): number | undefined => {
  const slot = names.indexOf(name.toLowerCase())
  return slot < 0 ? undefined : slot
}

const varchar: ColumnType = { kind: "VARCHAR", bytes: 100 }
const decimal = (precision: number, scale: number): ColumnType => ({ kind: "DECIMAL", precision, scale })

/** The cell of a column, "filtered" when the value is out of its range, or the refusal. */
const cell = (sql: string, type: ColumnType = varchar, row = rowOf("x", "7", null)): Cell =>
  Expression.compile("c", sql, slotOf).pipe(
    Result.flatMap((value) => ExpressionSink.make(value, "c", type)),
    Result.match({
      onFailure: (message): Cell => message,
      onSuccess: (computed) => {
        const found = computed.cell(row)
        return found === undefined ? `filtered: ${computed.problem(row)}` : found
      }
    })
  )

it("names, literals and functions give what the server gives", () => {
  const cases: ReadonlyArray<readonly [string, Cell]> = [
    ["a", "x"],
    ["`A`", "x"],
    ["n", null],
    ["NULL", null],
    ["'it''s'", "it's"],
    ["12", "12"],
    ["1.50", "1.50"],
    ["true", "1"],
    ["concat(a, '-', b, '-', 1)", "x-7-1"],
    ["concat(a, n)", null],
    ["upper('aé')", "AÉ"],
    ["lower('AB')", "ab"],
    ["trim('  a b ')", "a b"],
    ["ltrim('  a ')", "a "],
    ["rtrim(' a  ')", " a"],
    ["substr('äbcd', 2)", "bcd"],
    ["substring('abcd', -3, 2)", "bc"],
    ["substr('abcd', 0)", ""],
    ["substr('abcd', -6)", ""],
    ["substr('abcd', 2, -1)", ""],
    ["substr('abcd', 9)", ""],
    ["left('äbc', 2)", "äb"],
    ["right('abä', 2)", "bä"],
    ["length('ä')", "2"],
    ["char_length('ä😀')", "2"],
    ["replace('a.b.c', '.', '')", "abc"],
    ["replace('abc', '', 'x')", "abc"],
    ["hex('aB')", "6142"],
    ["hex(255)", "FF"],
    ["unhex('6142')", "aB"],
    ["unhex('6')", ""],
    ["unhex('ff')", null],
    ["from_base64('YUI=')", "aB"],
    ["from_base64('?')", null],
    ["to_base64('aB')", "YUI="],
    ["from_binary(to_binary('6142', 'hex'), 'utf8')", "aB"],
    ["from_binary(to_binary('YUI=', 'encode64'), 'hex')", "6142"],
    ["md5('a')", "0cc175b9c0f1b6a831c399e269772661"],
    ["if(b = '7', 'seven', 'other')", "seven"],
    ["if(n = 1, 'yes', 'no')", "no"],
    ["ifnull(n, a)", "x"],
    ["coalesce(n, NULL, b, a)", "7"],
    ["nullif(a, 'x')", null],
    ["nullif(a, 'y')", "x"],
    ["case a when 'x' then 'one' when 'y' then 'two' end", "one"],
    ["case when a = 'z' then 1 when n then 2 else 3 end", "3"],
    ["case when a = 'z' then 1 end", null],
    ["cast('2024-01-02 03:04:05.5 junk' as datetime)", "2024-01-02 03:04:05.500000"],
    ["year('2024-01-02')", "2024"],
    ["month('20240102')", "1"],
    ["day('nope')", null],
    ["hour('2024-01-02 03:04:05')", "3"],
    ["to_date('2024-01-02 23:04:05')", "2024-01-02"],
    ["isnull(n)", "1"],
    ["abs(-3)", "3"],
    ["abs('-1.5')", "1.5"]
  ]
  for (const [sql, expected] of cases) assert.strictEqual(cell(sql), expected, sql)
})

it("arithmetic is exact for integers and decimals, and double for texts", () => {
  const cases: ReadonlyArray<readonly [string, Cell]> = [
    ["1 + 2 * 3", "7"],
    ["-(1 - 3)", "2"],
    ["- -1", "1"],
    ["b + 1", "8"],
    ["b / 2", "3.5"],
    ["1 / 0", null],
    ["7 % 4", "3"],
    ["-7 mod 4", "-3"],
    ["7 div 2", "3"],
    ["7 div 0", null],
    ["0.1 + 0.2", "0.3"],
    ["1.10 * 3", "3.30"],
    ["1.0 / 3", "0.3333333"],
    ["-2.0 / 3", "-0.6666667"],
    ["9007199254740993 + 0", "9007199254740993"],
    ["9223372036854775807 + 1", "-9223372036854775808"],
    ["cast('170141183460469231731687303715884105727' as largeint) - 1", "170141183460469231731687303715884105726"],
    ["'x' + 1", null],
    ["n + 1", null],
    ["cast(1.005 as decimal(5,2))", "1.01"],
    ["cast('999.995' as decimal(5,2))", null],
    ["cast(300 as tinyint)", null],
    ["cast(-1.9 as int)", "-1"],
    ["cast('1.9' as int)", null],
    ["cast('yes' as boolean)", null],
    ["cast('true' as boolean)", "1"]
  ]
  for (const [sql, expected] of cases) assert.strictEqual(cell(sql), expected, sql)
})

it("comparisons and logic know NULL", () => {
  const cases: ReadonlyArray<readonly [string, Cell]> = [
    ["a = 'x'", true],
    ["a <> 'x'", false],
    ["b > 6", true],
    ["b > '60'", true],
    ["1 < 1.5", true],
    ["2.50 = 2.5", true],
    ["n = n", null],
    ["n is null", true],
    ["a is not null", true],
    ["a = 'x' and n = 1", null],
    ["a = 'y' and n = 1", false],
    ["a = 'x' or n = 1", true],
    ["not a = 'y'", true],
    ["!true", false],
    ["b in (1, 7)", true],
    ["b not in (1, 7)", false],
    ["a in ('y', NULL)", null],
    ["b between 7 and 8", true],
    ["b not between 7 and 8", false],
    ["to_date('2024-01-02') < '2024-01-02 00:00:01'", true],
    ["a = 'x' && !(b = 8) || false", true]
  ]
  for (const [sql, expected] of cases) assert.strictEqual(cell(sql, { kind: "BOOLEAN" }), expected, sql)
})

it("the sink filters what is out of a column's range; what cannot be cast is NULL", () => {
  const cases: ReadonlyArray<readonly [string, ColumnType, Cell]> = [
    ["127 + 0", { kind: "TINYINT" }, 127],
    ["127 + 1", { kind: "TINYINT" }, "filtered: Value is overflow. column=c, value=128"],
    ["'2147483648'", { kind: "INT" }, "filtered: Value is overflow. column=c, value=2147483648"],
    [
      `'1${"0".repeat(5000)}'`,
      { kind: "LARGEINT" },
      `filtered: Value is overflow. column=c, value=1${"0".repeat(99)}...`
    ],
    ["'word'", { kind: "INT" }, null],
    ["'1.9'", { kind: "INT" }, null],
    ["1.9", { kind: "INT" }, 1],
    ["'9223372036854775807'", { kind: "BIGINT" }, 9_223_372_036_854_775_807n],
    ["'1.005'", decimal(5, 2), 101n],
    ["'999.995'", decimal(5, 2), "filtered: Decimal '999.995' is out of range. The type of 'c' is DECIMAL32(5,2)'"],
    ["10 * 1.5", decimal(18, 2), 1500n],
    ["'x'", decimal(5, 2), null],
    ["'1e39'", { kind: "FLOAT" }, "filtered: Value is overflow. column=c, value=1e39"],
    ["0.1", { kind: "DOUBLE" }, 0.1],
    ["'2024-13-01'", { kind: "DATE" }, null],
    ["'2024-01-02 03:04'", { kind: "DATE" }, 19_724],
    ["concat('abcdef', 'ä')", { kind: "VARCHAR", bytes: 8 }, "abcdefä"],
    [
      "concat('abcdef', 'ä')",
      { kind: "CHAR", bytes: 7 },
      "filtered: String 'abcdefä'(length=8) is too long. The max length of 'c' is 7"
    ],
    ["'[1, 2]'", { kind: "JSON" }, "[1,2]"],
    ["'word'", { kind: "JSON" }, "\"word\""],
    ["parse_json('word')", { kind: "JSON" }, null],
    ["to_binary('zz')", { kind: "VARBINARY", bytes: 2 }, null],
    [
      "to_binary('616263')",
      { kind: "VARBINARY", bytes: 2 },
      "filtered: Value length is beyond the capacity. column=c, capacity=2"
    ]
  ]
  for (const [sql, type, expected] of cases) assert.strictEqual(cell(sql, type), expected, `${sql} in ${type.kind}`)
  assert.deepStrictEqual(cell("to_binary('00fF', 'HEX')", { kind: "VARBINARY", bytes: 9 }), Buffer.from([0, 255]))
})

it("what it does not evaluate is refused with the column, the expression and what is known", () => {
  const refusal = (sql: string): string => String(cell(sql))
  assert.match(
    refusal("reverse(a)"),
    /does not evaluate the expression 'reverse\(a\)' of column c: there is no function reverse; it knows .*upper/
  )
  assert.match(refusal("upper()"), /No matching function with signature: upper with 0 arguments/)
  assert.match(refusal("a like 'x%'"), /Unexpected input 'like'/)
  assert.match(refusal("date_add(a, interval 1 day)"), /Unexpected input 'interval'/)
  assert.match(refusal("to_date(a) + 1"), /does not take dates/)
  assert.match(refusal("to_binary(a, b)"), /format of a binary/)
  assert.match(refusal("cast(a as array<int>)"), /CAST to array<int> is not supported/)
  assert.match(refusal("1 +"), /Unexpected end/)
  assert.match(refusal("("), /Unexpected end/)
  assert.strictEqual(refusal("concat(a, missing)"), "unknown reference column, column=c, reference=missing")
  assert.match(refusal("(".repeat(5000)), /nests deeper/)
  assert.match(refusal(Array.from({ length: 2000 }, () => "1").join("+")), /more than 1000/)
})

it.effect.prop(
  "any text is an expression or a refusal, never an exception",
  [Schema.Array(
    Schema.Literals([
      ...Array.from("abn'`(),.+-*/%=<>!|& 019"),
      "case ",
      " when ",
      " then ",
      " end",
      "cast(",
      " as int)",
      "if(",
      "null",
      " is ",
      " in("
    ])
  )],
  ([parts]) =>
    Effect.sync(() => {
      assert.notStrictEqual(cell(parts.join("")), undefined)
    }),
  { arbitrary: { runs: 500 } }
)

it.effect.prop(
  "sums and products of integers are those of the language, cut to 64 bits",
  [Schema.BigInt, Schema.BigInt, Schema.BigInt],
  ([first, second, third]) =>
    Effect.sync(() => {
      const cut = (value: bigint): bigint => BigInt.asIntN(64, value)
      const [a, b, c] = [cut(first), cut(second), cut(third)]
      const sql = `cast('${a}' as bigint) + cast('${b}' as bigint) * cast('${c}' as bigint)`
      assert.strictEqual(cell(sql, { kind: "BIGINT" }), cut(a + cut(b * c)))
    })
)
