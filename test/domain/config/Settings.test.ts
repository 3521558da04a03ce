import { assert, describe, it } from "@effect/vitest"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import * as Settings from "../../../src/domain/config/Settings.ts"

const REQUIRED = {
  DATABASE_URL: "postgres://me:p%40ss@db:6543/shop?replication=database",
  STARROCKS_URL: "http://fe:8030",
  STARROCKS_DB: "shop"
}
const read = (env: Readonly<Record<string, string>>) => Result.getOrThrow(Settings.fromEnv({ ...REQUIRED, ...env }))
const problems = (env: Readonly<Record<string, string>>) => {
  const result = Settings.fromEnv(env)
  return Result.isFailure(result) ? result.failure : []
}

describe("Settings: a variable read otherwise than dbmazz v1 read it breaks a deployment", () => {
  it("reads the first family with v1's defaults", () => {
    const settings = read({})
    assert.deepInclude(settings, { slot: "dbmazz_slot", publication: "dbmazz_pub" })
    assert.deepStrictEqual(settings.tables.map((table) => table.name), ["orders", "order_items"])
    assert.deepStrictEqual(settings.flush, { rows: 10_000, bytes: 16 * 1024 * 1024, everyMs: 5_000 })
    assert.deepInclude(settings.source, { host: "db", port: 6543, user: "me", database: "shop" })
    assert.strictEqual(Redacted.value(settings.source.password), "p@ss")
    assert.deepInclude(settings.sink, { url: "http://fe:8030", host: "fe", sqlPort: 9030, user: "root" })
  })

  it("reads the second family", () => {
    const settings = Result.getOrThrow(Settings.fromEnv({
      SOURCE_URL: "postgresql://me@db/shop",
      SOURCE_SLOT_NAME: "a",
      SOURCE_PUBLICATION_NAME: "b",
      SINK_URL: "be",
      SINK_PORT: "19030",
      SINK_DATABASE: "d",
      SINK_USER: "u",
      SINK_PASSWORD: "secret"
    }))
    assert.deepInclude(settings, { slot: "a", publication: "b" })
    assert.deepInclude(settings.sink, { url: "http://be:8040", sqlPort: 19_030, database: "d", user: "u" })
  })

  it("keeps a port that is its scheme's default, and adds 8040 where there is none", () => {
    assert.strictEqual(read({ STARROCKS_URL: "http://fe:80" }).sink.url, "http://fe:80")
    assert.strictEqual(read({ STARROCKS_URL: "https://fe/" }).sink.url, "https://fe:8040")
  })

  it("T78 each number reaches the field of its own name: a backoff wired to another one is hammering or sleep", () => {
    const settings = read({
      RETRY_BASE_MS: "1100",
      RETRY_MAX_MS: "2200",
      RETRY_MAX_ELAPSED_MS: "3300",
      FLUSH_SIZE: "44",
      FLUSH_BYTES: "5500000",
      FLUSH_INTERVAL_MS: "660",
      MAX_BUFFER_BYTES: "77000000"
    })
    assert.deepStrictEqual(settings.retry, { baseMs: 1_100, maxMs: 2_200, maxElapsedMs: 3_300 })
    assert.deepStrictEqual(settings.flush, { rows: 44, bytes: 5_500_000, everyMs: 660 })
    assert.strictEqual(settings.bufferBytesMax, 77_000_000)
  })

  it("creates tables only when it is told to, in as many buckets as it is told or StarRocks chooses", () => {
    assert.isUndefined(read({ AUTO_CREATE_BUCKETS: "4" }).autoCreate)
    assert.deepStrictEqual(read({ AUTO_CREATE_TABLES: "true" }).autoCreate, { buckets: undefined })
    assert.deepStrictEqual(read({ AUTO_CREATE_TABLES: "TRUE", AUTO_CREATE_BUCKETS: "4" }).autoCreate, { buckets: 4 })
    const wrong = problems({ ...REQUIRED, AUTO_CREATE_TABLES: "yes", AUTO_CREATE_BUCKETS: "10001" })
    assert.lengthOf(wrong, 2)
  })

  it("reads table names with schemas, quotes and commas", () => {
    const { tables } = read({ TABLES: " a, sales.b ,\"Odd, name\".\"c\"\"d\",a" })
    assert.deepStrictEqual(tables, [
      { schema: "public", name: "a" },
      { schema: "sales", name: "b" },
      { schema: "Odd, name", name: "c\"d" }
    ])
  })

  it("reads patterns and lists; what is quoted is no pattern", () => {
    const { lists, tables } = read({
      TABLES: "order_*,\"order_*\",*.audit",
      TABLES_EXCLUDE: "tmp_*, \"a,b\"",
      COLUMNS_INCLUDE: "a.b",
      COLUMNS_EXCLUDE: "*.*.secret,c.d",
      TARGET_TABLES: "sales.\"a=b\"=x, *.audit=audit_*"
    })
    assert.deepStrictEqual(tables, [
      { schema: "public", name: "order_*", wild: { schema: false, name: true } },
      { schema: "public", name: "order_*" },
      { schema: "*", name: "audit", wild: { schema: true, name: false } }
    ])
    assert.deepStrictEqual(lists, {
      tablesExclude: ["tmp_*", "\"a,b\""],
      columnsInclude: ["a.b"],
      columnsExclude: ["*.*.secret", "c.d"],
      targetTables: ["sales.\"a=b\"=x", "*.audit=audit_*"]
    })
    assert.deepStrictEqual(read({}).lists, {
      tablesExclude: [],
      columnsInclude: [],
      columnsExclude: [],
      targetTables: []
    })
  })

  it("says every problem at once, with the variable and an example, and never a secret", () => {
    const wrong = {
      DATABASE_URL: "mysql://me:hunter2@db/shop",
      STARROCKS_URL: "http://root:hunter2@fe:8030",
      FLUSH_SIZE: "0",
      FLUSH_INTERVAL_MS: "soon",
      SLOT_NAME: "Bad-Slot",
      TABLES: "a.b.c"
    }
    const found = problems(wrong).join("\n")
    for (const name of [...Object.keys(wrong), "STARROCKS_DB"]) assert.include(found, name)
    assert.include(found, "example:")
    assert.notInclude(found, "hunter2")
  })

  it("refuses settings of v1 that it cannot honour instead of ignoring them", () => {
    assert.include(problems({ ...REQUIRED, DO_SNAPSHOT: "true" }).join(), "takes no snapshot")
    assert.include(problems({ ...REQUIRED, SINK_TYPE: "snowflake" }).join(), "SINK_TYPE")
    assert.deepStrictEqual(problems({ ...REQUIRED, DO_SNAPSHOT: "false", SOURCE_TYPE: "postgresql" }), [])
  })

  it("refuses two families that disagree, and a buffer that cannot hold two batches", () => {
    assert.include(problems({ ...REQUIRED, SOURCE_URL: "postgres://me@other/shop" }).join(), "are both set and differ")
    assert.include(
      problems({ ...REQUIRED, MAX_BUFFER_BYTES: "65536", FLUSH_BYTES: "65536" }).join(),
      "MAX_BUFFER_BYTES"
    )
  })
})
