/**
 * The admin port: switches faults on and off from outside the process, for tests written in any language. It is no part
 * of StarRocks, it asks for no password, and it therefore listens on the loopback interface only and refuses whatever a
 * web page could send.
 */
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import type * as Http from "node:http"
import * as FrontEndFailure from "../http/FrontEndFailure.ts"
import { type Exchange, json, sendJson, server, target } from "../http/HttpReply.ts"
import { type FaultKind, faultKinds, type FaultRule, type Faults } from "./Faults.ts"

/** The only host the admin port listens on. */
export const adminHost = "127.0.0.1"
/** Bytes of a request's body: a fault is a few words. */
const bodyBytesMax = 64 * 1024
/** Milliseconds a client may take to send a request. */
const requestMs = 10_000
/** Rules that are on at once: each request to the endpoint looks at all of them. */
const rulesMax = 1000
/** Strikes of one rule: larger counts mean "until switched off", which is said by leaving the count out. */
const countMax = 1_000_000_000
/** Largest seed: 32 bits. */
const seedMax = 0xffff_ffff
/** Characters of `database.table`: the longest names StarRocks takes. */
const tableCharactersMax = 256 + 1 + 1024
/** Characters of a refusal: it may quote what was sent. */
const messageCharactersMax = 1000

const Kind = Schema.Literals(faultKinds)

const FaultOn = Schema.Struct({
  kind: Kind,
  table: Schema.optionalKey(Schema.NonEmptyString.check(Schema.isMaxLength(tableCharactersMax))),
  count: Schema.optionalKey(Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: countMax }))),
  probability: Schema.optionalKey(
    Schema.Finite.check(Schema.isGreaterThan(0), Schema.isLessThanOrEqualTo(1))
  ),
  seed: Schema.optionalKey(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: seedMax })))
})

const DuplicateMode = Schema.Struct({ mode: Schema.Literals(["classic", "fail-message"]) })

// A misspelt member must not silently widen a fault, so members that are not known are refused.
const strict = { errors: "all", onExcessProperty: "error" } as const
const decodeFault = Schema.decodeUnknownResult(Schema.fromJsonString(FaultOn), strict)
const decodeMode = Schema.decodeUnknownResult(Schema.fromJsonString(DuplicateMode), strict)
const decodeNamed = Schema.decodeUnknownResult(Schema.fromJsonString(Schema.Struct({ kind: Schema.String })))

const isKind = Schema.is(Kind)

const failed = (exchange: Exchange, status: number, message: string, extra: object = {}): void =>
  sendJson(exchange, status, { ...FrontEndFailure.failed(message.slice(0, messageCharactersMax)), ...extra }, json)

const done = (exchange: Exchange, status: number, body: object): void =>
  sendJson(exchange, status, { status: "OK", ...body }, json)

const unknownKind = (exchange: Exchange, kind: string): void =>
  failed(exchange, 400, `unknown fault '${kind.slice(0, 100)}'`, { kinds: faultKinds })

const notAllowed = (exchange: Exchange, allowed: string): void =>
  sendJson(
    exchange,
    405,
    FrontEndFailure.failed(`${exchange.request.method ?? ""} is not allowed here; allowed: ${allowed}`),
    { ...json, Allow: allowed }
  )

// Without a count a rule stays until it is switched off, which JSON can only say with null.
const shown = (rule: FaultRule): object => ({
  kind: rule.kind,
  table: rule.table ?? null,
  remaining: Number.isFinite(rule.remaining) ? rule.remaining : null,
  probability: rule.probability,
  seed: rule.seed
})

const state = (faults: Faults): object => ({
  rules: faults.rules().map(shown),
  held: faults.held(),
  hits: Object.fromEntries(faultKinds.map((kind) => [kind, faults.hits(kind)])),
  duplicateLabels: faults.duplicateLabelMode(),
  kinds: faultKinds
})

/** Hands over a request's body, or answers when it is too long. A client that hangs up half-way is forgotten. */
const withBody = (exchange: Exchange, use: (text: string) => void): void => {
  const { request, response, waits } = exchange
  if (Number(request.headers["content-length"] ?? 0) > bodyBytesMax) {
    return failed(exchange, 413, `the body has more than ${bodyBytesMax} bytes`)
  }
  const chunks: Array<Buffer> = []
  let bytes = 0
  request.on("data", (chunk: Buffer) => {
    bytes += chunk.length
    if (bytes <= bodyBytesMax) chunks.push(chunk)
    else failed(exchange, 413, `the body has more than ${bodyBytesMax} bytes`)
  })
  request.on("end", () => {
    if (bytes <= bodyBytesMax) use(Buffer.concat(chunks).toString("utf8"))
  })
  if (waits) response.writeContinue()
}

const switchOn = (faults: Faults, exchange: Exchange): void =>
  withBody(exchange, (text) => {
    const named = decodeNamed(text)
    if (Result.isSuccess(named) && !isKind(named.success.kind)) return unknownKind(exchange, named.success.kind)
    const fault = decodeFault(text)
    if (Result.isFailure(fault)) return failed(exchange, 400, fault.failure.message)
    if (faults.rules().length >= rulesMax) {
      return failed(exchange, 400, `${rulesMax} faults are on already; switch some off with DELETE /faults`)
    }
    const { kind, ...scope } = fault.success
    faults.on(kind, scope)
    const rule = faults.rules().at(-1)
    done(exchange, 201, rule === undefined ? {} : { fault: shown(rule) })
  })

const switchOff = (faults: Faults, exchange: Exchange, kind: FaultKind | undefined): void => {
  faults.off(kind)
  done(exchange, 200, { rules: faults.rules().map(shown) })
}

const chooseMode = (faults: Faults, exchange: Exchange): void =>
  withBody(exchange, (text) => {
    const decoded = decodeMode(text)
    if (Result.isFailure(decoded)) return failed(exchange, 400, decoded.failure.message)
    faults.duplicateLabels(decoded.success.mode)
    done(exchange, 200, { duplicateLabels: faults.duplicateLabelMode() })
  })

const loopbackHost = /^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])(?::\d{1,5})?$/i

/** Why a request is refused before anything else is looked at: it may come from a web page in a browser. */
const refusal = ({ request }: Exchange): string | undefined => {
  // A name that points here but is not ours is how a page gets around the browser's same-origin rule.
  if (!loopbackHost.test(request.headers.host ?? "")) return "the Host header must name this machine's loopback address"
  // Browsers add it to every request that could change something; programs do not.
  if (request.headers.origin !== undefined) return "requests of web pages (with an Origin header) are refused"
  return undefined
}

const route = (faults: Faults, exchange: Exchange): void => {
  const refused = refusal(exchange)
  if (refused !== undefined) return failed(exchange, 403, refused)
  const { method } = exchange.request
  const [resource, kind, ...rest] = target(exchange.request)?.path ?? []
  if (resource === "faults" && kind === undefined) {
    if (method === "GET") return done(exchange, 200, state(faults))
    if (method === "POST") return switchOn(faults, exchange)
    if (method === "DELETE") return switchOff(faults, exchange, undefined)
    return notAllowed(exchange, "GET, POST, DELETE")
  }
  if (resource === "faults" && kind !== undefined && rest.length === 0) {
    if (method !== "DELETE") return notAllowed(exchange, "DELETE")
    return isKind(kind) ? switchOff(faults, exchange, kind) : unknownKind(exchange, kind)
  }
  if (resource === "duplicate-labels" && kind === undefined) {
    return method === "PUT" ? chooseMode(faults, exchange) : notAllowed(exchange, "PUT")
  }
  failed(exchange, 404, "Not Found")
}

/**
 * Makes the server of the admin port. Every answer is JSON; no request, however malformed, makes it throw.
 *
 * `curl 127.0.0.1:PORT/faults` shows what is on, how many requests it holds, what struck how often and what exists;
 * `curl -d '{"kind":"reset-after-commit","table":"orders","count":1}' 127.0.0.1:PORT/faults` switches a fault on;
 * `curl -X DELETE 127.0.0.1:PORT/faults/hold-commit` switches a kind off, without a kind all of them;
 * `curl -X PUT -d '{"mode":"fail-message"}' 127.0.0.1:PORT/duplicate-labels` chooses how a duplicate label is answered.
 */
export const make = (faults: Faults): Http.Server => {
  const made = server((exchange) => route(faults, exchange))
  made.requestTimeout = requestMs
  return made
}
