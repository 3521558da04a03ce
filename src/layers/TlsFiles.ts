/** The PEM files of a connection, read at the moment it is made. */
import { X509Certificate } from "node:crypto"
import * as fs from "node:fs"
import { createSecureContext } from "node:tls"
import type { TlsFiles } from "../domain/config/Tls.ts"
import * as TlsProblem from "../domain/TlsProblem.ts"

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

const bad = (setting: string, path: string, why: string, remedy: string): TlsRefusal =>
  new TlsRefusal({ error: `${setting} '${path}' ${why}`, remedy })

const readOne = (side: TlsProblem.Side, kind: "ca" | "cert" | "key", path: string): string => {
  const setting = TlsProblem.settingOf(side, kind)
  let descriptor: number | undefined
  try {
    const stat = fs.statSync(path)
    if (!stat.isFile() || stat.size > FILE_BYTES_MAX) {
      throw bad(setting, path, "is not a file of at most 1 MiB", "Name a PEM file.")
    }
    descriptor = fs.openSync(path, "r")
    return fs.readFileSync(descriptor, "utf8")
  } catch (error) {
    if (error instanceof TlsRefusal) throw error
    const why = `cannot be read: ${text(error, "code")}`
    throw bad(setting, path, why, "Name a PEM file that the user of this process may read.")
  } finally {
    if (descriptor !== undefined) fs.closeSync(descriptor)
  }
}

const isCertificate = (pem: string): boolean => {
  try {
    return new X509Certificate(pem).subject !== undefined
  } catch {
    return false
  }
}

const readCertificate = (side: TlsProblem.Side, kind: "ca" | "cert", path: string): string => {
  const pem = readOne(side, kind, path)
  if (isCertificate(pem)) return pem
  throw bad(
    TlsProblem.settingOf(side, kind),
    path,
    "holds no certificate",
    "Name a file with certificates in PEM form."
  )
}

const readKey = (side: TlsProblem.Side, path: string): string => {
  const pem = readOne(side, "key", path)
  const setting = TlsProblem.settingOf(side, "key")
  if (/ENCRYPTED/.test(pem)) {
    throw bad(setting, path, "is encrypted with a passphrase", "Decrypt it: openssl pkey -in … -out …, mode 0600.")
  }
  if (!/PRIVATE KEY/.test(pem)) throw bad(setting, path, "holds no private key", "Name a file with a key in PEM form.")
  return pem
}

/** Reads them; throws a `TlsRefusal` that names the setting, the file and what to do. */
export const read = (side: TlsProblem.Side, files: TlsFiles | undefined): Pem => {
  const pem: Pem = {
    ...(files?.ca === undefined ? {} : { ca: readCertificate(side, "ca", files.ca) }),
    ...(files?.cert === undefined ? {} : { cert: readCertificate(side, "cert", files.cert) }),
    ...(files?.key === undefined ? {} : { key: readKey(side, files.key) })
  }
  if (pem.key === undefined) return pem
  try {
    createSecureContext(pem)
    return pem
  } catch (error) {
    // OpenSSL's words name no more than what is wrong with the form.
    const setting = TlsProblem.settingOf(side, "key")
    throw bad(
      setting,
      files?.key ?? "",
      `does not go with the certificate (${text(error, "code")})`,
      `Name the key of the certificate in ${TlsProblem.settingOf(side, "cert")}.`
    )
  }
}

/** A failure as a `TlsRefusal` when it is about TLS; undefined when it is the network's. */
export const refusalOf = (side: TlsProblem.Side, error: unknown): TlsRefusal | undefined => {
  if (error instanceof TlsRefusal) return error
  const problem = TlsProblem.of(side, text(error, "code"), text(error, "message"))
  return problem === undefined ? undefined : new TlsRefusal(problem)
}
