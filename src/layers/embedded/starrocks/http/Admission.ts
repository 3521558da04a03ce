/** Whether the user a request names is who he says, and may load. */
import type { IncomingMessage } from "node:http"
import type { TableName } from "../faults/Faults.ts"
import { accessDenied } from "../syntax/SqlError.ts"
import type { Users } from "../users/Users.ts"
import type { Credentials } from "./RequestHeaders.ts"

/** The message for a user who is not let in. */
export const denied = (request: IncomingMessage, user: string): string =>
  `Access denied for ${user}@${request.socket.remoteAddress ?? ""}`

/** Undefined for a user who is let in, and may load into the table when one is given; otherwise the message for him. */
export const refusal = (
  users: Users,
  request: IncomingMessage,
  { password, user }: Credentials,
  table?: TableName
): string | undefined => {
  const known = users.verify(user, password)
  const may = table === undefined || users.mayInsert(user, table.database, table.table)
  return known && may ? undefined : denied(request, user)
}

/** The FE's message for a user it knows who may not load into a table that exists; undefined when he may. */
export const missingPrivilege = (users: Users, user: string, { database, table }: TableName): string | undefined =>
  users.mayInsert(user, database, table) ? undefined : accessDenied("INSERT", `TABLE ${table}`).message
