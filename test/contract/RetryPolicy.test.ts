/**
 * What our own client does when the server, or something in front of it, misbehaves: section 10.I of the contract and
 * the client's half of A and C, with the real client code over real HTTP against the endpoint.
 */
import { assert, layer } from "@effect/vitest"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"
import * as TestClock from "effect/testing/TestClock"
import type { LoadRequest } from "../../src/domain/Load.ts"
import * as Lsn from "../../src/domain/Lsn.ts"
import type { FaultKind } from "../../src/layers/embedded/starrocks/faults/Faults.ts"
import type { Retrying } from "../../src/layers/LoadAttempts.ts"
import { StreamLoadClient } from "../../src/layers/StreamLoadClient.ts"
import { StreamLoader } from "../../src/layers/StreamLoader.ts"
import * as HttpStage from "../support/HttpStage.ts"
import * as LoadsInFlight from "../support/LoadsInFlight.ts"
import { ContractServer, external, newLabel, type Shape, tColumns } from "./ContractServer.ts"
import { administrator } from "./SqlClient.ts"
import { http } from "./WireHttp.ts"

const live = { excludeTestServices: true } as const
const silent = Logger.layer([])
const rowCount = 3

/** A load of three rows whose `n` tells which load wrote them. */
const request = (server: Shape, table: string, label: string, n: number): LoadRequest => ({
  target: { schema: server.database, name: table },
  label,
  columns: undefined,
  body: Buffer.from(Array.from({ length: rowCount }, (_, id) => `{"id":${id},"n":${n}}\n`).join("")),
  rowCount,
  run: "contract",
  lastCommitLsn: Lsn.Lsn.make(1n)
})

/** The client of a front end, or of what pretends to be one. */
const clientOf = (server: Shape, url: string) =>
  StreamLoadClient.layer({
    url,
    host: server.host,
    sqlPort: server.mysqlPort,
    database: server.database,
    user: administrator.user,
    password: Redacted.make(administrator.password ?? "")
  })

const frontEnd = (server: Shape): string => `http://${server.host}:${server.fePort}`

/** The retrying loader on top of it, with short waits of its own: what the server asks for is longer. */
const loaderOf = (server: Shape, url = frontEnd(server), told: Array<Retrying> = []) =>
  StreamLoader.layer({ baseMs: 1, maxMs: 4, maxElapsedMs: 0 }, {
    onRetrying: (_, retrying) => Effect.sync(() => void (retrying !== undefined && told.push(retrying)))
  }).pipe(Layer.provide(clientOf(server, url)), Layer.provide(LoadsInFlight.layer()))

const send = (load: LoadRequest) => StreamLoader.use((loader) => loader.load(load))

/** One exchange, as the client makes it. */
const sendOnce = (load: LoadRequest) =>
  StreamLoadClient.use((client) => Effect.flatMap(client.permit, (permit) => client.load(load, permit)))

/** The values of `n` in the table, with how many rows have them. */
const versions = (server: Shape, table: string) =>
  Effect.map(
    server.sql(`SELECT n, count(*) AS c FROM ${table} GROUP BY n ORDER BY n`),
    (rows) => rows.map((row) => `${String(row["c"])} x ${String(row["n"])}`)
  )

const stateOf = (server: Shape, label: string) => Effect.map(server.labelState(label), (answer) => answer["state"])

/** Lets virtual time pass, a second at a time, until the fiber is over; real sockets get their turn in between. */
const passTime = <A, E>(fiber: Fiber.Fiber<A, E>) =>
  Effect.gen(function*() {
    while (fiber.pollUnsafe() === undefined) {
      yield* Effect.promise(() => new Promise((resolve) => setImmediate(resolve)))
      yield* TestClock.adjust(1_000)
    }
    return yield* Fiber.join(fiber)
  })

/** The waits that the loader announced in its log, in ms, and a logger that notes them. */
const noteWaits = () => {
  const waits: Array<number> = []
  const note = (line: string): void => {
    const { message } = JSON.parse(line)
    waits.push(message[1].waitMs)
  }
  return { waits, logger: Logger.layer([Logger.map(Logger.formatJson, note)]) }
}

/** A front end that plays what it is given, load after load, then sends loads on; questions it always sends on. */
const proxy = (server: Shape, plays: ReadonlyArray<(turn: HttpStage.Turn) => void>) => {
  let loads = 0
  return HttpStage.start((turn) => {
    const play = turn.method === "PUT" ? plays[loads++] : undefined
    if (play === undefined) turn.redirect(`${frontEnd(server)}${turn.path}`)
    else play(turn)
  })
}

const answer = (body: object | string) => (turn: HttpStage.Turn) => turn.read(() => turn.reply(body))

const odd = answer({ TxnId: 1, Status: "Half Success", Message: "?", NumberLoadedRows: rowCount })

/** What is tried again under the same label, whole, until it succeeds. */
const retried: ReadonlyArray<{
  readonly title: string
  /** Whether the server itself has to misbehave; the others have a proxy that does. */
  readonly faulty?: boolean
  /** Sets the stage and gives the address of the front end. */
  readonly url: (server: Shape, table: string) => Effect.Effect<string, never, Scope.Scope>
  readonly attempts: number
  readonly code: string
}> = [
  {
    title: "130: a proxy's 200 with HTML or anything that is no reply is never a success, and is tried again",
    url: (server) =>
      Effect.map(
        proxy(server, [
          (turn) => turn.reply("<html>Success</html>"),
          answer("<html>Success</html>"),
          answer("Success"),
          answer(""),
          answer({ ok: true }),
          answer("{\"Status\":\"Success\"")
        ]),
        (stage) => stage.url
      ),
    attempts: 7,
    code: "SR_REPLY_UNREADABLE"
  },
  {
    title: "132: a status nobody knows is no success: tried again, and again",
    url: (server) => Effect.map(proxy(server, [odd, odd, odd, odd]), (stage) => stage.url),
    attempts: 5,
    code: "SR_REFUSED"
  }
]

layer(ContractServer.layer, live)("our client, when things go wrong", (it) => {
  const passing: ReadonlyArray<readonly [title: string, fault: FaultKind, attempts: number, already: boolean]> = [
    ["8: no backend alive is waited out", "no-backend", 2, false],
    ["45: a load whose reply was lost after the commit is not sent again", "reset-after-commit", 1, true],
    ["45: a commit nobody can tell of is settled by its label", "status-unknown-committed", 1, true],
    ["46: a load that was lost before the commit is sent again", "reset-before-commit", 2, false],
    ["48: Publish Timeout is a success and is not sent again", "publish-timeout", 1, false]
  ]
  for (const [title, fault, attempts, already] of passing) {
    it.effect.skipIf(external)(`${title}, with the same label, each row once`, () =>
      Effect.gen(function*() {
        const server = yield* ContractServer
        const table = yield* server.table(tColumns)
        const first = newLabel()
        yield* Effect.gen(function*() {
          server.faults.on(fault, { table, count: 1 })
          const before = server.faults.hits(fault)
          const result = yield* send(request(server, table, first, 1))
          assert.strictEqual(server.faults.hits(fault), before + 1)
          assert.deepInclude(result, { label: first, attempts, alreadyLoaded: already, loadedRows: rowCount })
          assert.strictEqual(yield* stateOf(server, first), "VISIBLE")
          // A load that came through late, after its successor, would bring the old version back.
          yield* send(request(server, table, newLabel(), 2))
          assert.deepStrictEqual(yield* versions(server, table), [`${rowCount} x 2`])
        }).pipe(Effect.provide(Layer.merge(loaderOf(server), silent)))
      }))
  }

  it.effect.skipIf(external)(
    "38: a duplicate told as a plain Fail is a success only because its label is VISIBLE",
    () =>
      Effect.gen(function*() {
        const server = yield* ContractServer
        const table = yield* server.table(tColumns)
        const label = newLabel()
        yield* Effect.gen(function*() {
          yield* send(request(server, table, label, 1))
          yield* send(request(server, table, newLabel(), 2))
          server.faults.duplicateLabels("fail-message")
          const again = yield* send(request(server, table, label, 1)).pipe(
            Effect.ensuring(Effect.sync(() => server.faults.duplicateLabels("classic")))
          )
          assert.deepInclude(again, { label, attempts: 1, alreadyLoaded: true })
          assert.deepStrictEqual(yield* versions(server, table), [`${rowCount} x 2`])
        }).pipe(Effect.provide(Layer.merge(loaderOf(server), silent)))
      })
  )

  it.effect.skipIf(external)(
    "14: a back end that calls itself 127.0.0.1 is looked for on the front end's host",
    () =>
      Effect.gen(function*() {
        const server = yield* ContractServer
        const table = yield* server.table(tColumns)
        // The back end listens on 127.0.0.1 alone, so this address leads to it only when its host is replaced.
        const far = yield* HttpStage.start(
          (turn) => turn.redirect(`http://127.0.0.2:${server.bePort}${turn.path}`),
          "0.0.0.0"
        )
        const outcome = yield* sendOnce(request(server, table, newLabel(), 1))
          .pipe(
            Effect.provide(clientOf(server, far.url))
          )
        assert.deepStrictEqual(outcome, { _tag: "Loaded", loadedRows: rowCount, visible: true })
        assert.deepStrictEqual(yield* versions(server, table), [`${rowCount} x 1`])
      })
  )

  it.effect.skipIf(external)(
    "14: a redirect to where nobody listens is transient and names both addresses",
    () =>
      Effect.gen(function*() {
        const server = yield* ContractServer
        const table = yield* server.table(tColumns)
        server.faults.on("redirect-to-dead-port", { table, count: 2 })
        const load = request(server, table, newLabel(), 1)
        const outcome = yield* sendOnce(load).pipe(
          Effect.provide(clientOf(server, frontEnd(server)))
        )
        assert.deepInclude(outcome, { _tag: "Transient", code: "SR_UNREACHABLE" })
        assert.include(
          "why" in outcome ? outcome.why : "",
          `127.0.0.1:1, to which 127.0.0.1:${server.fePort} redirected`
        )
        const result = yield* send(load).pipe(Effect.provide(Layer.merge(loaderOf(server), silent)))
        assert.deepInclude(result, { attempts: 2, alreadyLoaded: false })
      })
  )

  it.effect.skipIf(external)(
    "128: too many versions three times: waits of 30 s and more that grow, the same label, and the next load after it",
    () =>
      Effect.gen(function*() {
        const server = yield* ContractServer
        const table = yield* server.table(tColumns)
        const [first, second] = [newLabel(), newLabel()]
        const { logger, waits } = noteWaits()
        const told: Array<Retrying> = []
        server.faults.on("too-many-versions", { table, count: 3 })
        yield* Effect.gen(function*() {
          const start = yield* Clock.currentTimeMillis
          const fiber = yield* Effect.forkChild(send(request(server, table, first, 1)), { startImmediately: true })
          const later = yield* Effect.forkChild(send(request(server, table, second, 2)), { startImmediately: true })
          const result = yield* passTime(fiber)
          assert.deepInclude(result, { label: first, attempts: 4, alreadyLoaded: false, loadedRows: rowCount })
          assert.isAtLeast(
            (yield* Clock.currentTimeMillis) - start,
            waits.reduce((sum, wait) => sum + wait, 0)
          )
          assert.deepInclude(yield* passTime(later), { label: second, attempts: 1 })
        }).pipe(Effect.provide([loaderOf(server, frontEnd(server), told), logger, TestClock.layer()]))
        assert.strictEqual(waits.length, 3)
        assert.isAtLeast(waits[0] ?? 0, 30_000)
        assert.isAbove(waits[1] ?? 0, waits[0] ?? 0)
        assert.isAbove(waits[2] ?? 0, waits[1] ?? 0)
        assert.deepStrictEqual(
          told.map(({ code, label }) => [code, label]),
          [1, 2, 3].map(() => [
            "SR_TOO_MANY_VERSIONS",
            first
          ])
        )
        assert.deepStrictEqual(yield* versions(server, table), [`${rowCount} x 2`])
      })
  )

  for (const { attempts, code, faulty = false, title, url } of retried) {
    it.effect.skipIf(external && faulty)(title, () =>
      Effect.gen(function*() {
        const server = yield* ContractServer
        const table = yield* server.table(tColumns)
        const label = newLabel()
        const told: Array<Retrying> = []
        const result = yield* send(request(server, table, label, 1)).pipe(
          Effect.provide(Layer.merge(loaderOf(server, yield* url(server, table), told), silent))
        )
        assert.deepInclude(result, { label, attempts, alreadyLoaded: false, loadedRows: rowCount })
        assert.deepStrictEqual(told.map((retry) => retry.code), Array.from({ length: attempts - 1 }, () => code))
        assert.strictEqual(yield* stateOf(server, label), "VISIBLE")
        assert.deepStrictEqual(yield* versions(server, table), [`${rowCount} x 1`])
      }))
  }

  it.effect(
    "130: HTML in place of the reply of a load that committed is settled by its label",
    () =>
      Effect.gen(function*() {
        const server = yield* ContractServer
        const table = yield* server.table(tColumns)
        const label = newLabel()
        const stage = yield* proxy(server, [(turn) =>
          turn.read(() => {
            const { path } = turn
            const headers = { authorization: server.authorization, label, format: "json" }
            void http(server.host, server.bePort, { method: "PUT", path, headers, body: turn.body }).then(() =>
              turn.reply("<html>502</html>")
            )
          })])
        const result = yield* send(request(server, table, label, 1)).pipe(
          Effect.provide(Layer.merge(loaderOf(server, stage.url), silent))
        )
        assert.deepInclude(result, { label, attempts: 1, alreadyLoaded: true })
        assert.deepStrictEqual(yield* versions(server, table), [`${rowCount} x 1`])
      })
  )

  it.effect.skipIf(external)(
    "129: memory is retried, and after two tries the load is given back to be split, its label being ABORTED",
    () =>
      Effect.gen(function*() {
        const server = yield* ContractServer
        const table = yield* server.table(tColumns)
        const label = newLabel()
        const told: Array<Retrying> = []
        server.faults.on("memory", { table })
        const tooLarge = yield* Effect.flip(send(request(server, table, label, 1))).pipe(
          Effect.provide(Layer.merge(loaderOf(server, frontEnd(server), told), silent))
        )
        server.faults.off("memory")
        assert.deepInclude(tooLarge, { _tag: "LoadTooLarge", label, rowCount })
        assert.deepStrictEqual(told.map(({ code }) => code), ["SR_MEMORY", "SR_MEMORY"])
        assert.strictEqual(yield* stateOf(server, label), "ABORTED")
        assert.deepStrictEqual(yield* versions(server, table), [])
      })
  )

  it.effect(
    "132: a status nobody knows that stays stops the table after five tries",
    () =>
      Effect.gen(function*() {
        const server = yield* ContractServer
        const table = yield* server.table(tColumns)
        const stage = yield* proxy(server, [odd, odd, odd, odd, odd])
        const error = yield* LoadsInFlight.refusalOf(send(request(server, table, newLabel(), 1))).pipe(
          Effect.provide(Layer.merge(loaderOf(server, stage.url), silent))
        )
        assert.deepInclude(error, { _tag: "PermanentError", code: "SR_REJECTED_LOAD" })
        assert.strictEqual(error.context["attempts"], "5")
        assert.strictEqual(stage.turns.length, 5)
        assert.deepStrictEqual(yield* versions(server, table), [])
      })
  )

  it.effect.skipIf(external)(
    "133: of one table one load is in flight; another table does not wait for it",
    () =>
      Effect.gen(function*() {
        const server = yield* ContractServer
        const [table, other] = [yield* server.table(tColumns), yield* server.table(tColumns)]
        const [first, second] = [newLabel(), newLabel()]
        const before = server.faults.hits("hold-commit")
        server.faults.on("hold-commit", { table, count: 1 })
        yield* Effect.gen(function*() {
          const older = yield* Effect.forkChild(send(request(server, table, first, 1)), { startImmediately: true })
          yield* HttpStage.until(() => server.faults.hits("hold-commit") > before)
          const newer = yield* Effect.forkChild(send(request(server, table, second, 2)), { startImmediately: true })
          assert.deepInclude(yield* send(request(server, other, newLabel(), 1)), { attempts: 1 })
          assert.match(String(yield* stateOf(server, first)), /^PREPARED?$/)
          assert.strictEqual(yield* stateOf(server, second), "UNKNOWN")
          server.faults.off("hold-commit")
          assert.deepInclude(yield* Fiber.join(older), { label: first, attempts: 1 })
          assert.deepInclude(yield* Fiber.join(newer), { label: second, attempts: 1 })
        }).pipe(
          Effect.ensuring(Effect.sync(() => server.faults.off("hold-commit"))),
          Effect.provide(Layer.merge(loaderOf(server), silent))
        )
        assert.deepStrictEqual(yield* versions(server, table), [`${rowCount} x 2`])
      })
  )
})
