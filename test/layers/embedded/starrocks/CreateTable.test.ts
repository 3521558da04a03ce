import { assert, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as InformationSchema from "../../../../src/layers/embedded/starrocks/catalogue/InformationSchema.ts"
import type { Table } from "../../../../src/layers/embedded/starrocks/catalogue/Table.ts"
import * as SchemaChange from "../../../../src/layers/embedded/starrocks/schemachange/SchemaChange.ts"
import { alterTable } from "../../../../src/layers/embedded/starrocks/sql/AlterTable.ts"
import { createStatement } from "../../../../src/layers/embedded/starrocks/sql/CreateStatement.ts"
import { createTable } from "../../../../src/layers/embedded/starrocks/sql/CreateTable.ts"
import { attempt } from "../../../../src/layers/embedded/starrocks/syntax/TokenCursor.ts"
import * as ColumnType from "../../../../src/layers/embedded/starrocks/values/ColumnType.ts"

const refusal = (sql: string): string => {
  const result = attempt(sql, createTable)
  return Result.isFailure(result) ? result.failure.message : "accepted"
}

const types =
  "a BOOLEAN, b TINYINT(4), c SMALLINT, d INT(11), e BIGINT, f LARGEINT, g FLOAT, h DOUBLE, i DECIMAL(10,2), " +
  "j DECIMAL, k DATE, l DATETIME DEFAULT CURRENT_TIMESTAMP, m CHAR(3), n VARCHAR(7), o STRING, p VARBINARY, q JSON, r ARRAY<DECIMAL(5,1)>"

it("reads every type, and SHOW CREATE TABLE writes a statement that reads the same", () => {
  const create = Result.getOrThrow(attempt(
    `create table if not exists \`my db\`.\`t\` (\`id\` bigint not null comment "the \\"key\\"", ${types}, s INT NOT NULL DEFAULT "-1") ` +
      "engine = olap primary key (`id`) comment 'it''s' distributed by hash(`id`) buckets 4 order by (c, d) " +
      "properties (\"replication_num\" = \"1\", \"enable_persistent_index\" = \"true\");",
    createTable
  ))
  assert.isTrue(create.ifNotExists)
  assert.deepStrictEqual(create.columns.map((column) => ColumnType.render(column.type)), [
    "bigint",
    "boolean",
    "tinyint",
    "smallint",
    "int",
    "bigint",
    "largeint",
    "float",
    "double",
    "decimal(10,2)",
    "decimal(10,0)",
    "date",
    "datetime",
    "char(3)",
    "varchar(7)",
    "varchar(65533)",
    "varbinary(1048576)",
    "json",
    "array<decimal(5,1)>",
    "int"
  ])
  const table = { ...create, id: 1, database: "my db", createdAtMs: 0 }
  const again = Result.getOrThrow(attempt(createStatement(table), createTable))
  assert.deepStrictEqual(again.columns, create.columns)
  assert.strictEqual(again.comment, "it's")
  assert.deepStrictEqual([again.buckets, again.orderBy, again.properties], [4, ["c", "d"], create.properties])
})

it("SHOW CREATE TABLE writes quotes, backslashes and backticks so that they are read again", () => {
  const odd = "a\"b\\c'd`e%f\\%g"
  const table: Table = {
    id: 1,
    database: "d",
    name: odd,
    model: "PRI_KEYS",
    columns: [
      { name: odd, type: { kind: "INT" }, nullable: false, key: true, default: { kind: "none" }, comment: odd },
      {
        name: "s",
        type: { kind: "STRUCT", members: [{ name: "x`y", type: { kind: "INT" } }] },
        nullable: true,
        key: false,
        default: { kind: "none" },
        comment: ""
      },
      {
        name: "t",
        type: { kind: "VARCHAR", bytes: 50 },
        nullable: true,
        key: false,
        default: { kind: "constant", text: odd },
        comment: odd
      }
    ],
    distribution: [odd],
    buckets: 1,
    orderBy: [odd],
    comment: odd,
    properties: { replication_num: "1", [odd]: odd },
    createdAtMs: 0
  }
  const again = Result.getOrThrow(attempt(createStatement(table), createTable))
  const { createdAtMs: _, database: __, id: ___, ...written } = table
  assert.deepStrictEqual(again, { ...written, database: undefined, ifNotExists: false })
  assert.include(InformationSchema.describe(table).join("\n"), "a\"b\\c''d``e%f\\%g")
})

it("says which rule of primary keys is broken", () => {
  const key = (columns: string, keys = "id") => refusal(`CREATE TABLE t (${columns}) PRIMARY KEY (${keys})`)
  assert.match(key("id DECIMAL(5,0)"), /primary key column\[id\] type not supported: DECIMAL/)
  assert.match(key("id CHAR(5)"), /type not supported: CHAR/)
  assert.match(key("id INT NULL"), /primary key column\[id\] cannot be nullable/)
  assert.match(key("a INT, id INT"), /ordered prefix/)
  assert.match(key("id INT", "x"), /Key column\(x\) doesn't exist/)
  assert.match(key("id INT, __op TINYINT"), /system reserved name/)
  assert.match(key("id INT, ID INT"), /Duplicate column name/)
  assert.match(refusal("CREATE TABLE t (id INT, a INT) PRIMARY KEY (id) DISTRIBUTED BY HASH(a)"), /must be key columns/)
  assert.match(refusal("CREATE TABLE t (id INT) PRIMARY KEY (id) DISTRIBUTED BY RANDOM"), /hash distribution/)
})

it("says which default or type is wrong", () => {
  const column = (definition: string) => refusal(`CREATE TABLE t (id INT, ${definition}) PRIMARY KEY (id)`)
  assert.match(column("a DATETIME DEFAULT \"now()\""), /Invalid default value for 'a'/)
  assert.match(column("a INT DEFAULT \"x\""), /Invalid default value for 'a'/)
  assert.match(column("a INT NOT NULL DEFAULT NULL"), /null default/)
  assert.match(column("a DECIMAL(39,1)"), /precision/)
  assert.match(column("a DECIMAL(5,6)"), /scale/)
  assert.match(column("a CHAR(256)"), /between 1 and 255/)
  assert.match(column("a BITMAP"), /BITMAP columns are not supported by this endpoint/)
  assert.match(column("a NUMBER"), /Unknown column type 'NUMBER'/)
})

it.effect.prop(
  "whatever follows CREATE TABLE is a table or a refusal, never an exception",
  [Schema.String],
  ([text]) =>
    Effect.sync(() => {
      attempt(`CREATE TABLE ${text}`, createTable)
      attempt(`CREATE TABLE t (id INT ${text}) PRIMARY KEY (id)`, createTable)
      attempt(`ALTER TABLE t ADD COLUMN ${text}`, alterTable)
    }),
  { arbitrary: { runs: 300 } }
)

it("ALTER TABLE places columns, and only widens types", () => {
  const create = Result.getOrThrow(
    attempt("CREATE TABLE t (id INT, a INT, b VARCHAR(5)) PRIMARY KEY (id)", createTable)
  )
  const table = { ...create, id: 1, database: "d", createdAtMs: 0 }
  const names = (sql: string): ReadonlyArray<string> | string => {
    const change = SchemaChange.plan(table, Result.getOrThrow(attempt(sql, alterTable)))
    return Result.isFailure(change) ? change.failure.message : change.success.next.columns.map((column) => column.name)
  }
  assert.deepStrictEqual(names("ALTER TABLE t ADD COLUMN c INT"), ["id", "a", "b", "c"])
  assert.deepStrictEqual(names("ALTER TABLE t ADD COLUMN (c INT, d INT), DROP COLUMN a"), ["id", "b", "c", "d"])
  assert.deepStrictEqual(names("ALTER TABLE t ADD COLUMN c INT AFTER id"), ["id", "c", "a", "b"])
  assert.match(String(names("ALTER TABLE t ADD COLUMN c INT FIRST")), /after key/)
  assert.match(String(names("ALTER TABLE t ADD COLUMN c INT, ADD COLUMN C INT")), /Duplicate column name/)
  assert.match(String(names("ALTER TABLE t MODIFY COLUMN a SMALLINT")), /Can not change int to smallint/)
  assert.match(String(names("ALTER TABLE t MODIFY COLUMN a BIGINT NOT NULL")), /nullable/)
  assert.match(String(names("ALTER TABLE t MODIFY COLUMN id BIGINT")), /key column/)
})
