/** The network before the model sink: a front end that redirects, a back end that loads, and what gets lost between. */
import * as Effect from "effect/Effect"
import { BODY_START_MS_MAX } from "../../src/layers/Heartbeat.ts"
import type { Answer, exchange } from "../../src/layers/HttpExchange.ts"
import type { Verdict } from "./Broken.ts"
import { toJson } from "./CsvBody.ts"
import type { FaultSource } from "./Faults.ts"
import * as Replies from "./HttpReplies.ts"
import type { Request, Sender } from "./HttpRequest.ts"
import type { Incarnation } from "./Incarnation.ts"
import { parse } from "./LoadBody.ts"
import type { Load, ModelStarRocks } from "./ModelStarRocks.ts"
import type { Network } from "./Network.ts"
import type { Prng } from "./Prng.ts"
import type { Trace } from "./Trace.ts"
import type { VirtualTime } from "./VirtualTime.ts"

export const FRONT_END = "fe.example:8030"
const BACK_END = "be.example:8040"
export const DATABASE = "dw"

/** A load that nobody finishes is aborted by the front end after its `timeout` header, in seconds. */
const S = 1_000
/** A slow back end takes this long, in ms. */
export const SLOW_MS_MAX = 70_000
/** Whoever pauses (its memory is being collected) goes on after this, in ms: within the time that a load has to begin, or not. */
export const PAUSES_MS: readonly [readonly [number, number], ...ReadonlyArray<readonly [number, number]>] = [
  [0, BODY_START_MS_MAX],
  [0, BODY_START_MS_MAX],
  [BODY_START_MS_MAX, 2 * BODY_START_MS_MAX],
  [0, 100_000]
]
/** A load whose client is gone ends within this, in ms. */
const ORPHAN_MS_MAX = 4_000
const ORPHAN_MS_MIN = 200

/** What was committed is seen within this, in ms. */
export const PUBLISH_MS_MAX = 15_000

/** The program waits so long for a connection, in ms. */
export const CONNECT_MS_MAX = 5_000

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

const namesOf = (header: string): ReadonlyArray<string> => header.replaceAll("`", "").split(",")

/** The body as JSON lines, whatever its format is; what cannot be read stays as it is. */
const jsonOf = ({ table }: Load, headers: Readonly<Record<string, string>>, body: string): string => {
  if (headers["format"] !== "csv") return body
  const { column_separator: separator = "\t", columns = "", enclose = "", escape = "" } = headers
  return toJson(table, body, namesOf(columns), { separator, enclose, escape }) ?? body
}

export class ModelHttp {
  readonly #world: HttpWorld
  /** Loads whose end is still to come, and how to decide it at once. */
  readonly #undecided = new Map<Load, { readonly decide: () => void; readonly cancel: () => void }>()

  /** Labels of loads for which a back end had no memory. */
  readonly #tooLarge = new Set<string>()

  /** When the last load was committed. */
  committedMs = 0
  /** The program is to stand still now, or to be cut off: whoever runs it decides. */
  onAbsence: (incarnation: Incarnation) => void = () => {}
  /** The program is to lose its replication connection now. */
  onLoss: (incarnation: Incarnation) => void = () => {}
  /** The program is to be killed now. */
  onDeath: (incarnation: Incarnation) => void = () => {}

  constructor(world: HttpWorld) {
    this.#world = world
  }

  /** The transport of one run of the program, which says of itself what replication session it has, and what has stopped. */
  transport(incarnation: Incarnation, sender: () => Sender): typeof exchange {
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
          () => finish(Replies.lost(`no byte for ${limits.silenceMs} ms`, call.method === "PUT"))
        )
        const request: Request = {
          call,
          incarnation,
          sender: sender(),
          isOpen: () => open && incarnation.alive,
          reply: (answer) => {
            incarnation.after(this.#world.network.wait(), () => {
              if (!incarnation.toStarRocks.isCut) finish(answer)
            })
          },
          giveUp: finish
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
    const { faults, prng } = this.#world
    if (!request.isOpen()) return
    if (request.incarnation.toStarRocks.isCut) {
      return void request.incarnation.after(CONNECT_MS_MAX, () => request.giveUp(Replies.lost("no connection", false)))
    }
    if (faults.happens("http: refused")) return request.reply(Replies.lost("ECONNREFUSED", false))
    const { call } = request
    if (call.url.pathname === "/api/health") {
      return request.reply(Replies.answered(200, Replies.json({ status: "OK" }), false))
    }
    const refused = this.#world.starRocks.refusesLogin
    // A back end asks the front end when it begins the load, and answers as to any other failure.
    if (call.url.host === BACK_END) {
      return refused
        ? request.reply(Replies.failed(Replies.DENIED, false))
        : this.#load(request)
    }
    if (refused) {
      return request.reply(Replies.answered(401, Replies.json({ status: "FAILED", msg: Replies.DENIED }), false))
    }
    if (call.method === "GET") return this.#question(request)
    if (faults.happens("frontend: answers itself")) return request.reply(prng.pick(Replies.FRONT_END_TROUBLE))
    const database = call.url.pathname.split("/")[2] ?? ""
    const location = `http://root:@${BACK_END}${call.url.pathname}${call.url.search}`
    const again = this.#world.starRocks.state(database, call.headers["label"] ?? "") === "ABORTED"
    const absent = faults.happens("job: absent at its load") || (again && faults.happens("job: absent at its retry"))
    if (absent) this.onAbsence(request.incarnation)
    const pauses = (absent && prng.chance(0.8)) || faults.happens("frontend: pauses")
    const redirect = (): void => request.reply(Replies.answered(307, "", false, location))
    if (pauses) this.#world.time.after(prng.int(...prng.pick(PAUSES_MS)), redirect)
    else redirect()
  }

  #question(request: Request): void {
    const { faults, prng, starRocks } = this.#world
    const label = request.call.url.searchParams.get("label") ?? ""
    const database = request.call.url.pathname.split("/")[2] ?? ""
    if (faults.happens("frontend: question lost")) {
      return request.reply(prng.pick([
        Replies.lost("ECONNRESET", false),
        Replies.answered(500, Replies.HTML, false),
        Replies.answered(200, Replies.json({ status: "FAILED", msg: "No available" }), false)
      ]))
    }
    const state = starRocks.state(database, label)
    this.#world.trace.add(`label ${label} is ${state}`)
    if (state === "COMMITTED" && faults.happens("job: killed while a load is not seen")) {
      return this.onDeath(request.incarnation)
    }
    request.reply(Replies.answered(200, Replies.json({ state, status: "OK", msg: "Success" }), false))
  }

  #load(request: Request): void {
    const { faults, network, starRocks, trace, verdict } = this.#world
    const { call } = request
    const [, , database = "", table = ""] = call.url.pathname.split("/")
    const label = call.headers["label"] ?? ""
    const isRead = call.headers["format"] === "json" ||
      (call.headers["format"] === "csv" && call.headers["columns"] !== undefined)
    const strict = call.headers["strict_mode"] === "true" && call.headers["max_filter_ratio"] === "0" &&
      isRead && call.headers["Expect"] === "100-continue"
    verdict.expect(
      request.sender.stopped.every((each) => each.split(".")[1] !== table),
      "no row of a stopped table is loaded",
      () => label
    )
    verdict.expect(strict, "a load is asked for strictly", () => Replies.json({ ...call.headers, Authorization: "" }))
    const named = call.headers["partial_update"] === "true" ? call.headers["columns"] : undefined
    const columns = named === undefined ? undefined : new Set(namesOf(named))
    const begun = starRocks.begin(database, table, label, request.sender.session, columns)
    if ("holder" in begun) {
      trace.add(`label ${label} is taken: ${begun.holder.state}`)
      return request.reply(Replies.duplicate(begun.holder, this.#world.classicDuplicates))
    }
    trace.add(`load ${label} begins`)
    this.#orphanAborts(request, begun)
    if (faults.happens("http: lost before the body")) return request.reply(Replies.lost("ECONNRESET", false))
    request.incarnation.after(network.wait(), () => this.#send(request, begun))
  }

  /** The program has heard `100 Continue`: it sends the body, at once or in two parts, for as long as it may. */
  #send(request: Request, load: Load): void {
    const { faults, network, prng, time } = this.#world
    const { body, stale = () => false } = request.call
    if (!request.isOpen() || request.incarnation.toStarRocks.isCut) return
    if (stale(false)) return request.giveUp(Replies.lost("stale", false))
    // The body is a view that its writer uses again.
    const text = jsonOf(load, request.call.headers, Buffer.from(body ?? new Uint8Array(0)).toString("utf8"))
    const arrive = (): void => {
      if (!request.isOpen() || request.incarnation.toStarRocks.isCut || load.state !== "PREPARE") return
      if (faults.happens("http: lost within the body")) return request.reply(Replies.lost("EPIPE", true))
      this.#received(request, load, text)
    }
    if (prng.chance(0.5)) time.after(network.wait(), arrive)
    else {
      request.incarnation.after(network.wait(), () => {
        if (!request.isOpen()) return
        if (stale(true)) return request.giveUp(Replies.lost("stale", true))
        time.after(network.wait(), arrive)
      })
    }
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
    starRocks.receive(load)
    const parsed = parse(load.table, body)
    if (parsed._tag === "Bad") verdict.broken("the job does not end by itself", `${load.label}: ${parsed.why}`)
    else {
      const keys = new Set(parsed.rows.map((row) => row.key))
      verdict.expect(keys.size === parsed.rows.length, "a load holds a key once", () => load.label)
    }
    // A load that is too large for a back end is so again, most of the time.
    const tooLarge = (this.#tooLarge.has(load.label) && prng.chance(0.7)) || faults.happens("backend: out of memory")
    if (tooLarge) this.#tooLarge.add(load.label)
    const refused = tooLarge || faults.happens("backend: refuses")
    const never = !refused && faults.happens("backend: never finishes")
    const late = never || faults.happens("backend: slow")
    const after = never ? 600 * S : late ? prng.int(S, SLOW_MS_MAX) : network.wait()
    const silent = faults.happens("http: lost after the body")
    const unknown = faults.happens("backend: status unknown")
    if (silent) request.reply(Replies.lost("ECONNRESET", true))
    else if (unknown) request.reply(Replies.failed("transaction status unknown"))
    else if (faults.happens("http: proxy answers 502")) request.reply(Replies.answered(502, Replies.HTML, true))
    // What nobody can tell from outside: whether it commits.
    const aborts = refused || never || ((silent || unknown) && prng.chance(0.4))
    this.#decideAfter(load, after, () => {
      if (aborts) {
        request.reply(Replies.failed(tooLarge ? Replies.OUT_OF_MEMORY : prng.pick(Replies.REFUSALS)))
        const abort = (): void => {
          trace.add(`load ${load.label} is aborted`)
          starRocks.abort(load)
        }
        // The back end answers also when the front end has not taken its rollback; the transaction then runs on.
        if (!faults.happens("backend: rollback lost")) return abort()
        return this.#decideAfter(load, prng.int(S, SLOW_MS_MAX), abort)
      }
      const slowPublish = faults.happens("backend: publish timeout")
      const rows = starRocks.commit(load, body, !slowPublish)
      this.committedMs = time.nowMs
      if (slowPublish) {
        time.after(prng.chance(0.5) ? network.wait() : prng.int(0, PUBLISH_MS_MAX), () => starRocks.publish(load))
      }
      if (faults.happens("http: lost after the commit")) return request.reply(Replies.lost("ECONNRESET", true))
      request.reply(Replies.answered(
        200,
        Replies.json({
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
}
