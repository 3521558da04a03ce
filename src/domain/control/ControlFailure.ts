/** Why a control plane gave no answer that its client can use: from a gRPC status to a text and an exit code. */
import * as Runtime from "effect/Runtime"
import * as Schema from "effect/Schema"

/**
 * `unreachable`: nobody answers, another try may find somebody; `late`: no answer in time; `mismatched`: the two sides cannot talk to each other as they are
 * set up; `denied`: the other side does not obey this client; `failed`: it answered with an error.
 */
const Kind = Schema.Literals(["unreachable", "late", "mismatched", "denied", "failed"])
type Kind = typeof Kind.Type

/** EX_UNAVAILABLE and EX_NOPERM of sysexits. */
const EXIT_CODES: Readonly<Record<Kind, number>> = { unreachable: 69, late: 69, mismatched: 69, denied: 77, failed: 1 }

/** `message` says what happened and where, `remediation` what to do; neither holds the token. */
export class ControlFailure extends Schema.TaggedError<ControlFailure>()("ControlFailure", {
  kind: Kind,
  message: Schema.String,
  remediation: Schema.String
}) {
  override readonly [Runtime.errorExitCode] = EXIT_CODES[this.kind]
}

/** What was called, and how. */
export interface Call {
  /** `host:port`. */
  readonly address: string
  readonly secure: boolean
  /** How long the answer was waited for, as a person would say it. */
  readonly waited: string
}

interface Cause {
  readonly pattern: RegExp
  readonly kind: Kind
  readonly what: string
  readonly remedy: string
}

const START =
  "Start `dbmazz run` there, or name its address with --address or DBMAZZ_ADDRESS; its port is GRPC_PORT, " +
  "50051 unless set."
const TOKEN = "Give the server's CONTROL_TOKEN with --token-file, --token or the variable CONTROL_TOKEN."
const CLIENT_CERTIFICATE =
  "Give a certificate that the server's CONTROL_TLS_CA has signed with --tls-cert and --tls-key."
const TRUST = "Name the PEM file of the certificate that signed the server's with --tls-ca."
const USE_TLS =
  "If the server has CONTROL_TLS_CERT, it speaks TLS: add --tls-ca FILE, or --tls when the system trusts it."
const NO_TLS = "Leave out --tls and every --tls-…, or give the server CONTROL_TLS_CERT and CONTROL_TLS_KEY."
const GRPC_PORT = "Take the port of gRPC (GRPC_PORT, 50051 unless set), not the one of HTTP."
const PROXY = "Look at the server's log; a proxy between the two must pass HTTP/2 on."

/** A server that says nothing of it has refused the client's certificate. */
export const CERTIFICATE_REFUSED = "client certificate refused"

/** What Node.js and OpenSSL say of a connection that was not made, in the order in which it is looked for. */
const CAUSES: ReadonlyArray<Cause> = [
  { pattern: /ECONNREFUSED/, kind: "unreachable", what: "connection refused", remedy: START },
  { pattern: /ETIMEDOUT/, kind: "unreachable", what: "connection timed out", remedy: START },
  { pattern: /EHOSTUNREACH|ENETUNREACH/, kind: "unreachable", what: "no route to the host", remedy: START },
  { pattern: /Name resolution failed/, kind: "unreachable", what: "the host's name is not known", remedy: START },
  {
    pattern: /wrong version number|packet length too long/,
    kind: "mismatched",
    what: "it does not speak TLS",
    remedy: NO_TLS
  },
  {
    pattern: /alert (certificate required|handshake failure)/,
    kind: "denied",
    what: "it wants a client certificate",
    remedy: CLIENT_CERTIFICATE
  },
  {
    pattern:
      /alert (unknown ca|bad certificate|certificate \w+|unsupported certificate|decrypt error)|client certificate refused/,
    kind: "denied",
    what: "it refuses the client certificate",
    remedy: CLIENT_CERTIFICATE
  },
  {
    pattern: /ERR_TLS_CERT_ALTNAME_INVALID/,
    kind: "mismatched",
    what: "its certificate is for another name",
    remedy: "Name the server as its certificate does, with --address or --tls-server-name."
  },
  {
    pattern: /certificate has expired|certificate is not yet valid/,
    kind: "mismatched",
    what: "its certificate is not valid at this time",
    remedy: "Renew the server's certificate (CONTROL_TLS_CERT), and look at both clocks."
  },
  {
    pattern: /self[- ]signed certificate|unable to (verify|get)/,
    kind: "mismatched",
    what: "its certificate is not trusted",
    remedy: TRUST
  },
  { pattern: /Protocol error|Parse Error/, kind: "mismatched", what: "it does not speak gRPC", remedy: GRPC_PORT }
]

const CLOSED: Cause = {
  pattern: /Failed to connect|ECONNRESET|EPIPE|socket hang up|Connection dropped|disconnected before secure/,
  kind: "unreachable",
  what: "the connection was closed before an answer came",
  remedy: PROXY
}

/** Numbers of the gRPC statuses that mean more than their text. */
const STATUS = {
  CANCELLED: 1,
  INVALID_ARGUMENT: 3,
  DEADLINE_EXCEEDED: 4,
  PERMISSION_DENIED: 7,
  RESOURCE_EXHAUSTED: 8,
  UNIMPLEMENTED: 12,
  UNAVAILABLE: 14,
  UNAUTHENTICATED: 16
} as const

const TEXT_CHARACTERS_MAX = 500

/** One line of a text from outside, without anything that a terminal obeys. */
const oneLine = (text: string): string =>
  text.replaceAll(/[\p{Cc}\p{Cf}]+/gu, " ").replaceAll(/ {2,}/g, " ").trim().slice(0, TEXT_CHARACTERS_MAX)

const noAnswer = (call: Call, kind: Kind, what: string, remediation: string): ControlFailure =>
  new ControlFailure({ kind, message: `no answer from ${call.address}: ${what}`, remediation })

/** Whether a connection was made and then closed, for a reason that gRPC does not know. */
export const isClosed = (code: number, details: string): boolean =>
  code === STATUS.UNAVAILABLE && CAUSES.every(({ pattern }) => !pattern.test(details)) && CLOSED.pattern.test(details)

const unavailable = (call: Call, details: string): ControlFailure => {
  const cause = CAUSES.find(({ pattern }) => pattern.test(details))
  if (cause !== undefined) return noAnswer(call, cause.kind, cause.what, cause.remedy)
  if (CLOSED.pattern.test(details)) {
    return noAnswer(call, CLOSED.kind, CLOSED.what, call.secure ? CLOSED.remedy : USE_TLS)
  }
  return noAnswer(call, "unreachable", oneLine(details), PROXY)
}

/** No answer within the time that was given. */
export const late = (call: Call): ControlFailure =>
  new ControlFailure({
    kind: "late",
    message: `no answer from ${call.address} within ${call.waited}`,
    remediation: `${START} --timeout waits longer.`
  })

/** What was answered is not what the API says. */
export const unreadable = (call: Call, operation: string): ControlFailure =>
  new ControlFailure({
    kind: "failed",
    message: `the answer of ${call.address} to ${operation} is not understood`,
    remediation: "Use the dbmazz of the server's version as client."
  })

/** What a gRPC status means to the person who called. */
export const fromStatus = (call: Call, operation: string, code: number, details: string): ControlFailure => {
  switch (code) {
    case STATUS.UNAVAILABLE:
      return unavailable(call, details)
    case STATUS.CANCELLED:
      return noAnswer(call, "unreachable", "it hung up", START)
    case STATUS.DEADLINE_EXCEEDED:
      return late(call)
    case STATUS.UNAUTHENTICATED:
    case STATUS.PERMISSION_DENIED:
      return new ControlFailure({
        kind: "denied",
        message: `${call.address} refused ${operation}: ${oneLine(details)}`,
        remediation: TOKEN
      })
    case STATUS.UNIMPLEMENTED:
      return new ControlFailure({
        kind: "failed",
        message: `${call.address} has no ${operation}: ${oneLine(details)}`,
        remediation: "Make sure that a dbmazz listens there, of this version or newer."
      })
    default:
      return new ControlFailure({
        kind: "failed",
        message: `${operation} failed at ${call.address} with gRPC status ${code}: ${oneLine(details)}`,
        remediation: code === STATUS.RESOURCE_EXHAUSTED
          ? "End clients that are no longer needed, or try again later."
          : "Look at the server's log."
      })
  }
}
