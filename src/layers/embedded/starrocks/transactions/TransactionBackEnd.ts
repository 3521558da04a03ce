/** Stream Load transactions on the BE's HTTP port. Every answer is HTTP 200; its Status tells. */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import type { Faults, TableOf } from "../faults/Faults.ts"
import { drain, type Exchange, reset, sendReply } from "../http/HttpReply.ts"
import * as RequestBody from "../http/RequestBody.ts"
import * as LoadFaults from "../load/LoadFaults.ts"
import * as LoadHeaders from "../load/LoadHeaders.ts"
import type { Users } from "../users/Users.ts"
import { text } from "./TransactionHeaders.ts"
import * as TransactionHeaders from "./TransactionHeaders.ts"
import * as TransactionReply from "./TransactionReply.ts"
import { type Operation, operations, refusal, TransactionRefused } from "./TransactionReply.ts"
import type { Transactions } from "./Transactions.ts"

/** What the operations work with. */
export interface Parts {
  readonly transactions: Transactions
  readonly faults: Faults
  readonly users: Users
  readonly bodyBytesMax: number
  readonly run: (effect: Effect.Effect<void>) => void
}

const checked = <A>(result: Result.Result<A, string>): Effect.Effect<A, TransactionRefused> =>
  Result.isSuccess(result) ? Effect.succeed(result.success) : Effect.fail(refusal("INVALID_ARGUMENT", result.failure))

const begin = Effect.fnUntraced(function*(
  { transactions, users }: Parts,
  { request }: Exchange,
  label: string,
  about: TableOf
) {
  const times = yield* checked(TransactionHeaders.times(request.headers))
  const given = LoadHeaders.credentials(request.headers)
  if (given === undefined) return yield* refusal("INTERNAL_ERROR", "no valid Basic authorization")
  if (!users.verify(given.user, given.password) || !users.mayInsert(given.user, about.database, about.table)) {
    const address = request.socket.remoteAddress ?? ""
    return yield* refusal("ANALYSIS_ERROR", `Access denied for ${given.user}@${address}`)
  }
  return yield* transactions.begin({ label, database: about.database }, about.table, times)
})

const perform = Effect.fnUntraced(function*(
  parts: Parts,
  exchange: Exchange,
  operation: Operation,
  label: string,
  about: TableOf
) {
  const { faults, transactions } = parts
  const { headers } = exchange.request
  const address = { label, database: about.database }
  switch (operation) {
    case "begin":
      return yield* begin(parts, exchange, label, about)
    case "load":
      return yield* transactions.load(
        address,
        about.table,
        headers,
        RequestBody.open(faults, exchange, about, parts.bodyBytesMax)
      )
    case "prepare":
      return yield* transactions.prepare(address, yield* checked(TransactionHeaders.preparedTimeout(headers)))
    case "commit":
      return yield* transactions.commit(address)
    case "rollback":
      yield* transactions.rollback(address)
      return undefined
  }
})

/** The checks of a request before its transaction is looked at. */
const accepted = (parts: Parts, exchange: Exchange, name: string): Operation | TransactionRefused => {
  const { headers, method } = exchange.request
  const operation = operations.find((known) => known === name && (known !== "load" || method === "PUT"))
  if (text(headers, "label") === undefined) {
    return refusal("INVALID_ARGUMENT", operation === "load" ? "Invalid label " : "empty label")
  }
  if (operation !== "load" && text(headers, "transaction_type") !== undefined) {
    const message = "Multi-statement transaction requests can only be sent to FE nodes, not BE nodes"
    return refusal("INVALID_ARGUMENT", message)
  }
  if (operation === undefined) return refusal("INVALID_ARGUMENT", `unsupport transaction operation ${name}`)
  return parts.faults.strikes("be-shutdown") ? refusal("SERVICE_UNAVAILABLE", LoadFaults.shuttingDown) : operation
}

/** Answers a request to `/api/transaction/{name}`. */
export const handle = (parts: Parts, exchange: Exchange, name: string): void => {
  const { faults, run, transactions } = parts
  const { headers } = exchange.request
  const about = { database: text(headers, "db") ?? "", table: text(headers, "table") ?? "" }
  if (faults.strikes("be-reset", about)) return reset(exchange)
  if (faults.strikes("stall", about)) return
  const label = text(headers, "label") ?? ""
  const operation = accepted(parts, exchange, name)
  const restarted = faults.strikes("be-restart") ? transactions.forget : Effect.void
  if (operation instanceof TransactionRefused) {
    return run(
      restarted.pipe(Effect.andThen(Effect.sync(() => sendReply(exchange, TransactionReply.refused(label, operation)))))
    )
  }
  if (operation !== "load") drain(exchange.request)
  const reply = (progress: Effect.Success<ReturnType<typeof perform>>): void => {
    if (operation === "commit" && faults.strikes("reset-after-commit", about)) return reset(exchange)
    if (operation === "commit" && faults.strikes("status-unknown-committed", about)) {
      return sendReply(exchange, TransactionReply.refused(label, refusal("INTERNAL_ERROR", LoadFaults.unknownStatus)))
    }
    sendReply(exchange, TransactionReply.succeeded(operation, label, progress))
  }
  run(
    restarted.pipe(
      Effect.andThen(perform(parts, exchange, operation, label, about)),
      Effect.map(reply),
      Effect.catchTags({
        TransactionRefused: (error) => Effect.sync(() => sendReply(exchange, TransactionReply.refused(label, error))),
        LoadAbandoned: () => Effect.sync(() => reset(exchange))
      }),
      Effect.catchDefect((defect) =>
        Effect.logError("a transaction failed unexpectedly", defect).pipe(
          Effect.andThen(Effect.sync(() =>
            sendReply(exchange, TransactionReply.refused(label, refusal("INTERNAL_ERROR", "internal error")))
          ))
        )
      ),
      Effect.onInterrupt(() => Effect.sync(() => exchange.request.destroy()))
    )
  )
}
