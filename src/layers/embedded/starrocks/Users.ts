/** Who may do what: the endpoint knows one user, who may do everything. */
import * as Redacted from "effect/Redacted"
import { createHash, timingSafeEqual } from "node:crypto"

/** The users of an endpoint. */
export interface Users {
  /** Whether the password, in clear, is the user's. */
  readonly verify: (user: string, password: string) => boolean
  /** Whether the answer to a mysql_native_password challenge proves the password. */
  readonly verifyNative: (user: string, challenge: Buffer, answer: Buffer) => boolean
  /** Whether the user may load into a table. */
  readonly mayInsert: (user: string, database: string, table: string) => boolean
}

const sha1 = (...parts: ReadonlyArray<Buffer>): Buffer => {
  const hash = createHash("sha1")
  for (const part of parts) hash.update(part)
  return hash.digest()
}

const equal = (left: Buffer, right: Buffer): boolean => left.length === right.length && timingSafeEqual(left, right)

/** Users with a single member. */
export const single = (name: string, password: Redacted.Redacted): Users => ({
  verify: (user, given) =>
    user === name && equal(sha1(Buffer.from(given)), sha1(Buffer.from(Redacted.value(password)))),
  verifyNative: (user, challenge, answer) => {
    if (user !== name) return false
    const secret = Redacted.value(password)
    if (secret === "") return answer.length === 0
    const stage = sha1(Buffer.from(secret))
    const mask = sha1(challenge, sha1(stage))
    return equal(answer, Buffer.from(stage.map((byte, index) => byte ^ (mask[index] ?? 0))))
  },
  mayInsert: (user) => user === name
})
