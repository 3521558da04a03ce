/** TLS of the MySQL protocol: what the driver is told, and what its failures mean. */
import * as Result from "effect/Result"
import type { ConnectionOptions } from "mysql2"
import { isIP, Socket } from "node:net"
import type { SrAddress } from "../domain/config/Settings.ts"
import * as Tls from "../domain/config/Tls.ts"
import * as SetupError from "../domain/errors/SetupError.ts"
import * as TlsProblem from "../domain/TlsProblem.ts"
import * as TlsFiles from "./TlsFiles.ts"

/** The driver's word for a server that has no TLS. */
const NO_TLS = "HANDSHAKE_NO_SSL_SUPPORT"

const failed = (sink: SrAddress, problem: TlsProblem.TlsProblem): SetupError.SetupError =>
  SetupError.make({ _tag: "SrTlsFailed", host: `${sink.host}:${sink.sqlPort}`, ...problem })

/** What only a person can mend about TLS; undefined when it is off, or the failure is about something else. */
export const refusal = (sink: SrAddress, error: unknown): SetupError.SetupError | undefined => {
  if (sink.tls === undefined || sink.tls.mode === "disable") return undefined
  const code: unknown = error instanceof Error ? Reflect.get(error, "code") : undefined
  const problem = code === NO_TLS
    ? TlsProblem.notOffered("sink", sink.tls.mode)
    : TlsFiles.refusalOf("sink", error)?.problem
  return problem === undefined ? undefined : failed(sink, problem)
}

/**
 * A socket to an address. With a certificate the driver compares the name that its socket was opened with, which Node
 * remembers of names only: of an address the driver would compare `localhost`.
 */
const dial = (sink: SrAddress): Socket => {
  const socket = new Socket()
  socket.setNoDelay(true).setKeepAlive(true)
  Reflect.set(socket, "_host", sink.host)
  return socket.connect(sink.sqlPort, sink.host)
}

const secured = (sink: SrAddress, tls: Tls.SinkTls): ConnectionOptions => {
  const check = Tls.sinkCheck(tls)
  return {
    ssl: {
      ...TlsFiles.read("sink", tls),
      minVersion: TlsFiles.VERSION_MIN,
      rejectUnauthorized: check !== "none",
      verifyIdentity: check === "host"
    },
    ...(check === "host" && isIP(sink.host) !== 0 ? { stream: dial(sink) } : {})
  }
}

/** The driver's options, the files read now. */
export const options = (sink: SrAddress): Result.Result<ConnectionOptions, SetupError.SetupError> => {
  const { tls } = sink
  if (tls === undefined || tls.mode === "disable") return Result.succeed({})
  return Result.try({
    try: () => secured(sink, tls),
    catch: (error) =>
      refusal(sink, error) ?? failed(sink, { error: "TLS cannot be set up", remedy: "Check SINK_TLS and its files." })
  })
}
