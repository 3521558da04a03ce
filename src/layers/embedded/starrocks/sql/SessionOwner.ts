/** Whose session of the MySQL port it is. */
import type { Connections } from "../mysql/Connections.ts"
import type { Users } from "../users/Users.ts"

export interface SessionOwner {
  readonly id: number
  readonly user: string
  readonly address: string
  readonly users: Users
  readonly connections: Connections
}
