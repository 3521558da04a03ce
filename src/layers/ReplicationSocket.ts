/** The socket under the replication library, as far as we need it: the library itself offers no way to it. */
import * as StandbyStatus from "../domain/pgoutput/StandbyStatus.ts"

/** What a socket of `node:net` or `node:tls` offers. */
export interface Socket {
  pause(): unknown
  resume(): unknown
  destroy(): unknown
  /** Bytes received since it was opened; a message that arrives slowly counts as it comes. */
  readonly bytesRead?: number
}

interface Connection {
  readonly stream: Socket
  sendCopyFromChunk(chunk: Buffer): void
}

const isConnection = (value: unknown): value is Connection =>
  typeof value === "object" && value !== null && "stream" in value && typeof value.stream === "object" &&
  value.stream !== null

/** The socket of a connected client of `pg`, whose status messages carry the right clock from here on. */
export const of = (client: object): Socket | undefined => {
  const connection: unknown = Reflect.get(client, "connection")
  if (!isConnection(connection)) return undefined
  if (typeof connection.sendCopyFromChunk === "function") {
    const send = connection.sendCopyFromChunk.bind(connection)
    connection.sendCopyFromChunk = (chunk) => send(StandbyStatus.stamp(chunk, Date.now()))
  }
  return connection.stream
}
