/** The BE's HTTP port: it takes loads. Whatever happens to a load, the answer is HTTP 200; the body tells. */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import type * as Http from "node:http"
import type { ErrorLogs } from "./ErrorLog.ts"
import type { Faults, TableOf } from "./Faults.ts"
import { type Exchange, reset, send, server, target } from "./HttpReply.ts"
import { type LoadEngine, LoadRefused, refuse } from "./LoadEngine.ts"
import * as LoadHeaders from "./LoadHeaders.ts"
import * as LoadReply from "./LoadReply.ts"
import type { Users } from "./Users.ts"

/** What the back end works with. */
export interface Parts {
  readonly engine: LoadEngine
  readonly errorLogs: ErrorLogs
  readonly faults: Faults
  readonly users: Users
  /** Runs a request's effect; it is interrupted when the endpoint closes. */
  readonly run: (effect: Effect.Effect<void>) => void
}

/** Bytes of a refused load's body that are still read, so that the client gets to the answer instead of a reset. */
const drainBytesMax = 64 * 1024 * 1024

const checked = <A>(result: Result.Result<A, string>): Effect.Effect<A, LoadRefused> =>
  Result.isSuccess(result) ? Effect.succeed(result.success) : Effect.fail(refuse(result.failure))

const unknownStatus =
  "Commit transaction fail cause rpc failed, Transaction status unknown, you can retry with same label."
const publishTimeout = "transaction commit successfully, BUT data will be visible later"

const faultBeforeCommit = (faults: Faults, table: TableOf): LoadRefused | undefined => {
  if (faults.strikes("too-many-versions", table)) {
    return refuse(
      "Failed to load data into tablet 10023, because of too many versions, current/limit: 1001/1000. " +
        "You can reduce the loading job concurrency, or increase loading data batch size."
    )
  }
  if (faults.strikes("memory", table)) {
    return refuse("Memory of process exceed limit. Start execute plan fragment. Used: 1, Limit: 1.")
  }
  return faults.strikes("status-unknown", table) ? refuse(unknownStatus) : undefined
}

const load = Effect.fnUntraced(function*(
  parts: Parts,
  exchange: Exchange,
  table: TableOf,
  progress: LoadReply.Progress
) {
  const { engine, faults, users } = parts
  const { request, response } = exchange
  const given = LoadHeaders.credentials(request.headers)
  if (given === undefined) return yield* refuse("no valid Basic authorization")
  const early = yield* checked(LoadHeaders.early(request.headers))
  progress.label = early.label ?? ""
  const startedAtMs = performance.now()
  if (!users.verify(given.user, given.password) || !users.mayInsert(given.user, table.database, table.table)) {
    return yield* refuse(`Access denied for ${given.user}@${request.socket.remoteAddress ?? ""}`)
  }
  const transaction = yield* engine.begin(table.database, table.table, early, progress)
  progress.beginMs = performance.now() - startedAtMs
  const work = Effect.gen(function*() {
    const late = yield* checked(LoadHeaders.late(request.headers))
    if (early.format === "csv") return yield* refuse("format csv is not supported by this endpoint")
    const prepared = yield* engine.prepare(transaction, late, progress)
    if (exchange.waits) response.writeContinue()
    yield* engine.stage(prepared, request, progress)
    const fault = faultBeforeCommit(faults, table)
    if (fault !== undefined) return yield* fault
    if (faults.strikes("reset-before-commit", table)) {
      yield* engine.abort(transaction)
      return reset(exchange)
    }
    yield* engine.commit(prepared, progress)
  })
  yield* Effect.scoped(work).pipe(
    Effect.timeoutOrElse({
      duration: `${early.timeoutSeconds} seconds`,
      orElse: () => Effect.fail(refuse(`transaction is aborted by timeout ${early.timeoutSeconds} seconds.`))
    }),
    Effect.onError(() => engine.abort(transaction))
  )
  if (faults.strikes("reset-after-commit", table)) return reset(exchange)
  if (faults.strikes("status-unknown-committed", table)) return yield* refuse(unknownStatus)
  const late = faults.strikes("publish-timeout", table)
  reply(
    exchange,
    progress,
    late ? { status: "Publish Timeout", message: publishTimeout } : { status: "Success", message: "OK" }
  )
})

const reply = (exchange: Exchange, progress: LoadReply.Progress, outcome: LoadReply.Outcome): void => {
  const { request } = exchange
  // A client that waits for 100 gets the answer instead, and keeps its body.
  const unread = !request.complete && !request.destroyed
  if (unread && !exchange.waits) drain(request)
  send(exchange, 200, LoadReply.render(progress, outcome), { "Content-Type": "application/json" })
}

const drain = (request: Http.IncomingMessage): void => {
  let bytes = 0
  request.on("data", (chunk: Buffer) => {
    bytes += chunk.length
    if (bytes > drainBytesMax) request.destroy()
  })
  request.resume()
}

const streamLoad = (parts: Parts, exchange: Exchange, table: TableOf): void => {
  const { faults } = parts
  if (faults.strikes("be-reset", table)) return reset(exchange)
  if (faults.strikes("stall", table)) return
  const progress = LoadReply.progress()
  parts.run(
    load(parts, exchange, table, progress).pipe(
      Effect.catchTags({
        LoadRefused: ({ outcome }) => Effect.sync(() => reply(exchange, progress, outcome)),
        LoadAbandoned: () => Effect.sync(() => exchange.request.destroy())
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
  if (api === "api" && segments === 4 && action === "_stream_load" && request.method === "PUT") {
    return streamLoad(parts, exchange, { database, table })
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
  send(exchange, 404, "Not Found", { "Content-Type": "text/plain" })
}

/** Makes the server of the BE's HTTP port. */
export const make = (parts: Parts): Http.Server =>
  server((exchange) => parts.faults.strikes("unavailable") ? reset(exchange) : route(parts, exchange))
