/** CREATE, ALTER, DROP and TRUNCATE of databases and tables, with the privileges they need. */
import * as Effect from "effect/Effect"
import type { Catalogue } from "../catalogue/Catalogue.ts"
import type { StorageError } from "../catalogue/Storage.ts"
import type { Labels } from "../load/Labels.ts"
import type { AlterJobs } from "../schemachange/AlterJobs.ts"
import { noDatabase, notNormal, type SqlError, unknownDatabase, unknownTable, unsupported } from "../syntax/SqlError.ts"
import type { TokenCursor } from "../syntax/TokenCursor.ts"
import type { Access } from "../users/Users.ts"
import { alterTable } from "./AlterTable.ts"
import { checkTableName, createTable } from "./CreateTable.ts"
import * as TableOperation from "./TableOperation.ts"

/** What the statements work with. */
export interface Context {
  readonly catalogue: Catalogue
  readonly labels: Labels
  readonly jobs: AlterJobs
  readonly access: Access
  readonly database: () => string | undefined
  /** Called when a database is gone, so that nobody stays in it. */
  readonly left: (database: string) => void
}

type Done = Effect.Effect<void, SqlError | StorageError>

const inDatabase = (context: Context, named: string | undefined): string => {
  const database = named ?? context.database()
  if (database === undefined) throw noDatabase()
  if (!context.catalogue.hasDatabase(database)) throw unknownDatabase(database)
  return database
}

const createDatabase = (cursor: TokenCursor, context: Context): Done => {
  const ifNotExists = cursor.take("IF", "NOT", "EXISTS")
  const name = cursor.name()
  // Other servers' clients add a character set, which is always utf8 here.
  if (cursor.is("PROPERTIES")) throw unsupported("PROPERTIES of a database")
  if (!cursor.is("CHARACTER", "SET") && !cursor.is("CHARSET") && !cursor.is("DEFAULT") && !cursor.is("COLLATE")) {
    cursor.end()
  }
  context.access.need("CREATE DATABASE", { kind: "CATALOG" })
  return context.catalogue.createDatabase(name, ifNotExists)
}

const dropDatabase = (cursor: TokenCursor, context: Context): Done => {
  const ifExists = cursor.take("IF", "EXISTS")
  const name = cursor.name()
  cursor.take("FORCE")
  cursor.end()
  context.access.need("DROP", { kind: "DATABASE", database: name })
  return context.catalogue.dropDatabase(name, ifExists).pipe(Effect.tap(() => Effect.sync(() => context.left(name))))
}

const dropTable = (cursor: TokenCursor, context: Context): Done => {
  const ifExists = cursor.take("IF", "EXISTS")
  const { database, name } = cursor.qualified()
  cursor.take("FORCE")
  cursor.end()
  const found = inDatabase(context, database)
  context.access.need("DROP", { kind: "TABLE", database: found, table: name })
  return context.catalogue.dropTable(found, name, ifExists)
}

const truncate = (cursor: TokenCursor, context: Context): Done => {
  cursor.take("TABLE")
  const { database, name } = cursor.qualified()
  if (cursor.is("PARTITION")) throw unsupported("TRUNCATE of a partition")
  cursor.end()
  const found = inDatabase(context, database)
  context.access.need("DELETE", { kind: "TABLE", database: found, table: name })
  if (context.jobs.active(found, name)) throw notNormal(name)
  return context.catalogue.truncateTable(found, name)
}

/** `CREATE TABLE [IF NOT EXISTS] a LIKE b`; undefined when it is another CREATE TABLE. */
const createLike = (cursor: TokenCursor, context: Context): Done | undefined => {
  const start = cursor.at
  cursor.need("CREATE", "TABLE")
  const ifNotExists = cursor.take("IF", "NOT", "EXISTS")
  const named = cursor.qualified()
  if (!cursor.take("LIKE")) {
    cursor.at = start
    return undefined
  }
  const source = cursor.qualified()
  cursor.end()
  checkTableName(named.name)
  const database = inDatabase(context, named.database)
  const from = inDatabase(context, source.database)
  const table = context.catalogue.find(from, source.name)
  if (table === undefined) throw unknownTable(source.name)
  context.access.need("CREATE TABLE", { kind: "DATABASE", database })
  context.access.need("SELECT", { kind: "TABLE", database: from, table: source.name })
  return context.catalogue.createTable(database, { ...table, database, name: named.name, ifNotExists })
}

const create = (cursor: TokenCursor, context: Context): Done => {
  const statement = createTable(cursor)
  const database = inDatabase(context, statement.database)
  context.access.need("CREATE TABLE", { kind: "DATABASE", database })
  return context.catalogue.createTable(database, statement)
}

const alter = (cursor: TokenCursor, context: Context): Done => {
  const { access, catalogue, jobs, labels } = context
  const found = TableOperation.tableOperation(cursor)
  if (found !== undefined) {
    const database = inDatabase(context, found.database)
    access.need("ALTER", { kind: "TABLE", database, table: found.name })
    const { operation } = found
    if (operation.kind === "swap") access.need("ALTER", { kind: "TABLE", database, table: operation.other })
    if (operation.kind === "rename") access.need("CREATE TABLE", { kind: "DATABASE", database })
    const loading = (named: string, table: string): number => labels.unfinished(named, table).length
    return TableOperation.run({ catalogue, changing: jobs.active, loading }, database, found)
  }
  const columns = alterTable(cursor)
  const database = inDatabase(context, columns.database)
  access.need("ALTER", { kind: "TABLE", database, table: columns.name })
  return jobs.start(database, columns, cursor.sql, labels.unfinished(database, columns.name))
}

const cancel = (cursor: TokenCursor, context: Context): Done => {
  if (!cursor.take("ALTER", "TABLE", "COLUMN", "FROM")) {
    throw unsupported(`CANCEL ${cursor.peek()?.text.toUpperCase() ?? ""}`)
  }
  const { database, name } = cursor.qualified()
  cursor.end()
  const found = inDatabase(context, database)
  context.access.need("ALTER", { kind: "TABLE", database: found, table: name })
  return context.jobs.cancel(found, name)
}

const word = (cursor: TokenCursor): string => cursor.peek()?.text.toUpperCase() ?? ""

/** Runs a statement of this kind; undefined when it is another one. Refusals are thrown. */
export const run = (cursor: TokenCursor, context: Context): Done | undefined => {
  if (cursor.take("CREATE", "DATABASE") || cursor.take("CREATE", "SCHEMA")) return createDatabase(cursor, context)
  if (cursor.is("CREATE", "TABLE")) {
    return createLike(cursor, context) ?? create(cursor, context)
  }
  if (cursor.is("CREATE", "EXTERNAL") || cursor.is("CREATE", "TEMPORARY")) return create(cursor, context)
  if (cursor.take("CREATE")) {
    throw unsupported(`CREATE ${cursor.take("OR", "REPLACE") ? "OR REPLACE " : ""}${word(cursor)}`)
  }
  if (cursor.is("ALTER", "TABLE")) return alter(cursor, context)
  if (cursor.take("ALTER")) throw unsupported(`ALTER ${word(cursor)}`)
  if (cursor.take("DROP", "DATABASE") || cursor.take("DROP", "SCHEMA")) return dropDatabase(cursor, context)
  if (cursor.take("DROP", "TABLE")) return dropTable(cursor, context)
  if (cursor.take("DROP")) throw unsupported(`DROP ${word(cursor)}`)
  if (cursor.take("TRUNCATE")) return truncate(cursor, context)
  if (cursor.take("CANCEL")) return cancel(cursor, context)
  return undefined
}
