/** The BE's HTTP port: it takes loads. Whatever happens to a load, the answer is HTTP 200; the body tells. */
import * as Effect from "effect/Effect"
import type * as Http from "node:http"
import * as Log from "../../../Log.ts"
import type { Storage } from "../catalogue/Storage.ts"
import type { Faults, TableName } from "../faults/Faults.ts"
import type { ErrorLogs } from "../load/ErrorLog.ts"
import type { LoadEngine } from "../load/LoadEngine.ts"
import * as LoadFaults from "../load/LoadFaults.ts"
import * as LoadHeaders from "../load/LoadHeaders.ts"
import { checked, LoadAbandoned, refuse, storageRefusal } from "../load/LoadRefusal.ts"
import * as LoadReply from "../load/LoadReply.ts"
import * as TransactionBackEnd from "../transactions/TransactionBackEnd.ts"
import type { Transactions } from "../transactions/Transactions.ts"
import type { Users } from "../users/Users.ts"
import * as Admission from "./Admission.ts"
import { drain, type Exchange, json, reset, send, sendJson, sendReply, server, target } from "./HttpReply.ts"
import * as RequestBody from "./RequestBody.ts"
import { credentials } from "./RequestHeaders.ts"

const log = Log.module("EmbeddedStarRocks")

/** What the back end works with. */
export interface Needs {
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

const publishTimeout = "transaction commit successfully, BUT data will be visible later"

/** The headers checked before the transaction begins, in the server's order. */
const headerPhase = Effect.fnUntraced(function*(needs: Needs, exchange: Exchange, table: TableName) {
  const { request } = exchange
  const given = credentials(request.headers)
  if (given === undefined) return yield* refuse("no valid Basic authorization")
  const early = yield* checked(LoadHeaders.early(request.headers, needs.bodyBytesMax))
  if (needs.faults.strikes("be-shutdown", table)) return yield* refuse(LoadFaults.shuttingDown)
  return { early, given }
})

const load = Effect.fnUntraced(function*(
  needs: Needs,
  exchange: Exchange,
  table: TableName,
  progress: LoadReply.Progress
) {
  const { engine, faults, users } = needs
  const { request } = exchange
  const { early, given } = yield* headerPhase(needs, exchange, table)
  progress.label = early.label ?? ""
  const startedAtMs = performance.now()
  const denied = Admission.refusal(users, request, given, table)
  if (denied !== undefined) return yield* refuse(denied)
  const record = yield* engine.begin(table.database, table.table, early.label, progress)
  progress.beginMs = performance.now() - startedAtMs
  let reason = "the endpoint was stopped"
  const work = Effect.gen(function*() {
    const late = yield* checked(LoadHeaders.late(request.headers))
    const of = yield* engine.table(table.database, table.table)
    const session = yield* needs.storage.session.pipe(Effect.mapError(storageRefusal))
    const open = yield* engine.open(session, of, late, progress)
    const body = yield* RequestBody.open(faults, exchange, table, needs.bodyBytesMax)
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

const streamLoad = (needs: Needs, exchange: Exchange, table: TableName): void => {
  const { faults } = needs
  if (faults.strikes("be-reset", table)) return reset(exchange)
  if (faults.strikes("stall", table)) return
  const progress = LoadReply.progress()
  needs.run(
    load(needs, exchange, table, progress).pipe(
      Effect.catchTags({
        LoadRefused: ({ outcome }) => Effect.sync(() => reply(exchange, progress, outcome)),
        LoadAbandoned: () => Effect.sync(() => reset(exchange))
      }),
      Effect.catchDefect((defect) =>
        log.error("a load failed unexpectedly", {}, defect).pipe(
          Effect.andThen(Effect.sync(() => reply(exchange, progress, { status: "Fail", message: "internal error" })))
        )
      ),
      Effect.onInterrupt(() => Effect.sync(() => exchange.request.destroy()))
    )
  )
}

const route = (needs: Needs, exchange: Exchange): void => {
  const { request } = exchange
  const found = target(request)
  const [api, database = "", table = "", action = ""] = found?.path ?? []
  const segments = found?.path.length ?? 0
  const reads = request.method === "GET" || request.method === "HEAD"
  const writes = request.method === "PUT" || request.method === "POST"
  if (api === "api" && segments === 4 && action === "_stream_load" && request.method === "PUT") {
    return streamLoad(needs, exchange, { database, table })
  }
  if (api === "api" && segments === 3 && database === "transaction" && writes) {
    return TransactionBackEnd.handle(needs, exchange, table)
  }
  if (api === "api" && segments === 2 && database === "health" && reads) {
    return sendJson(exchange, 200, { status: "OK", msg: "To Be Added" }, json)
  }
  if (api === "api" && segments === 2 && database === "_load_error_log" && reads) {
    const log = needs.errorLogs.find(found?.query.get("file") ?? "")
    if (log !== undefined) return send(exchange, 200, log, { "Content-Type": "text/plain" })
  }
  // A client that is still sending gets to the answer.
  if (!exchange.waits) drain(request)
  send(exchange, 404, "Not Found", { "Content-Type": "text/plain" })
}

/** Makes the server of the BE's HTTP port. */
export const make = (needs: Needs): Http.Server =>
  server((exchange) => needs.faults.strikes("unavailable") ? reset(exchange) : route(needs, exchange))
