/**
 * Random sequences of loads against one endpoint table, compared after every step with a model: a map by key, a set of the
 * labels that committed, and the transactions that are open or prepared, which commit, roll back or are cancelled some steps
 * later. A column may come in between. The endpoint crashes in between; a crashed load is there as a whole or not at all,
 * and its label says which.
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
import { SeededRandom } from "../../src/domain/SeededRandom.ts"
import * as EmbeddedStarRocks from "../../src/layers/embedded/EmbeddedStarRocks.ts"
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
/** Default of the column that comes later. */
const defaultX = 7
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

/**
 * A load and what becomes of it, the end of a transaction, or a new column: `turn` chooses. `way`: below 6 the load is a
 * plain one, below 8 a transaction that is left open, and otherwise one that is prepared. `fate` of a plain load: mostly
 * nothing; the others are a new column and another load within its body, `_cancel`, and crashes, a tenth of a second each.
 * `end` is how a transaction ends.
 */
const Step = Schema.Struct({
  turn: int(11),
  label: int(labelsMax),
  rows: Schema.Array(Row).check(Schema.isMaxLength(rowsMax)),
  ratio: Schema.Literals([0, 0.5, 1]),
  partial: Schema.Boolean,
  merge: Schema.Boolean,
  way: int(9),
  fate: int(59),
  end: Schema.Literals(["commit", "rollback", "_cancel"])
})
type Step = typeof Step.Type
const Steps = Schema.Array(Step).check(Schema.isMaxLength(stepsMax))

const turns = { end: 8, addColumn: 11 } as const
const ways = { open: 6, prepared: 8 } as const
const fates = {
  overtaken: 50,
  cancel: 54,
  crashAfter: 56,
  crashInBody: 57,
  crashBeforeCommit: 58,
  crashUnanswered: 59
} as const

interface Stored {
  readonly n: number | null
  readonly name: number | null
  readonly x: number | null
}

/** A load as it was sent: which columns it carries is settled then. */
interface Sent extends Step {
  readonly columns: "id,n,name" | "id,n" | "id,x"
}

interface Model {
  readonly rows: Map<number, Stored>
  readonly labels: Set<number>
  /** Transactions that have neither committed nor aborted. */
  readonly open: Map<number, Sent>
  /** Whether the column `x` is there; until then every row has its default. */
  hasX: boolean
}

const newModel = (): Model => ({ rows: new Map(), labels: new Set(), open: new Map(), hasX: false })

/** The model: what a load does, and its status. */
const apply = ({ labels, open, rows }: Model, load: Sent): string => {
  if (labels.has(load.label) || open.has(load.label)) return "Label Already Exists"
  const good = load.rows.filter((row) => row.what < 8)
  if (good.length === 0 || 1 - good.length / load.rows.length > load.ratio) return "Fail"
  for (const { id, n, name, what } of good) {
    const stored = rows.get(id) ?? { n: null, name: null, x: defaultX }
    if (what >= 6) rows.delete(id)
    else if (load.columns === "id,x") rows.set(id, { ...stored, x: n })
    else if (load.merge && stored.n !== null && (n === null || n < stored.n)) continue
    else rows.set(id, load.columns === "id,n" ? { ...stored, n } : { n, name, x: defaultX })
  }
  labels.add(load.label)
  return "Success"
}

const text = ({ id, n, name, what }: Row): string =>
  JSON.stringify({
    id: what === 8 ? "x" : id,
    n: what === 9 ? "many" : n,
    x: what === 9 ? "many" : n,
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

  /** An operation of a transaction, at the FE for one that is prepared; its status. */
  async operate(operation: string, label: string, prepared: boolean, sent: Request): Promise<string> {
    const { bePort, fePort } = this.endpoint
    const answer = await http("127.0.0.1", prepared ? fePort : bePort, {
      ...sent,
      method: operation === "load" ? "PUT" : "POST",
      path: `/api/transaction/${operation}`,
      expect: operation === "load",
      body: operation === "load" ? sent.body ?? "" : "",
      headers: { ...sent.headers, label }
    })
    return /"Status": *"([^"]*)"/.exec(answer.body)?.[1] ?? answer.body
  }

  /** Cancels whatever holds a label; what the FE answers. */
  async cancel(table: string, label: string): Promise<string> {
    const path = `/api/d/${table}/_cancel?label=${label}`
    const answer = await http("127.0.0.1", this.endpoint.fePort, { method: "POST", path, headers: { authorization } })
    return /"status":"(\w+)"/.exec(answer.body)?.[1] ?? answer.body
  }

  /** Adds the column `x` and waits until loads know it. */
  async addColumn(table: string): Promise<void> {
    await this.query(`ALTER TABLE ${table} ADD COLUMN x INT DEFAULT "${defaultX}"`)
    const job = `SHOW ALTER TABLE COLUMN FROM d WHERE TableName = '${table}'`
    await until("the new column", async () => JSON.stringify(await this.query(job)).includes("FINISHED"))
  }

  /** Sends a load; what it answers. A load whose endpoint crashed has no answer. */
  async load(sent: Request): Promise<string> {
    const answer = await http("127.0.0.1", this.endpoint.bePort, sent)
    return /"Status": "([^"]*)"/.exec(answer.body)?.[1] ?? ""
  }

  /** Sends a load and crashes when all of it has arrived except its last byte. */
  async crashInBody(sent: Request, label: string, crash: () => Promise<void>): Promise<void> {
    const crashed = Promise.withResolvers<void>()
    const inBody = async (): Promise<void> => {
      await until("the load to begin", async () => (await this.state(label)).startsWith("PREPARE"))
      await crash()
    }
    const beforeEnd = Effect.promise(() => inBody().then(crashed.resolve, crashed.reject))
    // The connection ends while the crash is still going on.
    await Promise.all([this.load({ ...sent, beforeEnd }), crashed.promise])
  }

  /** Sends a load and crashes when it is about to commit. */
  async crashBeforeCommit(sent: Request, crash: () => Promise<void>): Promise<void> {
    const { faults } = this.endpoint
    const before = faults.hits("hold-commit")
    faults.on("hold-commit", { count: 1 })
    const load = this.load(sent)
    await until("the load to be about to commit", () => faults.hits("hold-commit") > before)
    await crash()
    await load
  }

  /** Sends a load that commits and is not answered, and crashes. */
  async crashUnanswered(sent: Request, crash: () => Promise<void>): Promise<void> {
    this.endpoint.faults.on("reset-after-commit", { count: 1 })
    await this.load(sent)
    await crash()
  }
}

/** A load's request. */
const requestOf = (table: string, load: Sent): Request =>
  request(table, `${table}_${load.label}`, load.rows.map(text).join("\n"), {
    db: "d",
    table,
    max_filter_ratio: String(load.ratio),
    columns: load.columns,
    ...(load.columns === "id,n,name" ? {} : { partial_update: "true" }),
    ...(load.merge && load.columns !== "id,x" ? { merge_condition: "n" } : {})
  })

/** Whether the load would commit now. */
const commits = (model: Model, load: Sent): boolean =>
  apply({ ...model, rows: new Map(model.rows), labels: new Set(model.labels) }, load) === "Success"

/** What only the BE's memory knew is gone. */
const crash = async (world: Crashing, model: Model): Promise<void> => {
  await world.crash()
  for (const [label, { way }] of model.open) if (way < ways.prepared) model.open.delete(label)
}

/** Plays a plain load with its fate. */
const playLoad = async (world: Crashing, model: Model, table: string, load: Sent): Promise<void> => {
  const label = `${table}_${load.label}`
  const sent = requestOf(table, load)
  // A load that would not come as far as the crash is played as any other.
  const { fate } = commits(model, load) ? load : { fate: 0 }
  const crashed = () => crash(world, model)
  if (fate === fates.cancel || fate === fates.cancel + 1) {
    const cancelled = await world.load({
      ...sent,
      beforeEnd: Effect.promise(async () => {
        assert.strictEqual(await world.cancel(table, label), "OK")
        assert.strictEqual(await world.state(label), "ABORTED")
      })
    })
    assert.strictEqual(cancelled, "Fail")
  } else if (fate >= fates.overtaken && fate < fates.cancel) {
    const other: Sent = { ...load, label: load.label + labelsMax + 1, columns: "id,x" }
    const overtaken = await world.load({
      ...sent,
      beforeEnd: Effect.promise(async () => {
        if (!model.hasX) await world.addColumn(table)
        model.hasX = true
        assert.strictEqual(await world.load(requestOf(table, other)), apply(model, other))
      })
    })
    assert.strictEqual(overtaken, apply(model, load))
  } else if (fate === fates.crashInBody) await world.crashInBody(sent, label, crashed)
  else if (fate === fates.crashBeforeCommit) await world.crashBeforeCommit(sent, crashed)
  else if (fate === fates.crashUnanswered) {
    await world.crashUnanswered(sent, crashed)
    apply(model, load)
  } else {
    assert.strictEqual(await world.load(sent), apply(model, load))
    if (fate === fates.crashAfter) await crashed()
  }
}

/** Begins and fills a transaction, and prepares it when it is to be; it stays open. */
const playOpen = async (world: Crashing, model: Model, table: string, load: Sent): Promise<void> => {
  const label = `${table}_${load.label}`
  const sent = requestOf(table, load)
  const held = model.labels.has(load.label) || model.open.has(load.label)
  assert.strictEqual(await world.operate("begin", label, false, sent), held ? "LABEL_ALREADY_EXISTS" : "OK")
  if (held) return
  assert.strictEqual(await world.operate("load", label, false, sent), "OK")
  const fits = commits(model, load)
  if (load.way >= ways.prepared) {
    assert.strictEqual(await world.operate("prepare", label, false, sent), fits ? "OK" : "INTERNAL_ERROR")
  }
  if (fits || load.way < ways.prepared) model.open.set(load.label, load)
}

/** Ends one of the open transactions. */
const playEnd = async (world: Crashing, model: Model, table: string, how: Step["end"], at: number): Promise<number> => {
  const [wanted, load] = [...model.open][at % Math.max(model.open.size, 1)] ?? [at]
  if (load === undefined) return wanted
  const label = `${table}_${wanted}`
  model.open.delete(wanted)
  if (how === "_cancel") assert.strictEqual(await world.cancel(table, label), "OK")
  else {
    const status = await world.operate(how, label, load.way >= ways.prepared, requestOf(table, load))
    const ends = how === "rollback" || apply(model, load) === "Success"
    assert.strictEqual(status, ends ? "OK" : "INTERNAL_ERROR")
  }
  return wanted
}

/** Plays a step on the endpoint and the model, and compares them. */
const play = async (world: Crashing, model: Model, table: string, step: Step): Promise<void> => {
  const { end, label, partial, turn, way } = step
  const load: Sent = { ...step, columns: partial ? model.hasX && turn % 2 === 1 ? "id,x" : "id,n" : "id,n,name" }
  let touched = label
  if (turn === turns.addColumn && !model.hasX) {
    await world.addColumn(table)
    model.hasX = true
  } else if (turn >= turns.end) touched = await playEnd(world, model, table, end, label)
  else if (way >= ways.open) await playOpen(world, model, table, load)
  else await playLoad(world, model, table, load)
  const state = await world.state(`${table}_${touched}`)
  assert.strictEqual(state === "VISIBLE", model.labels.has(touched), `the label's state is ${state}`)
  const open = model.open.get(touched)
  const wanted = open === undefined
    ? /^(VISIBLE|ABORTED|UNKNOWN)$/
    : open.way < ways.prepared
    ? /^PREPARE$/
    : /^PREPARED$/
  assert.match(state, wanted, "the label's state")
  const stored = [...model.rows].map(([id, { n, name, x }]) => [id, n, name, ...(model.hasX ? [x] : [])])
  const rows = await world.query(`SELECT id, n, name${model.hasX ? ", x" : ""} FROM ${table} ORDER BY id`)
  assert.deepStrictEqual(rows, stored.toSorted(([a], [b]) => Number(a) - Number(b)))
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
        while (model.open.size > 0) await playEnd(current, model, table, "rollback", 0)
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
