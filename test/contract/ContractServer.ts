/**
 * The server under the contract tests: an embedded StarRocks-compatible endpoint on free ports, or, when STARROCKS_URL
 * is set, the server it names (its FE; STARROCKS_BE_URL, STARROCKS_SQL_PORT, STARROCKS_USER and STARROCKS_PASS say the
 * rest). Everything goes over real HTTP and the real MySQL protocol.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import mysql from "mysql2/promise"
import * as EmbeddedStarRocks from "../../src/layers/embedded/EmbeddedStarRocks.ts"
import { make as makeFaults } from "../../src/layers/embedded/starrocks/faults/Faults.ts"
import type { Faults } from "../../src/layers/embedded/starrocks/faults/Faults.ts"
import * as TemporaryDirectory from "../support/TemporaryDirectory.ts"
import { type Exchanged, http, type Request } from "./WireHttp.ts"

/** Whether the tests run against somebody else's server, which has no switchboard for faults. */
export const external = process.env["STARROCKS_URL"] !== undefined

/** A row of a query's result. */
export type Row = Record<string, unknown>

/** A load: the request's headers beside the usual ones, and its body. */
export interface LoadOptions extends Partial<Request> {
  readonly table: string
  readonly rows?: ReadonlyArray<unknown>
}

/** What the tests use. */
export interface Shape {
  readonly host: string
  readonly fePort: number
  readonly bePort: number
  readonly mysqlPort: number
  readonly database: string
  readonly faults: Faults
  readonly authorization: string
  /** Runs a statement on a connection of its own; a refusal is a failed effect. */
  readonly sql: (statement: string) => Effect.Effect<ReadonlyArray<Row>, SqlRefusal>
  /** Creates a table of a fresh name from its columns and the rest of the statement. */
  readonly table: (columns: string, rest?: string) => Effect.Effect<string, SqlRefusal>
  /** A request to the FE or the BE. */
  readonly fe: (request: Request) => Effect.Effect<Exchanged>
  readonly be: (request: Request) => Effect.Effect<Exchanged>
  /** A JSON load, strict, straight to the BE unless the options say otherwise; the reply's object. */
  readonly load: (options: LoadOptions) => Effect.Effect<Reply>
  readonly labelState: (label: string, database?: string) => Effect.Effect<Record<string, unknown>>
}

/** A load's reply. */
export type Reply = Readonly<Record<string, string | number | undefined>>

/** A statement was refused. */
export class SqlRefusal extends Error {
  readonly _tag = "SqlRefusal"
  readonly code: number
  readonly state: string
  constructor(code: number, state: string, message: string) {
    super(message)
    this.code = code
    this.state = state
  }
}

/** Columns of table `t` of the contract's section 10. */
export const tColumns = "id BIGINT NOT NULL, name VARCHAR(10) NULL, n INT NULL, ts DATETIME NULL"

const refusal = (cause: unknown): SqlRefusal => {
  const error = cause instanceof Error ? cause : new Error(String(cause))
  const code = "errno" in error ? Number(error.errno) : 0
  return new SqlRefusal(code, "sqlState" in error ? String(error.sqlState) : "", error.message)
}

const isRow = (value: unknown): value is Row => typeof value === "object" && value !== null && !Array.isArray(value)

const parsed = (text: string): Record<string, unknown> => {
  // A connection that was reset has no answer.
  const value: unknown = text === "" ? {} : JSON.parse(text)
  return isRow(value) ? value : {}
}

const isReply = (value: Record<string, unknown>): value is Record<string, string | number> =>
  Object.values(value).every((entry) => typeof entry === "string" || typeof entry === "number")

let lastTable = 0
let lastLabel = 0

/** A label nobody used. */
export const newLabel = (): string => `contract_${process.pid}_${Date.now()}_${++lastLabel}`

interface Address {
  readonly host: string
  readonly fePort: number
  readonly bePort: number
  readonly mysqlPort: number
  readonly user: string
  readonly password: string
}

const shape = (address: Address, database: string, faults: Faults): Shape => {
  const authorization = `Basic ${Buffer.from(`${address.user}:${address.password}`).toString("base64")}`
  const connect = () =>
    mysql.createConnection({
      host: address.host,
      port: address.mysqlPort,
      user: address.user,
      password: address.password,
      dateStrings: true,
      supportBigNumbers: true,
      bigNumberStrings: true
    })
  const sql: Shape["sql"] = (statement) =>
    Effect.tryPromise({
      try: async () => {
        const connection = await connect()
        try {
          await connection.query(`use ${database}`).catch(() => undefined)
          const [rows] = await connection.query(statement)
          return Array.isArray(rows) ? [...rows].filter((row): row is Row & typeof row => isRow(row)) : []
        } finally {
          connection.destroy()
        }
      },
      catch: refusal
    })
  const request = (port: number) => (options: Request): Effect.Effect<Exchanged> =>
    Effect.promise(() => http(address.host, port, { ...options, headers: { authorization, ...options.headers } }))
  const be = request(address.bePort)
  const load: Shape["load"] = ({ rows, table, ...options }) =>
    be({
      method: "PUT",
      path: `/api/${database}/${table}/_stream_load`,
      expect: true,
      body: (rows ?? []).map((row) => typeof row === "string" ? row : JSON.stringify(row)).join("\n"),
      ...options,
      headers: { format: "json", strict_mode: "true", ...options.headers }
    }).pipe(Effect.map((exchanged) => {
      const reply = parsed(exchanged.body)
      return isReply(reply) ? reply : {}
    }))
  return {
    ...address,
    database,
    faults,
    authorization,
    sql,
    table: (columns, rest = "PRIMARY KEY (id) DISTRIBUTED BY HASH(id)") => {
      const name = `t${++lastTable}`
      const statement = `CREATE TABLE ${database}.${name} (${columns}) ${rest} PROPERTIES ("replication_num" = "1")`
      return Effect.as(sql(statement), name)
    },
    fe: request(address.fePort),
    be,
    load,
    labelState: (label, other = database) =>
      request(address.fePort)({ method: "GET", path: `/api/${other}/get_load_state?label=${label}` }).pipe(
        Effect.map((exchanged) => parsed(exchanged.body))
      )
  }
}

const embedded = Effect.gen(function*() {
  const dataDir = yield* TemporaryDirectory.make("contract")
  const services = yield* Layer.build(EmbeddedStarRocks.layer({ dataDir, database: "d" }))
  const endpoint = Context.get(services, EmbeddedStarRocks.EmbeddedStarRocks)
  return shape({ ...endpoint, user: "root", password: "" }, "d", endpoint.faults)
})

const named = Effect.gen(function*() {
  const fe = new URL(process.env["STARROCKS_URL"] ?? "")
  const be = new URL(process.env["STARROCKS_BE_URL"] ?? `http://${fe.hostname}:8040`)
  const address: Address = {
    host: fe.hostname,
    fePort: Number(fe.port === "" ? "8030" : fe.port),
    bePort: Number(be.port),
    mysqlPort: Number(process.env["STARROCKS_SQL_PORT"] ?? "9030"),
    user: process.env["STARROCKS_USER"] ?? "root",
    password: process.env["STARROCKS_PASS"] ?? ""
  }
  const database = `dbmazz_contract_${process.pid}`
  const server = shape(address, database, makeFaults())
  yield* Effect.acquireRelease(
    server.sql(`CREATE DATABASE ${database}`),
    () => Effect.ignore(server.sql(`DROP DATABASE ${database}`))
  )
  return server
})

/** The server as a service; its layer lives as long as the tests of a file. */
export class ContractServer extends Context.Service<ContractServer, Shape>()("dbmazz/test/ContractServer") {
  static readonly layer = Layer.effect(ContractServer, external ? Effect.orDie(named) : Effect.orDie(embedded))
}

/** Loads one value, given as JSON text, into column `v` of a fresh table; the stored text, or the reply's status. */
export const stored = (server: Shape, type: string, value: string, options: Partial<LoadOptions> = {}) =>
  Effect.gen(function*() {
    const table = yield* server.table(`id BIGINT NOT NULL, v ${type} NULL`)
    const reply = yield* server.load({ table, body: `{"id":1,"v":${value}}`, ...options })
    if (reply["Status"] !== "Success") return String(reply["Status"])
    const [row] = yield* server.sql(`SELECT v FROM ${table}`)
    const found = row?.["v"]
    return typeof found === "number" ? String(found) : typeof found === "string" ? found : null
  })
