/** What every request to an FE meets first: who asks, whether this FE leads, and how it sends requests elsewhere. */
import type { Faults, TableOf } from "../faults/Faults.ts"
import { type Credentials, credentials } from "../load/LoadHeaders.ts"
import type { Users } from "../users/Users.ts"
import { type Exchange, send, sendJson, targetPath } from "./HttpReply.ts"

/** What the checks work with. */
export interface Parts {
  readonly faults: Faults
  readonly users: Users
  /** `host:port` of the leader's HTTP port, for an FE that can be a follower; undefined for the leader itself. */
  readonly leader: (() => string) | undefined
  /** `host:port` of the BE, as it is registered. */
  readonly backend: () => string
}

/** A port nothing can listen on, for redirects that lead nowhere: TCP reserves it. */
const deadPort = 1

/** A failure as most paths of the FE report it. */
export const failed = (message: string) => ({ status: "FAILED", msg: message })

/** A failure as the load path reports it. */
export const exception = (message: string) => ({
  Status: "FAILED",
  Message: `class com.starrocks.common.DdlException: ${message}`
})

/** Who asks; undefined when the request has been answered with 401. */
export const authenticate = (parts: Parts, exchange: Exchange): Credentials | undefined => {
  const given = credentials(exchange.request.headers)
  const address = exchange.request.socket.remoteAddress ?? ""
  const known = given !== undefined && parts.users.verify(given.user, given.password)
  if (known && !parts.faults.strikes("auth")) return given
  denied(exchange, given === undefined ? "Need auth information." : `Access denied for ${given.user}@${address}`)
  return undefined
}

/** Answers 401. */
export const denied = (exchange: Exchange, message: string): void =>
  sendJson(exchange, 401, failed(message), { "WWW-Authenticate": "Basic realm=\"\"" })

/** Sends the client to another node with the same path; the body stays unread. */
const redirect = (exchange: Exchange, node: string): void =>
  send(exchange, 307, "", { Location: `http://${node}${targetPath(exchange.request)}`, Connection: "close" })

/** Sends the client to the BE. */
export const toBackend = (parts: Parts, exchange: Exchange, table: TableOf): void =>
  redirect(exchange, parts.faults.strikes("redirect-to-dead-port", table) ? `127.0.0.1:${deadPort}` : parts.backend())

/** Whether this FE is no leader and has answered what only a leader can do; `lost` answers when there is no leader. */
export const follows = (parts: Parts, exchange: Exchange, lost: (message: string) => void): boolean => {
  if (parts.leader === undefined) return false
  if (parts.faults.strikes("no-leader")) {
    lost("current fe is not master")
    return true
  }
  if (!parts.faults.strikes("follower")) return false
  redirect(exchange, parts.leader())
  return true
}
