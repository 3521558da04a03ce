/** The model sink is held to the contract of the real one; the numbers are those of test/contract. */
import * as Effect from "effect/Effect"
import { assert, describe, it } from "vitest"
import { type Answer, exchange } from "../../src/layers/HttpExchange.ts"
import { LOAD_LIMITS } from "../../src/layers/StreamLoadClient.ts"
import { Verdict } from "./Broken.ts"
import type { FaultKind } from "./Faults.ts"
import { Incarnation } from "./Incarnation.ts"
import { ModelHttp } from "./ModelHttp.ts"
import { ModelStarRocks } from "./ModelStarRocks.ts"
import { Network } from "./Network.ts"
import { Prng } from "./Prng.ts"
import { Trace } from "./Trace.ts"
import { VirtualTime } from "./VirtualTime.ts"

const SEED = 1
const LABELS_MAX = 100
/** Enough steps for one exchange with everything that follows from it. */
const STEPS_MAX = 200

interface Settings {
  /** Faults in the order in which they are to happen, each once. */
  readonly faults?: ReadonlyArray<FaultKind>
  readonly classicDuplicates?: boolean
}

/** A sink on the wire: loads and questions, one after the other, and what came back. */
class Stage {
  readonly verdict = new Verdict()
  readonly #time = new VirtualTime()
  readonly starRocks = new ModelStarRocks(LABELS_MAX, this.verdict, new Trace(), this.#time)
  readonly #incarnation = new Incarnation(1, SEED, this.#time, new Prng(SEED, "stage"))
  readonly #faults: Array<FaultKind>
  readonly #transport: typeof exchange

  constructor({ classicDuplicates = true, faults = [] }: Settings = {}) {
    this.#faults = [...faults]
    const http = new ModelHttp({
      starRocks: this.starRocks,
      verdict: this.verdict,
      faults: { happens: (kind) => this.#happens(kind) },
      network: new Network(new Prng(SEED, "network"), 1),
      time: this.#time,
      trace: new Trace(),
      prng: new Prng(SEED, "http"),
      classicDuplicates
    })
    this.#transport = http.transport(this.#incarnation, () => ({ session: 1, stopped: [] }))
  }

  get count(): number {
    return this.starRocks.rows.size
  }

  /** One request to its end; `undefined` when it has none within the steps. */
  async exchange(method: "GET" | "PUT", path: string, label: string, body: string): Promise<Answer | undefined> {
    const headers = { label, strict_mode: "true", max_filter_ratio: "0", format: "json", Expect: "100-continue" }
    let answer: Answer | undefined = undefined
    const ask = this.#transport(
      {
        method,
        url: new URL(path, method === "PUT" ? "http://be.example:8040" : "http://fe.example:8030"),
        headers,
        body: Buffer.from(body),
        agent: false
      },
      LOAD_LIMITS
    ).pipe(Effect.map((came) => void (answer = came)))
    Effect.runForkWith(this.#incarnation.context)(ask)
    for (let step = 0; step < STEPS_MAX && answer === undefined; step++) {
      this.#time.next()
      await this.#incarnation.settle()
    }
    return answer
  }

  load(label: string, rows: ReadonlyArray<object>, database = "dw"): Promise<Answer | undefined> {
    const body = rows.map((row) => `${JSON.stringify(row)}\n`).join("")
    return this.exchange("PUT", `/api/${database}/items/_stream_load`, label, body)
  }

  /** The members of a load's reply; none when it got lost. */
  async status(label: string, rows: ReadonlyArray<object>, database?: string): Promise<Record<string, unknown>> {
    return members(await this.load(label, rows, database))
  }

  async state(label: string, database = "dw"): Promise<unknown> {
    return members(await this.exchange("GET", `/api/${database}/get_load_state?label=${label}`, label, ""))["state"]
  }

  /** Lets everything that is under way come to its end. */
  async pass(): Promise<void> {
    for (let step = 0; step < STEPS_MAX && this.#time.next(); step++) await this.#incarnation.settle()
  }

  #happens(kind: FaultKind): boolean {
    if (this.#faults[0] !== kind) return false
    this.#faults.shift()
    return true
  }
}

const members = (answer: Answer | undefined): Record<string, unknown> => {
  if (answer?._tag !== "Answered" || answer.body === "") return {}
  const value: unknown = JSON.parse(answer.body)
  return typeof value === "object" && value !== null ? Object.fromEntries(Object.entries(value)) : {}
}

const ROWS = [{ id: 1, name: "a" }]

describe("the model sink keeps the contract", () => {
  it("6, 21: a password that was changed is a 401 of the front end, and a Fail of the back end that begins nothing", async () => {
    const stage = new Stage()
    stage.starRocks.changePassword(true)
    assert.match(String((await stage.status("l", ROWS))["Message"]), /^Access denied/)
    const answer = await stage.exchange("GET", "/api/dw/get_load_state?label=l", "l", "")
    assert.deepInclude(answer, { _tag: "Answered", httpStatus: 401 })
    stage.starRocks.changePassword(false)
    assert.strictEqual(await stage.state("l"), "UNKNOWN")
  })

  it("36: a label used twice loads its rows once", async () => {
    const stage = new Stage()
    assert.strictEqual((await stage.status("l", ROWS))["Status"], "Success")
    const second = await stage.status("l", [{ id: 2 }])
    assert.strictEqual(second["Status"], "Label Already Exists")
    assert.strictEqual(second["ExistingJobStatus"], "FINISHED")
    assert.strictEqual(stage.count, 1)
  })

  it("37: while the first load runs, the label's job is RUNNING", async () => {
    const stage = new Stage({ faults: ["backend: slow", "http: lost after the body"] })
    assert.strictEqual((await stage.load("l", ROWS))?._tag, "Lost")
    const second = await stage.status("l", ROWS)
    assert.strictEqual(second["ExistingJobStatus"], "RUNNING")
    assert.strictEqual(await stage.state("l"), "PREPARE")
    await stage.pass()
    assert.notStrictEqual(await stage.state("l"), "PREPARE")
  })

  it("38: the other servers' duplicate answer is a Fail with the label in it", async () => {
    const stage = new Stage({ classicDuplicates: false })
    await stage.load("l", ROWS)
    const second = await stage.status("l", ROWS)
    assert.strictEqual(second["Status"], "Fail")
    assert.match(String(second["Message"]), /^Label \[l\] has already been used/)
    assert.isUndefined(second["ExistingJobStatus"])
    assert.strictEqual(await stage.state("l"), "VISIBLE")
  })

  it("39: after a failed load its label is free", async () => {
    const stage = new Stage({ faults: ["backend: refuses"] })
    assert.strictEqual((await stage.status("l", ROWS))["Status"], "Fail")
    assert.strictEqual((await stage.status("l", ROWS))["Status"], "Success")
  })

  it("41: the same label in another database is another label", async () => {
    const stage = new Stage()
    assert.strictEqual((await stage.status("l", ROWS))["Status"], "Success")
    assert.strictEqual((await stage.status("l", ROWS, "other"))["Status"], "Success")
  })

  it("42: the state of a label is VISIBLE, ABORTED or UNKNOWN", async () => {
    const stage = new Stage({ faults: ["backend: refuses"] })
    await stage.load("bad", ROWS)
    await stage.load("good", ROWS)
    assert.deepStrictEqual(
      [await stage.state("good"), await stage.state("bad"), await stage.state("never")],
      ["VISIBLE", "ABORTED", "UNKNOWN"]
    )
  })

  it("45: after a commit whose reply is lost the label is VISIBLE and a retry changes nothing", async () => {
    const stage = new Stage({ faults: ["http: lost after the commit"] })
    assert.strictEqual((await stage.load("l", ROWS))?._tag, "Lost")
    assert.strictEqual(await stage.state("l"), "VISIBLE")
    assert.strictEqual((await stage.status("l", ROWS))["Status"], "Label Already Exists")
    assert.strictEqual(stage.count, 1)
  })

  it("46: after a reset before the commit the label is PREPARE, then ABORTED, and the same load succeeds", async () => {
    const stage = new Stage({ faults: ["http: lost before the body"] })
    assert.deepInclude(await stage.load("l", ROWS), { _tag: "Lost", bodySent: false })
    assert.strictEqual(await stage.state("l"), "PREPARE")
    await stage.pass()
    assert.strictEqual(await stage.state("l"), "ABORTED")
    assert.strictEqual((await stage.status("l", ROWS))["Status"], "Success")
  })

  it("48: Publish Timeout has committed, and is visible later", async () => {
    const stage = new Stage({ faults: ["backend: publish timeout"] })
    const reply = await stage.status("l", ROWS)
    assert.strictEqual(reply["Status"], "Publish Timeout")
    assert.strictEqual(reply["NumberLoadedRows"], 1)
    await stage.pass()
    assert.strictEqual(await stage.state("l"), "VISIBLE")
  })

  it("49: JSON lines without __op are upserts, each counted", async () => {
    const stage = new Stage()
    const reply = await stage.status("l", [{ id: 1 }, { id: 2 }, { id: 3 }])
    assert.deepStrictEqual([reply["NumberTotalRows"], reply["NumberLoadedRows"], stage.count], [3, 3, 3])
  })

  it("50: an upsert of a key that is there replaces its row", async () => {
    const stage = new Stage()
    await stage.load("l1", ROWS)
    assert.strictEqual((await stage.status("l2", [{ id: 1, name: "b" }]))["NumberLoadedRows"], 1)
    assert.deepStrictEqual([...stage.starRocks.rows.values()].map((row) => row.values["name"]), ["b"])
  })

  it.each([["51: __op 1", 1], ["52: __op 'delete'", "delete"]])("%s deletes the row", async (_, op) => {
    const stage = new Stage()
    await stage.load("l1", ROWS)
    assert.strictEqual((await stage.status("l2", [{ id: 1, __op: op }]))["NumberLoadedRows"], 1)
    assert.strictEqual(stage.count, 0)
  })

  it("53: a delete of a key that is not there changes nothing", async () => {
    const stage = new Stage()
    assert.strictEqual((await stage.status("l", [{ id: 9, __op: 1 }]))["Status"], "Success")
    assert.strictEqual(stage.count, 0)
  })

  it("54: of several rows of a key in one load the last wins", () => {
    const { starRocks } = new Stage()
    const load = starRocks.begin("dw", "items", "l", 1)
    const rows = [{ id: 1, name: "a" }, { id: 1, __op: 1 }, { id: 1, name: "c" }]
    if (!("holder" in load)) starRocks.commit(load, rows.map((row) => JSON.stringify(row)).join("\n"), true)
    assert.deepStrictEqual([...starRocks.rows.values()].map((row) => row.values["name"]), ["c"])
  })
})
