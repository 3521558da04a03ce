/** Whether a client presents the token of the control plane (RFC 6750: `authorization: Bearer <token>`). */
import * as Redacted from "effect/Redacted"
import { createHash, timingSafeEqual } from "node:crypto"

/** What a client without the right token is told. It does not say which part was wrong. */
export const REFUSED = "a bearer token is required: send 'authorization: Bearer <CONTROL_TOKEN of the job>'"

// Digests have one length, so that comparing them tells neither the token's content nor its length.
const digest = (text: string): Buffer => createHash("sha256").update(text, "utf8").digest()

/**
 * A check of the value of an `authorization` header, in a time that does not depend on how much of the token is right.
 * Without a token every client passes. The scheme's name is read in any case, as HTTP has it.
 */
export const check = (
  token: Redacted.Redacted<string> | undefined
): (authorization: string | undefined) => boolean => {
  if (token === undefined) return () => true
  const wanted = digest(Redacted.value(token))
  return (authorization) => {
    const presented = /^bearer +(.*)$/is.exec(authorization ?? "")?.[1]
    const isEqual = timingSafeEqual(digest(presented ?? ""), wanted)
    return presented !== undefined && isEqual
  }
}
