/** The Stream Load transport: one HTTP exchange (front end, redirect, back end) and one question about a label. */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as http from "node:http"
import * as https from "node:https"
import type { SrAddress } from "../domain/config/Settings.ts"
import * as SetupError from "../domain/errors/SetupError.ts"
import { TransientError } from "../domain/errors/TransientError.ts"
import type { LoadRequest } from "../domain/Load.ts"
import * as ErrorLog from "../domain/streamload/ErrorLog.ts"
import * as Outcome from "../domain/streamload/Outcome.ts"
import * as Reply from "../domain/streamload/Reply.ts"
import * as Target from "../domain/streamload/Target.ts"
import * as Heartbeat from "./Heartbeat.ts"
import type * as HttpExchange from "./HttpExchange.ts"
import { HttpTransport } from "./HttpTransport.ts"
import * as Log from "./Log.ts"

const log = Log.module("StreamLoadClient")

/** Limits of a load; the reasons stand beside the fields. `totalMs` is the load's own timeout and a minute more. */
export const LOAD_LIMITS: HttpExchange.Limits = {
  connectMs: 5_000,
  continueMs: 10_000,
  silenceMs: 120_000,
  totalMs: (Target.LOAD_TIMEOUT_SECONDS + 60) * 1000
}

/** Limits of a question, in ms: a front end answers from memory. */
export const QUESTION_LIMITS: HttpExchange.Limits = {
  connectMs: 5_000,
  continueMs: 10_000,
  silenceMs: 10_000,
  totalMs: 10_000
}

/** Limits of a look at an error log, in ms: only the words of an error depend on it, and its host may be unreachable. */
const ERROR_LOG_LIMITS: HttpExchange.Limits = {
  connectMs: 2_000,
  continueMs: 2_000,
  silenceMs: 5_000,
  totalMs: 5_000
}

/** A host that gave no error log is not asked again for so long, in ms: rows may be refused many times in a row. */
const ERROR_LOG_PAUSE_MS = 60_000

/** Redirects followed in one exchange: follower to leader to back end, and one more. */
const REDIRECTS_MAX = 3

/** Connections kept to one back end: one load a table is in flight, and a back end serves few at a time well. */
const BACK_END_SOCKETS_MAX = 16

/** Statuses from here on say that the server cannot serve; below it, it is there. */
const HTTP_SERVER_ERROR = 500

export interface Limits {
  readonly load: HttpExchange.Limits
  readonly question: HttpExchange.Limits
}

export class StreamLoadClient extends Context.Service<StreamLoadClient, {
  /**
   * Sends one load once, redirects followed with the same headers and bytes, and says what came of it. Never fails:
   * a connection that was refused is a `Transient` outcome, one that broke after the body was on its way `Uncertain`.
   * Interruption closes the connection and leaves the outcome to the label. Nothing of the body goes once the permit is
   * stale.
   */
  readonly load: (request: LoadRequest, permit: Heartbeat.Permit) => Effect.Effect<Outcome.Outcome>
  /** The permit to give to `load`, to be taken before this program makes sure that it may send. */
  readonly permit: Effect.Effect<Heartbeat.Permit>
  /** Asks a front end how far the transaction of a label has come. Never fails: `Unanswered` says why. */
  readonly labelState: (database: string, label: string) => Effect.Effect<Reply.LabelAnswer>
  /**
   * Succeeds when the configured address answers HTTP with a status below 500. A certificate that is not believed is a
   * `SetupError` here, where a job begins; to `load` it is `Transient`, because certificates are renewed while it runs.
   */
  readonly probe: Effect.Effect<void, TransientError | SetupError.SetupError>
}>()("dbmazz/layers/StreamLoadClient") {
  /** The client of one StarRocks; its pooled connections close with the scope. */
  static readonly layer = (
    sink: SrAddress,
    limits: Limits = { load: LOAD_LIMITS, question: QUESTION_LIMITS }
  ): Layer.Layer<StreamLoadClient> => Layer.effect(StreamLoadClient, make(sink, limits))
}

interface Agents {
  readonly http: http.Agent
  readonly https: https.Agent
}

const acquireAgents = Effect.acquireRelease(
  Effect.sync((): Agents => {
    const options: http.AgentOptions = { keepAlive: true, maxSockets: BACK_END_SOCKETS_MAX }
    return { http: new http.Agent(options), https: new https.Agent(options) }
  }),
  (agents) =>
    Effect.sync(() => {
      agents.http.destroy()
      agents.https.destroy()
    })
)

/** Where an exchange ended, for the reader of a message: `host:port`, and who had sent us there. */
const place = (first: URL, last: URL): string =>
  first.host === last.host ? last.host : `${last.host}, to which ${first.host} redirected`

/** The answer to a redirect that would carry the password in the open; nothing was sent there. */
const downgraded = (first: URL, target: URL): HttpExchange.Answer => ({
  _tag: "Unsendable",
  why: `${first.host} is configured with https and redirected to http://${target.host}, where the password would go ` +
    "unencrypted. Let the redirect lead to https (of the back end, or of a proxy before it); on a trusted network, " +
    "configure http://"
})

const make = Effect.fnUntraced(function*(sink: SrAddress, limits: Limits) {
  const exchange = yield* HttpTransport
  const agents = yield* acquireAgents
  const heartbeat = yield* Heartbeat.make
  const configured = new URL(sink.url)
  const authorization = Redacted.make(
    `Basic ${Buffer.from(`${sink.user}:${Redacted.value(sink.password)}`, "utf8").toString("base64")}`
  )

  /** One request on a redirected address may use the pool; the first address may be a front end, which closes. */
  const ask = Effect.fnUntraced(function*(call: HttpExchange.Call, callLimits: HttpExchange.Limits) {
    const answer = yield* exchange(call, callLimits)
    // The server had closed the pooled connection meanwhile: nothing was sent, a fresh one is not another attempt.
    if (answer._tag === "Lost" && answer.pooled && !answer.bodySent) {
      return yield* exchange({ ...call, agent: false }, callLimits)
    }
    return answer
  })

  const follow = Effect.fnUntraced(function*(call: HttpExchange.Call, callLimits: HttpExchange.Limits) {
    let url = call.url
    let answer = yield* ask(call, callLimits)
    for (let redirects = 0; redirects < REDIRECTS_MAX; redirects++) {
      if (answer._tag !== "Answered" || (answer.httpStatus !== 307 && answer.httpStatus !== 308)) break
      const next = Target.redirectTarget(configured, url, answer.location)
      if (next === undefined) break
      if (Target.isDowngrade(configured, next)) {
        return { answer: downgraded(call.url, next), at: place(call.url, next) }
      }
      const from = url.host
      url = next
      yield* log.debug("redirected", () => ({ method: call.method, from, to: next.host, redirects: redirects + 1 }))
      const agent = url.protocol === "https:" ? agents.https : agents.http
      answer = yield* ask({ ...call, url, agent }, callLimits)
    }
    return { answer, at: place(call.url, url) }
  })

  const silentUntilMs = new Map<string, number>()

  /** The outcome, with the reason that the back end's error log gives for the rows it filtered. */
  const explain = Effect.fnUntraced(function*(outcome: Outcome.Outcome) {
    if (outcome._tag !== "Permanent" || outcome.errorUrl === undefined) return outcome
    const url = Target.redirectTarget(configured, configured, outcome.errorUrl)
    // The log holds rows.
    if (url === undefined || Target.isDowngrade(configured, url)) return outcome
    const nowMs = yield* Clock.currentTimeMillis
    if (nowMs < (silentUntilMs.get(url.host) ?? 0)) return outcome
    const call: HttpExchange.Call = { method: "GET", url, headers: {}, body: undefined, agent: false, tls: sink.tls }
    const answer = yield* exchange(call, ERROR_LOG_LIMITS)
    const reason = answer._tag === "Answered" && answer.httpStatus === 200 ? ErrorLog.first(answer.body) : undefined
    if (reason !== undefined) return Outcome.explained(outcome, reason)
    silentUntilMs.set(url.host, nowMs + ERROR_LOG_PAUSE_MS)
    yield* log.debug("the error log of a refused load cannot be read", () => ({
      host: url.host,
      reason: answer._tag === "Answered" ? `HTTP ${answer.httpStatus}` : answer.why
    }))
    return outcome
  })

  const load = Effect.fnUntraced(function*(request: LoadRequest, permit: Heartbeat.Permit) {
    const { answer, at } = yield* follow({
      method: "PUT",
      url: new URL(Target.loadPath(request), configured),
      headers: Target.loadHeaders(request, Redacted.value(authorization)),
      body: request.body,
      stale: (begun) => heartbeat.isStale(permit, begun),
      agent: false,
      tls: sink.tls
    }, limits.load)
    if (answer._tag !== "Lost") return yield* explain(Outcome.classify(answer, request.rowCount))
    return Outcome.classify({ ...answer, why: `${answer.why} at ${at}` }, request.rowCount)
  })

  const labelState = Effect.fnUntraced(function*(database: string, label: string) {
    const { answer, at } = yield* follow({
      method: "GET",
      url: new URL(Target.labelStatePath(database, label), configured),
      headers: { Authorization: Redacted.value(authorization) },
      body: undefined,
      agent: false,
      tls: sink.tls
    }, limits.question)
    return answer._tag === "Answered"
      ? Reply.decodeLabelAnswer(answer.httpStatus, answer.body)
      : { _tag: "Unanswered" as const, why: `${answer.why} at ${at}` }
  })

  const probe = Effect.gen(function*() {
    const call: HttpExchange.Call = {
      method: "GET",
      url: new URL("/api/health", configured),
      headers: {},
      body: undefined,
      agent: false,
      tls: sink.tls
    }
    const answer = yield* ask(call, limits.question)
    if (answer._tag === "Lost" && answer.tls !== undefined) {
      return yield* SetupError.make({ _tag: "SrTlsFailed", host: configured.host, ...answer.tls })
    }
    if (answer._tag === "Answered" && answer.httpStatus < HTTP_SERVER_ERROR) return
    return yield* new TransientError({
      code: "SR_UNREACHABLE",
      message: `StarRocks HTTP connection failed: ${
        answer._tag === "Answered" ? `HTTP ${answer.httpStatus}` : answer.why
      }`,
      remediation: "Check STARROCKS_URL, and that the front end or back end at that address is alive.",
      context: { host: configured.host }
    })
  })

  return { load, labelState, probe, permit: Effect.sync(() => heartbeat.permit()) }
})
