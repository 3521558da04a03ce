/** How connections are encrypted and whose certificates are believed, as the configuration says. */
import type { Reader } from "./Reader.ts"
import type { VariableKey } from "./Variables.ts"

/** PEM files, read whenever a connection is made, so that certificates are renewed without a restart. */
export interface TlsFiles {
  /** The authorities that are believed; undefined: those that Node ships. */
  readonly ca: string | undefined
  /** What this program shows of itself; both or none. */
  readonly cert: string | undefined
  readonly key: string | undefined
}

const SOURCE_MODES = ["disable", "allow", "prefer", "require", "verify-ca", "verify-full"] as const
const SINK_MODES = ["disable", "require", "verify-ca", "verify-full"] as const

/** libpq's `sslmode`, without `disable`. */
export type SourceMode = Exclude<typeof SOURCE_MODES[number], "disable">
export type SinkMode = typeof SINK_MODES[number]

/** TLS to PostgreSQL. */
export interface SourceTls extends TlsFiles {
  readonly mode: SourceMode
}

/** TLS to StarRocks: `mode` is of the MySQL protocol, the files are of HTTPS too. */
export interface SinkTls extends TlsFiles {
  readonly mode: SinkMode
}

/** `none`: the certificate may be anyone's; `chain`: an authority has signed it; `host`: for this host besides. */
export type Check = "none" | "chain" | "host"

/** What is checked of PostgreSQL's certificate. As with libpq, `require` checks the chain when it is given an authority. */
export const sourceCheck = (tls: SourceTls): Check => {
  if (tls.mode === "verify-full") return "host"
  return tls.mode === "verify-ca" || tls.ca !== undefined ? "chain" : "none"
}

/** What is checked of StarRocks' certificate on the MySQL port. */
export const sinkCheck = (tls: SinkTls): Check =>
  tls.mode === "verify-full" ? "host" : tls.mode === "verify-ca" ? "chain" : "none"

/** What is checked over HTTPS, which carries the password itself: everything, but for `verify-ca` the name. */
export const httpsCheck = (tls: SinkTls | undefined): Check => tls?.mode === "verify-ca" ? "chain" : "host"

/** libpq's word for the public authorities. */
const SYSTEM = "system"

/** Parameters of libpq that ask for more than is done here: to ignore them would be less safe than what was asked for. */
const UNSUPPORTED: ReadonlyArray<readonly [name: string, harmless: RegExp]> = [
  ["sslcrl", /^$/],
  ["sslcrldir", /^$/],
  ["sslpassword", /^$/],
  ["ssl_min_protocol_version", /^(TLSv1(\.[12])?)?$/i],
  ["ssl_max_protocol_version", /^(TLSv1\.3)?$/i],
  ["sslnegotiation", /^(postgres)?$/],
  ["sslcertmode", /^(allow)?$/],
  ["channel_binding", /^(prefer|disable)?$/],
  ["gssencmode", /^(disable|prefer)?$/],
  ["require_auth", /^$/]
]

const orUndefined = (text: string | undefined): string | undefined => text === "" ? undefined : text

/** A file named by the URL's parameter, by the variable, or alike by both. */
const file = (reader: Reader, key: VariableKey, parameters: URLSearchParams, name: string): string | undefined => {
  const inUrl = orUndefined(parameters.get(name) ?? "")
  const inVariable = orUndefined(reader.text(key))
  if (inUrl !== undefined && inVariable !== undefined && inUrl !== inVariable) {
    reader.problem(key, `differs from ${name} in the URL of the source`)
  }
  return inVariable ?? inUrl
}

const checkPair = (reader: Reader, certKey: VariableKey, keyKey: VariableKey, files: TlsFiles): void => {
  if (files.key !== undefined && files.cert === undefined) reader.problem(certKey, "must be set when the key is")
  if (files.cert !== undefined && files.key === undefined) reader.problem(keyKey, "must be set when the certificate is")
}

/**
 * TLS to PostgreSQL, from the parameters of its URL and the variables beside it; undefined: plain TCP. Without `sslmode`
 * it is `prefer`, as with libpq, and `verify-full` when an authority is given.
 */
export const readSourceTls = (reader: Reader, parameters: URLSearchParams): SourceTls | undefined => {
  const ca = file(reader, "sourceTlsCa", parameters, "sslrootcert")
  const files: TlsFiles = {
    ca: ca === SYSTEM ? undefined : ca,
    cert: file(reader, "sourceTlsCert", parameters, "sslcert"),
    key: file(reader, "sourceTlsKey", parameters, "sslkey")
  }
  checkPair(reader, "sourceTlsCert", "sourceTlsKey", files)
  for (const [name, harmless] of UNSUPPORTED) {
    if (!harmless.test(parameters.get(name) ?? "")) {
      reader.problem("databaseUrl", `'${name}' is not supported with that value; take it out of the URL`)
    }
  }
  const said = parameters.get("sslmode") ?? (ca === undefined ? "prefer" : "verify-full")
  const mode = SOURCE_MODES.find((known) => known === said)
  if (mode === undefined) {
    reader.problem("databaseUrl", `has an unknown sslmode '${said}' (${SOURCE_MODES.join(", ")})`)
    return undefined
  }
  if (mode === "verify-ca" && files.ca === undefined) {
    reader.problem("sourceTlsCa", "must be set with sslmode=verify-ca: anyone has a certificate of a public authority")
  }
  if (ca === SYSTEM && mode !== "verify-full") {
    reader.problem("sourceTlsCa", "'system' needs sslmode=verify-full: anyone has a certificate of a public authority")
  }
  if (ca !== undefined && (mode === "disable" || mode === "allow" || mode === "prefer")) {
    reader.problem("sourceTlsCa", `checks nothing with sslmode=${mode}, which does without TLS; use verify-full`)
  }
  if (mode === "disable") {
    if (files.cert !== undefined) reader.problem("sourceTlsCert", "is shown to nobody with sslmode=disable")
    return undefined
  }
  return { mode, ...files }
}

/** TLS to StarRocks; undefined: its MySQL protocol is plain, and HTTPS believes the authorities that Node ships. */
export const readSinkTls = (reader: Reader, https: boolean): SinkTls | undefined => {
  const mode = reader.oneOf("sinkTls", SINK_MODES)
  const files: TlsFiles = {
    ca: orUndefined(reader.text("sinkTlsCa")),
    cert: orUndefined(reader.text("sinkTlsCert")),
    key: orUndefined(reader.text("sinkTlsKey"))
  }
  checkPair(reader, "sinkTlsCert", "sinkTlsKey", files)
  if (mode === "verify-ca" && files.ca === undefined) {
    reader.problem("sinkTlsCa", "must be set with SINK_TLS=verify-ca: anyone has a certificate of a public authority")
  }
  const isUnused = !https && mode === "disable"
  if (isUnused && files.ca !== undefined) reader.problem("sinkTlsCa", "checks nothing without https:// or SINK_TLS")
  if (isUnused && files.cert !== undefined) {
    reader.problem("sinkTlsCert", "is shown to nobody without https:// or SINK_TLS")
  }
  if (files.ca !== undefined && mode === "require" && !https) {
    reader.problem("sinkTlsCa", "checks nothing with SINK_TLS=require; use verify-full or verify-ca")
  }
  return mode === "disable" && files.ca === undefined && files.cert === undefined ? undefined : { mode, ...files }
}
