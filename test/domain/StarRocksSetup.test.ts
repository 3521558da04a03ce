import { assert, describe, it } from "@effect/vitest"
import * as AuditColumns from "../../src/domain/AuditColumns.ts"
import * as ColumnLists from "../../src/domain/ColumnLists.ts"
import * as SetupError from "../../src/domain/errors/SetupError.ts"
import type { SchemaChangePolicy } from "../../src/domain/schema/SchemaChangePolicy.ts"
import * as SetupStep from "../../src/domain/starrocks/SetupStep.ts"
import type * as TargetFacts from "../../src/domain/starrocks/TargetFacts.ts"
import * as Setup from "../../src/domain/StarRocksSetup.ts"
import type { SourceColumn, SourceTable } from "../../src/domain/Table.ts"

const INT8 = 20
const TEXT = 25

const sourceColumn = (name: string, members: Partial<SourceColumn> = {}): SourceColumn => ({
  name,
  typeOid: TEXT,
  typeName: "text",
  typmod: -1,
  notNull: false,
  generated: false,
  ...members
})

const orders = (members: Partial<SourceTable> = {}): SourceTable => ({
  name: { schema: "public", name: "orders" },
  oid: 1,
  kind: "r",
  replicaIdentity: "f",
  columns: [sourceColumn("id", { typeOid: INT8, typeName: "bigint", notNull: true }), sourceColumn("name")],
  primaryKey: ["id"],
  primaryKeyDeferrable: false,
  readable: true,
  ...members
})

const targetColumn = (
  name: string,
  type = "varchar(65533)",
  nullable = true,
  generated = false
): TargetFacts.ColumnFacts => ({
  name,
  type,
  nullable,
  generated
})

const AUDIT = [
  targetColumn("dbmazz_op_type", "tinyint(4)"),
  targetColumn("dbmazz_is_deleted", "tinyint(1)"),
  targetColumn("dbmazz_synced_at", "datetime"),
  targetColumn("dbmazz_cdc_version", "bigint(20)")
]

const target = (
  columns: ReadonlyArray<TargetFacts.ColumnFacts>,
  members: Partial<TargetFacts.TableFacts> = {}
): TargetFacts.TableFacts => ({
  name: { schema: "shop", name: "orders" },
  model: "PRI_KEYS",
  key: ["id"],
  columns,
  ...members
})

const ID = targetColumn("id", "bigint(20)", false)
const NAME = targetColumn("name")

const plan = (
  tables: ReadonlyArray<TargetFacts.TableFacts>,
  sources = [orders()],
  policy: SchemaChangePolicy = "stop"
) =>
  Setup.plan(
    sources,
    { database: "shop", databaseExists: true, tables: new Map(tables.map((table) => [table.name.name, table])) },
    undefined,
    policy
  )

describe("a pair of tables that fits", () => {
  it("is mapped, and nothing is changed when nothing is missing", () => {
    const { mappings, problems, steps } = plan([target([ID, NAME, ...AUDIT])])
    assert.deepStrictEqual([problems, steps], [[], []])
    assert.deepStrictEqual(mappings[0]!.key, ["id"])
    assert.deepStrictEqual(mappings[0]!.source, { schema: "public", name: "orders" })
    assert.deepStrictEqual(mappings[0]!.target, { schema: "shop", name: "orders" })
    assert.deepStrictEqual(mappings[0]!.targetColumns.get("id"), { name: "id", type: "bigint(20)", nullable: false })
  })

  it("gets the audit columns it lacks, in one statement that StarRocks takes", () => {
    const { mappings, steps } = plan([target([ID, NAME, AUDIT[0]!])])
    assert.strictEqual(steps.length, 1)
    assert.strictEqual(
      SetupStep.sql(steps[0]!),
      "ALTER TABLE `shop`.`orders` ADD COLUMN `dbmazz_is_deleted` BOOLEAN, ADD COLUMN `dbmazz_synced_at` DATETIME, " +
        "ADD COLUMN `dbmazz_cdc_version` BIGINT"
    )
    assert.notInclude(SetupStep.sql(steps[0]!), "IF NOT EXISTS")
    for (const name of AuditColumns.NAMES) assert.isTrue(mappings[0]!.targetColumns.has(name))
  })

  it("may have nullable and computed columns of its own, and source columns that PostgreSQL computes", () => {
    const columns = [...orders().columns, sourceColumn("total", { generated: true })]
    const own = [targetColumn("note", "json", true), targetColumn("day", "date", false, true)]
    assert.deepStrictEqual(plan([target([ID, NAME, ...own, ...AUDIT])], [orders({ columns })]).problems, [])
  })
})

describe("what would lose or refuse rows later is said before replication starts", () => {
  const only = (tables: ReadonlyArray<TargetFacts.TableFacts>, sources = [orders()]) => {
    const { mappings, problems, steps } = plan(tables, sources)
    assert.strictEqual(problems.length, 1, JSON.stringify(problems))
    assert.deepStrictEqual(steps, [])
    assert.isAtMost(mappings.length, sources.length - 1 + (problems[0]!._tag === "SrTargetShared" ? 1 : 0))
    return problems[0]!
  }

  it("no database", () => {
    const { problems } = Setup.plan(
      [orders()],
      { database: "shop", databaseExists: false, tables: new Map() },
      undefined,
      "stop"
    )
    assert.deepStrictEqual(problems, [{ _tag: "SrDatabaseNotFound", database: "shop" }])
  })

  it("no table", () => {
    assert.deepStrictEqual(only([]), { _tag: "SrTableNotFound", table: "shop.orders" })
  })

  it("a table that keeps every version of a row", () => {
    const problem = only([target([ID, NAME, ...AUDIT], { model: "DUP_KEYS" })])
    assert.deepStrictEqual(problem, { _tag: "SrTableNotPrimaryKey", table: "shop.orders", model: "DUP_KEYS" })
  })

  it("another key, which would merge rows or keep old ones", () => {
    for (const key of [["name"], ["id", "name"], []]) {
      assert.strictEqual(only([target([ID, NAME, ...AUDIT], { key })])._tag, "SrKeyMismatch")
    }
    const both = orders({ primaryKey: ["name", "id"] })
    assert.deepStrictEqual(plan([target([ID, NAME, ...AUDIT], { key: ["id", "name"] })], [both]).problems, [])
    // That is told of the source, and no key of the target would mend it.
    assert.deepStrictEqual(plan([target([ID, NAME, ...AUDIT])], [orders({ primaryKey: [] })]).problems, [])
  })

  it("a NOT NULL column whose source column is left out: every load would be refused", () => {
    const selection = { key: ["id"], includes: undefined, excludes: [{ text: "name", wild: false }] }
    const [id, name] = orders().columns
    const without = orders({ columns: [id!], leftOut: [name!], selection })
    const required = target([ID, targetColumn("name", "varchar(10)", false), ...AUDIT])
    assert.deepStrictEqual(only([required], [without]), {
      _tag: "SrColumnRequired",
      table: "shop.orders",
      column: "name",
      type: "varchar(10)"
    })
    for (const fine of [target([ID, targetColumn("name", "int(11)"), ...AUDIT]), target([ID, ...AUDIT])]) {
      const { mappings, problems } = plan([fine], [without])
      assert.deepStrictEqual(problems, [], "neither looked for nor compared")
      assert.strictEqual(mappings[0]?.selection, selection)
    }
  })

  it("a source column without a place", () => {
    const missing = { _tag: "SrColumnMissing", table: "shop.orders", column: "name", type: "STRING" } as const
    assert.deepStrictEqual(only([target([ID, ...AUDIT])]), missing)
  })

  it("a target column that cannot hold the source's values", () => {
    const expected = { _tag: "SrColumnTypeUnsupported", table: "shop.orders", column: "name" } as const
    assert.deepStrictEqual(only([target([ID, targetColumn("name", "int(11)"), ...AUDIT])]), {
      ...expected,
      type: "int(11)"
    })
    const complex = only([target([ID, targetColumn("name", "array<int(11)>"), ...AUDIT])])
    assert.deepStrictEqual(complex, { ...expected, type: "array<int(11)>" })
  })

  it("T45 a type of an extension, an enum or a composite needs a column of text", () => {
    const columns = [...orders().columns, sourceColumn("took", { typeOid: TEXT, declaredOid: 70_000 })]
    const refused = only([target([ID, NAME, targetColumn("took", "int(11)"), ...AUDIT])], [orders({ columns })])
    assert.deepStrictEqual(refused, {
      _tag: "SrColumnTypeUnsupported",
      table: "shop.orders",
      column: "took",
      type: "int(11)"
    })
    const [mapping] = plan([target([ID, NAME, targetColumn("took"), ...AUDIT])], [orders({ columns })]).mappings
    assert.strictEqual(mapping?.types?.get(70_000), TEXT, "rows name the declared type")
  })

  it("a source column named like the row's operation or like an audit column", () => {
    for (const name of ["__op", "dbmazz_cdc_version"]) {
      const columns = [...orders().columns, sourceColumn(name, { typeOid: INT8 })]
      const problem = only([target([ID, NAME, ...AUDIT])], [orders({ columns })])
      assert.isTrue(problem._tag === "PgColumnTypeUnsupported" && problem.column === name)
    }
  })

  it("a key that PostgreSQL computes and does not send", () => {
    const columns = [sourceColumn("id", { typeOid: INT8, generated: true }), sourceColumn("name")]
    const problems = plan([target([ID, NAME, ...AUDIT])], [orders({ columns })]).problems
    assert.include(problems.map((problem) => problem._tag), "PgColumnTypeUnsupported")
  })

  it("a column that must have a value and gets none", () => {
    const problem = only([target([ID, NAME, targetColumn("region", "varchar(8)", false), ...AUDIT])])
    assert.deepStrictEqual(problem, {
      _tag: "SrColumnRequired",
      table: "shop.orders",
      column: "region",
      type: "varchar(8)"
    })
    const columns = [...orders().columns, sourceColumn("region", { generated: true })]
    const computed = plan([target([ID, NAME, targetColumn("region", "varchar(8)", false), ...AUDIT])], [
      orders({ columns })
    ])
    assert.strictEqual(computed.problems[0]?._tag, "SrColumnRequired")
  })

  it("an audit column of another type", () => {
    const audit = AUDIT.map((column) =>
      column.name === "dbmazz_cdc_version" ? targetColumn(column.name, "json") : column
    )
    assert.strictEqual(only([target([ID, NAME, ...audit])])._tag, "SrColumnTypeUnsupported")
  })

  it("two sources of one name, which would overwrite each other", () => {
    const sales = orders({ name: { schema: "sales", name: "orders" } })
    const { problems } = plan([target([ID, NAME, ...AUDIT])], [orders(), sales])
    assert.deepStrictEqual(problems, [
      {
        _tag: "SrTargetShared",
        target: "shop.orders",
        sources: "public.orders, sales.orders",
        example: "sales.orders=sales_orders"
      }
    ])
    assert.include(SetupError.remedy(problems[0]!), "TARGET_TABLES=sales.orders=sales_orders")
    const own = target([ID, NAME, ...AUDIT], { name: { schema: "shop", name: "sales_orders" } })
    const apart = plan([target([ID, NAME, ...AUDIT]), own], [orders(), { ...sales, target: "sales_orders" }])
    assert.deepStrictEqual(apart.problems, [])
    assert.deepStrictEqual(apart.mappings.map(({ source, target: { name } }) => [source.schema, name]), [
      ["public", "orders"],
      ["sales", "sales_orders"]
    ])
  })

  it("a column that is missing is added, with a policy that allows it", () => {
    const tables = [target([ID, ...AUDIT])]
    assert.deepStrictEqual(plan(tables, [orders()], "add").steps.map(SetupStep.sql), [
      "ALTER TABLE `shop`.`orders` ADD COLUMN `name` VARCHAR(1048576) NULL"
    ])
    const [problem] = plan([target([ID, targetColumn("Name"), ...AUDIT])], [orders()], "add").problems
    assert.strictEqual(problem?._tag, "SrColumnCase")
  })

  it("T47 a column that differs only by case from the source's: StarRocks takes no second one", () => {
    const found = only([target([ID, targetColumn("Name"), ...AUDIT])])
    assert.deepStrictEqual(found, { _tag: "SrColumnCase", table: "shop.orders", column: "name", found: "Name" })
    assert.include(SetupError.remedy(found), "RENAME COLUMN `Name` TO `name`")
  })

  it("T46 a generated column that is sent is written where the target has it, else left out as before PostgreSQL 18", () => {
    const sent = sourceColumn("doubled", { computed: "stored" })
    const source = orders({ columns: [...orders().columns, sent] })
    const mapped = (column: ReadonlyArray<TargetFacts.ColumnFacts>) => {
      const { mappings, problems, steps } = plan([target([ID, NAME, ...column, ...AUDIT])], [source], "evolve")
      assert.deepStrictEqual([problems, steps], [[], []])
      return ColumnLists.keeps(mappings[0]?.selection, "doubled")
    }
    assert.isTrue(mapped([targetColumn("doubled")]))
    assert.isFalse(mapped([]))
    assert.isFalse(mapped([targetColumn("doubled", "bigint", true, true)]), "StarRocks computes it")
    const unsent = orders({ columns: [...orders().columns, { ...sent, generated: true }] })
    const needed = plan([target([ID, NAME, targetColumn("doubled", "bigint", false), ...AUDIT])], [unsent])
    assert.deepStrictEqual(needed.problems.map((problem) => problem._tag), ["SrColumnRequired"])
  })

  it("everything at once, so that nobody mends one thing a start", () => {
    const items = orders({ name: { schema: "public", name: "items" } })
    const columns = [ID, targetColumn("name", "int(11)"), targetColumn("region", "varchar(8)", false)]
    const { problems } = plan([target(columns, { key: ["name"] })], [orders(), items])
    assert.deepStrictEqual(problems.map((problem) => problem._tag), [
      "SrKeyMismatch",
      "SrColumnTypeUnsupported",
      "SrColumnRequired",
      "SrTableNotFound"
    ])
  })
})

describe("with AUTO_CREATE_TABLES: what is missing is planned, and what could never work is said first", () => {
  const layout = { buckets: undefined, replicas: 1 }
  const create = (sources: ReadonlyArray<SourceTable>, facts: Partial<TargetFacts.Facts> = {}) =>
    Setup.plan(sources, { database: "shop", databaseExists: true, tables: new Map(), ...facts }, layout, "stop")

  it("creates the database first, then each table with the replicated columns alone", () => {
    const [id, name] = orders().columns
    const without = orders({ columns: [id!], leftOut: [name!] })
    const { mappings, problems, steps } = create([without, orders({ name: { schema: "public", name: "items" } })], {
      databaseExists: false
    })
    assert.deepStrictEqual([problems, mappings], [[], []])
    assert.deepStrictEqual(steps.map((step) => step._tag), ["CreateDatabase", "CreateTable", "CreateTable"])
    assert.strictEqual(SetupStep.sql(steps[0]!), "CREATE DATABASE IF NOT EXISTS `shop`")
    assert.notInclude(SetupStep.sql(steps[1]!), "`name`")
    assert.include(SetupStep.sql(steps[2]!), "`name` VARCHAR(1048576) NULL")
  })

  it("leaves a table that exists as it is, and says what is wrong with it", () => {
    const stands = target([ID, NAME, ...AUDIT])
    assert.deepStrictEqual(create([orders()], { tables: new Map([["orders", stands]]) }).steps, [])
    const narrow = target([ID, ...AUDIT])
    assert.strictEqual(
      create([orders()], { tables: new Map([["orders", narrow]]) }).problems[0]?._tag,
      "SrColumnMissing"
    )
  })

  it("creates nothing for a source without a key, which PostgreSQL's side reports", () => {
    const { problems, steps } = create([orders({ primaryKey: [] })])
    assert.deepStrictEqual([problems, steps], [[], []])
  })

  it("does not create a table with a column that cannot be replicated", () => {
    const { problems, steps } = create([orders({ columns: [...orders().columns, sourceColumn("__op")] })])
    assert.deepStrictEqual([problems.map((problem) => problem._tag), steps], [["PgColumnTypeUnsupported"], []])
  })

  it("refuses names that StarRocks would change or refuse, with the column", () => {
    const columns = [
      ...orders().columns,
      sourceColumn("a`b"),
      sourceColumn("a=b"),
      sourceColumn("c", { generated: true })
    ]
    const { problems, steps } = create([orders({ name: { schema: "public", name: "o`s" }, columns })])
    assert.deepStrictEqual(problems.map((problem) => problem._tag === "PgNameUnsupported" && problem.name), [
      "o`s",
      "a`b",
      "a=b"
    ])
    assert.deepStrictEqual(steps, [])
  })

  it("94 refuses a key whose every value is too long", () => {
    const [uuid, names] = [2950, ["a", "b", "c", "d"]]
    const columns = names.map((name) => sourceColumn(name, { typeOid: uuid, typeName: "uuid" }))
    const { problems } = create([orders({ columns, primaryKey: names })])
    assert.deepStrictEqual(problems, [
      { _tag: "SrKeyTooLong", table: "shop.orders", key: "a, b, c, d", bytes: "150", bytesMax: "128" }
    ])
    const three = create([orders({ columns, primaryKey: names.slice(1) })])
    assert.deepStrictEqual(three.problems, [])
  })

  it("two sources of one name are refused before anything is created", () => {
    const { problems } = create([orders(), orders({ name: { schema: "sales", name: "orders" } })])
    assert.deepStrictEqual(problems.map((problem) => problem._tag), ["SrTargetShared"])
  })
})

describe("T47 columns that differ only by case: StarRocks would write both into one", () => {
  it("are refused, with or without a table, unless one is left out", () => {
    const columns = [...orders().columns, sourceColumn("Name")]
    const collided = (problems: Setup.Plan["problems"]) =>
      problems.flatMap((problem) => problem._tag === "PgColumnsDifferByCase" ? [problem.columns] : [])
    const sources = [orders({ columns })]
    assert.deepStrictEqual(collided(plan([target([ID, NAME, ...AUDIT])], sources).problems), ["name, Name"])
    const nothing: TargetFacts.Facts = { database: "shop", databaseExists: false, tables: new Map() }
    assert.deepStrictEqual(
      collided(Setup.plan(sources, nothing, { buckets: undefined, replicas: 1 }, "stop").problems),
      [
        "name, Name"
      ]
    )
    const [id, name, other] = columns
    const without = plan([target([ID, NAME, ...AUDIT])], [orders({ columns: [id!, name!], leftOut: [other!] })])
    assert.deepStrictEqual(without.problems, [])
  })

  it("an audit column's name in upper case is reserved, too", () => {
    for (const name of ["__OP", "DBMAZZ_IS_DELETED"]) {
      const columns = [...orders().columns, sourceColumn(name)]
      const { problems } = plan([target([ID, NAME, ...AUDIT])], [orders({ columns })])
      assert.deepStrictEqual(problems.map((problem) => problem._tag), ["PgColumnTypeUnsupported"])
    }
  })
})

it("94 a key that can never fit is refused for a table that exists", () => {
  const id = sourceColumn("id", { typeOid: 1042, typmod: 129 + 4 })
  const { problems } = plan([target([targetColumn("id", "varchar(516)", false), NAME, ...AUDIT])], [
    orders({ columns: [id, sourceColumn("name")] })
  ])
  assert.deepStrictEqual(problems.map((problem) => problem._tag), ["SrKeyTooLong"])
})
