import { assert, describe, it } from "@effect/vitest"
import * as grpc from "@grpc/grpc-js"
import * as Effect from "effect/Effect"
import { run } from "../../support/CommandRun.ts"
import * as ControlServer from "../../support/ControlServer.ts"

const HEADER =
  "                time     rows/s         lag   lag bytes    lag rows            rows     batches      memory    cpu"
const LINE =
  "2027-01-15T08:00:00Z      1,235       1.5 s    15.9 EiB           2 9,007,199,254,740,993           5   100.0 MiB    25%"

/** Sends so many samples, then ends the stream. */
const send = (count: number) => (call: { write: (sample: object) => boolean; end: () => void }) => {
  for (let index = 0; index < count; index++) call.write(ControlServer.sample(index))
  call.end()
}

describe("metrics", () => {
  it.live("prints a sample a line below the names of the columns", () =>
    Effect.gen(function*() {
      const server = yield* ControlServer.start()
      server.metrics = send(2)
      const ended = yield* run("metrics", "--address", server.address, "--samples", "1")
      assert.deepStrictEqual(ended, { code: 0, output: `${HEADER}\n${LINE}\n`, complaint: "" })
    }).pipe(Effect.scoped))

  it.live("repeats the names every 20 lines, so that they stay in sight", () =>
    Effect.gen(function*() {
      const server = yield* ControlServer.start()
      server.metrics = send(41)
      const { output } = yield* run("metrics", "--address", server.address)
      const lines = output.trimEnd().split("\n")
      assert.deepStrictEqual(lines.flatMap((line, index) => (line === HEADER ? [index] : [])), [0, 21, 42])
      assert.strictEqual(lines.length, 44)
    }).pipe(Effect.scoped))

  it.live("--json is one object a line, with the names of the API and 64-bit numbers as strings", () =>
    Effect.gen(function*() {
      const server = yield* ControlServer.start()
      server.metrics = send(2)
      const ended = yield* run("metrics", "--address", server.address, "--json")
      const expected = [0, 1].map((index) => `${JSON.stringify(ControlServer.sample(index))}\n`).join("")
      assert.deepStrictEqual(ended, { code: 0, output: expected, complaint: "" })
    }).pipe(Effect.scoped))

  const intervals: ReadonlyArray<readonly [args: ReadonlyArray<string>, intervalMs: number]> = [
    [[], 1000],
    [["--interval", "250ms"], 250],
    [["--interval", "1.5m"], 90_000],
    [["--interval", "24h"], 86_400_000]
  ]
  it.live.each(intervals)("%j asks for a sample every %i ms", ([args, intervalMs]) =>
    Effect.gen(function*() {
      const server = yield* ControlServer.start()
      yield* run("metrics", "--address", server.address, ...args)
      assert.deepStrictEqual(server.asked.map(({ request }) => request), [{ interval_ms: intervalMs }])
    }).pipe(Effect.scoped))

  const wrong: ReadonlyArray<readonly [args: readonly [string, string]]> = [
    [["--interval", "0s"]],
    [["--interval", "25h"]],
    [["--interval", "1"]],
    [["--interval", "-1s"]],
    [["--samples", "0"]],
    [["--samples", "many"]]
  ]
  it.live.each(wrong)("%j is a wrong command line", ([args]) =>
    Effect.gen(function*() {
      const ended = yield* run("metrics", ...args)
      assert.strictEqual(ended.code, 2)
      assert.include(ended.complaint, args[0])
    }))

  it.live("cancels the stream at the server when it has the samples that it wanted", () =>
    Effect.gen(function*() {
      const server = yield* ControlServer.start()
      server.metrics = ControlServer.flood(ControlServer.sample).metrics
      const ended = yield* run("metrics", "--address", server.address, "--samples", "3", "--json")
      assert.strictEqual(ended.output.trimEnd().split("\n").length, 3)
      yield* ControlServer.until(() => server.openStreams === 0)
    }).pipe(Effect.scoped))

  it.live("fewer samples than were asked for are a failure", () =>
    Effect.gen(function*() {
      const server = yield* ControlServer.start()
      server.metrics = send(2)
      const ended = yield* run("metrics", "--address", server.address, "--samples", "3")
      assert.strictEqual(ended.code, 1)
      assert.include(ended.complaint, "after 2 of 3 samples")
    }).pipe(Effect.scoped))

  it.live("a server that dies between two samples is a failure, after what it has sent", () =>
    Effect.gen(function*() {
      const server = yield* ControlServer.start()
      server.metrics = (call) => {
        call.write(ControlServer.sample(0), () => setImmediate(server.end))
      }
      const ended = yield* run("metrics", "--address", server.address, "--json")
      assert.strictEqual(ended.code, 69, ended.complaint)
      assert.include(ended.complaint, `no answer from ${server.address}`)
    }).pipe(Effect.scoped))

  it.live("a sample that does not come within interval and timeout is a failure", () =>
    Effect.gen(function*() {
      const server = yield* ControlServer.start()
      server.answers.StreamMetrics = "silence"
      const ended = yield* run("metrics", "--address", server.address, "--interval", "50ms", "--timeout", "50ms")
      assert.strictEqual(ended.code, 69)
      assert.include(ended.complaint, "within 100ms")
    }).pipe(Effect.scoped))

  const refusals: ReadonlyArray<readonly [code: grpc.status, exitCode: number]> = [
    [grpc.status.UNAUTHENTICATED, 77],
    [grpc.status.RESOURCE_EXHAUSTED, 1],
    [grpc.status.UNIMPLEMENTED, 1]
  ]
  it.live.each(refusals)("a refusal with status %i ends it with %i", ([code, exitCode]) =>
    Effect.gen(function*() {
      const server = yield* ControlServer.start()
      server.answers.StreamMetrics = ControlServer.status(code, "no more of this")
      const ended = yield* run("metrics", "--address", server.address)
      assert.strictEqual(ended.code, exitCode)
      assert.include(ended.complaint, "no more of this")
    }).pipe(Effect.scoped))
})
