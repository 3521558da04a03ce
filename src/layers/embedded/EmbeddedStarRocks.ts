/**
 * The embedded StarRocks-compatible endpoint: an FE port, a BE port and a MySQL port in this process, with the rows in
 * a DuckDB file. It is not StarRocks; docs/embedded-starrocks.md says what it answers and what it does not.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as FiberSet from "effect/FiberSet"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"
import * as Catalogue from "./starrocks/catalogue/Catalogue.ts"
import * as Storage from "./starrocks/catalogue/Storage.ts"
import { EmbeddedStartError } from "./starrocks/EmbeddedStartError.ts"
import * as Admin from "./starrocks/faults/Admin.ts"
import * as Faults from "./starrocks/faults/Faults.ts"
import * as BackEnd from "./starrocks/http/BackEnd.ts"
import * as FrontEnd from "./starrocks/http/FrontEnd.ts"
import { listen } from "./starrocks/http/Listening.ts"
import * as ErrorLog from "./starrocks/load/ErrorLog.ts"
import * as Labels from "./starrocks/load/Labels.ts"
import * as LoadEngine from "./starrocks/load/LoadEngine.ts"
import * as MysqlServer from "./starrocks/mysql/MysqlServer.ts"
import * as AlterJobs from "./starrocks/schemachange/AlterJobs.ts"
import { macros } from "./starrocks/sql/Macros.ts"
import * as PreparedStore from "./starrocks/transactions/PreparedStore.ts"
import * as PreparedTransactions from "./starrocks/transactions/PreparedTransactions.ts"
import * as TransactionFrontEnd from "./starrocks/transactions/TransactionFrontEnd.ts"
import * as Transactions from "./starrocks/transactions/Transactions.ts"
import * as Users from "./starrocks/users/Users.ts"

export { EmbeddedStartError } from "./starrocks/EmbeddedStartError.ts"

/** How to start an endpoint. A port of 0, the default, is a free one. */
export interface Options {
  readonly fePort?: number | undefined
  readonly bePort?: number | undefined
  readonly mysqlPort?: number | undefined
  /** Port of the switchboard for faults, always on 127.0.0.1; none is opened when absent. */
  readonly adminPort?: number | undefined
  /** The directory of the DuckDB file; created when missing, read again at the next start. */
  readonly dataDir: string
  readonly user?: string | undefined
  readonly password?: Redacted.Redacted | undefined
  /** A database to create when it does not exist. */
  readonly database?: string | undefined
  readonly host?: "127.0.0.1" | undefined
  /** Bytes of the largest load body, streaming_load_max_mb; StarRocks' default, 100 GB, when absent. */
  readonly bodyBytesMax?: number | undefined
}

/** A running endpoint. */
export interface Endpoint {
  readonly host: string
  readonly fePort: number
  /** HTTP port of a second FE, which always leads: where the first one sends requests while it is a follower. */
  readonly leaderPort: number
  readonly bePort: number
  readonly mysqlPort: number
  /** Undefined when no admin port was asked for. */
  readonly adminPort: number | undefined
  readonly faults: Faults.Faults
}

const asStartError = (error: { readonly message: string }): EmbeddedStartError =>
  error instanceof EmbeddedStartError ? error : new EmbeddedStartError({
    message: `the endpoint's data cannot be prepared: ${error.message}`,
    remediation: "use an empty data directory",
    cause: error
  })

/** Starts an endpoint; it stops, in bounded time, when the scope closes. */
export const make = (options: Options): Effect.Effect<Endpoint, EmbeddedStartError, Scope.Scope> =>
  Effect.gen(function*() {
    const host = options.host ?? "127.0.0.1"
    const ports = { fe: 0, leader: 0, be: 0, mysql: 0 }
    const faults = Faults.make()
    const storage = yield* Storage.open(options.dataDir)
    // Requests end before the file closes: finalizers run in reverse.
    const run = yield* FiberSet.makeRuntime<never>()
    const inBackground = (effect: Effect.Effect<void>): void => {
      run(effect)
    }
    yield* storage.write((session) =>
      Effect.forEach(
        ["set global timezone = 'UTC'", "set global ieee_floating_point_ops = false", ...macros],
        (statement) => session.run(statement),
        {
          discard: true
        }
      )
    )
    const catalogue = yield* Catalogue.make(storage)
    const users = Users.make(catalogue, options.user ?? "root", options.password ?? Redacted.make(""))
    const labels = yield* Labels.make(storage)
    const jobs = yield* AlterJobs.make({ storage, catalogue, faults, run: inBackground })
    if (options.database !== undefined) yield* catalogue.createDatabase(options.database, true)
    const store = yield* PreparedStore.make(storage, catalogue, labels)
    for (const dependent of [labels, jobs, store]) catalogue.onDrop(dependent)
    const errorLogs = ErrorLog.make()
    const engine = LoadEngine.make({
      storage,
      catalogue,
      labels,
      faults,
      errorLogs,
      errorLogUrl: (file) => `http://${host}:${ports.be}/api/_load_error_log?file=${file}`
    })
    const bodyBytesMax = options.bodyBytesMax ?? BackEnd.bodyBytesMaxDefault
    const prepared = PreparedTransactions.make(storage, engine, store)
    const transactions = Transactions.make({ storage, labels, engine, store, prepared, faults, bodyBytesMax })
    inBackground(transactions.cleaner)
    jobs.resume(labels)
    const backend = BackEnd.make({
      storage,
      engine,
      transactions,
      errorLogs,
      faults,
      users,
      bodyBytesMax,
      run: inBackground
    })
    ports.be = yield* listen(backend, "BE HTTP", host, options.bePort ?? 0)
    const front = {
      catalogue,
      labels,
      engine,
      transactions,
      prepared,
      coordinated: TransactionFrontEnd.coordinated(),
      faults,
      users,
      backend: () => `${host}:${ports.be}`,
      run: inBackground
    }
    ports.leader = yield* listen(FrontEnd.make({ ...front, leader: undefined }), "leader FE HTTP", host, 0)
    const frontend = FrontEnd.make({ ...front, leader: () => `${host}:${ports.leader}` })
    ports.fe = yield* listen(frontend, "FE HTTP", host, options.fePort ?? 0)
    const sessions = { storage, catalogue, labels, jobs, engine, host, ports: () => ports, startedAtMs: Date.now() }
    const mysql = MysqlServer.make({ sessions, faults, users, run: inBackground })
    ports.mysql = yield* listen(mysql, "MySQL", host, options.mysqlPort ?? 0)
    const adminPort = options.adminPort === undefined
      ? undefined
      : yield* listen(Admin.make(faults), "admin HTTP", Admin.adminHost, options.adminPort)
    return {
      host,
      fePort: ports.fe,
      leaderPort: ports.leader,
      bePort: ports.be,
      mysqlPort: ports.mysql,
      adminPort,
      faults
    }
  }).pipe(Effect.mapError(asStartError))

/** The endpoint as a service. */
export class EmbeddedStarRocks extends Context.Service<EmbeddedStarRocks, Endpoint>()(
  "dbmazz/layers/embedded/EmbeddedStarRocks"
) {}

/** An endpoint that lives as long as the layer. */
export const layer = (options: Options): Layer.Layer<EmbeddedStarRocks, EmbeddedStartError> =>
  Layer.effect(EmbeddedStarRocks, make(options))
