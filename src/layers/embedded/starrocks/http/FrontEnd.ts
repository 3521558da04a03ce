/** The FE's HTTP port: it checks who asks and sends loads on to the BE, and it knows the state of labels. */
import * as Effect from "effect/Effect"
import type * as Http from "node:http"
import type { StorageError } from "../catalogue/Storage.ts"
import type { LabelRecord } from "../load/Labels.ts"
import type { LoadEngine } from "../load/LoadEngine.ts"
import * as TransactionFrontEnd from "../transactions/TransactionFrontEnd.ts"
import * as Admission from "./Admission.ts"
import * as FrontDoor from "./FrontDoor.ts"
import { authenticate } from "./FrontDoor.ts"
import { exception, failed } from "./FrontEndFailure.ts"
import { type Exchange, reset, sendJson, server, target } from "./HttpReply.ts"
import { header } from "./RequestHeaders.ts"

/** What the front end works with. */
export interface Needs extends TransactionFrontEnd.Needs {
  readonly engine: LoadEngine
}

const streamLoad = (needs: Needs, exchange: Exchange, database: string, table: string): void => {
  const { request } = exchange
  const user = authenticate(needs, exchange)
  if (user === undefined) return
  const expects = (request.headers.expect ?? "").toLowerCase() === "100-continue"
  if (request.httpVersion !== "1.0" && !expects) {
    return sendJson(exchange, 200, exception("There is no 100-continue header"), { Connection: "close" })
  }
  if (database === "") return sendJson(exchange, 200, exception("No database selected."))
  if (table === "") return sendJson(exchange, 200, exception("No table selected."))
  const merges = header(request.headers, "enable_merge_commit")?.toLowerCase() === "true"
  const lost = (message: string): void => sendJson(exchange, 200, exception(message))
  if (merges && FrontDoor.follows(needs, exchange, lost)) return
  const about = { database, table }
  // A table that does not exist is nobody's: the BE is the one to say so.
  const missing = Admission.missingPrivilege(needs.users, user.user, about)
  if (missing !== undefined) return FrontDoor.denied(exchange, missing)
  if (needs.faults.strikes("no-backend", about)) return sendJson(exchange, 200, exception("No backend alive."))
  FrontDoor.toBackend(needs, exchange, about)
}

const labelState = (needs: Needs, exchange: Exchange, database: string, label: string): void => {
  if (authenticate(needs, exchange) === undefined) return
  if (FrontDoor.follows(needs, exchange, (message) => sendJson(exchange, 200, failed(message)))) return
  if (!needs.catalogue.hasDatabase(database)) {
    return sendJson(exchange, 200, failed(`unknown database, database=${database}`))
  }
  const unknown = needs.faults.strikes("label-state-unknown")
  const state = unknown ? "UNKNOWN" : needs.labels.find(database, label)?.state ?? "UNKNOWN"
  sendJson(exchange, 200, { state, status: "OK", msg: "Success" })
}

const cancel = (needs: Needs, exchange: Exchange, database: string, label: string): void => {
  const user = authenticate(needs, exchange)
  if (user === undefined) return
  if (FrontDoor.follows(needs, exchange, (message) => sendJson(exchange, 200, failed(message)))) return
  if (label === "") return sendJson(exchange, 200, exception("No label selected."))
  if (!needs.catalogue.hasDatabase(database)) {
    return sendJson(exchange, 200, failed(`unknown database, database=${database}`))
  }
  const record = needs.labels.find(database, label)
  const idle = failed(`Transaction with label ${label} is not running`)
  if (record === undefined) return sendJson(exchange, 200, idle)
  if (!FrontDoor.mayInsert(needs, exchange, user.user, database, record.tables)) return
  needs.run(
    ended(needs, record).pipe(
      Effect.map(() => record.state === "ABORTED" ? { status: "OK", msg: "Success" } : idle),
      Effect.catch(({ message }) => Effect.succeed(failed(`storage failed: ${message}`))),
      Effect.map((answer) => sendJson(exchange, 200, answer))
    )
  )
}

/** Ends a transaction wherever it is: at the BE between two requests, in a load, or prepared. Its state tells what came of it. */
const ended = (needs: Needs, record: LabelRecord): Effect.Effect<void, StorageError> =>
  Effect.gen(function*() {
    const { engine, prepared, transactions } = needs
    const { database, label } = record
    if (record.state === "PREPARE") {
      // Whatever the BE says of it: the FE knows the transaction, and ends it.
      yield* Effect.ignore(transactions.rollback({ database, label, multi: transactions.isMulti(label) }))
      yield* engine.cancel(record)
    }
    // It may have been in the middle of its prepare.
    if (record.state === "PREPARED") yield* prepared.rollback(record)
  })

const route = (needs: Needs, exchange: Exchange): void => {
  const { request } = exchange
  const found = target(request)
  if (found === undefined) return sendJson(exchange, 404, failed("Not Found"))
  const [api, database = "", table = "", action = ""] = found.path
  const segments = found.path.length
  const reads = request.method === "GET" || request.method === "HEAD"
  const writes = request.method === "PUT" || request.method === "POST"
  if (api !== "api") return sendJson(exchange, 404, failed("Not Found"))
  if (segments === 2 && database === "health" && reads) {
    return sendJson(exchange, 200, { online_backend_num: 1, total_backend_num: 1, status: "OK", msg: "Success" })
  }
  if (segments === 3 && table === "get_load_state" && request.method === "GET") {
    return labelState(needs, exchange, database, found.query.get("label") ?? "")
  }
  if (segments === 3 && database === "transaction" && writes) return TransactionFrontEnd.handle(needs, exchange, table)
  if (segments === 4 && action === "_stream_load" && request.method === "PUT") {
    return streamLoad(needs, exchange, database, table)
  }
  if (segments === 4 && action === "_cancel" && request.method === "POST") {
    return cancel(needs, exchange, database, found.query.get("label") ?? "")
  }
  sendJson(exchange, 404, failed("Not Found"))
}

/** Makes the server of an FE's HTTP port. */
export const make = (needs: Needs): Http.Server =>
  server((exchange) => {
    const { faults } = needs
    if (faults.strikes("unavailable") || faults.strikes("fe-reset")) return reset(exchange)
    if (faults.strikes("fe-stall")) return
    if (faults.strikes("fe-error")) return sendJson(exchange, 500, failed("java.lang.NullPointerException"))
    route(needs, exchange)
  })
