import { assert, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { names as loadFunctions } from "../../src/layers/embedded/starrocks/expression/ExpressionFunctions.ts"
import { functionNames } from "../../src/layers/embedded/starrocks/sql/Rewriter.ts"
import { ContractServer, external, SqlRefusal } from "./ContractServer.ts"

const live = { excludeTestServices: true } as const

/** Expressions over constants, and what the server makes of them as text; null is NULL. */
const meanings: ReadonlyArray<readonly [expression: string, value: string | null]> = [
  ["1/0", null],
  ["0/0", null],
  ["5 % 0", null],
  ["7/2", "3.5"],
  ["7 div 2", "3"],
  ["-7 div 2", "-3"],
  ["1 + 8 * 3 div 5 - 1", "4"],
  ["5.5 div 2", "2"],
  ["7 div 0", null],
  ["7 mod 4", "3"],
  ["mod(-7, 3)", "-1"],
  ["log(100) > 4.6 and log(100) < 4.61", "1"],
  ["log(2, 8)", "3"],
  ["log(0)", null],
  ["sqrt(-1)", null],
  ["dayofweek('2024-01-07')", "1"],
  ["dayofweek('2024-01-08')", "2"],
  ["weekday('2024-01-08')", "0"],
  ["week('2024-01-07')", "1"],
  ["weekofyear('2024-01-07')", "1"],
  ["bitxor(5, 3)", "6"],
  ["cast(2.5 as int)", "2"],
  ["cast(-2.5 as bigint)", "-2"],
  ["cast(cast('2.9' as double) as int)", "2"],
  ["cast('2.9' as int)", "2"],
  ["cast('abc' as int)", null],
  ["cast('' as int)", null],
  ["cast(300 as tinyint)", null],
  ["cast('170141183460469231731687303715884105727' as largeint)", "170141183460469231731687303715884105727"],
  ["cast('2024-02-30' as date)", null],
  ["cast('2024-01-02T03:04:05+02' as datetime)", "2024-01-02 03:04:05"],
  ["cast(1.50 as decimal(10,1))", "1.5"],
  ["convert('12', signed)", "12"],
  ["convert('a' using utf8)", "a"],
  ["greatest(1, null)", null],
  ["greatest(1, 3, 2)", "3"],
  ["least(2, null)", null],
  ["date_format('2024-03-05 13:04:05', '%M')", "March"],
  ["date_format('2024-03-05 13:04:05', '%h:%i %p')", "01:04 PM"],
  ["date_format('2024-03-05 13:04:05', '%c/%e %k %W %T %%')", "3/5 13 Tuesday 13:04:05 %"],
  ["date_format('2024-03-05', 'yyyy-MM-dd')", "2024-03-05"],
  ["str_to_date('05,03,2024', '%d,%m,%Y')", "2024-03-05"],
  ["str_to_date('2024-03-05 01:02:03', '%Y-%m-%d %H:%i:%s')", "2024-03-05 01:02:03"],
  ["'abc' regexp 'b'", "1"],
  ["'abc' rlike '^b'", "0"],
  ["'abc' not regexp 'x|y'", "1"],
  ["regexp('abc', 'c$')", "1"],
  ["nvl(null, 2)", "2"],
  ["isnull(null)", "1"],
  ["ifnull(null, 'x')", "x"],
  ["datediff('2024-01-02 00:00:00', '2024-01-01 23:00:00')", "1"],
  ["timestampdiff(month, '2024-01-31', '2024-02-29')", "0"],
  ["year('2024-05-06')", "2024"],
  ["month('20240506')", "5"],
  ["hour('2024-05-06 07:08:09')", "7"],
  ["extract(minute from '2024-05-06 07:08:09')", "8"],
  ["to_days('1970-01-01')", "719528"],
  ["last_day('2024-02-03')", "2024-02-29"],
  ["date_add('2024-01-31', interval 1 month)", "2024-02-29 00:00:00"],
  ["date_sub('2024-03-01', interval 1 day)", "2024-02-29 00:00:00"],
  ["days_add('2024-02-28', 2)", "2024-03-01 00:00:00"],
  ["from_unixtime(0)", "1970-01-01 00:00:00"],
  ["unix_timestamp('1970-01-02')", "86400"],
  ["length(now()) ", "19"],
  ["length(now(6)) >= 19", "1"],
  ["curdate() = current_date", "1"],
  ["curdate() = date(current_timestamp)", "1"],
  ["locate('b', 'abcb', 3)", "4"],
  ["locate('b', 'abcb')", "2"],
  ["locate('x', 'abc', 2)", "0"],
  ["instr('abc', 'c')", "3"],
  ["truncate(1.999, 1)", "1.9"],
  ["rand() between 0 and 1", "1"],
  ["substring_index('a.b.c', '.', 2)", "a.b"],
  ["substring_index('a.b.c', '.', -2)", "b.c"],
  ["substring_index('a.b.c', '.', 9)", "a.b.c"],
  ["substring_index('a.b.c', '.', 0)", ""],
  ["substr('abc', 0, 2)", ""],
  ["substr('abc', -2)", "bc"],
  ["substr('abc', -5, 3)", ""],
  ["substr('abc', 2, -1)", ""],
  ["left('abc', -1)", ""],
  ["right('abc', 2)", "bc"],
  ["concat('a', null)", null],
  ["concat(1, true, cast(1 as double))", "111"],
  ["concat_ws(',', 'a', null, 'b')", "a,b"],
  ["upper(12)", "12"],
  ["trim(12)", "12"],
  ["replace(12, 1, 3)", "32"],
  ["length('ü')", "2"],
  ["char_length('ü')", "1"],
  ["length(unhex('00FF5C'))", "3"],
  ["hex(255)", "FF"],
  ["!(1 = 2) = true", "1"],
  ["not 1 = 2", "1"],
  ["1 <=> null", "0"],
  ["if(null, 1, 2)", "2"],
  ["case when 1 = 1 then 4 end div 2", "2"],
  ["(select max(x) from (select 1 as x union all select 2) y)", "2"],
  ["group_concat('b' separator ';')", "b"],
  ["round(2.5)", "3"]
]

/** What means something else in DuckDB, or nothing that the server knows. */
const refused: ReadonlyArray<readonly [expression: string, name: RegExp]> = [
  ["5^3", /\^/],
  ["1 xor 0", /XOR/],
  ["list_value(1)", /list_value/],
  ["strptime('a', 'b')", /strptime/],
  ["regexp_full_match('a', 'a')", /regexp_full_match/],
  ["date_format('2024-01-01', '%u')", /%u/],
  ["date_format('2024-01-01', concat('%', 'Y'))", /constant/],
  ["week('2024-01-01', 1)", /week/],
  ["extract(epoch from '2024-01-01')", /extract/],
  ["round(1, 2, 3)", /round/],
  ["cast(1 as frobnicate)", /FROBNICATE/],
  ["1::int", /./]
]

const shown = (value: unknown): string | null =>
  value === null ? null : typeof value === "number" || typeof value === "string" ? String(value) : typeof value

layer(ContractServer.layer, live)("the meaning of expressions", (it) => {
  it.effect("operators and functions answer as the server does, not as DuckDB", () =>
    Effect.gen(function*() {
      const server = yield* ContractServer
      for (const [expression, value] of meanings) {
        const [row] = yield* server.sql(`SELECT ${expression} AS v`).pipe(
          Effect.mapError((error) => new SqlRefusal(error.code, error.state, `${expression}: ${error.message}`))
        )
        assert.deepStrictEqual([expression, shown(row?.["v"])], [expression, value])
      }
    }))

  it.effect.skipIf(external)(
    "what this endpoint cannot answer as the server does is refused by name",
    () =>
      Effect.gen(function*() {
        const server = yield* ContractServer
        for (const [expression, name] of refused) {
          const error = yield* Effect.flip(server.sql(`SELECT ${expression} AS v`))
          assert.strictEqual(error.code, 1064, expression)
          assert.match(error.message, name)
        }
        const deep = yield* Effect.flip(server.sql(`SELECT ${"(".repeat(5000)}1${")".repeat(5000)}`))
        assert.match(deep.message, /nests too deeply/)
        const calls = yield* server.sql(`SELECT ${"upper(concat(".repeat(20)}'a'${"))".repeat(20)} AS v`)
        assert.strictEqual(calls[0]?.["v"], "A")
      })
  )

  it.effect("a column of text beside a number compares as text when equal is asked, and as numbers in order", () =>
    Effect.gen(function*() {
      const server = yield* ContractServer
      const table = yield* server.table("id BIGINT NOT NULL, name VARCHAR(10)")
      const names = ["1", "01", "abc", "20"]
      yield* server.load({ table, rows: names.map((name, id) => ({ id, name })) })
      const found = (where: string) =>
        server.sql(`SELECT name FROM ${table} t WHERE ${where} ORDER BY id`).pipe(
          Effect.map((rows) => rows.map((row) => row["name"]))
        )
      assert.deepStrictEqual(yield* found("name = 1"), ["1"])
      assert.deepStrictEqual(yield* found("t.name <> 1"), ["01", "abc", "20"])
      assert.deepStrictEqual(yield* found("1 = name"), ["1"])
      assert.deepStrictEqual(yield* found("name > 3"), ["20"])
      assert.deepStrictEqual(yield* found("id = 1"), ["01"])
    }))

  it.effect("the where header of a load means the same", () =>
    Effect.gen(function*() {
      const server = yield* ContractServer
      const table = yield* server.table("id BIGINT NOT NULL, name VARCHAR(10), n INT")
      const load = (where: string) =>
        server.load({
          table,
          rows: [{ id: 1, name: "1", n: 5 }, { id: 2, name: "01" }, { id: 3, name: "abc", n: 0 }],
          headers: { where }
        }).pipe(Effect.map((reply) => [reply["Status"], reply["NumberUnselectedRows"]]))
      assert.deepStrictEqual(yield* load("name = 1"), ["Success", 2])
      assert.deepStrictEqual(yield* load("n / 0 is null"), ["Success", 0])
      assert.deepStrictEqual(yield* load("greatest(n, 1) = 5"), ["Success", 2])
      assert.deepStrictEqual(yield* load("name regexp '^a' or n div 2 = 2"), ["Success", 1])
      assert.deepStrictEqual(yield* load("cast(n / 2 as int) = 2"), ["Success", 2])
      assert.strictEqual((yield* load("list_value(n) is null"))[0], "Fail")
    }))
})

layer(ContractServer.layer, live)("functions of loads", (it) => {
  it.effect.skipIf(external)("what the columns header may call, the where header may call", () =>
    Effect.sync(() => {
      assert.deepStrictEqual(loadFunctions.filter((name) => !functionNames.includes(name)), [])
    }))
})
