/** What `pg` needs to reach an address: the one place where a password leaves its `Redacted`. */
import * as Redacted from "effect/Redacted"
import { Socket } from "node:net"
import type { ClientConfig } from "pg"
import type { PgAddress } from "../domain/config/Settings.ts"
import { PostgresSocket } from "./PostgresSocket.ts"

/** A server that does not answer the handshakes of TCP and login within this is unreachable, in ms. */
const CONNECT_MS_MAX = 10_000
/** An idle connection asks the network for a sign of life after this, in ms: NATs forget connections sooner than hosts. */
const KEEP_ALIVE_MS = 10_000

/** The stream of one connection, not yet connected: with TLS as the address says. */
export const socket = (address: PgAddress): Socket | PostgresSocket =>
  address.tls === undefined ? new Socket() : new PostgresSocket(address.tls)

/** The configuration of one connection. TLS is below it, in the stream. */
export const config = (address: PgAddress, applicationName: string): ClientConfig => ({
  host: address.host,
  port: address.port,
  user: address.user,
  password: Redacted.value(address.password),
  database: address.database,
  ssl: false,
  stream: () => socket(address),
  application_name: applicationName,
  connectionTimeoutMillis: CONNECT_MS_MAX,
  keepAlive: true,
  keepAliveInitialDelayMillis: KEEP_ALIVE_MS
})
