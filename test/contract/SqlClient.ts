/** Connections of any user to the server under test, for what a connection of its own per statement cannot show. */
import * as Effect from "effect/Effect"
import mysql from "mysql2/promise"
import { type Row, type Shape, SqlRefusal } from "./ContractServer.ts"

/** Who connects. */
export interface Login {
  readonly user: string
  readonly password?: string
  readonly database?: string
}

/** A connection. */
export interface SqlClient {
  readonly query: (statement: string) => Effect.Effect<ReadonlyArray<Row>, SqlRefusal>
  /** Prepares and executes over the binary protocol. */
  readonly execute: (
    statement: string,
    values: ReadonlyArray<mysql.ExecuteValues>
  ) => Effect.Effect<ReadonlyArray<Row>, SqlRefusal>
  readonly connection: mysql.Connection
}

/** What a client heard when it was refused. */
const refusal = (cause: unknown): SqlRefusal => {
  const error = cause instanceof Error ? cause : new Error(String(cause))
  const code = "errno" in error ? Number(error.errno) : 0
  return new SqlRefusal(code, "sqlState" in error ? String(error.sqlState) : "", error.message)
}

const isRow = (value: unknown): value is Row => typeof value === "object" && value !== null && !Array.isArray(value)

const rowsOf = (rows: unknown): ReadonlyArray<Row> => Array.isArray(rows) ? rows.filter(isRow) : []

/** Where a server listens. */
export type Address = Pick<Shape, "host" | "mysqlPort">

/** Connects; the connection closes with the scope. */
export const connect = (server: Address, login: Login) =>
  Effect.acquireRelease(
    Effect.tryPromise({
      try: () =>
        mysql.createConnection({
          host: server.host,
          port: server.mysqlPort,
          user: login.user,
          ...(login.password === undefined ? {} : { password: login.password }),
          ...(login.database === undefined ? {} : { database: login.database }),
          dateStrings: true,
          supportBigNumbers: true,
          bigNumberStrings: true
        }),
      catch: refusal
    }),
    (connection) => Effect.sync(() => connection.destroy())
  ).pipe(Effect.map((connection): SqlClient => ({
    connection,
    query: (statement) =>
      Effect.tryPromise({ try: () => connection.query(statement).then(([rows]) => rowsOf(rows)), catch: refusal }),
    execute: (statement, values) =>
      Effect.tryPromise({
        try: () => connection.execute(statement, [...values]).then(([rows]) => rowsOf(rows)),
        catch: refusal
      })
  })))

/** The user and password the tests themselves log in with. */
export const administrator: Login = {
  user: process.env["STARROCKS_USER"] ?? "root",
  password: process.env["STARROCKS_PASS"] ?? ""
}
