/** What every request to an FE meets first: who asks, whether this FE leads, and how it sends requests elsewhere. */
import type { Faults, TableName } from "../faults/Faults.ts"
import type { Users } from "../users/Users.ts"
import * as Admission from "./Admission.ts"
import { failed } from "./FrontEndFailure.ts"
import { type Exchange, send, sendJson, targetPath } from "./HttpReply.ts"
import { type Credentials, credentials } from "./RequestHeaders.ts"

/** What the checks work with. */
export interface Needs {
  readonly faults: Faults
  readonly users: Users
  /** `host:port` of the leader's HTTP port, for an FE that can be a follower; undefined for the leader itself. */
  readonly leader: (() => string) | undefined
  /** `host:port` of the BE, as it is registered. */
  readonly backend: () => string
}

/** A port nothing can listen on, for redirects that lead nowhere: TCP reserves it. */
const deadPort = 1

/** Who asks; undefined when the request has been answered with 401. */
export const authenticate = (needs: Needs, exchange: Exchange): Credentials | undefined => {
  const { request } = exchange
  const given = credentials(request.headers)
  if (given === undefined) {
    denied(exchange, "Need auth information.")
    return undefined
  }
  const refusal = Admission.refusal(needs.users, request, given) ??
    (needs.faults.strikes("auth") ? Admission.denied(request, given.user) : undefined)
  if (refusal === undefined) return given
  denied(exchange, refusal)
  return undefined
}

/** Answers 401. */
export const denied = (exchange: Exchange, message: string): void =>
  sendJson(exchange, 401, failed(message), { "WWW-Authenticate": "Basic realm=\"\"" })

/** Whether the user may load into the tables; when not, the request has been answered with 401. */
export const mayInsert = (
  needs: Needs,
  exchange: Exchange,
  user: string,
  database: string,
  tables: Iterable<string>
): boolean => {
  for (const table of tables) {
    const missing = Admission.missingPrivilege(needs.users, user, { database, table })
    if (missing === undefined) continue
    denied(exchange, missing)
    return false
  }
  return true
}

/** Sends the client to another node with the same path; the body stays unread. */
const redirect = (exchange: Exchange, node: string): void =>
  send(exchange, 307, "", { Location: `http://${node}${targetPath(exchange.request)}`, Connection: "close" })

/** Sends the client to the BE. */
export const toBackend = (needs: Needs, exchange: Exchange, table: TableName): void =>
  redirect(exchange, needs.faults.strikes("redirect-to-dead-port", table) ? `127.0.0.1:${deadPort}` : needs.backend())

/** Whether this FE is no leader and has answered what only a leader can do; `lost` answers when there is no leader. */
export const follows = (needs: Needs, exchange: Exchange, lost: (message: string) => void): boolean => {
  if (needs.leader === undefined) return false
  if (needs.faults.strikes("no-leader")) {
    lost("current fe is not master")
    return true
  }
  if (!needs.faults.strikes("follower")) return false
  redirect(exchange, needs.leader())
  return true
}
