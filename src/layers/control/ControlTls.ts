/** The certificate, key and client CA of the control plane: read once, when it starts. */
import * as Effect from "effect/Effect"
import { createPrivateKey, X509Certificate } from "node:crypto"
import { readFile, stat } from "node:fs/promises"
import { createSecureContext } from "node:tls"
import type { ControlTls } from "../../domain/config/ControlSettings.ts"
import { VARIABLES } from "../../domain/config/Variables.ts"
import * as SetupError from "../../domain/errors/SetupError.ts"

/** PEM files as they are. With `ca` only clients whose certificate it has signed may be heard. */
export interface ControlPem {
  readonly cert: Buffer
  readonly key: Buffer
  readonly ca: Buffer | undefined
}

/** A bundle of every public CA is a quarter of this; whatever is larger is not a certificate. In bytes. */
const PEM_BYTES_MAX = 1024 * 1024

type Name = "controlTlsCert" | "controlTlsKey" | "controlTlsCa"

const reasonOf = (cause: unknown): string => {
  // Codes only: the message of a parser may show what it has read.
  const code = typeof cause === "object" && cause !== null && "code" in cause ? String(cause.code) : "unknown reason"
  return code === "ENOENT" ? "there is no such file" : code === "EACCES" ? "this process may not read it" : code
}

const refuse = (name: Name, what: string) =>
  Effect.fail(
    SetupError.make({ _tag: "ConfigurationInvalid", problems: [`${VARIABLES[name].names[0]}: ${what}`] })
  )

const read = Effect.fnUntraced(function*(name: Name, file: string) {
  const found = yield* Effect.tryPromise({ try: () => stat(file), catch: reasonOf }).pipe(Effect.result)
  if (found._tag === "Failure") return yield* refuse(name, `'${file}' cannot be read: ${found.failure}`)
  if (!found.success.isFile()) return yield* refuse(name, `'${file}' is not a file`)
  if (found.success.size > PEM_BYTES_MAX) {
    return yield* refuse(name, `'${file}' is larger than ${PEM_BYTES_MAX} bytes, so it is not a PEM file`)
  }
  const content = yield* Effect.tryPromise({ try: () => readFile(file), catch: reasonOf }).pipe(Effect.result)
  if (content._tag === "Failure") return yield* refuse(name, `'${file}' cannot be read: ${content.failure}`)
  return content.success
})

const parse = <A>(name: Name, file: string, what: string, make: () => A) =>
  Effect.try({ try: make, catch: reasonOf }).pipe(
    Effect.catch((reason) => refuse(name, `'${file}' does not hold ${what} in PEM form (${reason})`))
  )

/**
 * Reads and checks the files. Fails, with the variable, the file and what is wrong, when one cannot be read, is not PEM,
 * is a key with a passphrase, or when key and certificate do not belong together. No text holds what is in a file.
 */
export const load = Effect.fnUntraced(function*(tls: ControlTls): Effect.fn.Return<ControlPem, SetupError.SetupError> {
  const cert = yield* read("controlTlsCert", tls.cert)
  const key = yield* read("controlTlsKey", tls.key)
  const ca = tls.ca === undefined ? undefined : yield* read("controlTlsCa", tls.ca)
  const certificate = yield* parse("controlTlsCert", tls.cert, "a certificate", () => new X509Certificate(cert))
  const privateKey = yield* parse(
    "controlTlsKey",
    tls.key,
    "a private key without passphrase",
    () => createPrivateKey(key)
  )
  if (!certificate.checkPrivateKey(privateKey)) {
    return yield* refuse("controlTlsKey", `the key in '${tls.key}' does not belong to the certificate in '${tls.cert}'`)
  }
  if (tls.ca !== undefined && ca !== undefined) {
    yield* parse("controlTlsCa", tls.ca, "a certificate", () => new X509Certificate(ca))
  }
  const pem: ControlPem = { cert, key, ca }
  // OpenSSL has rules of its own, for example on the length of keys.
  yield* parse("controlTlsCert", tls.cert, "a certificate that TLS takes", () => createSecureContext({ ...pem }))
  return pem
})
