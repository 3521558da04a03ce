/** Databases and tables: what exists, in memory for every request and in the DuckDB file for the next start. */
import * as Effect from "effect/Effect"
import type { CreateTable } from "../sql/CreateTable.ts"
import {
  databaseExists,
  detail,
  type SqlError,
  tableExists,
  unknownDatabase,
  unknownTable
} from "../syntax/SqlError.ts"
import * as Accounts from "../users/Accounts.ts"
import * as InformationSchema from "./InformationSchema.ts"
import type { Session, Storage, StorageError } from "./Storage.ts"
import { type Check, storedColumn } from "./StoredColumn.ts"
import * as TableOf from "./Table.ts"
import { literal, quoted, type Table } from "./Table.ts"
import * as TableDefinition from "./TableDefinition.ts"

/** The DuckDB schema of the endpoint's own tables. */
export const schema = "endpoint_catalogue"

type Refusal = SqlError | StorageError

/** Who keeps something about databases beside the catalogue, and has to let go of it when one is dropped. */
export interface Dependent {
  /** Takes a database's rows out of the file; part of the transaction that drops the database. */
  readonly dropRows: (session: Session, database: string) => Effect.Effect<void, StorageError>
  /** Forgets the database in memory, when that transaction is committed. */
  readonly dropDatabase: (database: string) => void
}

/** The catalogue. Names of databases and tables are case-sensitive. */
export interface Catalogue {
  /** The users beside the first one. */
  readonly accounts: Accounts.Accounts
  readonly databases: () => ReadonlyArray<string>
  readonly hasDatabase: (name: string) => boolean
  readonly tables: (database: string) => ReadonlyArray<Table>
  readonly find: (database: string, name: string) => Table | undefined
  readonly createDatabase: (name: string, ifNotExists: boolean) => Effect.Effect<void, Refusal>
  /** Drops a database with its tables, its labels and everything else that is kept about it. */
  readonly dropDatabase: (name: string, ifExists: boolean) => Effect.Effect<void, Refusal>
  /** Lets somebody be part of every DROP DATABASE from now on. */
  readonly onDrop: (dependent: Dependent) => void
  readonly createTable: (database: string, create: CreateTable) => Effect.Effect<void, Refusal>
  readonly dropTable: (database: string, name: string, ifExists: boolean) => Effect.Effect<void, Refusal>
  readonly truncateTable: (database: string, name: string) => Effect.Effect<void, Refusal>
  /**
   * Replaces a table's definition after running the statements that change its storage, all in one transaction. A check
   * that finds a row ends it with the check's message before anything is changed.
   */
  readonly changeTable: (
    next: Table,
    statements: ReadonlyArray<string>,
    checks?: ReadonlyArray<Check>
  ) => Effect.Effect<void, Refusal>
  /** Gives a table another name in its database. */
  readonly renameTable: (database: string, from: string, to: string) => Effect.Effect<void, Refusal>
  /** Lets two tables of a database change their names, at once for every reader. */
  readonly swapTables: (database: string, left: string, right: string) => Effect.Effect<void, Refusal>
}

const databaseName = /^[A-Za-z_]\w{0,255}$/

const differsByCase = (name: string, other: string): SqlError =>
  detail(`this endpoint cannot hold '${name}' beside '${other}': its storage ignores case`)

const runAll = (session: Session, statements: ReadonlyArray<string>): Effect.Effect<void, StorageError> =>
  Effect.forEach(statements, (statement) => session.run(statement), { discard: true })

const setup: ReadonlyArray<string> = [
  `create schema if not exists ${schema}`,
  `create table if not exists ${schema}.databases (name varchar)`,
  `create table if not exists ${schema}.tables (id bigint, database varchar, name varchar, definition varchar)`,
  ...InformationSchema.create
]

const writeDefinition = (session: Session, table: Table): Effect.Effect<void, StorageError> =>
  session.run(`insert into ${schema}.tables values ($1::bigint, $2, $3, $4)`, [
    String(table.id),
    table.database,
    table.name,
    TableDefinition.written(table)
  ]).pipe(Effect.andThen(runAll(session, InformationSchema.describe(table))))

const removeDefinition = (session: Session, database: string, name: string): Effect.Effect<void, StorageError> =>
  session.run(`delete from ${schema}.tables where database = $1 and name = $2`, [database, name]).pipe(
    Effect.andThen(runAll(session, InformationSchema.forget(database, name)))
  )

/** Reads the catalogue from the file, or creates an empty one. */
export const make = Effect.fnUntraced(function*(storage: Storage) {
  const known = new Map<string, Map<string, Table>>()
  const dependents: Array<Dependent> = []
  let lastId = 10_000
  yield* storage.write((session) =>
    Effect.gen(function*() {
      yield* runAll(session, setup)
      for (const [name] of yield* session.run(`select name from ${schema}.databases`)) {
        known.set(String(name), new Map())
      }
      for (const [definition] of yield* session.run(`select definition from ${schema}.tables`)) {
        const table = yield* TableDefinition.read(String(definition))
        known.get(table.database)?.set(table.name, table)
        lastId = Math.max(lastId, table.id)
      }
    })
  )

  const accounts = yield* Accounts.make(storage, schema)

  const existing = (database: string, name: string): Effect.Effect<Table, SqlError> => {
    const tables = known.get(database)
    if (tables === undefined) return Effect.fail(unknownDatabase(database))
    const table = tables.get(name)
    return table === undefined ? Effect.fail(unknownTable(name)) : Effect.succeed(table)
  }

  const free = (database: string, name: string): Effect.Effect<void, SqlError> => {
    const tables = known.get(database)
    if (tables?.has(name) === true) return Effect.fail(tableExists(name))
    for (const other of tables?.keys() ?? []) {
      if (other.toLowerCase() !== name.toLowerCase()) continue
      return Effect.fail(differsByCase(name, other))
    }
    return Effect.void
  }

  const createDatabase: Catalogue["createDatabase"] = (name, ifNotExists) =>
    Effect.gen(function*() {
      if (!databaseName.test(name)) return yield* detail(`Incorrect database name '${name}'`)
      if (known.has(name) && ifNotExists) return
      if (known.has(name)) return yield* databaseExists(name)
      for (const other of known.keys()) {
        if (other.toLowerCase() === name.toLowerCase()) {
          return yield* differsByCase(name, other)
        }
      }
      yield* storage.write((session) =>
        runAll(session, [
          `create schema ${quoted(TableOf.schemaOf(name))}`,
          `insert into ${schema}.databases values (${literal(name)})`,
          InformationSchema.describeDatabase(name)
        ]), () => known.set(name, new Map()))
    })

  const dropDatabase: Catalogue["dropDatabase"] = (name, ifExists) =>
    Effect.gen(function*() {
      if (!known.has(name) && ifExists) return
      if (!known.has(name)) return yield* unknownDatabase(name)
      yield* storage.write(
        (session) =>
          runAll(session, [
            `drop schema ${quoted(TableOf.schemaOf(name))} cascade`,
            `delete from ${schema}.databases where name = ${literal(name)}`,
            `delete from ${schema}.tables where database = ${literal(name)}`,
            ...InformationSchema.forgetDatabase(name)
          ]).pipe(
            Effect.andThen(Effect.forEach(dependents, (each) => each.dropRows(session, name), { discard: true }))
          ),
        () => {
          known.delete(name)
          for (const each of dependents) each.dropDatabase(name)
        }
      )
      yield* accounts.forget(name)
    })

  const createTable: Catalogue["createTable"] = (database, create) =>
    Effect.gen(function*() {
      const tables = known.get(database)
      if (tables === undefined) return yield* unknownDatabase(database)
      if (tables.has(create.name) && create.ifNotExists) return
      yield* free(database, create.name)
      const table: Table = { ...create, database, id: ++lastId, createdAtMs: Date.now() }
      const columns = table.columns.map(storedColumn).join(", ")
      yield* storage.write((session) =>
        session.run(`create table ${TableOf.physical(database, table.name)} (${columns})`).pipe(
          Effect.andThen(writeDefinition(session, table))
        ), () =>
        tables.set(table.name, table))
    })

  const dropTable: Catalogue["dropTable"] = (database, name, ifExists) =>
    Effect.gen(function*() {
      if (ifExists && known.get(database)?.has(name) !== true) return
      yield* existing(database, name)
      yield* storage.write((session) =>
        session.run(`drop table ${TableOf.physical(database, name)}`).pipe(
          Effect.andThen(removeDefinition(session, database, name))
        ), () => known.get(database)?.delete(name))
      yield* accounts.forget(database, name)
    })

  const truncateTable: Catalogue["truncateTable"] = (database, name) =>
    existing(database, name).pipe(
      Effect.andThen(storage.write((session) => session.run(`truncate ${TableOf.physical(database, name)}`))),
      Effect.asVoid
    )

  const changeTable: Catalogue["changeTable"] = (next, statements, checks = []) =>
    Effect.gen(function*() {
      yield* existing(next.database, next.name)
      yield* storage.write((session) =>
        Effect.gen(function*() {
          for (const check of checks) {
            if ((yield* session.run(check.sql)).length > 0) return yield* detail(check.message)
          }
          yield* runAll(session, statements)
          yield* removeDefinition(session, next.database, next.name)
          yield* writeDefinition(session, next)
        }), () => known.get(next.database)?.set(next.name, next))
    })

  const renamed = (table: Table, to: string): string =>
    `alter table ${TableOf.physical(table.database, table.name)} rename to ${quoted(to)}`

  const renameTable: Catalogue["renameTable"] = (database, from, to) =>
    Effect.gen(function*() {
      const table = yield* existing(database, from)
      yield* free(database, to)
      const next = { ...table, name: to }
      yield* storage.write(
        (session) =>
          session.run(renamed(table, to)).pipe(
            Effect.andThen(removeDefinition(session, database, from)),
            Effect.andThen(writeDefinition(session, next))
          ),
        () => {
          known.get(database)?.delete(from)
          known.get(database)?.set(to, next)
        }
      )
      yield* accounts.rename(database, from, to)
    })

  const swapTables: Catalogue["swapTables"] = (database, left, right) =>
    Effect.gen(function*() {
      const first = yield* existing(database, left)
      const second = yield* existing(database, right)
      if (first.id === second.id) return yield* detail(`cannot swap table ${left} with itself`)
      const aside = { ...first, name: `${left}#swapped` }
      yield* storage.write(
        (session) =>
          runAll(session, [renamed(first, aside.name), renamed(second, left), renamed(aside, right)]).pipe(
            Effect.andThen(removeDefinition(session, database, left)),
            Effect.andThen(removeDefinition(session, database, right)),
            Effect.andThen(writeDefinition(session, { ...first, name: right })),
            Effect.andThen(writeDefinition(session, { ...second, name: left }))
          ),
        () => {
          known.get(database)?.set(left, { ...second, name: left })
          known.get(database)?.set(right, { ...first, name: right })
        }
      )
    })

  const catalogue: Catalogue = {
    accounts,
    databases: () => [...known.keys()].sort(),
    hasDatabase: (name) => known.has(name),
    tables: (database) => [...(known.get(database)?.values() ?? [])],
    find: (database, name) => known.get(database)?.get(name),
    createDatabase,
    dropDatabase,
    onDrop: (dependent) => {
      dependents.push(dependent)
    },
    createTable,
    dropTable,
    truncateTable,
    changeTable,
    renameTable,
    swapTables
  }
  return catalogue
})
