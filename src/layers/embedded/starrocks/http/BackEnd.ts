/** The BE's HTTP port: it takes loads. Whatever happens to a load, the answer is HTTP 200; the body tells. */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import type * as Http from "node:http"
import type { Storage } from "../catalogue/Storage.ts"
import type { Faults, TableOf } from "../faults/Faults.ts"
import type { ErrorLogs } from "../load/ErrorLog.ts"
import { LoadAbandoned, type LoadEngine, LoadRefused, refuse, storageRefusal } from "../load/LoadEngine.ts"
import * as LoadFaults from "../load/LoadFaults.ts"
import * as LoadHeaders from "../load/LoadHeaders.ts"
import * as LoadReply from "../load/LoadReply.ts"
import * as TransactionBackEnd from "../transactions/TransactionBackEnd.ts"
import type { Transactions } from "../transactions/Transactions.ts"
import type { Users } from "../users/Users.ts"
import { drain, type Exchange, reset, send, sendReply, server, target } from "./HttpReply.ts"
import * as RequestBody from "./RequestBody.ts"

/** What the back end works with. */
export interface Parts {
  readonly storage: Storage
  readonly engine: LoadEngine
  readonly transactions: Transactions
  readonly errorLogs: ErrorLogs
  readonly faults: Faults
  readonly users: Users
  /** Bytes of the largest body, however it is framed: streaming_load_max_mb. */
  readonly bodyBytesMax: number
  /** Runs a request's effect; it is interrupted when the endpoint closes. */
  readonly run: (effect: Effect.Effect<void>) => void
}

/** Bytes of the largest body when nobody says otherwise: streaming_load_max_mb is 102400. */
export const bodyBytesMaxDefault = 102_400 * 1024 * 1024

const checked = <A>(result: Result.Result<A, string>): Effect.Effect<A, LoadRefused> =>
  Result.isSuccess(result) ? Effect.succeed(result.success) : Effect.fail(refuse(result.failure))

const publishTimeout = "transaction commit successfully, BUT data will be visible later"

/** The headers checked before the transaction begins, in the server's order. */
const headerPhase = Effect.fnUntraced(function*(parts: Parts, exchange: Exchange, table: TableOf) {
  const { request } = exchange
  const given = LoadHeaders.credentials(request.headers)
  if (given === undefined) return yield* refuse("no valid Basic authorization")
  const early = yield* checked(LoadHeaders.early(request.headers))
  const length = Number(request.headers["content-length"] ?? 0)
  if (length > parts.bodyBytesMax) return yield* refuse(RequestBody.tooLarge(length, parts.bodyBytesMax))
  if (parts.faults.strikes("be-shutdown", table)) return yield* refuse(LoadFaults.shuttingDown)
  return { early, given }
})

const load = Effect.fnUntraced(function*(
  parts: Parts,
  exchange: Exchange,
  table: TableOf,
  progress: LoadReply.Progress
) {
  const { engine, faults, users } = parts
  const { request } = exchange
  const { early, given } = yield* headerPhase(parts, exchange, table)
  progress.label = early.label ?? ""
  const startedAtMs = performance.now()
  if (!users.verify(given.user, given.password) || !users.mayInsert(given.user, table.database, table.table)) {
    return yield* refuse(`Access denied for ${given.user}@${request.socket.remoteAddress ?? ""}`)
  }
  const record = yield* engine.begin(table.database, table.table, early.label, progress)
  progress.beginMs = performance.now() - startedAtMs
  let reason = "the endpoint was stopped"
  const work = Effect.gen(function*() {
    const late = yield* checked(LoadHeaders.late(request.headers))
    const of = yield* engine.table(table.database, table.table)
    const session = yield* parts.storage.session.pipe(Effect.mapError(storageRefusal))
    const open = yield* engine.open(session, of, late, progress)
    const body = yield* RequestBody.open(faults, exchange, table, parts.bodyBytesMax)
    yield* engine.stage(open, body, progress)
    const fault = LoadFaults.beforeCommit(faults, table)
    if (fault !== undefined) return yield* fault
    if (faults.strikes("reset-before-commit", table)) {
      return yield* new LoadAbandoned({ message: "the connection was reset" })
    }
    const merged = yield* engine.settle(open, progress)
    yield* engine.commit(session, record, [merged], progress)
  })
  yield* Effect.scoped(work).pipe(
    Effect.timeoutOrElse({
      duration: `${early.timeoutSeconds} seconds`,
      orElse: () => Effect.fail(refuse(`transaction is aborted by timeout ${early.timeoutSeconds} seconds.`))
    }),
    Effect.tapError((error) =>
      Effect.sync(() => {
        reason = error._tag === "LoadRefused" ? error.outcome.message : error.message
      })
    ),
    Effect.onError(() => engine.abort(record, progress, reason)),
    // The time may be over while the commit, which nothing stops, is on its way.
    Effect.catchIf((error) => error._tag === "LoadRefused" && record.state === "VISIBLE", () => Effect.void)
  )
  if (faults.strikes("reset-after-commit", table)) return reset(exchange)
  if (faults.strikes("status-unknown-committed", table)) return yield* refuse(LoadFaults.unknownStatus)
  const late = faults.strikes("publish-timeout", table)
  reply(
    exchange,
    progress,
    late ? { status: "Publish Timeout", message: publishTimeout } : { status: "Success", message: "OK" }
  )
})

const reply = (exchange: Exchange, progress: LoadReply.Progress, outcome: LoadReply.Outcome): void =>
  sendReply(exchange, LoadReply.render(progress, outcome))

const streamLoad = (parts: Parts, exchange: Exchange, table: TableOf): void => {
  const { faults } = parts
  if (faults.strikes("be-reset", table)) return reset(exchange)
  if (faults.strikes("stall", table)) return
  const progress = LoadReply.progress()
  parts.run(
    load(parts, exchange, table, progress).pipe(
      Effect.catchTags({
        LoadRefused: ({ outcome }) => Effect.sync(() => reply(exchange, progress, outcome)),
        LoadAbandoned: () => Effect.sync(() => reset(exchange))
      }),
      Effect.catchDefect((defect) =>
        Effect.logError("a load failed unexpectedly", defect).pipe(
          Effect.andThen(Effect.sync(() => reply(exchange, progress, { status: "Fail", message: "internal error" })))
        )
      ),
      Effect.onInterrupt(() => Effect.sync(() => exchange.request.destroy()))
    )
  )
}

const route = (parts: Parts, exchange: Exchange): void => {
  const { request } = exchange
  const found = target(request)
  const [api, database = "", table = "", action = ""] = found?.path ?? []
  const segments = found?.path.length ?? 0
  const reads = request.method === "GET" || request.method === "HEAD"
  const writes = request.method === "PUT" || request.method === "POST"
  if (api === "api" && segments === 4 && action === "_stream_load" && request.method === "PUT") {
    return streamLoad(parts, exchange, { database, table })
  }
  if (api === "api" && segments === 3 && database === "transaction" && writes) {
    return TransactionBackEnd.handle(parts, exchange, table)
  }
  if (api === "api" && segments === 2 && database === "health" && reads) {
    return send(exchange, 200, JSON.stringify({ status: "OK", msg: "To Be Added" }), {
      "Content-Type": "application/json"
    })
  }
  if (api === "api" && segments === 2 && database === "_load_error_log" && reads) {
    const log = parts.errorLogs.find(found?.query.get("file") ?? "")
    if (log !== undefined) return send(exchange, 200, log, { "Content-Type": "text/plain" })
  }
  // A client that is still sending gets to the answer.
  if (!exchange.waits) drain(request)
  send(exchange, 404, "Not Found", { "Content-Type": "text/plain" })
}

/** Makes the server of the BE's HTTP port. */
export const make = (parts: Parts): Http.Server =>
  server((exchange) => parts.faults.strikes("unavailable") ? reset(exchange) : route(parts, exchange))
