import { assert, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import { execFile } from "node:child_process"
import * as path from "node:path"
import * as ChildEnvironment from "../support/ChildEnvironment.ts"
import * as HttpStage from "../support/HttpStage.ts"
import * as PostgresServer from "../support/PostgresServer.ts"
import { run } from "../support/PostgresServer.ts"
import * as Replica from "../support/Replica.ts"

const SCRIPT = path.join(import.meta.dirname, "orchestrator.sh")
/** The script's own waits end earlier. */
const MS_MAX = 55_000

const orchestrate = (environment: Readonly<Record<string, string>>) =>
  Effect.callback<{ readonly code: unknown; readonly stdout: string; readonly stderr: string }>((resume) => {
    const child = execFile(
      SCRIPT,
      {
        env: { ...ChildEnvironment.own(), ...environment },
        timeout: MS_MAX,
        maxBuffer: Infinity
      },
      (error, stdout, stderr) => resume(Effect.succeed({ code: error === null ? 0 : error.code, stdout, stderr }))
    )
    return Effect.sync(() => child.kill())
  })

const NUMBER = /^\d+$/

/** The answers in their order: the rpc's name and its message. */
const answers = (stdout: string): ReadonlyArray<readonly [string, Readonly<Record<string, unknown>>]> =>
  stdout.split("\n").filter((line) => line.includes("\t{")).map((line) => {
    const [name = "", message = ""] = line.split("\t")
    return [name, JSON.parse(message)]
  })

layer(PostgresServer.layer(), { excludeTestServices: true })(
  "An orchestrator that was written for dbmazz v1 runs a job from its start to its end",
  (it) => {
    it.effect("start, wait for STAGE_CDC, metrics, pause, resume, reload, drain, exit 0, while rows are written", () =>
      Effect.gen(function*() {
        const replica = yield* Replica.start
        let written = 0
        yield* Effect.suspend(() => run(replica.source, "insert into items values ($1, 'x')", [++written])).pipe(
          Effect.repeat(Schedule.spaced("20 millis")),
          Effect.forkScoped
        )
        const ports = { GRPC_PORT: String(yield* HttpStage.deadPort), HTTP_PORT: String(yield* HttpStage.deadPort) }
        const { code, stderr, stdout } = yield* orchestrate(replica.environment(ports))
        assert.strictEqual(code, 0, stderr)

        const all = answers(stdout)
        assert.deepStrictEqual(all.map(([name]) => name), [
          "Check",
          "StreamMetrics",
          "StreamMetrics",
          "StreamMetrics",
          "Pause",
          "GetStatus",
          "Resume",
          "ReloadConfig",
          "GetStatus",
          "DrainAndStop"
        ])
        const [check, first, second, third, pause, paused, resume, reload, running, drain] = all.map(([, message]) =>
          message
        )
        assert.deepStrictEqual(check, {
          status: "SERVING",
          stage: "STAGE_CDC",
          stageDetail: "Replicating",
          errorDetail: ""
        })
        const nowSeconds = Date.now() / 1000
        for (const sample of [first, second, third]) {
          const { eventsPerSecond, ...counts } = sample ?? {}
          assert.isNumber(eventsPerSecond)
          assert.sameMembers(Object.keys(counts), [
            "timestamp",
            "lagBytes",
            "lagEvents",
            "memoryBytes",
            "totalEventsProcessed",
            "totalBatchesSent",
            "cpuMillicores",
            "replicationLagMs"
          ])
          for (const [name, count] of Object.entries(counts)) {
            assert.isString(count, `${name} is a 64-bit number, a string in JSON`)
            assert.match(String(count), NUMBER, name)
          }
          assert.closeTo(Number(sample?.["timestamp"]), nowSeconds, 60)
          assert.isAbove(Number(sample?.["memoryBytes"]), 10_000_000)
        }
        assert.strictEqual(first?.["cpuMillicores"], "0")
        assert.isAtLeast(Number(third?.["totalEventsProcessed"]), Number(first?.["totalEventsProcessed"]))

        assert.deepStrictEqual(pause, { success: true, message: "CDC paused successfully" })
        assert.deepStrictEqual(resume, { success: true, message: "CDC resumed successfully" })
        assert.deepStrictEqual(reload, {
          success: true,
          message: "Configuration reloaded: flush_size=50, flush_interval_ms=200"
        })
        assert.deepStrictEqual(drain, { success: true, message: "CDC is draining and will stop" })
        for (const [status, state] of [[paused, "PAUSED"], [running, "RUNNING"]] as const) {
          const { confirmedLsn, currentLsn, pendingEvents, ...rest } = status ?? {}
          for (const count of [confirmedLsn, currentLsn, pendingEvents]) {
            assert.isString(count)
            assert.match(String(count), NUMBER)
          }
          assert.isTrue(BigInt(String(currentLsn)) >= BigInt(String(confirmedLsn)))
          assert.isTrue(BigInt(String(confirmedLsn)) > 0n)
          assert.deepStrictEqual(rest, {
            state,
            slotName: replica.slot,
            tables: ["items"],
            snapshotActive: false,
            snapshotChunksTotal: "0",
            snapshotChunksDone: "0",
            snapshotRowsSynced: "0",
            tableProgress: [],
            snapshotPaused: false
          })
        }

        // What was received before the drain is there without a gap, and confirmed.
        const rows = yield* replica.query(
          `SELECT count(*) AS n, max(id) - min(id) + 1 AS span FROM ${replica.sink.database}.items`
        )
        assert.isAbove(Number(rows[0]?.["n"]), 0)
        assert.strictEqual(rows[0]?.["n"], rows[0]?.["span"])
        const { checkpoint, confirmed } = yield* replica.positions
        assert.strictEqual(checkpoint, confirmed)
      }))
  }
)
