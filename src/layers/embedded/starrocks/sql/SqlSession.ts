/** The statements of one MySQL connection, with its current database and its variables. */
import * as Effect from "effect/Effect"
import type * as Result from "effect/Result"
import type * as Scope from "effect/Scope"
import type { Catalogue } from "../catalogue/Catalogue.ts"
import * as InformationSchema from "../catalogue/InformationSchema.ts"
import type { Storage, StorageError } from "../catalogue/Storage.ts"
import * as TableOf from "../catalogue/Table.ts"
import { literal, quoted } from "../catalogue/Table.ts"
import type { Labels } from "../load/Labels.ts"
import type { LoadEngine } from "../load/LoadEngine.ts"
import type { AlterJobs } from "../schemachange/AlterJobs.ts"
import { withLiteral } from "../syntax/Placeholders.ts"
import {
  accessDenied,
  analysis,
  SqlError,
  syntax,
  unknownDatabase,
  unprepared,
  unsupported
} from "../syntax/SqlError.ts"
import { attempt, type TokenCursor } from "../syntax/TokenCursor.ts"
import { firstWords } from "../syntax/Tokens.ts"
import type { ColumnDefinition } from "../wire/MysqlPackets.ts"
import * as DdlStatements from "./DdlStatements.ts"
import type { Grid } from "./Grid.ts"
import * as InsertStatement from "./InsertStatement.ts"
import * as QueryRunner from "./QueryRunner.ts"
import type * as References from "./References.ts"
import * as RefusedStatements from "./RefusedStatements.ts"
import { type Answer, type Row, textColumn } from "./ResultSet.ts"
import type { SessionOwner } from "./SessionOwner.ts"
import * as SessionReferences from "./SessionReferences.ts"
import * as SetStatement from "./SetStatement.ts"
import * as Show from "./Show.ts"
import { frontendConfig } from "./ShowSystem.ts"
import * as ShowTables from "./ShowTables.ts"
import { type ItemLabel, itemLabels } from "./Spans.ts"
import * as Translate from "./Translate.ts"
import * as UserStatements from "./UserStatements.ts"
import * as Variables from "./Variables.ts"

/** What sessions work with. */
export interface Needs {
  readonly storage: Storage
  readonly catalogue: Catalogue
  readonly labels: Labels
  readonly jobs: AlterJobs
  readonly engine: LoadEngine
  readonly host: string
  readonly ports: () => { readonly fe: number; readonly be: number; readonly mysql: number }
  readonly startedAtMs: number
}

/** A session. */
export interface SqlSession {
  /** Runs a statement. Rows are read while the scope is open. */
  readonly execute: (sql: string) => Effect.Effect<Answer, SqlError, Scope.Scope>
  /** Checks a statement that will be executed with parameters, and tells its columns. */
  readonly prepare: (sql: string) => Effect.Effect<ReadonlyArray<ColumnDefinition>, SqlError, Scope.Scope>
  readonly use: (database: string) => Effect.Effect<void, SqlError>
  readonly database: () => string | undefined
  /** Milliseconds of silence after which the connection ends: the session's wait_timeout. */
  readonly idleMs: () => number
}

const done: Answer = { kind: "ok", affectedRows: 0 }

/** Seconds of the longest wait_timeout. */
const waitSecondsMax = 31_536_000
/** Seconds of silence when wait_timeout says nothing usable. */
const waitSecondsDefault = 28_800

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

/** Makes the session of a connection that is logged in. */
export const make = (needs: Needs, owner: SessionOwner): SqlSession => {
  const { catalogue, storage } = needs
  const variables = Variables.make()
  const access = owner.users.access(owner.user, owner.address)
  let current: string | undefined

  const parsed = <A>(result: Result.Result<A, SqlError>): Effect.Effect<A, SqlError> => Effect.fromResult(result)

  const schemaOf = (database: string): string =>
    InformationSchema.is(database) ? InformationSchema.schema : TableOf.schemaOf(database)

  const open = Effect.gen(function*() {
    const session = yield* storage.session
    if (current !== undefined) yield* session.run(`set schema = ${literal(quoted(schemaOf(current)))}`)
    return session
  })

  const context = (): References.Context =>
    SessionReferences.make({ catalogue, owner, access, variables, database: current })

  const select = (sql: string, cursor: TokenCursor) =>
    Effect.gen(function*() {
      const translated = yield* parsed(Translate.translate(sql, context()))
      return yield* QueryRunner.run(needs, yield* open, translated, itemLabels(cursor.list))
    })

  const users = (): UserStatements.Context => ({
    accounts: catalogue.accounts,
    users: owner.users,
    access,
    database: current
  })

  const showing = (): Show.Context => ({
    ...needs,
    database: current,
    variables,
    access,
    users: users(),
    connections: owner.connections
  })

  const use: SqlSession["use"] = (database) =>
    Effect.suspend(() => {
      const name = database.replace(/^default_catalog\./, "")
      if (InformationSchema.is(name)) {
        current = InformationSchema.name
        return Effect.void
      }
      if (!catalogue.hasDatabase(name)) return Effect.fail(unknownDatabase(name))
      if (!access.sees({ kind: "DATABASE", database: name })) {
        return Effect.fail(accessDenied("ANY", `DATABASE ${name}`))
      }
      current = name
      return Effect.void
    })

  const ddl: DdlStatements.Context = {
    ...needs,
    access,
    database: () => current,
    left: (database) => {
      if (current === database) current = undefined
    }
  }

  /** The effect of a statement; parsing refusals are thrown and caught by `execute`. */
  const statement = (sql: string, cursor: TokenCursor): Effect.Effect<Answer, SqlError | StorageError, Scope.Scope> => {
    if (cursor.done) return Effect.fail(syntax("the statement is empty"))
    if (cursor.list.some((token) => token.kind === "symbol" && token.text === ";")) {
      return Effect.fail(unsupported("a packet with several statements"))
    }
    if (cursor.is("SELECT") || cursor.is("WITH") || cursor.is("(")) return select(sql, cursor)
    const aboutUsers = UserStatements.run(cursor, users())
    if (aboutUsers !== undefined) return Effect.as(aboutUsers, done)
    if (cursor.is("ADMIN", "SHOW", "FRONTEND", "CONFIG")) {
      access.need("OPERATE", { kind: "SYSTEM" })
      cursor.need("ADMIN", "SHOW", "FRONTEND", "CONFIG")
      return Effect.succeed(gridAnswer(frontendConfig(cursor)))
    }
    if (cursor.take("SHOW")) return Effect.succeed(gridAnswer(Show.show(cursor, showing())))
    if (cursor.take("DESC") || cursor.take("DESCRIBE")) {
      return Effect.succeed(gridAnswer(ShowTables.desc(cursor, showing())))
    }
    if (cursor.take("USE")) {
      const { database, name } = cursor.qualified()
      cursor.end()
      return Effect.as(use(database === undefined ? name : `${database}.${name}`), done)
    }
    if (cursor.take("SET")) {
      SetStatement.run(cursor, variables)
      return Effect.succeed(done)
    }
    if (cursor.is("INSERT")) {
      const insert = { catalogue, engine: needs.engine, access, database: () => current, references: context, open }
      return Effect.map(InsertStatement.run(cursor, insert), (affectedRows) => ({ kind: "ok", affectedRows }))
    }
    const change = DdlStatements.run(cursor, ddl)
    if (change !== undefined) return Effect.as(change, done)
    // There is nothing to commit or roll back: every statement stands for itself.
    if (cursor.is("BEGIN") || cursor.is("START", "TRANSACTION") || cursor.is("COMMIT") || cursor.is("ROLLBACK")) {
      return Effect.succeed(done)
    }
    const refused = RefusedStatements.find(cursor)
    if (refused !== undefined) throw unsupported(refused)
    return Effect.fail(analysis(`this endpoint does not support the statement: ${firstWords(sql)}`))
  }

  const columnsOf = (sql: string, labels: ReadonlyArray<ItemLabel> | undefined) =>
    Effect.gen(function*() {
      const translated = yield* parsed(Translate.translate(sql, context()))
      return yield* QueryRunner.columns(needs, yield* open, translated, labels)
    })

  const prepare: SqlSession["prepare"] = (sql) =>
    Effect.suspend(() =>
      Effect.flatten(parsed(attempt(sql, (cursor) => {
        if (!cursor.is("SELECT") && !cursor.is("WITH") && !cursor.is("(")) throw unprepared()
        const labels = itemLabels(cursor.list)
        // DuckDB wants the types of some parameters; where it cannot guess them a value in their place tells.
        const guessed = (literal: string) => {
          const guess = withLiteral(sql, literal)
          return guess === undefined ? Effect.fail(unprepared()) : columnsOf(guess, labels)
        }
        return columnsOf(sql, labels).pipe(Effect.catch((error) =>
          guessed("NULL").pipe(
            Effect.catch(() => guessed("1")),
            Effect.mapError(() => error)
          )
        ))
      })))
    ).pipe(Effect.catchTag("StorageError", (error) => Effect.fail(QueryRunner.storageMessage(error.message))))

  return {
    execute: (sql) =>
      Effect.suspend(() => Effect.flatten(parsed(attempt(sql, (cursor) => statement(sql, cursor))))).pipe(
        Effect.catchTag("StorageError", (error) => Effect.fail(QueryRunner.storageMessage(error.message)))
      ),
    prepare,
    use,
    database: () => current,
    idleMs: () => {
      const written = Number(variables.get("@@wait_timeout"))
      const seconds = Number.isInteger(written) && written > 0 ? written : waitSecondsDefault
      return Math.min(seconds, waitSecondsMax) * 1000
    }
  }
}
