/** The SQL of a plan, on both sides. Values of columns that a smaller plan has no more are left out. */
import * as AuditColumns from "../../src/domain/AuditColumns.ts"
import * as Identifier from "../../src/domain/Identifier.ts"
import type { Column } from "./Columns.ts"
import * as Keys from "./Keys.ts"
import type { Operation, Plan, SessionStep, Table, Values } from "./Plan.ts"

const literal = (text: string): string => `'${text.replaceAll("'", "''")}'`

const source = (schema: string, table: string): string => Identifier.quotePgTable({ schema, name: table })

const columnsOf = (plan: Plan, table: Table): ReadonlySet<string> => {
  const names = new Set(table.columns.map(({ name }) => name))
  for (const step of plan.steps) {
    if (step.step !== "do") continue
    const { operation } = step
    if (operation.op === "add column" && operation.table === table.name) names.add(operation.column.name)
    if (operation.op !== "rename column" || operation.table !== table.name) continue
    if (names.has(operation.column)) names.add(operation.to)
  }
  return names
}

const keyText = (table: Table, key: number): ReadonlyArray<string> =>
  Keys.kind(table.key).map((part) => `${literal(part.of(key))}::${part.type}`)

const keyNames = (table: Table): string => Keys.kind(table.key).map(({ name }) => Identifier.quotePg(name)).join(", ")

const isKey = (table: Table, key: number): string => `(${keyNames(table)}) = (${keyText(table, key).join(", ")})`

/** The indexes of partitions have names of PostgreSQL's choice. */
const useIndexes = (relations: ReadonlyArray<string>): string =>
  `do $$ declare statement text; begin
     for statement in select format('alter table %s replica identity using index %I', indrelid::regclass, relname)
       from pg_index join pg_class on pg_class.oid = indexrelid
       where indrelid = any (array[${
    relations.map(literal).join(", ")
  }]::regclass[]) and indisunique and not indisprimary
     loop execute statement; end loop;
   end $$;`

/** The unique index and, where the identity is kept, that it is the index. */
const uniqueIndex = (plan: Plan, table: Table, relations: ReadonlyArray<string>): string => {
  if (table.unique === "none") return ""
  const parts = Keys.kind(table.key).map(({ name }) => Identifier.quotePg(name))
  const ordered = table.unique === "beside" ? parts.toReversed() : parts
  return `create unique index on ${relations[0]} (${ordered.join(", ")});${
    plan.identity === "keep" ? `\n${useIndexes(relations)}` : ""
  }`
}

/** Columns with their types, the key's last part first: the order of a key is its index's, not the table's. */
export const createSource = (plan: Plan, schema: string): string =>
  [
    `create schema ${schema};`,
    ...plan.tables.map((table) => {
      const key = Keys.kind(table.key).toReversed().map(({ name, type }) => ({ name, type: `${type} not null` }))
      const columns = [...key, ...table.columns].map(({ name, type }) => `${Identifier.quotePg(name)} ${type}`)
      const partitioned = table.partitions === 0 ? "" : ` partition by hash (${keyNames(table)})`
      const names = Array.from({ length: table.partitions }, (_, part) => source(schema, `${table.name} ${part}`))
      const parts = names.map((name, part) =>
        `create table ${name} partition of ${source(schema, table.name)}
           for values with (modulus ${table.partitions}, remainder ${part});`
      )
      const primaryKey = table.unique === "alone" ? "" : `, primary key (${keyNames(table)})`
      const created = `create table ${source(schema, table.name)} (${columns.join(", ")}${primaryKey})${partitioned};`
      return [created, ...parts, uniqueIndex(plan, table, [source(schema, table.name), ...names])].join("\n")
    })
  ].join("\n")

/** The other columns stand in the reverse order of the source's. */
export const createTargets = (plan: Plan, database: string): ReadonlyArray<string> =>
  plan.tables.map((table) => {
    const key = Keys.kind(table.key)
    const definition = ({ name, target }: Pick<Column, "name" | "target">, suffix: string): string =>
      `${Identifier.quoteSr(name)} ${target} ${suffix}`
    const columns = [
      ...key.map((part) => definition(part, "NOT NULL")),
      ...table.columns.toReversed().map((column) => definition(column, "NULL")),
      ...AuditColumns.COLUMNS.map(({ ddl, name }) => `${Identifier.quoteSr(name)} ${ddl}`)
    ]
    const names = key.map(({ name }) => Identifier.quoteSr(name)).join(", ")
    return `CREATE TABLE ${Identifier.quoteSrTable({ schema: database, name: table.name })} (${columns.join(", ")})
      PRIMARY KEY (${names}) DISTRIBUTED BY HASH(${names}) PROPERTIES ("replication_num" = "1")`
  })

const insert = (
  plan: Plan,
  schema: string,
  table: Table,
  { conflict, rows }: Extract<Operation, { readonly op: "insert" }>
): string => {
  const known = columnsOf(plan, table)
  const columns = [...new Set(rows.flatMap(({ values }) => Object.keys(values)))].filter((name) => known.has(name))
  const tuples = rows.map(({ key, values }) =>
    `(${[...keyText(table, key), ...columns.map((name) => values[name] ?? "null")].join(", ")})`
  )
  const quoted = columns.map(Identifier.quotePg)
  const otherwise = conflict === "nothing" || columns.length === 0
    ? "nothing"
    : `update set ${quoted.map((name) => `${name} = excluded.${name}`).join(", ")}`
  return `insert into ${source(schema, table.name)} (${[keyNames(table), ...quoted].join(", ")})
    values ${tuples.join(",\n    ")} on conflict (${keyNames(table)}) do ${otherwise}`
}

const assignments = (plan: Plan, table: Table, values: Values): ReadonlyArray<string> => {
  const known = columnsOf(plan, table)
  return Object.entries(values).filter(([name]) => known.has(name)).map(([name, value]) =>
    `${Identifier.quotePg(name)} = ${value}`
  )
}

const where = (table: Table, keys: ReadonlyArray<number> | "all"): string =>
  keys === "all" ? "" : ` where (${keys.map((key) => isKey(table, key)).join(" or ")})`

const sql = (plan: Plan, schema: string, operation: Operation): string => {
  if (operation.op === "truncate") {
    const names = operation.tables.filter((name) => plan.tables.some((table) => table.name === name))
    return `truncate ${names.map((name) => source(schema, name)).join(", ")}`
  }
  const table = plan.tables.find(({ name }) => name === operation.table)
  if (table === undefined) throw new Error(`the plan has no table ${operation.table}`)
  const name = source(schema, table.name)
  switch (operation.op) {
    case "insert":
      return insert(plan, schema, table, operation)
    case "update": {
      const [first] = Keys.kind(table.key)
      const key = Identifier.quotePg(first!.name)
      const set = assignments(plan, table, operation.values)
      return `update ${name} set ${set.length > 0 ? set.join(", ") : `${key} = ${key}`}${where(table, operation.keys)}`
    }
    case "move": {
      const key = Keys.kind(table.key).map((part, index) =>
        `${Identifier.quotePg(part.name)} = ${keyText(table, operation.to)[index]}`
      )
      return `update ${name} set ${[...key, ...assignments(plan, table, operation.values)].join(", ")}
    where ${isKey(table, operation.from)} and not exists (select from ${name} where ${isKey(table, operation.to)})`
    }
    case "delete":
      return `delete from ${name}${where(table, operation.keys)}`
    case "add column": {
      const { column, fallback } = operation
      const otherwise = fallback === undefined ? "" : ` default ${fallback}`
      return `alter table ${name} add column ${Identifier.quotePg(column.name)} ${column.type}${otherwise}`
    }
    case "rename column":
    case "widen column": {
      const column = Identifier.quotePg(operation.column)
      if (!columnsOf(plan, table).has(operation.column)) return "select"
      if (operation.op === "widen column") return `alter table ${name} alter column ${column} type ${operation.type}`
      const [first] = Keys.kind(table.key)
      const key = Identifier.quotePg(first!.name)
      return `alter table ${name} rename column ${column} to ${Identifier.quotePg(operation.to)};
    update ${name} set ${key} = ${key}`
    }
    case "drop column":
      return `alter table ${name} drop column if exists ${Identifier.quotePg(operation.column)}`
  }
}

/** The number of a key that no plan touches. */
const KEY_OF_LAST = 10_000

/**
 * A row of every table after all of the plan, since columns are announced with rows, and a change of the first one that changes
 * nothing.
 */
export const last = (plan: Plan, schema: string): readonly [inserts: string, touch: string] => {
  const inserts = plan.tables.map((table) =>
    `insert into ${source(schema, table.name)} (${keyNames(table)}) values (${keyText(table, KEY_OF_LAST).join(", ")})`
  )
  const table = plan.tables[0]!
  const [first] = Keys.kind(table.key)
  const column = Identifier.quotePg(first!.name)
  return [
    inserts.join("; "),
    `update ${source(schema, table.name)} set ${column} = ${column} where ${isKey(table, KEY_OF_LAST)}`
  ]
}

/** What a session runs for this step. */
export const ofStep = (plan: Plan, schema: string, step: SessionStep): string => {
  if (step.step === "do") return sql(plan, schema, step.operation)
  if (step.step === "savepoint" || step.step === "release" || step.step === "rollback to") {
    return `${step.step} ${step.step === "rollback to" ? "savepoint " : ""}${step.name}`
  }
  return step.step
}
