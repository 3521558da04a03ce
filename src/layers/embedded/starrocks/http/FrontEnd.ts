/** The FE's HTTP port: it checks who asks and sends loads on to the BE, and it knows the state of labels. */
import * as Effect from "effect/Effect"
import type * as Http from "node:http"
import type { LoadEngine } from "../load/LoadEngine.ts"
import * as TransactionFrontEnd from "../transactions/TransactionFrontEnd.ts"
import * as FrontDoor from "./FrontDoor.ts"
import { authenticate, exception, failed } from "./FrontDoor.ts"
import { type Exchange, reset, sendJson, server, target } from "./HttpReply.ts"

/** What the front end works with. */
export interface Parts extends TransactionFrontEnd.Parts {
  readonly engine: LoadEngine
}

const redirect = (parts: Parts, exchange: Exchange, database: string, table: string): void => {
  const { request } = exchange
  const user = authenticate(parts, exchange)
  if (user === undefined) return
  const expects = (request.headers.expect ?? "").toLowerCase() === "100-continue"
  if (request.httpVersion !== "1.0" && !expects) {
    return sendJson(exchange, 200, exception("There is no 100-continue header"), { Connection: "close" })
  }
  if (database === "") return sendJson(exchange, 200, exception("No database selected."))
  if (table === "") return sendJson(exchange, 200, exception("No table selected."))
  const merges = String(request.headers["enable_merge_commit"] ?? "").trim().toLowerCase() === "true"
  const lost = (message: string): void => sendJson(exchange, 200, exception(message))
  if (merges && FrontDoor.follows(parts, exchange, lost)) return
  // An object that does not exist passes the privilege check: the BE is the one to say so.
  const exists = parts.catalogue.find(database, table) !== undefined
  if (exists && !parts.users.mayInsert(user.user, database, table)) {
    return FrontDoor.denied(
      exchange,
      `Access denied; you need (at least one of) the INSERT privilege(s) on TABLE ${table} for this operation`
    )
  }
  const about = { database, table }
  if (parts.faults.strikes("no-backend", about)) return sendJson(exchange, 200, exception("No backend alive."))
  FrontDoor.toBackend(parts, exchange, about)
}

const labelState = (parts: Parts, exchange: Exchange, database: string, label: string): void => {
  if (authenticate(parts, exchange) === undefined) return
  if (FrontDoor.follows(parts, exchange, (message) => sendJson(exchange, 200, failed(message)))) return
  if (!parts.catalogue.hasDatabase(database)) {
    return sendJson(exchange, 200, failed(`unknown database, database=${database}`))
  }
  const unknown = parts.faults.strikes("label-state-unknown")
  const state = unknown ? "UNKNOWN" : parts.labels.find(database, label)?.state ?? "UNKNOWN"
  sendJson(exchange, 200, { state, status: "OK", msg: "Success" })
}

const cancel = (parts: Parts, exchange: Exchange, database: string, label: string): void => {
  if (authenticate(parts, exchange) === undefined) return
  if (FrontDoor.follows(parts, exchange, (message) => sendJson(exchange, 200, failed(message)))) return
  if (label === "") return sendJson(exchange, 200, exception("No label selected."))
  if (!parts.catalogue.hasDatabase(database)) {
    return sendJson(exchange, 200, failed(`unknown database, database=${database}`))
  }
  const record = parts.labels.find(database, label)
  const done = parts.engine.cancel(database, label)
  const answer = Effect.sync(() =>
    sendJson(
      exchange,
      200,
      done || record?.state === "ABORTED"
        ? { status: "OK", msg: "Success" }
        : failed(`Transaction with label ${label} is not running`)
    )
  )
  if (record === undefined) return parts.run(answer)
  // A transaction between two requests ends now; a running load meets its end at its commit.
  const ends = record.state === "PREPARED"
    ? parts.prepared.rollback(record)
    : done
    ? parts.transactions.rollback({ database, label, multi: parts.transactions.isMulti(label) }).pipe(Effect.ignore)
    : Effect.void
  parts.run(Effect.andThen(ends, answer))
}

const route = (parts: Parts, exchange: Exchange): void => {
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
    return labelState(parts, exchange, database, found.query.get("label") ?? "")
  }
  if (segments === 3 && database === "transaction" && writes) return TransactionFrontEnd.handle(parts, exchange, table)
  if (segments === 4 && action === "_stream_load" && request.method === "PUT") {
    return redirect(parts, exchange, database, table)
  }
  if (segments === 4 && action === "_cancel" && request.method === "POST") {
    return cancel(parts, exchange, database, found.query.get("label") ?? "")
  }
  sendJson(exchange, 404, failed("Not Found"))
}

/** Makes the server of an FE's HTTP port. */
export const make = (parts: Parts): Http.Server =>
  server((exchange) => {
    const { faults } = parts
    if (faults.strikes("unavailable") || faults.strikes("fe-reset")) return reset(exchange)
    if (faults.strikes("fe-stall")) return
    if (faults.strikes("fe-error")) return sendJson(exchange, 500, failed("java.lang.NullPointerException"))
    route(parts, exchange)
  })
