/**
 * The HTTP ports under requests that nobody should send. What a case sends is a function of its seed: a failure names
 * the seed, and `FUZZ_SEED=<seed> FUZZ_CASES=1` plays that case
 * alone on every port.
 */
import { assert, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Logger from "effect/Logger"
import mysql from "mysql2/promise"
import * as EmbeddedStarRocks from "../../../../src/layers/embedded/EmbeddedStarRocks.ts"
import { http } from "../../../contract/WireHttp.ts"
import { type FuzzAim, fuzzCase, fuzzLabels, fuzzTransactions, play } from "../../../support/HttpFuzz.ts"
import * as TemporaryDirectory from "../../../support/TemporaryDirectory.ts"

const seedFirst = Number(process.env["FUZZ_SEED"] ?? 20_261_120)
/** Cases a port gets; about a second a hundred. */
const casesPerPort = Number(process.env["FUZZ_CASES"] ?? 400)
/** Cases at the same time. */
const concurrency = 12
/** Milliseconds a case waits for an answer: many deserve none. */
const caseWaitMs = 150
/** Milliseconds in which the endpoint answers an honest client, whatever else it is sent. */
const honestMs = 10_000

const authorization = `Basic ${Buffer.from("root:").toString("base64")}`
const place = { database: "d", table: "t", authorization }

const directory = TemporaryDirectory.make("fuzz")

const start = Effect.gen(function*() {
  const dataDir = yield* directory
  const endpoint = yield* EmbeddedStarRocks.make({ dataDir, database: "d", adminPort: 0 })
  const adminPort = endpoint.adminPort ?? 0
  const connection = yield* Effect.acquireRelease(
    Effect.promise(() => mysql.createConnection({ host: endpoint.host, port: endpoint.mysqlPort, user: "root" })),
    (opened) => Effect.sync(() => opened.destroy())
  )
  for (const table of ["t", "steady"]) {
    yield* Effect.promise(() =>
      connection.query(`CREATE TABLE d.${table} (id BIGINT NOT NULL, n INT) PRIMARY KEY (id) DISTRIBUTED BY HASH(id)`)
    )
  }
  return { ...endpoint, adminPort, connection }
})

type Endpoint = Effect.Success<typeof start>

/** What a wrong answer is; undefined when there is none or it is one a server may give. */
const wrongAnswer = (received: string): string | undefined => {
  if (received === "") return undefined
  const status = Number(/^HTTP\/1\.1 (\d{3}) /.exec(received)?.[1])
  if (![100, 200, 201, 307, 400, 401, 403, 404, 405, 408, 413, 431].includes(status)) return `HTTP ${status}`
  return /internal error/i.test(received) ? "an internal error" : undefined
}

/** Every port answers, and an honest load commits. */
const honest = async (endpoint: Endpoint, id: number): Promise<void> => {
  const ask = (port: number, path: string) =>
    http(endpoint.host, port, { method: "GET", path, headers: { host: "127.0.0.1" }, waitMs: honestMs })
  const answers = await Promise.all([
    ask(endpoint.fePort, "/api/health"),
    ask(endpoint.bePort, "/api/health"),
    ask(endpoint.adminPort, "/faults")
  ])
  assert.deepStrictEqual(answers.map((answer) => answer.status), [200, 200, 200])
  const loaded = await http(endpoint.host, endpoint.bePort, {
    method: "PUT",
    path: "/api/d/steady/_stream_load",
    expect: true,
    headers: { authorization, format: "json", strict_mode: "true" },
    body: `{"id":${id},"n":1}`,
    waitMs: honestMs
  })
  assert.include(loaded.body, "\"Status\": \"Success\"")
}

/** Plays the cases of a port, some at a time, with an honest client beside them; gives the wrong answers. */
const siege = async (
  endpoint: Endpoint,
  name: FuzzAim["port"],
  port: number,
  seeds: ReadonlyArray<number>
): Promise<ReadonlyArray<string>> => {
  const wrong: Array<string> = []
  const waiting = [...seeds]
  let besieged = true
  const attack = async (): Promise<void> => {
    for (let seed = waiting.shift(); seed !== undefined; seed = waiting.shift()) {
      const found = wrongAnswer(await play(port, fuzzCase(seed, { ...place, port: name }), caseWaitMs))
      if (found !== undefined) wrong.push(`${name} port, FUZZ_SEED=${seed}: ${found}`)
    }
  }
  const attacks = Promise.all(Array.from({ length: concurrency }, attack)).finally(() => {
    besieged = false
  })
  const watch = async (): Promise<void> => {
    for (let id = seeds[0] ?? 0; besieged; id++) await honest(endpoint, id)
  }
  await Promise.all([attacks, watch()])
  return wrong
}

const stateOf = async (endpoint: Endpoint, label: string): Promise<string> => {
  const path = `/api/d/get_load_state?label=${label}`
  const answer = await http(endpoint.host, endpoint.fePort, { method: "GET", path, headers: { authorization } })
  return /"state":"(\w+)"/.exec(answer.body)?.[1] ?? answer.body
}

/** Rolls a transaction back as a client does, by way of the FE. */
const rollback = async (endpoint: Endpoint, label: string): Promise<void> => {
  const request = {
    method: "POST",
    path: "/api/transaction/rollback",
    headers: { authorization, label, db: "d", table: "t", expect: "100-continue" }
  }
  const answer = await http(endpoint.host, endpoint.fePort, request)
  if (answer.status === 307) await http(endpoint.host, endpoint.bePort, request)
}

/** Labels of loads that have not ended, and of transactions that cannot be ended: a client that is gone holds neither. */
const unfinished = async (endpoint: Endpoint): Promise<ReadonlyArray<string>> => {
  for (const label of fuzzTransactions) await rollback(endpoint, label)
  const found: Array<string> = []
  for (const label of [...fuzzLabels, ...fuzzTransactions]) {
    if ((await stateOf(endpoint, label)).startsWith("PREPARE")) found.push(label)
  }
  return found
}

it.live(
  "no request, however broken, stops the FE, the BE or the admin port, leaves a load running, or goes unnoticed",
  () =>
    Effect.gen(function*() {
      const errors: Array<string> = []
      const note = (error: unknown): void => void errors.push(String(error))
      process.on("unhandledRejection", note).on("uncaughtExceptionMonitor", note)
      yield* Effect.addFinalizer(() =>
        Effect.sync(() => {
          process.off("unhandledRejection", note).off("uncaughtExceptionMonitor", note)
        })
      )
      const endpoint = yield* start.pipe(
        Effect.provide(Logger.layer([Logger.map(Logger.formatLogFmt, (line) => {
          if (/level=(?:ERROR|FATAL)/.test(line)) errors.push(line)
        })]))
      )
      const seeds = Array.from({ length: casesPerPort }, (_, index) => seedFirst + index)
      const ports = [["FE", endpoint.fePort], ["BE", endpoint.bePort], ["admin", endpoint.adminPort]] as const
      for (const [name, port] of ports) {
        const wrong = yield* Effect.promise(() => siege(endpoint, name, port, seeds))
        assert.deepStrictEqual(wrong, [])
        assert.deepStrictEqual(errors, [], `${name} port, ${casesPerPort} seeds from ${seedFirst}`)
        endpoint.faults.off()
        endpoint.faults.duplicateLabels("classic")
      }
      const giveUpAtMs = Date.now() + honestMs
      let left = yield* Effect.promise(() => unfinished(endpoint))
      while (left.length > 0 && Date.now() < giveUpAtMs) left = yield* Effect.promise(() => unfinished(endpoint))
      assert.deepStrictEqual(left, [])
      yield* Effect.promise(() => honest(endpoint, 0))
    }).pipe(Effect.scoped)
)
