/** Passwords as mysql_native_password keeps and proves them: only the double SHA-1 is ever stored. */
import { createHash, timingSafeEqual } from "node:crypto"

/** SHA1(SHA1(password)); empty for an empty password. */
export type Secret = Buffer

const sha1 = (...parts: ReadonlyArray<Buffer>): Buffer => {
  const hash = createHash("sha1")
  for (const part of parts) hash.update(part)
  return hash.digest()
}

const equal = (left: Buffer, right: Buffer): boolean => left.length === right.length && timingSafeEqual(left, right)

/** The secret of a password in clear. */
export const secretOf = (password: string): Secret =>
  password === "" ? Buffer.alloc(0) : sha1(sha1(Buffer.from(password)))

/** The secret written as `*` and forty hexadecimal digits, as MySQL's PASSWORD() gives it; undefined when it is none. */
export const parseHash = (text: string): Secret | undefined => {
  if (text === "") return Buffer.alloc(0)
  return /^\*[0-9A-Fa-f]{40}$/.test(text) ? Buffer.from(text.slice(1), "hex") : undefined
}

/** Whether a password in clear belongs to the secret. */
export const matches = (secret: Secret, password: string): boolean => equal(secret, secretOf(password))

/** Whether the answer to a challenge proves knowledge of the password: SHA1(p) xor SHA1(challenge, SHA1(SHA1(p))). */
export const proves = (secret: Secret, challenge: Buffer, answer: Buffer): boolean => {
  if (secret.length === 0 || answer.length === 0) return secret.length === 0 && answer.length === 0
  const mask = sha1(challenge, secret)
  if (answer.length !== mask.length) return false
  return equal(sha1(Buffer.from(answer.map((byte, index) => byte ^ (mask[index] ?? 0)))), secret)
}
