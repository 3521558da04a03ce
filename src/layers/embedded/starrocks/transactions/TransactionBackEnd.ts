/** Stream Load transactions on the BE's HTTP port. Every answer is HTTP 200; its Status tells. */
import * as Effect from "effect/Effect"
import * as Log from "../../../Log.ts"
import type { Faults, TableName } from "../faults/Faults.ts"
import * as Admission from "../http/Admission.ts"
import { drain, type Exchange, reset, sendReply } from "../http/HttpReply.ts"
import * as RequestBody from "../http/RequestBody.ts"
import { credentials, header } from "../http/RequestHeaders.ts"
import * as LoadFaults from "../load/LoadFaults.ts"
import { checked } from "../load/LoadRefusal.ts"
import type { Users } from "../users/Users.ts"
import * as TransactionHeaders from "./TransactionHeaders.ts"
import * as TransactionReply from "./TransactionReply.ts"
import { internal, type Operation, operations, refusal, TransactionRefused } from "./TransactionReply.ts"
import type { Transactions } from "./Transactions.ts"

const log = Log.module("EmbeddedStarRocks")

/** What the operations work with. */
export interface Needs {
  readonly transactions: Transactions
  readonly faults: Faults
  readonly users: Users
  readonly bodyBytesMax: number
  readonly run: (effect: Effect.Effect<void>) => void
}

/** Lets in who proves to be a user, and may load into the table when one is given. */
const admit = Effect.fnUntraced(function*({ users }: Needs, { request }: Exchange, table: TableName | undefined) {
  const given = credentials(request.headers)
  if (given === undefined) return yield* refusal("INTERNAL_ERROR", "no valid Basic authorization")
  const denied = Admission.refusal(users, request, given, table)
  if (denied !== undefined) return yield* refusal("ANALYSIS_ERROR", denied)
})

const perform = Effect.fnUntraced(function*(
  needs: Needs,
  exchange: Exchange,
  operation: Operation,
  label: string,
  about: TableName
) {
  const { faults, transactions } = needs
  const { headers } = exchange.request
  const address = { label, database: about.database }
  if (operation !== "begin") yield* admit(needs, exchange, operation === "load" ? about : undefined)
  switch (operation) {
    case "begin": {
      const times = yield* internal(checked(TransactionHeaders.times(headers)))
      yield* admit(needs, exchange, about)
      return yield* transactions.begin(address, about.table, times)
    }
    case "load":
      return yield* transactions.load(
        address,
        about.table,
        headers,
        RequestBody.open(faults, exchange, about, needs.bodyBytesMax)
      )
    case "prepare":
      return yield* transactions.prepare(address, yield* internal(checked(TransactionHeaders.preparedTimeout(headers))))
    case "commit":
      return yield* transactions.commit(address)
    case "rollback":
      yield* transactions.rollback(address)
      return undefined
  }
})

/** The checks of a request before its transaction is looked at. */
const accepted = (needs: Needs, exchange: Exchange, name: string): Operation | TransactionRefused => {
  const { headers, method } = exchange.request
  const operation = operations.find((known) => known === name && (known !== "load" || method === "PUT"))
  if (header(headers, "label") === undefined) {
    return refusal("INVALID_ARGUMENT", operation === "load" ? "Invalid label " : "empty label")
  }
  if (operation !== "load" && header(headers, "transaction_type") !== undefined) {
    const message = "Multi-statement transaction requests can only be sent to FE nodes, not BE nodes"
    return refusal("INVALID_ARGUMENT", message)
  }
  if (operation === undefined) return refusal("INVALID_ARGUMENT", `unsupport transaction operation ${name}`)
  return needs.faults.strikes("be-shutdown") ? refusal("SERVICE_UNAVAILABLE", LoadFaults.shuttingDown) : operation
}

/** Answers a request to `/api/transaction/{name}`. */
export const handle = (needs: Needs, exchange: Exchange, name: string): void => {
  const { faults, run, transactions } = needs
  const { headers } = exchange.request
  const about = { database: header(headers, "db") ?? "", table: header(headers, "table") ?? "" }
  if (faults.strikes("be-reset", about)) return reset(exchange)
  if (faults.strikes("stall", about)) return
  const label = header(headers, "label") ?? ""
  const operation = accepted(needs, exchange, name)
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
      Effect.andThen(perform(needs, exchange, operation, label, about)),
      Effect.map(reply),
      Effect.catchTags({
        TransactionRefused: (error) => Effect.sync(() => sendReply(exchange, TransactionReply.refused(label, error))),
        LoadAbandoned: () => Effect.sync(() => reset(exchange))
      }),
      Effect.catchDefect((defect) =>
        log.error("a transaction failed unexpectedly", {}, defect).pipe(
          Effect.andThen(Effect.sync(() =>
            sendReply(exchange, TransactionReply.refused(label, refusal("INTERNAL_ERROR", "internal error")))
          ))
        )
      ),
      Effect.onInterrupt(() => Effect.sync(() => exchange.request.destroy()))
    )
  )
}
