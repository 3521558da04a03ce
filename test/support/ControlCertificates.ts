/** Certificates of a control plane and its clients: an authority, what it has signed, and what another one has. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Certificates from "./Certificates.ts"

export interface ControlCertificates {
  readonly ca: string
  /** For 127.0.0.1 and localhost. */
  readonly server: Certificates.KeyPair
  readonly client: Certificates.KeyPair
  readonly strangerCa: string
  /** Signed by the other authority. */
  readonly stranger: Certificates.KeyPair
}

const LOCAL = { altNames: "IP:127.0.0.1,DNS:localhost" }

/** Deleted with the scope. */
export const make: Effect.Effect<ControlCertificates, never, Scope.Scope> = Effect.gen(function*() {
  const own = yield* Certificates.authority
  const other = yield* Certificates.authority
  return {
    ca: own.ca,
    server: yield* own.issue("server", LOCAL),
    client: yield* own.issue("client", LOCAL),
    strangerCa: other.ca,
    stranger: yield* other.issue("stranger", LOCAL)
  }
})
