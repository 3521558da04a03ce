import { assert, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as ColumnsHeader from "../../../../src/layers/embedded/starrocks/plan/ColumnsHeader.ts"
import { like } from "../../../../src/layers/embedded/starrocks/sql/Grid.ts"
import { translate, translatePredicate } from "../../../../src/layers/embedded/starrocks/sql/Translate.ts"
import { tokens } from "../../../../src/layers/embedded/starrocks/syntax/Tokens.ts"

const context = {
  database: "d",
  hasDatabase: (name: string) => name === "d" || name === "main",
  hasTable: (_: string, table: string) => table === "t",
  variable: (name: string) => name === "@@x" ? "1" : undefined,
  constants: { database: "'d'" }
}

const translated = (sql: string): string =>
  translate(sql, context).pipe(
    Result.match({ onFailure: (error) => `${error.code} ${error.message}`, onSuccess: (text) => text })
  )

it("rewrites quoting, operators and functions, and names columns as MySQL does", () => {
  assert.strictEqual(translated("select `a``b`, \"x'y\" as z from t"), "select \"a`b\" , 'x''y' as z from t")
  assert.strictEqual(translated("SELECT count(*) FROM t;"), "SELECT count(*) as \"count(*)\" FROM t")
  assert.strictEqual(translated("SELECT a b, a.b, a+1 c FROM t"), "SELECT a b , a . b , a + 1 c FROM t")
  assert.strictEqual(translated("SELECT a IS NULL FROM t"), "SELECT a IS NULL as \"a IS NULL\" FROM t")
  assert.strictEqual(translated("SELECT a FROM t LIMIT 2, 3"), "SELECT a FROM t LIMIT 3 offset 2")
  assert.strictEqual(
    translated("SELECT a || b, a <=> b FROM t"),
    "SELECT a or b as \"a || b\" , a is not distinct from b as \"a <=> b\" FROM t"
  )
  assert.strictEqual(translated("SELECT @@x, database() AS d"), "SELECT 1 as \"@@x\" , 'd' AS d")
  assert.include(translated("SELECT CAST(a AS SIGNED) x FROM t"), "as BIGINT")
  assert.include(translated("SELECT * FROM information_schema.columns"), "endpoint_information_schema . \"columns\"")
  assert.include(translated("SELECT * FROM main.t"), "\"endpoint_db_main\" . t")
})

it("names an unnamed interval as it was written, and quotes what only DuckDB reserves", () => {
  assert.include(translated("SELECT a + interval 1 day FROM t"), "as \"a + interval 1 day\"")
  assert.include(
    translated("SELECT a + interval (1 + 1) hour, a b FROM t"),
    "as \"a + interval (1 + 1) hour\" , a b FROM t"
  )
  assert.strictEqual(translated("SELECT a + interval 1 day c FROM t"), "SELECT a + interval (1) day c FROM t")
  assert.strictEqual(translated("SELECT collation, t.at FROM t at"), "SELECT \"collation\" , t . \"at\" FROM t \"at\"")
})

it("HAVING without GROUP BY and aggregates filters the rows by the names of the items", () => {
  assert.strictEqual(
    translated("SELECT a, 'x' AS k FROM t HAVING k IN ('x', 'y') LIMIT 3"),
    "select * from (SELECT a , 'x' AS k FROM t) where k IN ( 'x' , 'y' ) LIMIT 3"
  )
  assert.include(
    translated("SELECT a k FROM t HAVING k > 1 ORDER BY b LIMIT 3"),
    "FROM t ORDER BY b)) where k > 1 order"
  )
  assert.include(translated("SELECT 1 + 1 HAVING 1 = 1"), "1 + 1 as \"1 + 1\") where 1 = 1")
  assert.include(translated("SELECT count(*) FROM t HAVING count(*) > 1"), "HAVING count(*) > 1")
  assert.include(translated("SELECT a FROM t GROUP BY a HAVING a > 1"), "GROUP BY a HAVING a > 1")
})

it("refuses what does not exist or must not run", () => {
  assert.match(translated("SELECT * FROM nope.t"), /^5501/)
  assert.match(translated("SELECT * FROM t JOIN nope ON 1"), /^5502/)
  assert.match(translated("SELECT * FROM read_csv('/etc/hosts')"), /^1064 .*table functions/)
  assert.match(translated("SELECT 1; DROP TABLE t"), /^1064/)
  assert.match(translated("SELECT @@nope"), /Unknown system variable/)
  assert.match(translated("SELECT a FROM t WHERE EXTRACT(year FROM a) = 1"), /^SELECT/)
  assert.match(translated("WITH x AS (SELECT 1) SELECT * FROM x"), /^WITH/)
  assert.isTrue(Result.isFailure(translatePredicate("a in (select 1)")))
})

it.effect.prop(
  "every text is tokens: nothing throws, offsets never go back",
  [Schema.String],
  ([text]) =>
    Effect.sync(() => {
      let last = 0
      for (const token of tokens(text)) {
        assert.isAtLeast(token.start, last)
        assert.isAbove(token.end, token.start)
        last = token.end
      }
      translate(text, context)
      translatePredicate(text)
      ColumnsHeader.items(text)
    }),
  { arbitrary: { runs: 300 } }
)

it("splits a columns header into fields and expressions", () => {
  const refused = (header: string) =>
    ColumnsHeader.items(header).pipe(Result.match({ onFailure: (text) => text, onSuccess: () => "accepted" }))
  const items = (header: string) =>
    ColumnsHeader.items(header).pipe(Result.match({ onFailure: String, onSuccess: (found) => found }))
  assert.deepStrictEqual(items("id, `b c`, x=to_binary(y, 'hex'), __op='delete', z=id"), [
    { kind: "name", name: "id" },
    { kind: "name", name: "b c" },
    { kind: "expression", name: "x", sql: "to_binary(y, 'hex')" },
    { kind: "expression", name: "__op", sql: "'delete'" },
    { kind: "expression", name: "z", sql: "id" }
  ])
  assert.match(refused("a,,b"), /parse columns header failed/)
})

it("LIKE patterns match as MySQL matches them", () => {
  assert.isTrue(like("sql_mode", "sql\\_m%"))
  assert.isFalse(like("sqlxmode", "sql\\_m%"))
  assert.isTrue(like("a.b", "a_b"))
  assert.isFalse(like("axb", "a.b"))
})
