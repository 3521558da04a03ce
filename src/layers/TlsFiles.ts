/** The PEM files of a connection, read at the moment it is made. */
import * as Result from "effect/Result"
import { createPrivateKey, type KeyObject, X509Certificate } from "node:crypto"
import * as fs from "node:fs"
import { createSecureContext } from "node:tls"
import type { TlsFiles } from "../domain/config/Tls.ts"
import * as TlsProblem from "../domain/TlsProblem.ts"
import * as FileProblem from "./FileProblem.ts"

/** Older versions are broken; this is libpq's least one too. */
export const VERSION_MIN = "TLSv1.2"
/** The bundle of all public authorities has a quarter of this, in bytes; a device or a wrong file never ends. */
const FILE_BYTES_MAX = 1024 * 1024

/** What `node:tls` wants to be given. */
export interface Pem {
  readonly ca?: string
  readonly cert?: string
  readonly key?: string
}

/** One file, and the setting or flag that names it. */
export interface NamedFile {
  readonly setting: string
  readonly path: string
}

/** The files of one connection. A key stands beside its certificate. */
export interface NamedFiles {
  readonly ca?: NamedFile | undefined
  readonly cert?: NamedFile | undefined
  readonly key?: NamedFile | undefined
}

/** What is wrong with a file. No text holds anything of it but its name. */
export interface Fault extends NamedFile {
  readonly why: string
  readonly remedy: string
}

/** TLS cannot be had until a person changes something. Neither text holds anything of a file but its name. */
export class TlsRefusal extends Error {
  readonly problem: TlsProblem.TlsProblem
  constructor(problem: TlsProblem.TlsProblem) {
    super(problem.error)
    this.problem = problem
  }
}

const text = (error: unknown, name: "code" | "message"): string => {
  const value: unknown = typeof error === "object" && error !== null ? Reflect.get(error, name) : undefined
  return typeof value === "string" ? value : ""
}

type Outcome<A> = Result.Result<A, Fault>

const fault = (file: NamedFile, why: string, remedy: string): Outcome<never> =>
  Result.fail({ setting: file.setting, path: file.path, why, remedy })

const readText = (file: NamedFile): Outcome<string> => {
  try {
    const stat = fs.statSync(file.path)
    if (!stat.isFile()) return fault(file, "is not a file", "Name a PEM file.")
    if (stat.size > FILE_BYTES_MAX) {
      return fault(file, `is larger than ${FILE_BYTES_MAX} bytes, so it is no PEM file`, "Name a PEM file.")
    }
    return Result.succeed(fs.readFileSync(file.path, "utf8"))
  } catch (error) {
    return fault(file, FileProblem.of(error), "Name a PEM file that the user of this process may read.")
  }
}

/** Codes of OpenSSL only: the message of a parser may show what it has read. */
const tried = <A>(make: () => A, otherwise: (code: string) => Outcome<never>): Outcome<A> => {
  try {
    return Result.succeed(make())
  } catch (error) {
    return otherwise(text(error, "code"))
  }
}

const certificateOf = (file: NamedFile, pem: string): Outcome<X509Certificate> =>
  tried(
    () => new X509Certificate(pem),
    () => fault(file, "holds no certificate", "Name a file with certificates in PEM form.")
  )

const keyOf = (file: NamedFile, pem: string): Outcome<KeyObject> => {
  if (/ENCRYPTED/.test(pem)) {
    return fault(file, "is encrypted with a passphrase", "Decrypt it: openssl pkey -in … -out …, mode 0600.")
  }
  return tried(
    () => createPrivateKey(pem),
    () => fault(file, "holds no private key", "Name a file with a key in PEM form.")
  )
}

/** Reads the files and looks at them; the fault names the setting, the file and what to do. */
export const load = (files: NamedFiles): Outcome<Pem> =>
  Result.gen(function*() {
    const { ca, cert, key } = files
    const pem: { ca?: string; cert?: string; key?: string } = {}
    if (ca !== undefined) {
      pem.ca = yield* readText(ca)
      yield* certificateOf(ca, pem.ca)
    }
    if (cert !== undefined) pem.cert = yield* readText(cert)
    if (key !== undefined) pem.key = yield* readText(key)
    const certificate = cert === undefined ? undefined : yield* certificateOf(cert, pem.cert ?? "")
    const privateKey = key === undefined ? undefined : yield* keyOf(key, pem.key ?? "")
    if (key !== undefined && cert !== undefined && certificate !== undefined && privateKey !== undefined) {
      if (!certificate.checkPrivateKey(privateKey)) {
        yield* fault(
          key,
          `does not go with the certificate in '${cert.path}'`,
          `Name the key of the one in ${cert.setting}.`
        )
      }
    }
    const first = cert ?? key ?? ca
    // OpenSSL has rules of its own, for example on the length of keys.
    if (first !== undefined) {
      yield* tried(
        () => createSecureContext(pem),
        (code) => fault(first, `cannot be used for TLS (${code})`, "Name files that OpenSSL of this Node.js takes.")
      )
    }
    return pem
  })

/** Reads them; throws a `TlsRefusal` that names the setting, the file and what to do. */
export const read = (side: TlsProblem.Side, files: TlsFiles | undefined): Pem => {
  const named = (kind: "ca" | "cert" | "key"): NamedFile | undefined => {
    const path = files?.[kind]
    return path === undefined ? undefined : { setting: TlsProblem.settingOf(side, kind), path }
  }
  const pem = load({ ca: named("ca"), cert: named("cert"), key: named("key") })
  if (Result.isSuccess(pem)) return pem.success
  const { path, remedy, setting, why } = pem.failure
  throw new TlsRefusal({ error: `${setting} '${path}' ${why}`, remedy })
}

/** A failure as a `TlsRefusal` when it is about TLS; undefined when it is the network's. */
export const refusalOf = (side: TlsProblem.Side, error: unknown): TlsRefusal | undefined => {
  if (error instanceof TlsRefusal) return error
  const problem = TlsProblem.of(side, text(error, "code"), text(error, "message"))
  return problem === undefined ? undefined : new TlsRefusal(problem)
}
