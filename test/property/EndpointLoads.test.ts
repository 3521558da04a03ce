/**
 * Random sequences of loads against one endpoint table, compared after every step with a model: a map by key and a set
 * of the labels that committed. The endpoint crashes in between; a crashed load is there as a whole or not at all, and
 * its label says which.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Schema from "effect/Schema"
import * as Scope from "effect/Scope"
import mysql from "mysql2/promise"
import { cp, mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll } from "vitest"
import * as EmbeddedStarRocks from "../../src/layers/embedded/EmbeddedStarRocks.ts"
import { SeededRandom } from "../../src/programs/TrafficRows.ts"
import { http, type Request } from "../contract/WireHttp.ts"
import * as EndpointProcess from "../support/EndpointProcess.ts"

/** Sequences of the property, about ten a second, and how far their length may grow. */
const runs = 100
const size = 30
/** Steps of a sequence, and rows of a load: few keys and labels, so that they meet often. */
const stepsMax = 12
const rowsMax = 6
const keysMax = 4
const labelsMax = 7
/** Real `kill -9`s at a moment that chance picks, beside those at a known one; each costs a start of a program. */
const killsAtRandom = 3
const killSeed = Number(process.env["KILL_SEED"] ?? 1)
/** Rows of a load that is killed: its commit takes tens of milliseconds, so that a kill can meet it. */
const killedRows = 20_000
/** Milliseconds in which a load gets to where it is to crash. */
const waitMsMax = 10_000
/** Milliseconds of a step with its crash. */
const stepMsMax = 15_000
/** Milliseconds of a test: it takes a tenth of them on a machine that does nothing else. */
const testMsMax = 180_000

const int = (maximum: number) => Schema.Int.check(Schema.isBetween({ minimum: 0, maximum }))

/** A row. `what`: below 6 an upsert, below 8 a delete, 8 has a key and 9 a value that does not fit. */
const Row = Schema.Struct({ what: int(9), id: int(keysMax), n: Schema.NullOr(int(5)), name: Schema.NullOr(int(3)) })
type Row = typeof Row.Type

/** A load and what becomes of it. `fate`: mostly nothing; the others are crashes, a tenth of a second each. */
const Step = Schema.Struct({
  label: int(labelsMax),
  rows: Schema.Array(Row).check(Schema.isMaxLength(rowsMax)),
  ratio: Schema.Literals([0, 0.5, 1]),
  partial: Schema.Boolean,
  merge: Schema.Boolean,
  fate: int(59)
})
type Step = typeof Step.Type
const Steps = Schema.Array(Step).check(Schema.isMaxLength(stepsMax))

const fates = { crashAfter: 56, crashInBody: 57, crashBeforeCommit: 58, crashUnanswered: 59 } as const

interface Stored {
  readonly n: number | null
  readonly name: number | null
}

interface Model {
  readonly rows: Map<number, Stored>
  readonly labels: Set<number>
}

const newModel = (): Model => ({ rows: new Map(), labels: new Set() })

/** The model: what a load does, and its status. */
const apply = ({ labels, rows }: Model, load: Step): string => {
  if (labels.has(load.label)) return "Label Already Exists"
  const good = load.rows.filter((row) => row.what < 8)
  if (good.length === 0 || 1 - good.length / load.rows.length > load.ratio) return "Fail"
  for (const { id, n, name, what } of good) {
    const stored = rows.get(id)
    const least = stored?.n ?? null
    if (what >= 6) rows.delete(id)
    else if (load.merge && least !== null && (n === null || n < least)) continue
    else rows.set(id, { n, name: load.partial ? stored?.name ?? null : name })
  }
  labels.add(load.label)
  return "Success"
}

const text = ({ id, n, name, what }: Row): string =>
  JSON.stringify({
    id: what === 8 ? "x" : id,
    n: what === 9 ? "many" : n,
    name,
    ...(what === 6 || what === 7 ? { __op: 1 } : {})
  })

const authorization = `Basic ${Buffer.from("root:").toString("base64")}`

/** Where an endpoint is, whichever process it lives in. */
interface Address {
  readonly fePort: number
  readonly bePort: number
  readonly mysqlPort: number
}

const request = (table: string, label: string, body: string, headers: Request["headers"] = {}): Request => ({
  method: "PUT",
  path: `/api/d/${table}/_stream_load`,
  expect: true,
  body,
  headers: { authorization, label, format: "json", strict_mode: "true", ...headers }
})

const labelState = async (address: Address, label: string): Promise<string> => {
  const path = `/api/d/get_load_state?label=${label}`
  const answer = await http("127.0.0.1", address.fePort, { method: "GET", path, headers: { authorization } })
  return /"state":"(\w+)"/.exec(answer.body)?.[1] ?? answer.body
}

const connect = (address: Address) =>
  mysql.createConnection({ host: "127.0.0.1", port: address.mysqlPort, user: "root", database: "d" })

const until = async (what: string, condition: () => boolean | Promise<boolean>): Promise<void> => {
  const giveUpAtMs = Date.now() + waitMsMax
  while (!(await condition())) {
    if (Date.now() > giveUpAtMs) throw new Error(`in vain waited for ${what}`)
    await new Promise((resolve) => setImmediate(resolve))
  }
}

/** The same promise, failed when it takes longer than anything here should: a hang is a counterexample like any other. */
const inTime = <A>(what: string, promise: Promise<A>): Promise<A> => {
  const late = Promise.withResolvers<never>()
  const timer = setTimeout(() => late.reject(new Error(`${what} took more than ${stepMsMax} ms`)), stepMsMax)
  return Promise.race([promise, late.promise]).finally(() => clearTimeout(timer))
}

const newDirectory = (): Promise<string> => mkdtemp(join(tmpdir(), "dbmazz-loads-"))

/** An endpoint in this process whose crash leaves what is in its files at that moment, and nothing else. */
class Crashing {
  private endpoint: EmbeddedStarRocks.Endpoint
  private connection: mysql.Connection
  private dataDir: string
  private scope: Scope.Closeable

  private constructor(parts: Awaited<ReturnType<typeof Crashing.open>>) {
    this.endpoint = parts.endpoint
    this.connection = parts.connection
    this.dataDir = parts.dataDir
    this.scope = parts.scope
  }

  private static async open(dataDir: string) {
    const scope = await Effect.runPromise(Scope.make())
    const endpoint = await Effect.runPromise(
      EmbeddedStarRocks.make({ dataDir, database: "d" }).pipe(Effect.provideService(Scope.Scope, scope))
    )
    return { dataDir, scope, endpoint, connection: await connect(endpoint) }
  }

  static async start(): Promise<Crashing> {
    return new Crashing(await Crashing.open(await newDirectory()))
  }

  /** Opens a copy of the files as they are now; the old endpoint ends afterwards, too late to write to the copy. */
  async crash(): Promise<void> {
    const copy = await newDirectory()
    await cp(this.dataDir, copy, { recursive: true })
    const next = await Crashing.open(copy)
    await this.close()
    this.endpoint = next.endpoint
    this.connection = next.connection
    this.dataDir = copy
    this.scope = next.scope
  }

  async close(): Promise<void> {
    this.connection.destroy()
    await Effect.runPromise(Scope.close(this.scope, Exit.void))
    await rm(this.dataDir, { recursive: true, force: true })
  }

  query(sql: string): Promise<unknown> {
    return this.connection.query({ sql, rowsAsArray: true }).then(([rows]) => rows)
  }

  state(label: string): Promise<string> {
    return labelState(this.endpoint, label)
  }

  /** Sends a load; what it answers. A load whose endpoint crashed has no answer. */
  async load(sent: Request): Promise<string> {
    const answer = await http("127.0.0.1", this.endpoint.bePort, sent)
    return /"Status": "([^"]*)"/.exec(answer.body)?.[1] ?? ""
  }

  /** Sends a load and crashes when all of it has arrived except its last byte. */
  async crashInBody(sent: Request, label: string): Promise<void> {
    const crashed = Promise.withResolvers<void>()
    const crash = async (): Promise<void> => {
      await until("the load to begin", async () => (await this.state(label)).startsWith("PREPARE"))
      await this.crash()
    }
    const beforeEnd = Effect.promise(() => crash().then(crashed.resolve, crashed.reject))
    // The connection ends while the crash is still going on.
    await Promise.all([this.load({ ...sent, beforeEnd }), crashed.promise])
  }

  /** Sends a load and crashes when it is about to commit. */
  async crashBeforeCommit(sent: Request): Promise<void> {
    const { faults } = this.endpoint
    const before = faults.hits("hold-commit")
    faults.on("hold-commit", { count: 1 })
    const load = this.load(sent)
    await until("the load to be about to commit", () => faults.hits("hold-commit") > before)
    await this.crash()
    await load
  }

  /** Sends a load that commits and is not answered, and crashes. */
  async crashUnanswered(sent: Request): Promise<void> {
    this.endpoint.faults.on("reset-after-commit", { count: 1 })
    await this.load(sent)
    await this.crash()
  }
}

/** Plays a load with its fate on the endpoint and the model. */
const play = async (world: Crashing, model: Model, table: string, step: Step): Promise<void> => {
  const label = `${table}_${step.label}`
  const sent = request(table, label, step.rows.map(text).join("\n"), {
    max_filter_ratio: String(step.ratio),
    ...(step.partial ? { partial_update: "true", columns: "id,n" } : {}),
    ...(step.merge ? { merge_condition: "n" } : {})
  })
  // A load that would not come as far as the crash is played as any other.
  const trial: Model = { rows: new Map(model.rows), labels: new Set(model.labels) }
  const commits = apply(trial, step) === "Success"
  if (commits && step.fate === fates.crashInBody) await world.crashInBody(sent, label)
  else if (commits && step.fate === fates.crashBeforeCommit) await world.crashBeforeCommit(sent)
  else if (commits && step.fate === fates.crashUnanswered) {
    await world.crashUnanswered(sent)
    apply(model, step)
  } else {
    assert.strictEqual(await world.load(sent), apply(model, step))
    if (step.fate === fates.crashAfter) await world.crash()
  }
  const committed = model.labels.has(step.label)
  assert.strictEqual((await world.state(label)) === "VISIBLE", committed, "the label's state")
  const rows = [...model.rows].map(([id, { n, name }]) => [id, n, name]).toSorted(([a], [b]) => Number(a) - Number(b))
  assert.deepStrictEqual(await world.query(`SELECT id, n, name FROM ${table} ORDER BY id`), rows)
}

const createTable = (table: string): string =>
  `CREATE TABLE ${table} (id BIGINT NOT NULL, n INT, name INT) PRIMARY KEY (id) DISTRIBUTED BY HASH(id)`

describe("loads", () => {
  let tables = 0
  let world: Crashing | undefined
  const started = new Set<Crashing>()

  afterAll(async () => {
    for (const each of started) await each.close()
  })

  it.effect.prop(
    "leave what the model says: labels once, all or nothing, and the same after a crash",
    [Steps],
    ([steps]) =>
      Effect.promise(async () => {
        const current = world ?? await Crashing.start()
        started.add(current)
        // A sequence that fails may leave the endpoint in any state: the next one gets another.
        world = undefined
        const table = `t${++tables}`
        const model = newModel()
        await current.query(createTable(table))
        for (const step of steps) await inTime(JSON.stringify(step), play(current, model, table, step))
        await current.query(`DROP TABLE ${table}`)
        world = current
      }),
    { arbitrary: { runs, size }, timeout: testMsMax }
  )

  /** The rows of the program's table, counted by version. */
  const versions = async (program: EndpointProcess.EndpointProcess): Promise<unknown> => {
    const connection = await connect(program)
    try {
      const [rows] = await connection.query({ sql: "SELECT n, count(*) FROM k GROUP BY n", rowsAsArray: true })
      return rows
    } finally {
      connection.destroy()
    }
  }

  const versioned = (label: string, version: number): Request =>
    request("k", label, Array.from({ length: killedRows }, (_, id) => `{"id":${id},"n":${version}}`).join("\n"))

  const send = (program: EndpointProcess.EndpointProcess, sent: Request): Promise<string> =>
    http("127.0.0.1", program.bePort, sent).then((answer) => /"Status": "([^"]*)"/.exec(answer.body)?.[1] ?? "")

  const admin = (program: EndpointProcess.EndpointProcess, method: string, body?: object): Promise<string> => {
    const text = body === undefined ? "" : JSON.stringify(body)
    const headers = { host: "127.0.0.1", "content-length": String(text.length) }
    return http("127.0.0.1", program.adminPort, { method, path: "/faults", body: text, headers }).then((answer) =>
      answer.body
    )
  }

  /**
   * When a load is killed: while it waits to commit, as soon as a reader sees its rows, after it committed unanswered, or
   * some milliseconds after it began.
   */
  type Moment = "held" | "seen" | "unanswered" | number

  /** Waits until a reader sees other rows than before. */
  const seen = async (program: EndpointProcess.EndpointProcess, before: string): Promise<void> => {
    const connection = await connect(program)
    try {
      await until("the rows to be seen", async () => {
        const [rows] = await connection.query({ sql: "SELECT n FROM k WHERE id = 0", rowsAsArray: true })
        return JSON.stringify(rows) !== before
      })
    } finally {
      connection.destroy()
    }
  }

  /** Sends a load onto rows of a version, kills the program at the moment, and gives the load's answer. */
  const kill = async (
    program: EndpointProcess.EndpointProcess,
    version: number,
    sent: Request,
    moment: Moment
  ): Promise<string> => {
    if (moment === "held") await admin(program, "POST", { kind: "hold-commit" })
    if (moment === "unanswered") await admin(program, "POST", { kind: "reset-after-commit" })
    const answer = send(program, sent)
    if (moment === "held") {
      await until("the commit to be held", async () => (await admin(program, "GET")).includes("\"held\":1"))
    } else if (moment === "seen") await seen(program, JSON.stringify([[version]]))
    else if (moment === "unanswered") await answer
    else await new Promise((resolve) => setTimeout(resolve, moment))
    await program.end("SIGKILL")
    return answer
  }

  it.live(
    `killed with -9 are there as a whole or not at all, as their label says (KILL_SEED=${killSeed})`,
    () =>
      Effect.gen(function*() {
        const data = yield* Effect.acquireRelease(
          Effect.promise(newDirectory),
          (path) => Effect.promise(() => rm(path, { recursive: true, force: true }))
        )
        let program = yield* EndpointProcess.start(data)
        const undisturbedMs = yield* Effect.promise(async () => {
          const connection = await connect(program)
          await connection.query(
            "CREATE TABLE k (id BIGINT NOT NULL, n INT) PRIMARY KEY (id) DISTRIBUTED BY HASH(id)"
          )
          connection.destroy()
          assert.strictEqual(await send(program, versioned("first", 0)), "Success")
          const startedAtMs = performance.now()
          assert.strictEqual(await send(program, versioned("second", 1)), "Success")
          return performance.now() - startedAtMs
        })
        const random = new SeededRandom(killSeed)
        const moments: ReadonlyArray<Moment> = [
          "held",
          "unanswered",
          ...Array.from({ length: killsAtRandom }, () => random.below(Math.ceil(undisturbedMs * 1.2)))
        ]
        let version = 1
        for (const moment of moments) {
          const label = `killed_${version}`
          const sent = versioned(label, version + 1)
          const answer = yield* Effect.promise(() => kill(program, version, sent, moment))
          program = yield* EndpointProcess.start(data)
          yield* Effect.promise(async () => {
            const state = await labelState(program, label)
            assert.include(["VISIBLE", "ABORTED", "UNKNOWN"], state, `killed at ${moment}`)
            const committed = state === "VISIBLE"
            if (moment === "held") assert.isFalse(committed)
            const known = moment === "seen" || moment === "unanswered" || answer === "Success"
            if (known) assert.isTrue(committed, `killed at ${moment}`)
            assert.deepStrictEqual(await versions(program), [[committed ? version + 1 : version, killedRows]])
            assert.strictEqual(await send(program, sent), committed ? "Label Already Exists" : "Success")
            assert.deepStrictEqual(await versions(program), [[version + 1, killedRows]])
          })
          version += 1
        }
      }).pipe(Effect.scoped),
    testMsMax
  )
})
