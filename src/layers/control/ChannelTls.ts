/** TLS of a client of the control plane: what it needs, and why a server hangs up on it. */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as nodeTls from "node:tls"
import type { ControlAddress } from "../../domain/control/ControlAddress.ts"
import * as ControlFailure from "../../domain/control/ControlFailure.ts"

/** What TLS needs, in PEM form. */
export interface ChannelTls {
  /** The certificates that are trusted. */
  readonly roots: string
  /** The client's own certificate and its key. */
  readonly identity: { readonly cert: string; readonly key: Redacted.Redacted<string> } | undefined
  /** The name that the server's certificate must have, when it is not the address. */
  readonly serverName: string | undefined
}

/** A server that has a complaint makes it at the end of the handshake. */
const COMPLAINT_MS_MAX = 500

/**
 * What a TLS server has against this client, empty when it has nothing. In TLS 1.3 the alert comes after the client's side of
 * the handshake is done, and is lost when the client has already sent something: here the client is silent and hears it. A
 * server on Node.js sends none when it refuses a certificate; it hangs up, where one that accepts it begins to speak HTTP/2.
 */
export const complaint = ({ host, port }: ControlAddress, tls: ChannelTls): Effect.Effect<string> =>
  Effect.callback<string>((resume) => {
    const socket = nodeTls.connect({
      host,
      port,
      ca: tls.roots,
      ALPNProtocols: ["h2"],
      ...(tls.identity === undefined ? {} : { cert: tls.identity.cert, key: Redacted.value(tls.identity.key) }),
      ...(tls.serverName === undefined ? {} : { servername: tls.serverName })
    })
    let isConnected = false
    socket.on("secureConnect", () => {
      isConnected = true
    })
    socket.on("data", () => resume(Effect.succeed("")))
    socket.on("error", (error) => resume(Effect.succeed(error.message)))
    socket.on("close", () => {
      const isRefused = isConnected && tls.identity !== undefined
      resume(Effect.succeed(isRefused ? ControlFailure.CERTIFICATE_REFUSED : ""))
    })
    return Effect.sync(() => socket.destroy())
  }).pipe(
    Effect.timeoutOption(COMPLAINT_MS_MAX),
    Effect.map(Option.getOrElse(() => ""))
  )
