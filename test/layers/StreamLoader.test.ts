import { assert, describe, it } from "@effect/vitest"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"
import * as TestClock from "effect/testing/TestClock"
import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"
import type { LoadRequest } from "../../src/domain/Load.ts"
import * as Lsn from "../../src/domain/Lsn.ts"
import { BODY_START_MS_MAX } from "../../src/layers/Heartbeat.ts"
import type { InFlightLoads, LeftLoad } from "../../src/layers/InFlightLoads.ts"
import { POLL_MS_MAX, type Retrying } from "../../src/layers/LoadAttempts.ts"
import { StreamLoadClient } from "../../src/layers/StreamLoadClient.ts"
import { type Options, StreamLoader } from "../../src/layers/StreamLoader.ts"
import * as HttpStage from "../support/HttpStage.ts"
import * as LoadsInFlight from "../support/LoadsInFlight.ts"

const ROWS = 2
const BODY = Buffer.from(`{"id":1,"name":"Jane Doe"}\n{"id":2,"name":"Jane Doe"}\n`)
const PASSWORD = "hunter2"

const request: LoadRequest = {
  target: { schema: "shop", name: "orders" },
  label: "dbmazz_1",
  columns: undefined,
  body: BODY,
  rowCount: ROWS,
  run: "r",
  lastCommitLsn: Lsn.Lsn.make(1n)
}

type Play = (turn: HttpStage.Turn) => void

/** The plays of loads and the answers about the label, one after the other; the last of each repeats. */
interface Script {
  readonly loads: ReadonlyArray<Play>
  readonly states?: ReadonlyArray<string>
}

const answer = (body: object | string, status = 200): Play => (turn) => turn.read(() => turn.reply(body, status))
const success = answer(HttpStage.loaded(ROWS))
const fail = (message: string): Play => answer({ TxnId: 9, Status: "Fail", Message: message })
const resetAfterBody: Play = (turn) => turn.read(() => turn.reset())
const resetBeforeBody: Play = (turn) => turn.reset()
const duplicate = (job: string): Play =>
  answer({
    TxnId: -1,
    Status: "Label Already Exists",
    ExistingJobStatus: job,
    Message: "Label [dbmazz_1] has already been used."
  })

interface Stage {
  readonly server: HttpStage.HttpStage
  readonly loads: () => ReadonlyArray<HttpStage.Turn>
  readonly questions: () => number
}

const stage = (script: Script): Effect.Effect<Stage, never, Scope.Scope> =>
  Effect.gen(function*() {
    let loads = 0
    let questions = 0
    const states = script.states ?? []
    const server = yield* HttpStage.start((turn) => {
      if (turn.method === "PUT") return script.loads[Math.min(loads++, script.loads.length - 1)]!(turn)
      const state = states[Math.min(questions++, states.length - 1)]
      turn.reply(state === undefined ? "no question was expected" : { state, status: "OK", msg: "Success" })
    })
    return { server, loads: () => server.turns.filter((turn) => turn.method === "PUT"), questions: () => questions }
  })

const loader = (
  server: HttpStage.HttpStage,
  options: Options = {},
  retry = { baseMs: 1, maxMs: 4, maxElapsedMs: 0 },
  inFlight: Layer.Layer<InFlightLoads> = LoadsInFlight.layer()
) =>
  StreamLoader.layer(retry, options).pipe(
    Layer.provide(inFlight),
    Layer.provide(StreamLoadClient.layer({
      url: server.url,
      host: server.host,
      sqlPort: 9030,
      database: "shop",
      user: "root",
      password: Redacted.make(PASSWORD)
    }))
  )

const load = StreamLoader.use((service) => service.load(request))
const SILENT = Logger.layer([])
const loadFrom = ({ server }: Stage, logger = SILENT) => Effect.provide(load, Layer.merge(loader(server), logger))

/** Every attempt carried the label and the bytes of the first. */
const assertSameRequest = (played: Stage): void => {
  for (const turn of played.loads()) {
    assert.strictEqual(turn.headers["label"], request.label)
    if (turn.body.byteLength > 0) assert.isTrue(turn.body.equals(BODY))
  }
}

/** Lets virtual time pass, a second at a time, until the fiber is over; real sockets get their turn in between. */
const passTime = <A, E>(fiber: Fiber.Fiber<A, E>) =>
  Effect.gen(function*() {
    while (fiber.pollUnsafe() === undefined) {
      yield* Effect.promise(() => new Promise((resolve) => setTimeout(resolve, 1)))
      yield* TestClock.adjust(1_000)
    }
    return yield* Fiber.join(fiber)
  })

describe("an uncertain load", () => {
  it.live("45 T63 that was committed before its reply got lost is not sent again", () =>
    Effect.gen(function*() {
      const played = yield* stage({ loads: [resetAfterBody], states: ["VISIBLE"] })
      const result = yield* loadFrom(played)
      assert.deepStrictEqual(result, {
        label: "dbmazz_1",
        loadedRows: ROWS,
        visible: true,
        alreadyLoaded: true,
        attempts: 1
      })
      assert.strictEqual(played.loads().length, 1)
    }))

  it.live("45 that is committed and not yet visible counts as loaded, and says so", () =>
    Effect.gen(function*() {
      const result = yield* loadFrom(yield* stage({ loads: [resetAfterBody], states: ["COMMITTED"] }))
      assert.deepStrictEqual([result.alreadyLoaded, result.visible], [true, false])
    }))

  for (const state of ["ABORTED", "UNKNOWN"]) {
    it.live(`46 T63 whose label is ${state} is sent again with the same label and bytes`, () =>
      Effect.gen(function*() {
        const played = yield* stage({ loads: [resetAfterBody, success], states: [state] })
        const result = yield* loadFrom(played)
        assert.deepStrictEqual(result, {
          label: "dbmazz_1",
          loadedRows: ROWS,
          visible: true,
          alreadyLoaded: false,
          attempts: 2
        })
        assert.strictEqual(played.loads().length, 2)
        assertSameRequest(played)
      }))
  }

  it.effect("46 that is still running is waited for, not sent beside itself", () =>
    Effect.gen(function*() {
      const played = yield* stage({ loads: [resetAfterBody, success], states: ["PREPARE", "PREPARE", "ABORTED"] })
      const fiber = yield* Effect.forkScoped(loadFrom(played))
      assert.strictEqual((yield* passTime(fiber)).attempts, 2)
      assert.strictEqual(played.questions(), 3)
      assert.strictEqual(played.loads().length, 2)
    }))

  it.effect("T70 whose transaction never ends is sent again after a while instead of blocking the table for ever", () =>
    Effect.gen(function*() {
      const played = yield* stage({ loads: [resetAfterBody, duplicate("RUNNING"), success], states: ["PREPARE"] })
      const fiber = yield* Effect.forkScoped(loadFrom(played))
      assert.strictEqual((yield* passTime(fiber)).attempts, 3)
      assert.isAtLeast(yield* Clock.currentTimeMillis, 2 * POLL_MS_MAX)
      assertSameRequest(played)
    }))

  it.live("whose label nobody can tell of is sent again: the server refuses a label that it holds", () =>
    Effect.gen(function*() {
      const played = yield* stage({ loads: [resetAfterBody, duplicate("FINISHED")] })
      const result = yield* loadFrom(played)
      assert.deepStrictEqual([result.alreadyLoaded, result.attempts, result.loadedRows], [true, 2, ROWS])
    }))

  it.live("2.4 'Transaction status unknown' is settled by the label, not by the failure it looks like", () =>
    Effect.gen(function*() {
      const message = "Commit transaction fail cause x, Transaction status unknown, you can retry with same label."
      const played = yield* stage({ loads: [fail(message)], states: ["VISIBLE"] })
      assert.isTrue((yield* loadFrom(played)).alreadyLoaded)
      assert.strictEqual(played.loads().length, 1)
    }))
})

describe("a duplicate label", () => {
  it.live("36 T63 that is finished is a success, once", () =>
    Effect.gen(function*() {
      const played = yield* stage({ loads: [duplicate("FINISHED")] })
      const result = yield* loadFrom(played)
      assert.deepStrictEqual([result.alreadyLoaded, result.loadedRows, result.attempts], [true, ROWS, 1])
      assert.strictEqual(played.questions(), 0)
    }))

  it.effect("37 that is running is waited for until it is visible", () =>
    Effect.gen(function*() {
      const played = yield* stage({ loads: [duplicate("RUNNING")], states: ["PREPARE", "PREPARED", "VISIBLE"] })
      const fiber = yield* Effect.forkScoped(loadFrom(played))
      assert.isTrue((yield* passTime(fiber)).alreadyLoaded)
      assert.strictEqual(played.loads().length, 1)
      assert.strictEqual(played.questions(), 3)
    }))

  it.live("38 T64 told as a plain failure is a success only when the label's state says so", () =>
    Effect.gen(function*() {
      const used = fail("Label [dbmazz_1] has already been used.")
      const committed = yield* stage({ loads: [used], states: ["COMMITTED"] })
      assert.isTrue((yield* loadFrom(committed)).alreadyLoaded)
      const aborted = yield* stage({ loads: [used, success], states: ["ABORTED"] })
      const result = yield* loadFrom(aborted)
      assert.deepStrictEqual([result.alreadyLoaded, result.attempts], [false, 2])
      assertSameRequest(aborted)
    }))
})

describe("a failure that passes", () => {
  it.live("48 T65 'Publish Timeout' is a success that is not yet visible, and is not sent again", () =>
    Effect.gen(function*() {
      const played = yield* stage({ loads: [answer(HttpStage.loaded(ROWS, "Publish Timeout"))] })
      const result = yield* loadFrom(played)
      assert.deepStrictEqual([result.visible, result.alreadyLoaded, result.attempts], [false, false, 1])
      assert.strictEqual(played.loads().length, 1)
    }))

  it.live("8 130 of any kind is retried with the same label and bytes, however often it comes", () =>
    Effect.gen(function*() {
      const plays = [
        resetBeforeBody,
        fail("No backend alive."),
        answer("<html>502</html>", 502),
        answer("<html>fine</html>"),
        fail("timeout by txn manager"),
        resetAfterBody,
        fail("current running txns on db 1 is 1000, larger than limit 1000")
      ]
      const played = yield* stage({ loads: [...plays, ...plays, ...plays, success], states: ["UNKNOWN"] })
      assert.strictEqual((yield* loadFrom(played)).attempts, 3 * plays.length + 1)
      assertSameRequest(played)
    }))

  it.effect("128 T66 'too many versions' is given 30 s and more each time, with the same label", () =>
    Effect.gen(function*() {
      const seen: Array<number> = []
      const clock = yield* Clock.Clock
      const refuse: Play = (turn) => {
        seen.push(clock.currentTimeMillisUnsafe())
        fail("Failed to load data into tablet 5, because of too many versions, current/limit: 1001/1000")(turn)
      }
      const accept: Play = (turn) => {
        seen.push(clock.currentTimeMillisUnsafe())
        success(turn)
      }
      const played = yield* stage({ loads: [refuse, refuse, refuse, accept] })
      const fiber = yield* Effect.forkScoped(loadFrom(played))
      assert.strictEqual((yield* passTime(fiber)).attempts, 4)
      const waits = seen.slice(1).map((at, index) => at - seen[index]!)
      assert.isAtLeast(waits[0]!, 30_000)
      assert.isAbove(waits[1]!, waits[0]!)
      assert.isAbove(waits[2]!, waits[1]!)
      assertSameRequest(played)
    }))

  it.effect("waits longer each time, so that a server that comes back is not run over", () =>
    Effect.gen(function*() {
      const waits: Array<number> = []
      const played = yield* stage({ loads: [...Array.from({ length: 6 }, () => fail("No backend alive.")), success] })
      const options: Options = {
        onRetrying: (_, retrying) => Effect.map(Clock.currentTimeMillis, (now) => void (retrying && waits.push(now)))
      }
      const fiber = yield* Effect.forkScoped(
        Effect.provide(load, loader(played.server, options, { baseMs: 8_000, maxMs: 64_000, maxElapsedMs: 0 }))
      )
      yield* passTime(fiber)
      const gaps = waits.slice(1).map((at, index) => at - waits[index]!)
      assert.isAtLeast(gaps[0]!, 4_000)
      assert.isAtLeast(gaps[3]!, 32_000)
      assert.isAtLeast(gaps[4]!, 32_000)
    }))

  it.live("is told to whoever shows the state, and taken back when it is over", () =>
    Effect.gen(function*() {
      const told: Array<Retrying | undefined> = []
      const played = yield* stage({ loads: [fail("No backend alive."), success] })
      const onRetrying = (_table: string, retrying: Retrying | undefined) => Effect.sync(() => void told.push(retrying))
      yield* Effect.provide(load, Layer.merge(loader(played.server, { onRetrying }), SILENT))
      assert.deepStrictEqual(told, [
        { table: "shop.orders", label: "dbmazz_1", attempt: 1, code: "SR_UNAVAILABLE", why: "Fail: No backend alive." },
        undefined
      ])
    }))

  it.effect("interrupted while it waits sends nothing afterwards", () =>
    Effect.gen(function*() {
      const played = yield* stage({ loads: [fail("No backend alive.")] })
      let waiting = false
      const onRetrying = () => Effect.sync(() => void (waiting = true))
      const service = loader(played.server, { onRetrying }, { baseMs: 1_000, maxMs: 1_000, maxElapsedMs: 0 })
      const fiber = yield* Effect.forkScoped(Effect.provide(load, service))
      yield* HttpStage.until(() => waiting)
      yield* Fiber.interrupt(fiber)
      yield* TestClock.adjust(60_000)
      assert.strictEqual(played.loads().length, 1)
    }))
})

describe("an operation that reads the table's rows", () => {
  const { columns: _columns, body: _body, rowCount: _rowCount, ...where } = request
  const operate = (label: string, readsRows: boolean, begun: () => void) =>
    StreamLoader.use((service) =>
      service.operate({ ...where, label, readsRows }, () =>
        Effect.sync(() => {
          begun()
          return { _tag: "Loaded", loadedRows: 0, visible: true } as const
        }))
    )

  it.effect("begins when the load before it can be read, and not when it is merely committed", () =>
    Effect.gen(function*() {
      const played = yield* stage({
        loads: [answer({ ...HttpStage.loaded(ROWS), Status: "Publish Timeout" })],
        states: ["COMMITTED", "COMMITTED", "VISIBLE"]
      })
      let asked = -1
      const both = Effect.andThen(
        load,
        operate("op", true, () => {
          asked = played.questions()
        })
      )
      const fiber = yield* Effect.forkScoped(Effect.provide(both, Layer.merge(loader(played.server), SILENT)))
      yield* HttpStage.until(() => played.questions() > 0)
      yield* passTime(fiber)
      assert.strictEqual(asked, 3)
    }))

  it.effect("T70 begins when a load of a program before it can be read, although its rows are behind the checkpoint", () =>
    Effect.gen(function*() {
      const played = yield* stage({ loads: [], states: ["COMMITTED", "VISIBLE"] })
      const left = new Map([["shop.orders", { label: "dbmazz_0", sinceMs: 0, isLoaded: true }]])
      const service = loader(played.server, {}, { baseMs: 1, maxMs: 4, maxElapsedMs: 0 }, LoadsInFlight.layer(left))
      let asked = -1
      const op = operate("op", true, () => {
        asked = played.questions()
      })
      const fiber = yield* Effect.forkScoped(Effect.provide(op, Layer.merge(service, SILENT)))
      yield* HttpStage.until(() => played.questions() > 0)
      yield* passTime(fiber)
      assert.strictEqual(asked, 2)
    }))
})

describe("a load that a killed program left", () => {
  it.live("T70 is awaited before the first load of its table: committing late, it would put older rows back", () =>
    Effect.gen(function*() {
      const played = yield* stage({ loads: [success], states: ["PREPARE", "ABORTED"] })
      const left = new Map([["shop.orders", { label: "dbmazz_0", sinceMs: Date.now() - 60_000 }]])
      const service = loader(played.server, {}, { baseMs: 1, maxMs: 4, maxElapsedMs: 0 }, LoadsInFlight.layer(left))
      yield* Effect.gen(function*() {
        yield* load
        yield* StreamLoader.use(({ load: next }) => next({ ...request, label: "dbmazz_2" }))
      }).pipe(Effect.provide(Layer.merge(service, SILENT)))
      const asked = played.server.turns.map((turn) => `${turn.method} ${turn.path.split("label=")[1] ?? ""}`.trim())
      assert.deepStrictEqual(asked, ["GET dbmazz_0", "GET dbmazz_0", "PUT", "PUT"])
    }))

  it.live("T70 is waited for while it runs, whatever the clock of the one that left it said", () =>
    Effect.gen(function*() {
      const played = yield* stage({ loads: [success], states: ["PREPARE", "PREPARE", "VISIBLE"] })
      const left = new Map([["shop.orders", { label: "dbmazz_0", sinceMs: Date.now() - 3_600_000 }]])
      const service = loader(played.server, {}, { baseMs: 1, maxMs: 4, maxElapsedMs: 0 }, LoadsInFlight.layer(left))
      yield* load.pipe(Effect.provide(Layer.merge(service, SILENT)))
      assert.deepStrictEqual(played.server.turns.map((turn) => turn.method), ["GET", "GET", "GET", "PUT"])
    }))

  // A label whose load was aborted is free: its program may be about to send it again.
  it.effect.each(["UNKNOWN", "ABORTED"])(
    "T70 that is %s is waited for until it can no longer begin",
    (state) =>
      Effect.gen(function*() {
        const played = yield* stage({ loads: [success], states: [state] })
        const sinceMs = yield* Clock.currentTimeMillis
        const left = new Map([["shop.orders", { label: "dbmazz_0", sinceMs }]])
        const service = loader(
          played.server,
          {},
          { baseMs: 100, maxMs: 1_000, maxElapsedMs: 0 },
          LoadsInFlight.layer(left)
        )
        const fiber = yield* Effect.forkScoped(load.pipe(Effect.provide(Layer.merge(service, SILENT))))
        yield* HttpStage.until(() => played.questions() > 0)
        yield* passTime(fiber)
        assert.isAtLeast((yield* Clock.currentTimeMillis) - sinceMs, BODY_START_MS_MAX)
        assert.strictEqual(played.loads().length, 1)
      })
  )

  it.live("T70 is asked for anew by each run: another program may have had the slot between two of ours", () =>
    Effect.gen(function*() {
      const played = yield* stage({ loads: [success], states: ["VISIBLE"] })
      const left = new Map<string, LeftLoad>()
      const service = loader(played.server, {}, { baseMs: 1, maxMs: 4, maxElapsedMs: 0 }, LoadsInFlight.layer(left))
      const send = (label: string, run: string) =>
        StreamLoader.use(({ load: next }) => next({ ...request, label, run }))
      yield* Effect.gen(function*() {
        yield* send("ours_1", "r1")
        left.set("shop.orders", { label: "ours_1", sinceMs: Date.now() })
        yield* send("ours_2", "r2")
        left.set("shop.orders", { label: "theirs", sinceMs: Date.now() })
        yield* send("ours_3", "r3")
      }).pipe(Effect.provide(Layer.merge(service, SILENT)))
      const asked = played.server.turns.map((turn) => turn.path.split("label=")[1] ?? String(turn.headers["label"]))
      assert.deepStrictEqual(asked, ["ours_1", "ours_2", "theirs", "ours_3"])
    }))

  it.live("T39 is over before anybody looks at the table, and visible if that matters", () =>
    Effect.gen(function*() {
      for (const [visibly, asked] of [[false, 2], [true, 3]] as const) {
        const played = yield* stage({ loads: [success], states: ["PREPARE", "COMMITTED", "VISIBLE"] })
        const left = new Map([["shop.orders", { label: "dbmazz_0", sinceMs: Date.now() - 60_000 }]])
        const service = loader(played.server, {}, { baseMs: 1, maxMs: 4, maxElapsedMs: 0 }, LoadsInFlight.layer(left))
        yield* Effect.gen(function*() {
          yield* StreamLoader.use(({ settled }) => settled(request, visibly))
          assert.deepStrictEqual([played.questions(), played.loads().length], [asked, 0])
          yield* load
          assert.deepStrictEqual([played.questions(), played.loads().length], [asked, 1])
        }).pipe(Effect.provide(Layer.merge(service, SILENT)))
      }
    }))

  it.live("leaves its label where the next program finds it before it sends anything", () =>
    Effect.gen(function*() {
      const played = yield* stage({ loads: [success] })
      const seen: Array<string> = []
      const inFlight = LoadsInFlight.layer(
        new Map(),
        (label) => Effect.sync(() => void seen.push(`${label} after ${played.loads().length} loads`))
      )
      const service = loader(played.server, {}, { baseMs: 1, maxMs: 4, maxElapsedMs: 0 }, inFlight)
      yield* load.pipe(Effect.provide(Layer.merge(service, SILENT)))
      assert.deepStrictEqual(seen, ["dbmazz_1 after 0 loads"])
    }))
})

describe("a failure that stays", () => {
  it.live("6 a refused login ends at once and says which right is missing", () =>
    Effect.gen(function*() {
      const refuse: Play = (turn) => turn.reply({ status: "FAILED", msg: "Access denied for root@1.2.3.4" }, 401)
      const played = yield* stage({ loads: [refuse] })
      const error = yield* LoadsInFlight.refusalOf(loadFrom(played))
      assert.strictEqual(error.code, "SR_ACCESS_DENIED")
      assert.include(error.message, "shop.orders")
      assert.include(error.message, "dbmazz_1")
      assert.include(error.remediation, "GRANT INSERT ON TABLE `shop`.`orders` TO USER")
      assert.strictEqual(played.loads().length, 1)
    }))

  it.live("what was refused for its rows is over: the next load is not held up, though labels cannot be asked for", () =>
    Effect.gen(function*() {
      const played = yield* stage({ loads: [fail("too many filtered rows"), success] })
      const results = yield* Effect.gen(function*() {
        const service = yield* StreamLoader
        const error = yield* LoadsInFlight.refusalOf(service.load(request))
        const next = yield* service.load({ ...request, label: "dbmazz_2" })
        // Another run finds the label of the refused load in the store: it is this program's own.
        return [error.code, next.attempts, (yield* service.load({ ...request, label: "dbmazz_3", run: "2" })).attempts]
      }).pipe(Effect.provide(Layer.merge(
        loader(
          played.server,
          {},
          undefined,
          LoadsInFlight.layer(new Map([["shop.orders", { label: "dbmazz_1", sinceMs: Date.now() }]]))
        ),
        SILENT
      )))
      assert.deepStrictEqual(results, ["SR_REJECTED_ROWS", 1, 1])
      assert.strictEqual(played.questions(), 0)
    }))

  it.live("rejected rows end at once and say where the server's samples are", () =>
    Effect.gen(function*() {
      const errorUrl = "http://127.0.0.1:8040/api/_load_error_log?file=error_log_1_2"
      const played = yield* stage({
        loads: [answer({ Status: "Fail", Message: "too many filtered rows", ErrorURL: errorUrl })]
      })
      const error = yield* LoadsInFlight.refusalOf(loadFrom(played))
      assert.strictEqual(error.code, "SR_REJECTED_ROWS")
      assert.include(error.remediation, errorUrl)
      assert.deepStrictEqual(error.context, {
        table: "shop.orders",
        label: "dbmazz_1",
        attempts: "1",
        rows: "2",
        errorUrl
      })
    }))

  it.live("T72 a success for fewer rows ends at once", () =>
    Effect.gen(function*() {
      const error = yield* LoadsInFlight.refusalOf(
        loadFrom(yield* stage({ loads: [answer(HttpStage.loaded(ROWS - 1))] }))
      )
      assert.strictEqual(error.code, "SR_ROWS_MISSING")
    }))

  it.live("132 a status that nobody knows ends after five tries, whatever happens in between", () =>
    Effect.gen(function*() {
      const odd = answer({ Status: "Half Success", Message: "?" })
      const played = yield* stage({ loads: [odd, odd, resetBeforeBody, odd, odd, odd, success] })
      const error = yield* LoadsInFlight.refusalOf(loadFrom(played))
      assert.strictEqual(error.code, "SR_REJECTED_LOAD")
      assert.strictEqual(played.loads().length, 6)
    }))
})

it.live("133 two loads of one table are never in flight together, those of two tables are", () =>
  Effect.gen(function*() {
    let inFlight = 0
    let most = 0
    const busy = new Map<string, number>()
    const held: Array<() => void> = []
    const server = yield* HttpStage.start((turn) =>
      turn.read(() => {
        most = Math.max(most, ++inFlight)
        busy.set(turn.path, (busy.get(turn.path) ?? 0) + 1)
        assert.strictEqual(busy.get(turn.path), 1)
        const reply = (): void => {
          inFlight--
          busy.set(turn.path, 0)
          turn.reply(HttpStage.loaded(ROWS))
        }
        // The first reply is held back until a load of the other table has arrived.
        if (held.length === 0 && turn.index === 0) held.push(reply)
        else {
          reply()
          if (turn.path.includes("items")) held.forEach((release) => release())
        }
      })
    )
    const send = (name: string, label: string) =>
      StreamLoader.use((service) => service.load({ ...request, target: { schema: "shop", name }, label }))
    yield* Effect.gen(function*() {
      const first = yield* Effect.forkChild(send("orders", "a"))
      yield* HttpStage.until(() => held.length === 1)
      const second = yield* Effect.forkChild(send("orders", "b"), { startImmediately: true })
      const other = yield* Effect.forkChild(send("items", "c"))
      yield* Fiber.join(other)
      yield* Fiber.join(first)
      yield* Fiber.join(second)
    }).pipe(Effect.provide(loader(server)))
    assert.strictEqual(most, 2)
    assert.deepStrictEqual(
      server.turns.filter((turn) => turn.path.includes("orders")).map((turn) => turn.headers["label"]),
      ["a", "b"]
    )
  }))

it.live("T73 each attempt is one warning with table, label and reason, and neither rows nor the password", () =>
  Effect.gen(function*() {
    const lines: Array<string> = []
    const capture = Logger.layer([Logger.map(Logger.formatJson, (line) => void lines.push(line))])
    const played = yield* stage({
      loads: [fail("No backend alive."), fail(`odd. Row: ${BODY.toString()}`), resetAfterBody, success],
      states: ["ABORTED"]
    })
    yield* loadFrom(played, capture)
    assert.strictEqual(lines.length, 3)
    lines.forEach((line, index) => {
      const { level, message } = JSON.parse(line)
      assert.strictEqual(level, "WARN")
      assert.deepInclude(message[1], { label: "dbmazz_1", table: "shop.orders", attempt: index + 1 })
      assert.isString(message[1].reason)
      for (const secret of ["Jane", PASSWORD, "Basic "]) assert.notInclude(line, secret)
    })
  }))

describe("a load that was interrupted", () => {
  it.live("T70 is awaited before a newer load of its table: committing late, it would put older rows back", () =>
    Effect.gen(function*() {
      const stalled: Play = (turn) => turn.read(() => undefined)
      const played = yield* stage({ loads: [stalled, success], states: ["PREPARE", "PREPARE", "VISIBLE"] })
      const newer: LoadRequest = { ...request, label: "dbmazz_2" }
      yield* Effect.gen(function*() {
        const service = yield* StreamLoader
        const older = yield* Effect.forkChild(service.load(request))
        yield* HttpStage.until(() => played.loads().length === 1 && played.loads()[0]!.body.byteLength > 0)
        yield* Fiber.interrupt(older)
        yield* service.load(newer)
      }).pipe(Effect.provide(Layer.merge(loader(played.server), SILENT)))
      assert.strictEqual(played.questions(), 3)
      assert.deepStrictEqual(played.loads().map((turn) => turn.headers["label"]), ["dbmazz_1", "dbmazz_2"])
      const order = played.server.turns.map((turn) => turn.method)
      assert.deepStrictEqual(order, ["PUT", "GET", "GET", "GET", "PUT"])
    }))

  it.effect("is waited out when nobody can be asked for its label: at its timeout StarRocks has aborted it", () =>
    Effect.gen(function*() {
      const stalled: Play = (turn) => turn.read(() => undefined)
      const played = yield* stage({ loads: [stalled, success] })
      yield* Effect.gen(function*() {
        const service = yield* StreamLoader
        const older = yield* Effect.forkChild(service.load(request))
        yield* HttpStage.until(() => played.loads().length === 1 && played.loads()[0]!.body.byteLength > 0)
        yield* Fiber.interrupt(older)
        const newer = yield* Effect.forkChild(service.load({ ...request, label: "dbmazz_2" }))
        yield* HttpStage.until(() => played.questions() > 0)
        assert.strictEqual(played.loads().length, 1)
        yield* passTime(newer)
      }).pipe(
        Effect.provide(
          Layer.merge(loader(played.server, {}, { baseMs: 60_000, maxMs: 60_000, maxElapsedMs: 0 }), SILENT)
        )
      )
      assert.deepStrictEqual(played.loads().map((turn) => turn.headers["label"]), ["dbmazz_1", "dbmazz_2"])
      assert.isAtLeast(yield* Clock.currentTimeMillis, 600_000)
    }))
})

describe("a load that the back ends have no memory for", () => {
  const memory = fail("Memory of process exceed limit. Used: 1, Limit: 1.")

  it.live("129 is given back to be split after two tries, once its label is ABORTED, and not before", () =>
    Effect.gen(function*() {
      const played = yield* stage({ loads: [memory], states: ["PREPARE", "ABORTED"] })
      const error = yield* Effect.flip(loadFrom(played))
      assert.deepStrictEqual([error._tag, played.loads().length, played.questions()], ["LoadTooLarge", 2, 2])
    }))

  it.live("129 is loaded after all when the label says so, and is not split", () =>
    Effect.gen(function*() {
      const played = yield* stage({ loads: [memory], states: ["VISIBLE"] })
      assert.deepInclude(yield* loadFrom(played), { alreadyLoaded: true, loadedRows: ROWS })
    }))

  it.live("129 is tried on when it is one row: there is nothing to split", () =>
    Effect.gen(function*() {
      const played = yield* stage({ loads: [memory, memory, memory, answer(HttpStage.loaded(1))] })
      const single = StreamLoader.use((service) => service.load({ ...request, rowCount: 1 }))
      const result = yield* single.pipe(Effect.provide(Layer.merge(loader(played.server), SILENT)))
      assert.deepInclude(result, { attempts: 4, loadedRows: 1 })
    }))
})

describe("memory", () => {
  it.live("T61 a load that is refused again and again leaves nothing behind with each retry", () =>
    Effect.gen(function*() {
      const played = yield* stage({ loads: [fail("No backend alive.")] })
      const heapAt = new Map<number, number>()
      setFlagsFromString("--expose-gc")
      const collect: unknown = runInNewContext("gc")
      const onRetrying = (_: string, retrying: Retrying | undefined) =>
        Effect.sync(() => {
          played.server.forget()
          const attempt = retrying?.attempt ?? 0
          if (attempt !== 2_000 && attempt !== 4_000) return
          if (typeof collect === "function") collect()
          heapAt.set(attempt, process.memoryUsage().heapUsed)
        })
      const service = loader(played.server, { onRetrying }, { baseMs: 1, maxMs: 1, maxElapsedMs: 0 })
      const fiber = yield* Effect.forkChild(load.pipe(Effect.provide(Layer.merge(service, SILENT))))
      yield* HttpStage.until(() => heapAt.has(4_000))
      yield* Fiber.interrupt(fiber)
      const grown = (heapAt.get(4_000) ?? 0) - (heapAt.get(2_000) ?? 0)
      assert.isBelow(grown / 2_000, 200, "bytes a retry")
    }))
})
