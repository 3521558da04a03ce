/**
 * Every fault the endpoint can be asked for, over real sockets: what a client sees, what became of the rows, and what
 * their label says. The record of cases has an entry for each kind, so that no kind can be added without a test.
 */
import { assert, describe, it as standalone, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Result from "effect/Result"
import mysql from "mysql2/promise"
import * as EmbeddedStarRocks from "../../src/layers/embedded/EmbeddedStarRocks.ts"
import { type FaultKind, faultKinds } from "../../src/layers/embedded/starrocks/faults/Faults.ts"
import * as HttpStage from "../support/HttpStage.ts"
import * as TemporaryDirectory from "../support/TemporaryDirectory.ts"
import { ContractServer, external, newLabel, type Shape, type SqlRefusal, tColumns } from "./ContractServer.ts"
import { http, type Request } from "./WireHttp.ts"

const live = { excludeTestServices: true } as const
const rows = [{ id: 1, name: "a", n: 1 }]
/** Milliseconds after which a server that does not answer is taken for one that never will. */
const stalledMs = 250

interface World {
  readonly server: Shape
  readonly table: string
  readonly label: string
}

const put = ({ label, server, table }: World, more: Partial<Request> = {}): Request => ({
  method: "PUT",
  path: `/api/${server.database}/${table}/_stream_load`,
  expect: true,
  body: JSON.stringify(rows[0]),
  ...more,
  headers: { label, format: "json", strict_mode: "true", ...more.headers }
})

const load = ({ label, server, table }: World) => server.load({ table, rows, headers: { label } })

const state = ({ label, server }: World) => Effect.map(server.labelState(label), (answer) => answer["state"])

const count = ({ server, table }: World) =>
  Effect.map(server.sql(`SELECT count(*) AS c FROM ${table}`), ([row]) => Number(row?.["c"]))

const question = ({ label, server }: World): Request => ({
  method: "GET",
  path: `/api/${server.database}/get_load_state?label=${label}`
})

const operation = ({ label, server, table }: World, name: string, more: Partial<Request> = {}): Request => ({
  method: name === "load" ? "PUT" : "POST",
  path: `/api/transaction/${name}`,
  expect: name === "load",
  ...more,
  headers: { label, db: server.database, table, format: "json", ...more.headers }
})

/** After a load that left nothing behind the same label loads its rows. */
const freed = (world: World) =>
  Effect.gen(function*() {
    assert.strictEqual(yield* state(world), "ABORTED")
    assert.strictEqual(yield* count(world), 0)
    assert.strictEqual((yield* load(world))["Status"], "Success")
    assert.strictEqual(yield* count(world), 1)
  })

/** After a load that committed the label is held, and sending it again changes nothing. */
const held = (world: World) =>
  Effect.gen(function*() {
    assert.strictEqual(yield* state(world), "VISIBLE")
    assert.strictEqual(yield* count(world), 1)
    const again = yield* load(world)
    assert.deepInclude(again, { Status: "Label Already Exists", ExistingJobStatus: "FINISHED" })
    assert.strictEqual(yield* count(world), 1)
  })

/** Waits until the world's load is over. */
const ended = (world: World) =>
  Effect.gen(function*() {
    while ((yield* state(world)) === "PREPARE") yield* Effect.yieldNow
  })

/** Switches the fault on for the world's table, once. */
const once = ({ server, table }: World, kind: FaultKind): void => server.faults.on(kind, { table, count: 1 })

/** A load that gets so far as to be refused by its table. */
const refused =
  (message: RegExp, then: (world: World) => Effect.Effect<void, SqlRefusal>): Case["play"] => (world, kind) =>
    Effect.gen(function*() {
      once(world, kind)
      const reply = yield* load(world)
      assert.strictEqual(reply["Status"], "Fail")
      assert.match(String(reply["Message"]), message)
      yield* then(world)
    })

/** A load whose body is asked for and whose connection then ends without an answer. */
const unanswered = (then: (world: World) => Effect.Effect<void, SqlRefusal>): Case["play"] => (world, kind) =>
  Effect.gen(function*() {
    once(world, kind)
    const answer = yield* world.server.be(put(world))
    assert.deepStrictEqual([answer.status, answer.continued], [0, true])
    yield* then(world)
  })

interface Case {
  readonly title: string
  readonly play: (world: World, kind: FaultKind) => Effect.Effect<unknown, SqlRefusal>
}

const cases: Readonly<Record<FaultKind, Case>> = {
  unavailable: {
    title: "all ports drop their connections until it is over",
    play: (world, kind) =>
      Effect.gen(function*() {
        const { server } = world
        server.faults.on(kind)
        assert.strictEqual((yield* server.fe(put(world))).status, 0)
        assert.strictEqual((yield* server.be(put(world))).status, 0)
        assert.isTrue(Result.isFailure(yield* Effect.result(server.sql("SELECT 1"))))
        server.faults.off(kind)
        assert.strictEqual((yield* server.fe(put(world))).status, 307)
        assert.strictEqual((yield* load(world))["Status"], "Success")
      })
  },
  "fe-error": {
    title: "11: the FE answers 500",
    play: (world, kind) =>
      Effect.gen(function*() {
        world.server.faults.on(kind, { count: 2 })
        for (const request of [put(world), question(world)]) {
          const answer = yield* world.server.fe(request)
          assert.strictEqual(answer.status, 500)
          assert.deepInclude(JSON.parse(answer.body), { status: "FAILED" })
          assert.isFalse(answer.continued)
        }
      })
  },
  "fe-reset": {
    title: "the FE resets the connection",
    play: (world, kind) =>
      Effect.gen(function*() {
        world.server.faults.on(kind, { count: 1 })
        assert.strictEqual((yield* world.server.fe(put(world))).status, 0)
        assert.strictEqual((yield* world.server.fe(put(world))).status, 307)
      })
  },
  "fe-stall": {
    title: "the FE never answers",
    play: (world, kind) =>
      Effect.gen(function*() {
        world.server.faults.on(kind, { count: 1 })
        assert.strictEqual((yield* world.server.fe(put(world, { waitMs: stalledMs }))).status, -1)
        assert.strictEqual((yield* world.server.fe(put(world))).status, 307)
      })
  },
  auth: {
    title: "the FE refuses credentials that are right",
    play: (world, kind) =>
      Effect.gen(function*() {
        world.server.faults.on(kind, { count: 1 })
        const answer = yield* world.server.fe(put(world))
        assert.strictEqual(answer.status, 401)
        assert.match(answer.headers["www-authenticate"] ?? "", /^Basic/)
        assert.include(answer.body, "Access denied for root@")
      })
  },
  follower: {
    title: "12: what only a leader does is redirected to the leader, and goes on there; loads are not",
    play: (world, kind) =>
      Effect.gen(function*() {
        const { server } = world
        server.faults.on(kind)
        assert.include((yield* server.fe(put(world))).headers["location"], `127.0.0.1:${server.bePort}/`)
        for (const request of [operation(world, "begin"), question(world)]) {
          const hop = yield* server.fe(request)
          assert.strictEqual(hop.status, 307)
          assert.strictEqual(hop.headers["connection"], "close")
          const leader = new URL(hop.headers["location"] ?? "")
          assert.notInclude([server.fePort, server.bePort], Number(leader.port))
          assert.deepStrictEqual([`${leader.pathname}${leader.search}`, leader.username], [request.path, ""])
          const headers = { authorization: server.authorization, ...request.headers }
          const answer = yield* Effect.promise(() =>
            http(leader.hostname, Number(leader.port), { ...request, headers })
          )
          if (request.method === "GET") assert.include(answer.body, "\"state\":\"UNKNOWN\"")
          else assert.include(answer.headers["location"], `127.0.0.1:${server.bePort}/api/transaction/begin`)
        }
      })
  },
  "no-leader": {
    title: "without a leader neither labels nor loads can be decided",
    play: (world, kind) =>
      Effect.gen(function*() {
        world.server.faults.on(kind)
        const answer = yield* world.server.fe(question(world))
        assert.strictEqual(answer.status, 200)
        assert.deepStrictEqual(JSON.parse(answer.body), { status: "FAILED", msg: "current fe is not master" })
        const reply = yield* load(world)
        assert.deepInclude(reply, { TxnId: -1, Status: "Fail", Message: "current fe is not master" })
        world.server.faults.off(kind)
        assert.strictEqual((yield* load(world))["Status"], "Success")
      })
  },
  "no-backend": {
    title: "8: with all BEs down the FE answers 200 FAILED",
    play: (world, kind) =>
      Effect.gen(function*() {
        once(world, kind)
        const answer = yield* world.server.fe(put(world))
        assert.strictEqual(answer.status, 200)
        assert.isFalse(answer.continued)
        const { Message, Status } = JSON.parse(answer.body)
        assert.strictEqual(Status, "FAILED")
        assert.include(Message, "No backend alive.")
      })
  },
  "redirect-to-dead-port": {
    title: "the FE sends loads to where nobody listens",
    play: (world, kind) =>
      Effect.gen(function*() {
        once(world, kind)
        const target = new URL((yield* world.server.fe(put(world))).headers["location"] ?? "")
        const answer = yield* Effect.promise(() => http(target.hostname, Number(target.port), put(world)))
        assert.strictEqual(answer.status, 0)
        assert.notStrictEqual(Number(target.port), world.server.bePort)
      })
  },
  stall: {
    title: "the BE never answers, and has begun nothing",
    play: (world, kind) =>
      Effect.gen(function*() {
        once(world, kind)
        const answer = yield* world.server.be(put(world, { waitMs: stalledMs }))
        assert.deepStrictEqual([answer.status, answer.continued], [-1, false])
        assert.strictEqual(yield* state(world), "UNKNOWN")
      })
  },
  "be-reset": {
    title: "the BE resets before the headers, and has begun nothing",
    play: (world, kind) =>
      Effect.gen(function*() {
        once(world, kind)
        const answer = yield* world.server.be(put(world))
        assert.deepStrictEqual([answer.status, answer.continued], [0, false])
        assert.strictEqual(yield* state(world), "UNKNOWN")
      })
  },
  "be-shutdown": {
    title: "the BE refuses loads because it shuts down",
    play: (world, kind) =>
      Effect.gen(function*() {
        once(world, kind)
        const answer = yield* world.server.be(put(world))
        assert.deepStrictEqual([answer.status, answer.continued], [200, false])
        assert.deepInclude(JSON.parse(answer.body), {
          TxnId: -1,
          Status: "Fail",
          Message: "Service is shutting down, please retry later!"
        })
        assert.strictEqual(yield* state(world), "UNKNOWN")
      })
  },
  "be-restart": {
    title: "the BE forgets a transaction that is not prepared, the FE does not",
    play: (world, kind) =>
      Effect.gen(function*() {
        const { server } = world
        const status = (request: Request) =>
          Effect.map(server.be(request), (answer) => JSON.parse(answer.body)["Status"])
        assert.strictEqual(yield* status(operation(world, "begin")), "OK")
        assert.strictEqual(yield* status(operation(world, "load", { body: JSON.stringify(rows[0]) })), "OK")
        server.faults.on(kind, { count: 1 })
        assert.strictEqual(yield* status(operation(world, "prepare")), "TXN_NOT_EXISTS")
        assert.strictEqual(yield* state(world), "PREPARE")
        assert.strictEqual(yield* count(world), 0)
      })
  },
  "slow-continue": {
    title: "100 Continue comes when it is over",
    play: (world, kind) =>
      Effect.gen(function*() {
        const { faults } = world.server
        once(world, kind)
        const patient = yield* Effect.forkChild(world.server.be(put(world)), { startImmediately: true })
        yield* HttpStage.until(() => faults.held() === 1)
        assert.strictEqual(yield* state(world), "PREPARE")
        assert.isUndefined(patient.pollUnsafe())
        faults.off(kind)
        const answer = yield* Fiber.join(patient)
        assert.isTrue(answer.continued)
        assert.include(answer.body, "\"Status\": \"Success\"")
        // Who does not wait that long leaves no load behind.
        const impatient = { ...world, label: newLabel() }
        once(impatient, kind)
        const left = yield* world.server.be(put(impatient, { waitMs: stalledMs }))
        assert.deepStrictEqual([left.status, left.continued], [-1, false])
        yield* ended(impatient)
        assert.strictEqual(yield* state(impatient), "ABORTED")
      })
  },
  "stall-in-body": {
    title: "the BE stops reading in the body until it is over",
    play: (world, kind) =>
      Effect.gen(function*() {
        const { faults } = world.server
        once(world, kind)
        const sent = yield* Effect.forkChild(world.server.be(put(world)), { startImmediately: true })
        yield* HttpStage.until(() => faults.held() === 1)
        assert.strictEqual(yield* state(world), "PREPARE")
        assert.strictEqual(yield* count(world), 0)
        assert.isUndefined(sent.pollUnsafe())
        faults.off(kind)
        assert.include((yield* Fiber.join(sent)).body, "\"Status\": \"Success\"")
        // Who leaves while it stalls leaves no load behind, however much of the body nobody has read.
        for (const rows of [1, 200_000]) {
          const gone = { ...world, label: newLabel() }
          once(gone, kind)
          const body = Array.from({ length: rows }, (_, id) => `{"id":${id}}`).join("\n")
          const left = yield* world.server.be(put(gone, { body, waitMs: stalledMs }))
          assert.strictEqual(left.status, -1)
          yield* ended(gone)
          assert.strictEqual(yield* state(gone), "ABORTED")
          assert.strictEqual(faults.held(), 0)
        }
      })
  },
  "reset-in-body": {
    title: "46: a reset within the body rolls back, and the same label loads",
    play: unanswered(freed)
  },
  "reset-before-commit": {
    title: "46: a reset after the body and before the commit rolls back, and the same label loads",
    play: unanswered(freed)
  },
  "reset-after-commit": {
    title: "45: a reset after the commit leaves the rows and a label that says so",
    play: unanswered(held)
  },
  "hold-commit": {
    title: "the commit waits until it is over, and then happens although the client has gone",
    play: (world, kind) =>
      Effect.gen(function*() {
        const { faults } = world.server
        once(world, kind)
        const left = yield* world.server.be(put(world, { waitMs: stalledMs }))
        assert.deepStrictEqual([left.status, left.continued], [-1, true])
        assert.strictEqual(faults.held(), 1)
        assert.strictEqual(yield* state(world), "PREPARE")
        assert.strictEqual(yield* count(world), 0)
        assert.deepInclude(yield* load(world), { Status: "Label Already Exists", ExistingJobStatus: "RUNNING" })
        faults.off(kind)
        yield* ended(world)
        yield* held(world)
      })
  },
  "publish-timeout": {
    title: "48: Publish Timeout counts its rows and they are there",
    play: (world, kind) =>
      Effect.gen(function*() {
        once(world, kind)
        assert.deepInclude(yield* load(world), { Status: "Publish Timeout", NumberLoadedRows: 1 })
        yield* held(world)
      })
  },
  "too-many-versions": {
    title: "too many versions fail the load and free its label",
    play: refused(/^Failed to load data into tablet \d+, because of too many versions, current\/limit: \d+\/\d+/, freed)
  },
  memory: {
    title: "the memory limit fails the load and frees its label",
    play: refused(/^Memory of process exceed limit/, freed)
  },
  "status-unknown": {
    title: "46: nobody knows, and nothing was committed",
    play: refused(/Transaction status unknown, you can retry with same label\.$/, freed)
  },
  "status-unknown-committed": {
    title: "45: nobody knows, and it was committed",
    play: refused(/Transaction status unknown, you can retry with same label\.$/, held)
  },
  "label-state-unknown": {
    title: "the state of a label that committed is told as UNKNOWN",
    play: (world, kind) =>
      Effect.gen(function*() {
        yield* load(world)
        world.server.faults.on(kind, { count: 1 })
        assert.strictEqual(yield* state(world), "UNKNOWN")
        assert.strictEqual(yield* state(world), "VISIBLE")
      })
  },
  "schema-change-running": {
    title: "a schema change stays RUNNING until it is over",
    play: (world, kind) =>
      Effect.gen(function*() {
        const { server, table } = world
        const job = Effect.map(
          server.sql(
            `SHOW ALTER TABLE COLUMN FROM ${server.database} WHERE TableName = '${table}' ORDER BY CreateTime DESC LIMIT 1`
          ),
          ([row]) => row?.["State"]
        )
        once(world, kind)
        yield* server.sql(`ALTER TABLE ${table} ADD COLUMN late INT`)
        yield* HttpStage.until(() => server.faults.held() === 1)
        const before = server.faults.hits(kind)
        for (let looks = 0; looks < 20; looks++) assert.strictEqual(yield* job, "RUNNING")
        assert.deepStrictEqual([server.faults.hits(kind), server.faults.held()], [before, 1])
        server.faults.off(kind)
        while ((yield* job) !== "FINISHED") yield* Effect.yieldNow
      })
  },
  "mysql-stall": {
    title: "a statement is never answered; other connections are",
    play: ({ server }, kind) =>
      Effect.gen(function*() {
        const connection = yield* Effect.acquireRelease(
          Effect.promise(() => mysql.createConnection({ host: server.host, port: server.mysqlPort, user: "root" })),
          (opened) => Effect.sync(() => opened.destroy())
        )
        server.faults.on(kind, { count: 1 })
        let answered = false
        // Ends with the connection, without an answer.
        connection.query("SELECT 1").then(() => {
          answered = true
        }).catch(() => undefined)
        yield* HttpStage.until(() => server.faults.rules().length === 0)
        assert.lengthOf(yield* server.sql("SELECT 1"), 1)
        assert.isFalse(answered)
      }).pipe(Effect.scoped)
  },
  "mysql-reset-after": {
    title: "a change is made and not answered; questions are",
    play: ({ server, table }, kind) =>
      Effect.gen(function*() {
        yield* server.load({ table, rows: [{ id: 1 }] })
        const connection = yield* Effect.acquireRelease(
          Effect.promise(() => mysql.createConnection({ host: server.host, port: server.mysqlPort, user: "root" })),
          (opened) => Effect.sync(() => opened.destroy())
        )
        server.faults.on(kind, { count: 1 })
        const ended = (statement: string) =>
          Effect.promise(() => connection.query(statement).then(() => "answered", () => "reset"))
        assert.strictEqual(yield* ended("SELECT 1"), "answered")
        assert.strictEqual(yield* ended(`TRUNCATE TABLE ${server.database}.${table}`), "reset")
        assert.lengthOf(yield* server.sql(`SELECT * FROM ${table}`), 0)
      }).pipe(Effect.scoped)
  }
}

layer(ContractServer.layer, live)("faults", (it) => {
  for (const kind of faultKinds) {
    const { play, title } = cases[kind]
    it.effect.skipIf(external)(`${kind}: ${title}`, () =>
      Effect.gen(function*() {
        const server = yield* ContractServer
        const world = { server, table: yield* server.table(tColumns), label: newLabel() }
        const before = server.faults.hits(kind)
        yield* play(world, kind).pipe(Effect.ensuring(Effect.sync(() => server.faults.off())))
        assert.isAbove(server.faults.hits(kind), before)
        assert.strictEqual(server.faults.held(), 0)
      }))
  }

  it.effect.skipIf(external)(
    "38: the other duplicate answer is chosen for the whole endpoint",
    () =>
      Effect.gen(function*() {
        const server = yield* ContractServer
        const world = { server, table: yield* server.table(tColumns), label: newLabel() }
        yield* load(world)
        server.faults.duplicateLabels("fail-message")
        const reply = yield* load(world).pipe(
          Effect.ensuring(Effect.sync(() => server.faults.duplicateLabels("classic")))
        )
        assert.deepInclude(reply, { Status: "Fail", Message: `Label [${world.label}] has already been used.` })
        assert.notProperty(reply, "ExistingJobStatus")
        yield* held(world)
      })
  )

  it.effect.skipIf(external)("a fault of one table leaves the others alone", () =>
    Effect.gen(function*() {
      const server = yield* ContractServer
      const world = { server, table: yield* server.table(tColumns), label: newLabel() }
      const other = yield* server.table(tColumns)
      server.faults.on("memory", { table: `${server.database}.${other}`, count: 1 })
      assert.strictEqual((yield* load(world))["Status"], "Success")
      assert.strictEqual((yield* server.load({ table: other, rows }))["Status"], "Fail")
    }))

  it.effect.skipIf(external)(
    "faults by chance strike the same loads again when the seed is the same",
    () =>
      Effect.gen(function*() {
        const server = yield* ContractServer
        const table = yield* server.table(tColumns)
        const play = Effect.gen(function*() {
          server.faults.on("memory", { table, probability: 0.4, seed: 11 })
          const statuses: Array<unknown> = []
          for (let loads = 0; loads < 20; loads++) statuses.push((yield* server.load({ table, rows }))["Status"])
          server.faults.off("memory")
          return statuses
        })
        const first = yield* play
        assert.includeMembers(first, ["Success", "Fail"])
        assert.deepStrictEqual(yield* play, first)
      })
  )
})

describe("faults over the admin port", () => {
  standalone.live.skipIf(external)(
    "strike, hold, are counted and are taken back, also while everything else is down",
    () =>
      Effect.gen(function*() {
        const dataDir = yield* TemporaryDirectory.make("faults")
        const endpoint = yield* EmbeddedStarRocks.make({ dataDir, database: "d", adminPort: 0 })
        const { bePort, fePort, host } = endpoint
        const authorization = `Basic ${Buffer.from("root:").toString("base64")}`
        const send = (port: number, request: Request) =>
          Effect.promise(() => http(host, port, { ...request, headers: { authorization, ...request.headers } }))
        const admin = (method: string, path: string, body?: object) => {
          const text = body === undefined ? "" : JSON.stringify(body)
          const headers = { host: "localhost", "content-length": String(text.length) }
          return Effect.map(
            send(endpoint.adminPort ?? 0, { method, path, body: text, headers }),
            (answer) => ({ status: answer.status, json: JSON.parse(answer.body) })
          )
        }
        yield* Effect.promise(async () => {
          const connection = await mysql.createConnection({ host, port: endpoint.mysqlPort, user: "root" })
          await connection.query("CREATE TABLE d.t (id BIGINT NOT NULL) PRIMARY KEY (id) DISTRIBUTED BY HASH(id)")
          connection.destroy()
        })
        const plain = (label: string): Request => ({
          method: "PUT",
          path: "/api/d/t/_stream_load",
          expect: true,
          body: "{\"id\":1}",
          headers: { format: "json", label }
        })

        const made = yield* admin("POST", "/faults", { kind: "reset-after-commit", table: "t", count: 1 })
        assert.strictEqual(made.status, 201)
        assert.strictEqual((yield* send(bePort, plain("a"))).status, 0)
        assert.include((yield* send(bePort, plain("a"))).body, "\"ExistingJobStatus\": \"FINISHED\"")
        const shown = yield* admin("GET", "/faults")
        assert.deepStrictEqual([shown.json.rules, shown.json.hits["reset-after-commit"]], [[], 1])

        yield* admin("PUT", "/duplicate-labels", { mode: "fail-message" })
        assert.include((yield* send(bePort, plain("a"))).body, "Label [a] has already been used.")

        yield* admin("POST", "/faults", { kind: "hold-commit" })
        const load = yield* Effect.forkChild(send(bePort, plain("b")), { startImmediately: true })
        while ((yield* admin("GET", "/faults")).json.held !== 1) yield* Effect.yieldNow
        assert.strictEqual((yield* admin("DELETE", "/faults/hold-commit")).status, 200)
        assert.include((yield* Fiber.join(load)).body, "\"Status\": \"Success\"")

        yield* admin("POST", "/faults", { kind: "unavailable" })
        assert.strictEqual((yield* send(fePort, plain("c"))).status, 0)
        assert.strictEqual((yield* admin("DELETE", "/faults")).status, 200)
        assert.strictEqual((yield* send(fePort, plain("c"))).status, 307)
      }).pipe(Effect.scoped)
  )
})
