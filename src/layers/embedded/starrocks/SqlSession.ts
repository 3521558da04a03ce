/** The statements of one MySQL connection, with its current database and its variables. */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import type * as Scope from "effect/Scope"
import type { AlterJobs } from "./AlterJobs.ts"
import { alterTable } from "./AlterTable.ts"
import type { Catalogue } from "./Catalogue.ts"
import { createTable } from "./CreateTable.ts"
import type { Grid } from "./Grid.ts"
import type { Labels } from "./Labels.ts"
import { type Answer, columnOf, render, type Row, textColumn } from "./ResultSet.ts"
import * as Show from "./Show.ts"
import { analysis, detail, noDatabase, SqlError, syntax, unknownDatabase, unknownVariable } from "./SqlError.ts"
import { call, type Session, type Storage, type StorageError } from "./Storage.ts"
import * as TableOf from "./Table.ts"
import { literal, quoted } from "./Table.ts"
import { attempt, TokenCursor } from "./TokenCursor.ts"
import { firstWords } from "./Tokens.ts"
import * as Translate from "./Translate.ts"
import * as Variables from "./Variables.ts"

/** What sessions work with. */
export interface Parts {
  readonly storage: Storage
  readonly catalogue: Catalogue
  readonly labels: Labels
  readonly jobs: AlterJobs
  readonly host: string
  readonly ports: () => { readonly fe: number; readonly be: number; readonly mysql: number }
  readonly startedAtMs: number
}

/** A session. */
export interface SqlSession {
  /** Runs a statement. Rows are read while the scope is open. */
  readonly execute: (sql: string) => Effect.Effect<Answer, SqlError, Scope.Scope>
  readonly use: (database: string) => Effect.Effect<void, SqlError>
}

const done: Answer = { kind: "ok", affectedRows: 0 }

const gridAnswer = (grid: Grid): Answer => {
  let rest: ReadonlyArray<Row> | undefined = grid.rows
  return {
    kind: "rows",
    columns: grid.columns.map(textColumn),
    next: Effect.sync(() => {
      const rows = rest
      rest = undefined
      return rows
    })
  }
}

/** DuckDB's messages carry its own class names and a picture of the statement; the first line says enough. */
const storageMessage = (message: string): SqlError =>
  detail((message.split("\n")[0] ?? "").replace(/^(Binder|Parser|Catalog|Conversion) Error: /, ""))

/** Makes the session of a connection that is logged in. */
export const make = (parts: Parts, user: string, connectionId: number): SqlSession => {
  const { catalogue, jobs, labels, storage } = parts
  const variables = Variables.make()
  let current: string | undefined

  const inDatabase = (named: string | undefined): Effect.Effect<string, SqlError> => {
    const database = named ?? current
    if (database === undefined) return Effect.fail(noDatabase())
    return catalogue.hasDatabase(database) ? Effect.succeed(database) : Effect.fail(unknownDatabase(database))
  }

  const parsed = <A>(result: Result.Result<A, SqlError>): Effect.Effect<A, SqlError> => Effect.fromResult(result)

  const rename = (database: string): string =>
    database.toLowerCase() === "information_schema" ? "endpoint_information_schema" : TableOf.schemaOf(database)

  const open = Effect.gen(function*() {
    const session = yield* storage.session
    if (current !== undefined) yield* session.run(`set schema = ${literal(quoted(rename(current)))}`)
    return session
  })

  const context = (): Translate.Context => ({
    database: current,
    hasDatabase: catalogue.hasDatabase,
    hasTable: (database, table) => catalogue.find(database, table) !== undefined,
    variable: (name) => {
      const value = variables.get(name)
      if (value === undefined) return undefined
      return /^\d{1,18}$/.test(value) ? value : literal(value)
    },
    constants: {
      database: current === undefined ? "null" : literal(current),
      schema: current === undefined ? "null" : literal(current),
      user: literal(`'${user}'@'%'`),
      current_user: literal(`'${user}'@'%'`),
      session_user: literal(`'${user}'@'%'`),
      version: literal("8.0.33"),
      current_version: literal(Variables.currentVersion),
      connection_id: String(connectionId),
      last_query_id: literal("")
    }
  })

  const isWide = (name: string): boolean =>
    catalogue.databases().some((database) =>
      catalogue.tables(database).some((table) => TableOf.column(table, name)?.type.kind === "LARGEINT")
    )

  const query = (session: Session, sql: string): Effect.Effect<Answer, SqlError> => {
    const { connection } = session
    const { duckdb } = storage
    return call(connection, () => connection.stream(sql), storageMessage).pipe(Effect.map((result): Answer => {
      const types = result.columnTypes()
      return {
        kind: "rows",
        columns: result.columnNames().map((name, index) =>
          columnOf(duckdb, name, types[index] ?? duckdb.VARCHAR, isWide(name))
        ),
        next: call(connection, () => result.fetchChunk(), storageMessage).pipe(
          Effect.map((chunk) =>
            chunk === null || chunk.rowCount === 0
              ? undefined
              : chunk.getRows().map((row) => row.map((value) => render(duckdb, value)))
          )
        )
      }
    }))
  }

  const select = (sql: string) =>
    Effect.gen(function*() {
      const translated = yield* parsed(Translate.translate(sql, context()))
      return yield* query(yield* open, translated)
    })

  const showing = (): Show.Context => ({
    database: current,
    catalogue,
    jobs,
    variables,
    user,
    host: parts.host,
    ports: parts.ports,
    startedAtMs: parts.startedAtMs
  })

  const createDatabase = (cursor: TokenCursor) => {
    const ifNotExists = cursor.take("IF", "NOT", "EXISTS")
    const name = cursor.name()
    return catalogue.createDatabase(name, ifNotExists)
  }

  const dropped = (cursor: TokenCursor) => {
    if (cursor.take("DATABASE") || cursor.take("SCHEMA")) {
      const ifExists = cursor.take("IF", "EXISTS")
      const name = cursor.name()
      return catalogue.dropDatabase(name, ifExists).pipe(Effect.tap(() =>
        Effect.sync(() => {
          labels.dropDatabase(name)
          if (current === name) current = undefined
        })
      ))
    }
    if (!cursor.take("TABLE")) throw analysis(`DROP ${cursor.peek()?.text ?? ""} is not supported by this endpoint`)
    const ifExists = cursor.take("IF", "EXISTS")
    const { database, name } = cursor.qualified()
    return Effect.flatMap(inDatabase(database), (found) => catalogue.dropTable(found, name, ifExists))
  }

  const truncated = (cursor: TokenCursor) => {
    cursor.take("TABLE")
    const { database, name } = cursor.qualified()
    return Effect.flatMap(inDatabase(database), (found) => catalogue.truncateTable(found, name))
  }

  const constant = (cursor: TokenCursor): string => {
    const negative = cursor.take("-") ? "-" : ""
    const token = cursor.peek()
    const next = cursor.peek(1)
    const simple = token !== undefined && token.kind !== "symbol" && token.kind !== "name" &&
      (next === undefined || next.text === "," || (next.kind === "word" && next.text.toUpperCase() === "COLLATE"))
    if (!simple || (token.text.startsWith("@") && !token.text.startsWith("@@"))) {
      throw analysis("Set statement only support constant expr.")
    }
    cursor.at += 1
    if (token.text.startsWith("@@")) return variables.get(token.text) ?? ""
    const word = token.text.toUpperCase()
    if (token.kind === "word" && (word === "TRUE" || word === "ON")) return "1"
    if (token.kind === "word" && (word === "FALSE" || word === "OFF")) return "0"
    return negative + token.text
  }

  const set = (cursor: TokenCursor): void => {
    if (cursor.take("NAMES") || cursor.take("CHARACTER", "SET") || cursor.take("CHARSET")) return
    do {
      if (cursor.is("TRANSACTION") || cursor.is("SESSION", "TRANSACTION") || cursor.is("GLOBAL", "TRANSACTION")) return
      if (!cursor.take("SESSION") && !cursor.take("GLOBAL")) cursor.take("LOCAL")
      let name = cursor.name()
      while (cursor.take(".")) name += `.${cursor.name()}`
      if (!cursor.take(":=")) cursor.need("=")
      const value = constant(cursor)
      if (cursor.take("COLLATE")) cursor.name()
      if (name.startsWith("@@")) name = name.slice(2)
      if (name.startsWith("@")) variables.setUser(name.slice(1), value)
      else if (!variables.set(name, value)) throw unknownVariable(name)
    } while (cursor.take(","))
  }

  /** The effect of a statement; parsing refusals are thrown and caught by `execute`. */
  const statement = (sql: string, cursor: TokenCursor): Effect.Effect<Answer, SqlError | StorageError, Scope.Scope> => {
    if (cursor.done) return Effect.fail(syntax("the statement is empty"))
    if (cursor.is("SELECT") || cursor.is("WITH") || cursor.is("(")) return select(sql)
    if (cursor.take("SHOW")) return Effect.succeed(gridAnswer(Show.show(cursor, showing())))
    if (cursor.take("DESC") || cursor.take("DESCRIBE")) return Effect.succeed(gridAnswer(Show.desc(cursor, showing())))
    if (cursor.take("USE")) return Effect.as(use(cursor.name()), done)
    if (cursor.take("SET")) {
      set(cursor)
      return Effect.succeed(done)
    }
    if (cursor.take("CREATE", "DATABASE") || cursor.take("CREATE", "SCHEMA")) {
      return Effect.as(createDatabase(cursor), done)
    }
    if (cursor.is("CREATE", "TABLE") || cursor.is("CREATE", "EXTERNAL") || cursor.is("CREATE", "TEMPORARY")) {
      return Effect.gen(function*() {
        const create = yield* parsed(createTable(sql))
        yield* catalogue.createTable(yield* inDatabase(create.database), create)
        return done
      })
    }
    if (cursor.is("ALTER", "TABLE")) {
      return Effect.gen(function*() {
        const alter = yield* parsed(alterTable(sql))
        yield* jobs.start(yield* inDatabase(alter.database), alter, sql)
        return done
      })
    }
    if (cursor.take("DROP")) return Effect.as(dropped(cursor), done)
    if (cursor.take("TRUNCATE")) return Effect.as(truncated(cursor), done)
    // There is nothing to commit or roll back: every statement stands for itself.
    if (cursor.is("BEGIN") || cursor.is("START", "TRANSACTION") || cursor.is("COMMIT") || cursor.is("ROLLBACK")) {
      return Effect.succeed(done)
    }
    return Effect.fail(analysis(`this endpoint does not support the statement: ${firstWords(sql)}`))
  }

  const use: SqlSession["use"] = (database) =>
    Effect.suspend(() => {
      if (!catalogue.hasDatabase(database) && database.toLowerCase() !== "information_schema") {
        return Effect.fail(unknownDatabase(database))
      }
      current = database.toLowerCase() === "information_schema" ? "information_schema" : database
      return Effect.void
    })

  return {
    execute: (sql) =>
      Effect.suspend(() => Effect.flatten(parsed(attempt(sql, (cursor) => statement(sql, cursor))))).pipe(
        Effect.catchTag("StorageError", (error) => Effect.fail(storageMessage(error.message)))
      ),
    use
  }
}
