/** How a command reaches the running dbmazz: the flags that all of them share, and the channel made from them. */
import type * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import { X509Certificate } from "node:crypto"
import * as fs from "node:fs/promises"
import * as net from "node:net"
import * as nodeTls from "node:tls"
import * as ControlAddress from "../../domain/control/ControlAddress.ts"
import type { ChannelTls } from "../../layers/control/ChannelTls.ts"
import * as ControlChannel from "../../layers/control/ControlChannel.ts"
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

/** Names the files that a person gave, and what is wrong with them; never what is in them. */
const readFile = (flag: string, path: string): Effect.Effect<string, UsageError> =>
  Effect.tryPromise({
    try: () => fs.readFile(path, "utf8"),
    catch: (error) =>
      new UsageError({
        message: `--${flag} ${path} cannot be read: ${error instanceof Error ? error.message : String(error)}`,
        remediation: "Name a file that this user may read."
      })
  })

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
    ? (yield* readFile("token-file", values.tokenFile.value)).trim()
    : Option.match(values.token, { onNone: () => environment["CONTROL_TOKEN"] ?? "", onSome: Redacted.value })
  const isGiven = Option.isSome(values.token) || Option.isSome(values.tokenFile) || text !== ""
  if (!isGiven) return undefined
  if (TOKEN_FORM.test(text)) return Redacted.make(text)
  return yield* new UsageError({
    message: text === "" ? "the token is empty" : "the token holds a character that no token can have",
    remediation: "Take the server's CONTROL_TOKEN as it is: visible ASCII characters, without spaces."
  })
})

const readIdentity = Effect.fnUntraced(function*({ tlsCert, tlsKey }: Flags) {
  if (Option.isNone(tlsCert) && Option.isNone(tlsKey)) return undefined
  if (Option.isNone(tlsCert) || Option.isNone(tlsKey)) {
    return yield* new UsageError({
      message: `--tls-${Option.isNone(tlsCert) ? "cert" : "key"} is missing`,
      remediation: "Give --tls-cert and --tls-key together."
    })
  }
  const cert = yield* readFile("tls-cert", tlsCert.value)
  return { cert, key: Redacted.make(yield* readFile("tls-key", tlsKey.value)) }
})

const systemRoots = (): string =>
  [...new Set([...nodeTls.getCACertificates("system"), ...nodeTls.getCACertificates("default")])].join("\n")

/** Looks at the certificates before they are used, because the channel would only say that they failed. */
const checkPem = (tls: ChannelTls): Effect.Effect<void, UsageError> =>
  Effect.try({
    try: () => {
      // A context takes any text for certificates, and then trusts nobody.
      void new X509Certificate(tls.roots)
      nodeTls.createSecureContext({
        ca: tls.roots,
        ...(tls.identity === undefined ? {} : { cert: tls.identity.cert, key: Redacted.value(tls.identity.key) })
      })
    },
    catch: (error) =>
      new UsageError({
        message: `the TLS files cannot be used: ${error instanceof Error ? error.message : String(error)}`,
        remediation: "Give PEM files: certificates with --tls-ca and --tls-cert, an unencrypted key with --tls-key."
      })
  })

const readTls = Effect.fnUntraced(function*(values: Flags) {
  const isWanted = values.tls ||
    [values.tlsCa, values.tlsCert, values.tlsKey, values.tlsServerName].some((flag) => Option.isSome(flag))
  if (!isWanted) return undefined
  const roots = Option.isSome(values.tlsCa) ? yield* readFile("tls-ca", values.tlsCa.value) : systemRoots()
  const identity = yield* readIdentity(values)
  const tls: ChannelTls = { roots, identity, serverName: Option.getOrUndefined(values.tlsServerName) }
  yield* checkPem(tls)
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
