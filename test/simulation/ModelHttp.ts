/** The network before the model sink: a front end that redirects, a back end that loads, and what gets lost between. */
import * as Effect from "effect/Effect"
import type { Answer, exchange } from "../../src/layers/HttpExchange.ts"
import type { Verdict } from "./Broken.ts"
import type { FaultSource } from "./Faults.ts"
import type { Incarnation } from "./Incarnation.ts"
import { type Load, type ModelStarRocks, parse } from "./ModelStarRocks.ts"
import type { Network } from "./Network.ts"
import type { Prng } from "./Prng.ts"
import type { Trace } from "./Trace.ts"
import type { VirtualTime } from "./VirtualTime.ts"

export const FRONT_END = "fe.example:8030"
const BACK_END = "be.example:8040"
export const DATABASE = "dw"

const HTML = "<html><body><h1>502 Bad Gateway</h1></body></html>"
/** A load that nobody finishes is aborted by the front end after its `timeout` header, in seconds. */
const S = 1_000
/** A slow back end takes this long, in ms. */
const SLOW_MS_MAX = 70_000
/** A load whose client is gone ends within this, in ms. */
const ORPHAN_MS_MAX = 4_000
const ORPHAN_MS_MIN = 200

/** Refusals of a back end after which nothing is committed. */
const REFUSALS = [
  "too many versions. tablet_id: 10123, version_count: 1001, limit: 1000",
  "Memory of process exceed limit. try consume:1024 limit: 2048",
  "[E1008]Reached timeout=600000ms transaction is aborted by timeout",
  "current running txns on db 10002 is 1000, larger than limit 1000",
  "tablet 10123 has few replicas: 1, success replica num 1 is less than quorum replica num 2"
] as const

export interface HttpWorld {
  readonly starRocks: ModelStarRocks
  readonly verdict: Verdict
  readonly faults: FaultSource
  readonly network: Network
  readonly time: VirtualTime
  readonly trace: Trace
  readonly prng: Prng
  /** How the server answers to a label that is taken: older ones name it in a member of the reply. */
  readonly classicDuplicates: boolean
}

type Reply = (answer: Answer) => void

const answered = (httpStatus: number, body: string, bodySent: boolean, location?: string): Answer => ({
  _tag: "Answered",
  httpStatus,
  location,
  body,
  bodySent
})
const json = (value: unknown): string => JSON.stringify(value)
const lost = (why: string, bodySent: boolean): Answer => ({ _tag: "Lost", why, bodySent, pooled: false })

/** One request of the program. */
interface Request {
  readonly call: Parameters<typeof exchange>[0]
  readonly reply: Reply
  readonly sender: string
  readonly isOpen: () => boolean
}

export class ModelHttp {
  readonly #world: HttpWorld
  /** Loads whose end is still to come, and how to decide it at once. */
  readonly #undecided = new Map<Load, { readonly decide: () => void; readonly cancel: () => void }>()

  constructor(world: HttpWorld) {
    this.#world = world
  }

  /** The transport of one run of the program; `session` names the replication session that it has at the moment. */
  transport(incarnation: Incarnation, session: () => string): typeof exchange {
    return (call, limits) =>
      Effect.callback<Answer>((resume) => {
        let open = true
        const finish = (answer: Answer): void => {
          if (!open) return
          open = false
          silence()
          resume(Effect.succeed(answer))
        }
        const silence = incarnation.after(
          Math.min(limits.silenceMs, limits.totalMs),
          () => finish(lost(`no byte for ${limits.silenceMs} ms`, call.method === "PUT"))
        )
        const request: Request = {
          call,
          sender: session(),
          isOpen: () => open && incarnation.alive,
          reply: (answer) => {
            incarnation.after(this.#world.network.wait(), () => finish(answer))
          }
        }
        this.#world.time.after(this.#world.network.wait(), () => this.#arrive(request))
        return Effect.sync(() => {
          open = false
          silence()
        })
      })
  }

  /** The program is gone; what it left running ends before its successor begins. */
  orphansEnd(): void {
    for (const load of this.#undecided.keys()) this.#decideNow(load)
  }

  #arrive(request: Request): void {
    const { faults } = this.#world
    if (!request.isOpen()) return
    if (faults.happens("http: refused")) return request.reply(lost("ECONNREFUSED", false))
    const { call } = request
    if (call.url.pathname === "/api/health") return request.reply(answered(200, json({ status: "OK" }), false))
    if (call.method === "GET") return this.#question(request)
    if (call.url.host === BACK_END) return this.#load(request)
    if (faults.happens("frontend: answers itself")) return request.reply(this.#frontEndTrouble())
    const location = `http://root:@${BACK_END}${call.url.pathname}${call.url.search}`
    request.reply(answered(307, "", false, location))
  }

  #frontEndTrouble(): Answer {
    const { prng } = this.#world
    return prng.pick([
      answered(200, json({ Status: "FAILED", Message: "No backend alive." }), false),
      answered(200, json({ status: "FAILED", msg: "current fe is not master" }), false),
      answered(503, HTML, false),
      answered(429, "", false)
    ])
  }

  #question(request: Request): void {
    const { faults, prng, starRocks } = this.#world
    const label = request.call.url.searchParams.get("label") ?? ""
    const database = request.call.url.pathname.split("/")[2] ?? ""
    if (faults.happens("frontend: question lost")) {
      return request.reply(prng.pick([
        lost("ECONNRESET", false),
        answered(500, HTML, false),
        answered(200, json({ status: "FAILED", msg: "No available" }), false)
      ]))
    }
    const state = starRocks.state(database, label)
    this.#world.trace.add(`label ${label} is ${state}`)
    request.reply(answered(200, json({ state, status: "OK", msg: "Success" }), false))
  }

  #load(request: Request): void {
    const { faults, network, starRocks, time, trace, verdict } = this.#world
    const { call } = request
    const [, , database = "", table = ""] = call.url.pathname.split("/")
    const label = call.headers["label"] ?? ""
    const strict = call.headers["strict_mode"] === "true" && call.headers["max_filter_ratio"] === "0" &&
      call.headers["format"] === "json" && call.headers["Expect"] === "100-continue"
    verdict.expect(strict, "a load is asked for strictly", () => json({ ...call.headers, Authorization: "" }))
    const begun = starRocks.begin(database, table, label, request.sender)
    if ("holder" in begun) return request.reply(this.#duplicate(begun.holder))
    trace.add(`load ${label} begins`)
    this.#orphanAborts(request, begun)
    if (faults.happens("http: lost before the body")) return request.reply(lost("ECONNRESET", false))
    time.after(network.wait(), () => {
      if (!request.isOpen() || begun.state !== "PREPARE") return
      if (faults.happens("http: lost within the body")) return request.reply(lost("EPIPE", true))
      // The body is a view that its writer uses again.
      const body = Buffer.from(call.body ?? new Uint8Array(0)).toString("utf8")
      this.#received(request, begun, body)
    })
  }

  /** Until the body is here, a load whose client is gone is aborted, sooner or later. */
  #orphanAborts(request: Request, load: Load): void {
    const { prng, starRocks, trace } = this.#world
    this.#decideAfter(load, prng.int(ORPHAN_MS_MIN, ORPHAN_MS_MAX), () => {
      if (request.isOpen()) return this.#orphanAborts(request, load)
      trace.add(`load ${load.label} is aborted: no body`)
      starRocks.abort(load)
    })
  }

  /** How a load ends is decided later, or now when it is asked for. */
  #decideAfter(load: Load, ms: number, act: () => void): void {
    this.#undecided.get(load)?.cancel()
    const cancel = this.#world.time.after(ms, () => this.#decideNow(load))
    this.#undecided.set(load, { decide: act, cancel })
  }

  #decideNow(load: Load): void {
    const undecided = this.#undecided.get(load)
    if (undecided === undefined) return
    this.#undecided.delete(load)
    undecided.cancel()
    undecided.decide()
  }

  /** The body is here: the load commits or aborts, and its client may learn of it. */
  #received(request: Request, load: Load, body: string): void {
    const { faults, network, prng, starRocks, time, trace, verdict } = this.#world
    const parsed = parse(load.table, body)
    if (parsed._tag === "Bad") verdict.broken("the job does not end by itself", `${load.label}: ${parsed.why}`)
    else {
      const keys = new Set(parsed.rows.map((row) => row.key))
      verdict.expect(keys.size === parsed.rows.length, "a load holds a key once", () => load.label)
    }
    const refused = faults.happens("backend: refuses")
    const never = !refused && faults.happens("backend: never finishes")
    const late = never || faults.happens("backend: slow")
    const after = never ? 600 * S : late ? prng.int(S, SLOW_MS_MAX) : network.wait()
    const silent = faults.happens("http: lost after the body")
    const unknown = faults.happens("backend: status unknown")
    if (silent) request.reply(lost("ECONNRESET", true))
    else if (unknown) request.reply(this.#fail("transaction status unknown"))
    else if (faults.happens("http: proxy answers 502")) request.reply(answered(502, HTML, true))
    // What nobody can tell from outside: whether it commits.
    const aborts = refused || never || ((silent || unknown) && prng.chance(0.4))
    this.#decideAfter(load, after, () => {
      if (aborts) {
        trace.add(`load ${load.label} is aborted`)
        starRocks.abort(load)
        return request.reply(this.#fail(prng.pick(REFUSALS)))
      }
      const slowPublish = faults.happens("backend: publish timeout")
      const rows = starRocks.commit(load, body, !slowPublish)
      if (slowPublish) {
        time.after(network.wait(), () => {
          load.state = "VISIBLE"
        })
      }
      if (faults.happens("http: lost after the commit")) return request.reply(lost("ECONNRESET", true))
      request.reply(answered(
        200,
        json({
          TxnId: 9,
          Label: load.label,
          Status: slowPublish ? "Publish Timeout" : "Success",
          Message: slowPublish ? "publish timeout" : "OK",
          NumberTotalRows: rows,
          NumberLoadedRows: rows,
          NumberFilteredRows: 0
        }),
        true
      ))
    })
  }

  #fail(message: string): Answer {
    return answered(200, json({ TxnId: 9, Status: "Fail", Message: message }), true)
  }

  #duplicate(holder: Load): Answer {
    const Message = `Label [${holder.label}] has already been used, relate to txn [9]`
    const ExistingJobStatus = holder.state === "PREPARE" ? "RUNNING" : "FINISHED"
    this.#world.trace.add(`label ${holder.label} is taken: ${ExistingJobStatus}`)
    return this.#world.classicDuplicates
      ? answered(200, json({ TxnId: -1, Status: "Label Already Exists", ExistingJobStatus, Message }), false)
      : answered(200, json({ TxnId: -1, Status: "Fail", Message }), false)
  }
}
