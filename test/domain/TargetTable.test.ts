import { assert, describe, it } from "@effect/vitest"
import type { SourceColumn, SourceTable } from "../../src/domain/Table.ts"
import * as TargetTable from "../../src/domain/TargetTable.ts"

const column = (name: string, typeOid: number, members: Partial<SourceColumn> = {}): SourceColumn => ({
  name,
  typeOid,
  typeName: "",
  typmod: -1,
  notNull: true,
  generated: false,
  ...members
})

const source = (primaryKey: ReadonlyArray<string>, columns: ReadonlyArray<SourceColumn>): SourceTable => ({
  name: { schema: "public", name: "Order's Items" },
  oid: 1,
  kind: "r",
  replicaIdentity: "f",
  columns,
  primaryKey,
  primaryKeyDeferrable: false,
  readable: true
})

const numeric = (precision: number, scale: number): number => ((precision << 16) | (scale & 0x7ff)) + 4
const [BOOL, BYTEA, INT8, INT2, INT4, TEXT, FLOAT4, FLOAT8] = [16, 17, 20, 21, 23, 25, 700, 701]
const [BPCHAR, VARCHAR, DATE, TIME, TIMESTAMP, TIMESTAMPTZ] = [1042, 1043, 1082, 1083, 1114, 1184]
const [NUMERIC, UUID, JSONB] = [1700, 2950, 3802]

const type = (oid: number, isKey: boolean, typmod = -1): string =>
  TargetTable.createType({ typeOid: oid, typmod }, isKey)

const LAYOUT = { buckets: undefined, replicas: 1 }
const TABLE = { schema: "shop", name: "Order's Items" }

describe("the table that is created: what it cannot hold would stop replication later", () => {
  it("T49 has the key first, in the index's order, only the key NOT NULL, and the audit columns last", () => {
    const table = source(["zone", "id"], [
      column("note", TEXT),
      column("id", INT8),
      column("total", NUMERIC, { typmod: numeric(12, 2) }),
      column("double", NUMERIC, { generated: true }),
      column("zone", VARCHAR, { typmod: 10 + 4 }),
      column("select", BOOL)
    ])
    assert.strictEqual(
      TargetTable.sql(TargetTable.define(table, TABLE, { buckets: 12, replicas: 3 })),
      [
        "CREATE TABLE IF NOT EXISTS `shop`.`Order's Items` (",
        "  `zone` VARCHAR(40) NOT NULL,",
        "  `id` BIGINT NOT NULL,",
        "  `note` VARCHAR(1048576) NULL,",
        "  `total` DECIMAL(12,2) NULL,",
        "  `select` BOOLEAN NULL,",
        "  `dbmazz_op_type` TINYINT COMMENT '0=INSERT, 1=UPDATE, 2=DELETE',",
        "  `dbmazz_is_deleted` BOOLEAN,",
        "  `dbmazz_synced_at` DATETIME,",
        "  `dbmazz_cdc_version` BIGINT",
        ")",
        "PRIMARY KEY (`zone`, `id`)",
        "COMMENT 'replicated from public.Order''s Items by dbmazz'",
        "DISTRIBUTED BY HASH(`zone`, `id`) BUCKETS 12",
        "PROPERTIES (\"replication_num\" = \"3\", \"enable_persistent_index\" = \"true\")"
      ].join("\n")
    )
  })

  it("leaves to StarRocks what nobody has said", () => {
    const table = source(["id"], [column("id", INT8)])
    const statement = TargetTable.sql(
      TargetTable.define(table, TABLE, { buckets: undefined, replicas: undefined })
    )
    assert.include(statement, "DISTRIBUTED BY HASH(`id`)\nPROPERTIES (\"enable_persistent_index\" = \"true\")")
  })

  it("quotes names that are words of SQL, have spaces, or are written in any script", () => {
    const names = ["order", "a b", "größe", "名前", "🦀", "quote\"s", "back\\slash", "dot.ted", "a,b"]
    const statement = TargetTable.sql(
      TargetTable.define(source([names[0]!], names.map((name) => column(name, INT4))), TABLE, LAYOUT)
    )
    for (const name of names) assert.include(statement, `  \`${name}\` INT `)
    assert.deepStrictEqual(names.map(TargetTable.columnNameProblem), names.map(() => undefined))
  })

  it("knows the names that StarRocks takes otherwise, or not at all", () => {
    for (const name of ["a`b", "a=b", "<a", "a>", "a!", "a*", "__ROW", "__starrocks_shadow_a"]) {
      assert.isString(TargetTable.columnNameProblem(name), name)
    }
    assert.isString(TargetTable.tableNameProblem("a`b"))
    assert.isUndefined(TargetTable.tableNameProblem("a=b/c?d"))
  })

  it("T71 has room for every text of the source in bytes, and for as much as StarRocks holds where it has no limit", () => {
    assert.strictEqual(type(VARCHAR, false, 10 + 4), "VARCHAR(40)")
    assert.strictEqual(type(BPCHAR, false, 3 + 4), "VARCHAR(12)")
    assert.strictEqual(type(TEXT, false), "VARCHAR(1048576)")
    assert.strictEqual(type(VARCHAR, false), "VARCHAR(1048576)")
  })

  it("keeps as many copies as there are back ends, three at most", () => {
    assert.deepStrictEqual([1, 2, 3, 40].map(TargetTable.replicasFor), [1, 2, 3, 3])
  })
})

describe("115 types of key columns: StarRocks refuses a table with another one", () => {
  for (
    const [what, oid, typmod, expected] of [
      ["boolean", BOOL, -1, "BOOLEAN"],
      ["smallint", INT2, -1, "SMALLINT"],
      ["integer", INT4, -1, "INT"],
      ["bigint", INT8, -1, "BIGINT"],
      ["date", DATE, -1, "DATE"],
      ["timestamp", TIMESTAMP, -1, "DATETIME"],
      ["timestamptz", TIMESTAMPTZ, -1, "DATETIME"],
      ["time", TIME, -1, "VARCHAR(32)"],
      ["uuid", UUID, -1, "VARCHAR(36)"],
      ["text", TEXT, -1, "STRING"],
      ["varchar(5)", VARCHAR, 5 + 4, "VARCHAR(20)"],
      ["char(5)", BPCHAR, 5 + 4, "VARCHAR(20)"],
      ["bytea", BYTEA, -1, "STRING"],
      ["jsonb", JSONB, -1, "STRING"],
      ["real", FLOAT4, -1, "STRING"],
      ["double precision", FLOAT8, -1, "STRING"],
      ["numeric", NUMERIC, -1, "STRING"],
      ["numeric(18)", NUMERIC, numeric(18, 0), "BIGINT"],
      ["numeric(19)", NUMERIC, numeric(19, 0), "LARGEINT"],
      ["numeric(38)", NUMERIC, numeric(38, 0), "LARGEINT"],
      ["numeric(39)", NUMERIC, numeric(39, 0), "VARCHAR(40)"],
      // -99999999.99, -0.99 and -0.00999
      ["numeric(10,2)", NUMERIC, numeric(10, 2), "VARCHAR(12)"],
      ["numeric(2,2)", NUMERIC, numeric(2, 2), "VARCHAR(5)"],
      ["numeric(3,5)", NUMERIC, numeric(3, 5), "VARCHAR(8)"],
      // -99900
      ["numeric(3,-2)", NUMERIC, numeric(3, -2), "BIGINT"],
      ["numeric(30,-20)", NUMERIC, numeric(30, -20), "VARCHAR(51)"]
    ] as const
  ) {
    it(`${what} is ${expected}`, () => assert.strictEqual(type(oid, true, typmod), expected))
  }
})
