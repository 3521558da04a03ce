/** How a command reaches the running dbmazz: the flags that all of them share, and the channel made from them. */
import type * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as net from "node:net"
import * as nodeTls from "node:tls"
import * as ControlAddress from "../../domain/control/ControlAddress.ts"
import type { ChannelTls } from "../../layers/control/ChannelTls.ts"
import * as ControlChannel from "../../layers/control/ControlChannel.ts"
import * as TlsFiles from "../../layers/TlsFiles.ts"
import * as BoundedFile from "../BoundedFile.ts"
import * as DurationFlag from "./DurationFlag.ts"
import { UsageError } from "./UsageError.ts"

/** An answer needs neither side of the job, so this is long; a script that looks often may want less. */
const TIMEOUT_DEFAULT = Duration.seconds(10)
const ADDRESS_DEFAULT = "127.0.0.1:50051"

const file = (name: string, description: string) =>
  Flag.String(name).pipe(Flag.withMetavar("file"), Flag.withDescription(description), Flag.optional)

/** The flags of every command that talks to a running dbmazz. */
export const flags = {
  address: Flag.String("address").pipe(
    Flag.withMetavar("host:port"),
    Flag.withDescription(`where dbmazz serves gRPC; from DBMAZZ_ADDRESS, else ${ADDRESS_DEFAULT}`),
    Flag.optional
  ),
  token: Flag.Redacted("token").pipe(
    Flag.withMetavar("token"),
    Flag.withDescription("the server's bearer token; from CONTROL_TOKEN (other users of the machine see flags)"),
    Flag.optional
  ),
  tokenFile: file("token-file", "file that holds the token"),
  tls: Flag.Boolean("tls").pipe(
    Flag.withDefault(false),
    Flag.withDescription("speak TLS, and trust the certificates of the system; every --tls-… means --tls")
  ),
  tlsCa: file("tls-ca", "PEM file with the only certificates to trust"),
  tlsCert: file("tls-cert", "PEM file with the client's certificate"),
  tlsKey: file("tls-key", "PEM file with the key of that certificate"),
  tlsServerName: Flag.String("tls-server-name").pipe(
    Flag.withMetavar("name"),
    Flag.withDescription("name in the server's certificate, when it is not the address"),
    Flag.optional
  ),
  timeout: DurationFlag.withDefault("timeout", TIMEOUT_DEFAULT, "how long one answer is waited for"),
  json: Flag.Boolean("json").pipe(
    Flag.withDefault(false),
    Flag.withDescription("print JSON with the field names of the API")
  )
} as const

export type Flags = Command.Command.Config.Infer<typeof flags>

/** A token is a line. */
const TOKEN_FILE_BYTES_MAX = 64 * 1024

const readTokenFile = (path: string): Effect.Effect<string, UsageError> =>
  BoundedFile.read(path, TOKEN_FILE_BYTES_MAX).pipe(
    Effect.mapError((why) =>
      new UsageError({ message: `--token-file ${path} ${why}`, remediation: "Name a file that this user may read." })
    )
  )

/** An HTTP header carries visible ASCII; the text of a token never gets into an error. */
const TOKEN_FORM = /^[\x21-\x7e]+$/

const readToken = Effect.fnUntraced(function*(values: Flags, environment: NodeJS.ProcessEnv) {
  if (Option.isSome(values.token) && Option.isSome(values.tokenFile)) {
    return yield* new UsageError({
      message: "--token and --token-file are both given",
      remediation: "Give one of them."
    })
  }
  const text = Option.isSome(values.tokenFile)
    ? (yield* readTokenFile(values.tokenFile.value)).trim()
    : Option.match(values.token, { onNone: () => environment["CONTROL_TOKEN"] ?? "", onSome: Redacted.value })
  const isGiven = Option.isSome(values.token) || Option.isSome(values.tokenFile) || text !== ""
  if (!isGiven) return undefined
  if (TOKEN_FORM.test(text)) return Redacted.make(text)
  return yield* new UsageError({
    message: text === "" ? "the token is empty" : "the token holds a character that no token can have",
    remediation: "Take the server's CONTROL_TOKEN as it is: visible ASCII characters, without spaces."
  })
})

const systemRoots = (): string =>
  [...new Set([...nodeTls.getCACertificates("system"), ...nodeTls.getCACertificates("default")])].join("\n")

const named = (flag: string, path: Option.Option<string>): TlsFiles.NamedFile | undefined =>
  Option.getOrUndefined(Option.map(path, (given) => ({ setting: `--${flag}`, path: given })))

/** Looked at before they are used, because the channel would only say that they failed. */
const readTls = Effect.fnUntraced(function*(values: Flags) {
  const { tlsCa, tlsCert, tlsKey, tlsServerName } = values
  const isWanted = values.tls || [tlsCa, tlsCert, tlsKey, tlsServerName].some((flag) => Option.isSome(flag))
  if (!isWanted) return undefined
  if (Option.isSome(tlsCert) !== Option.isSome(tlsKey)) {
    return yield* new UsageError({
      message: `--tls-${Option.isNone(tlsCert) ? "cert" : "key"} is missing`,
      remediation: "Give --tls-cert and --tls-key together."
    })
  }
  const files = { ca: named("tls-ca", tlsCa), cert: named("tls-cert", tlsCert), key: named("tls-key", tlsKey) }
  const { ca, cert, key } = yield* Effect.fromResult(TlsFiles.load(files)).pipe(
    Effect.mapError(({ path, remedy, setting, why }) =>
      new UsageError({ message: `${setting} ${path} ${why}`, remediation: remedy })
    )
  )
  const tls: ChannelTls = {
    roots: ca ?? systemRoots(),
    identity: cert === undefined || key === undefined ? undefined : { cert, key: Redacted.make(key) },
    serverName: Option.getOrUndefined(tlsServerName)
  }
  return tls
})

const readAddress = (values: Flags, environment: NodeJS.ProcessEnv) => {
  const given = Option.getOrElse(values.address, () => environment["DBMAZZ_ADDRESS"] || ADDRESS_DEFAULT)
  return Effect.fromOption(ControlAddress.parse(given)).pipe(
    Effect.mapError(() =>
      new UsageError({
        // What stands before an @ may be a password.
        message: `'${given.replace(/^.*@/s, "…@")}' is not an address`,
        remediation: `Write host:port without a scheme, such as ${ADDRESS_DEFAULT} or [::1]:50051.`
      })
    )
  )
}

/** Where a command connects to, and for how long it waits; what is wrong with the flags is a `UsageError`. */
const options = Effect.fnUntraced(function*(values: Flags, environment: NodeJS.ProcessEnv) {
  const address = yield* readAddress(values, environment)
  const tls = yield* readTls(values)
  // Node.js warns of TLS to an IP address, which is how a health check reaches its own machine.
  if (tls !== undefined && net.isIP(address.host) !== 0) process.noDeprecation = true
  const token = yield* readToken(values, environment)
  return { address, tls, token, timeout: values.timeout }
})

/** The channel to the dbmazz that flags and environment name. */
export const layer = (values: Flags): Layer.Layer<ControlChannel.ControlChannel, UsageError> =>
  Layer.unwrap(Effect.map(options(values, process.env), ControlChannel.ControlChannel.layer))
