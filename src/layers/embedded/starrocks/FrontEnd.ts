/** The FE's HTTP port: it checks who asks and sends loads on to the BE, and it knows the state of labels. */
import type * as Http from "node:http"
import type { Catalogue } from "./Catalogue.ts"
import type { Faults } from "./Faults.ts"
import { type Exchange, reset, send, sendJson, server, target } from "./HttpReply.ts"
import type { Labels } from "./Labels.ts"
import type { LoadEngine } from "./LoadEngine.ts"
import { type Credentials, credentials } from "./LoadHeaders.ts"
import type { Users } from "./Users.ts"

/** What the front end works with. */
export interface Parts {
  readonly catalogue: Catalogue
  readonly labels: Labels
  readonly engine: LoadEngine
  readonly faults: Faults
  readonly users: Users
  /** `host:port` of the BE, as it is registered. */
  readonly backend: () => string
}

/** A port nothing can listen on, for redirects that lead nowhere: TCP reserves it. */
const deadPort = 1

const failed = (message: string) => ({ status: "FAILED", msg: message })
const exception = (message: string) => ({
  Status: "FAILED",
  Message: `class com.starrocks.common.DdlException: ${message}`
})

const authenticate = (parts: Parts, exchange: Exchange): Credentials | undefined => {
  const given = credentials(exchange.request.headers)
  const address = exchange.request.socket.remoteAddress ?? ""
  const known = given !== undefined && parts.users.verify(given.user, given.password)
  if (known && !parts.faults.strikes("auth")) return given
  const message = given === undefined ? "Need auth information." : `Access denied for ${given.user}@${address}`
  sendJson(exchange, 401, failed(message), { "WWW-Authenticate": "Basic realm=\"\"" })
  return undefined
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
  // An object that does not exist passes the privilege check: the BE is the one to say so.
  const exists = parts.catalogue.find(database, table) !== undefined
  if (exists && !parts.users.mayInsert(user.user, database, table)) {
    const message =
      `Access denied; you need (at least one of) the INSERT privilege(s) on TABLE ${table} for this operation`
    return sendJson(exchange, 401, failed(message), { "WWW-Authenticate": "Basic realm=\"\"" })
  }
  const about = { database, table }
  if (parts.faults.strikes("no-backend", about)) return sendJson(exchange, 200, exception("No backend alive."))
  const backend = parts.faults.strikes("redirect-to-dead-port", about) ? `127.0.0.1:${deadPort}` : parts.backend()
  send(exchange, 307, "", { Location: `http://${backend}${request.url ?? ""}`, Connection: "close" })
}

const labelState = (parts: Parts, exchange: Exchange, database: string, label: string): void => {
  if (authenticate(parts, exchange) === undefined) return
  if (!parts.catalogue.hasDatabase(database)) {
    return sendJson(exchange, 200, failed(`unknown database, database=${database}`))
  }
  const unknown = parts.faults.strikes("label-state-unknown")
  const state = unknown ? "UNKNOWN" : parts.labels.find(database, label)?.state ?? "UNKNOWN"
  sendJson(exchange, 200, { state, status: "OK", msg: "Success" })
}

const cancel = (parts: Parts, exchange: Exchange, database: string, label: string): void => {
  if (authenticate(parts, exchange) === undefined) return
  if (label === "") return sendJson(exchange, 200, exception("No label selected."))
  if (!parts.catalogue.hasDatabase(database)) {
    return sendJson(exchange, 200, failed(`unknown database, database=${database}`))
  }
  const done = parts.engine.cancel(database, label)
  sendJson(
    exchange,
    200,
    done ? { status: "OK", msg: "Success" } : failed(`Transaction with label ${label} is not running`)
  )
}

const route = (parts: Parts, exchange: Exchange): void => {
  const { request } = exchange
  const found = target(request)
  if (found === undefined) return sendJson(exchange, 404, failed("Not Found"))
  const [api, database = "", table = "", action = ""] = found.path
  const segments = found.path.length
  if (api !== "api") return sendJson(exchange, 404, failed("Not Found"))
  if (segments === 2 && database === "health" && request.method === "GET") {
    return sendJson(exchange, 200, { online_backend_num: 1, total_backend_num: 1, status: "OK", msg: "Success" })
  }
  if (segments === 3 && table === "get_load_state" && request.method === "GET") {
    return labelState(parts, exchange, database, found.query.get("label") ?? "")
  }
  if (segments === 4 && action === "_stream_load" && request.method === "PUT") {
    return redirect(parts, exchange, database, table)
  }
  if (segments === 4 && action === "_cancel" && request.method === "POST") {
    return cancel(parts, exchange, database, found.query.get("label") ?? "")
  }
  sendJson(exchange, 404, failed("Not Found"))
}

/** Makes the server of the FE's HTTP port. */
export const make = (parts: Parts): Http.Server =>
  server((exchange) => {
    const { faults } = parts
    if (faults.strikes("unavailable") || faults.strikes("fe-reset")) return reset(exchange)
    if (faults.strikes("fe-stall")) return
    if (faults.strikes("fe-error")) return sendJson(exchange, 500, failed("java.lang.NullPointerException"))
    route(parts, exchange)
  })
