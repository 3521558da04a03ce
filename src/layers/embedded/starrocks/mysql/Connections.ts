/** The connections of the MySQL port: how many there may be, and what SHOW PROCESSLIST tells about them. */
import type { Grid } from "../sql/Grid.ts"

/** Connections at a time. Every one of them may hold a statement of 32 MiB and a DuckDB connection. */
export const connectionsMax = 256

/** A connection that is logged in. */
export interface Connection {
  readonly id: number
  readonly user: string
  readonly host: string
  readonly startedAtMs: number
  /** Milliseconds since the epoch at which the running statement, or the idleness after the last one, began. */
  sinceMs: number
  statement: string | undefined
  database: () => string | undefined
}

/** Characters of a statement that SHOW PROCESSLIST tells without FULL. */
const infoLength = 100

/** The register. */
export class Connections {
  private readonly open = new Map<number, Connection>()
  private sockets = 0

  /** Counts a socket in; false when there are too many. */
  enter(): boolean {
    if (this.sockets >= connectionsMax) return false
    this.sockets += 1
    return true
  }

  /** Counts a socket out. */
  leave(id: number): void {
    this.sockets -= 1
    this.open.delete(id)
  }

  /** Registers a connection that is logged in. */
  add(connection: Connection): void {
    this.open.set(connection.id, connection)
  }

  /** The connections that a user may see. */
  processList(sees: (user: string) => boolean, full: boolean, time: (ms: number) => string): Grid {
    return {
      columns: [
        "Id",
        "User",
        "Host",
        "Db",
        "Command",
        "ConnectionStartTime",
        "Time",
        "State",
        "Info",
        "IsPending",
        "Warehouse"
      ],
      rows: [...this.open.values()].filter(({ user }) => sees(user)).map((connection) => [
        String(connection.id),
        connection.user,
        connection.host,
        connection.database() ?? "",
        connection.statement === undefined ? "Sleep" : "Query",
        time(connection.startedAtMs),
        String(Math.floor((Date.now() - connection.sinceMs) / 1000)),
        "OK",
        (full ? connection.statement : connection.statement?.slice(0, infoLength)) ?? "",
        "false",
        "default_warehouse"
      ])
    }
  }
}
