import { assert, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import * as path from "node:path"
import * as ChildEnvironment from "../support/ChildEnvironment.ts"
import * as PostgresServer from "../support/PostgresServer.ts"
import { run } from "../support/PostgresServer.ts"
import * as Replica from "../support/Replica.ts"

const MAIN = path.join(import.meta.dirname, "../../src/programs/Main.ts")
/** Each row is a load and some lines of the log: far more than a pipe holds. */
const ROWS = 200

/** Nobody reads its standard error unless the test does. */
const start = (environment: Readonly<Record<string, string>>) =>
  Effect.acquireRelease(
    Effect.sync(() =>
      spawn(process.execPath, [MAIN, "run"], {
        env: {
          ...ChildEnvironment.own(),
          LOG_LEVEL: "trace",
          FLUSH_SIZE: "1",
          ...environment
        },
        stdio: ["ignore", "ignore", "pipe"]
      })
    ),
    (child) => Effect.promise(() => ended(child, "SIGKILL"))
  )

const ended = async (child: ChildProcess, signal: NodeJS.Signals): Promise<unknown> => {
  if (child.exitCode === null && child.signalCode === null) {
    const exit = once(child, "exit")
    child.kill(signal)
    await exit
  }
  return child.exitCode ?? child.signalCode
}

layer(PostgresServer.layer(), { excludeTestServices: true, timeout: "60 seconds" })("A job whose log", (it) => {
  for (const [title, treat] of [["is not read", "pause"], ["has lost its reader", "destroy"]] as const) {
    it.effect(`${title} replicates all the same, and stops in order`, () =>
      Effect.gen(function*() {
        const replica = yield* Replica.start
        const child = yield* start(replica.environment())
        child.stderr[treat]()
        // The slot is active for a moment while it is made; with its own walsender, both sides are ready.
        yield* PostgresServer.until(
          replica.source,
          `exists (select from pg_stat_replication where application_name = 'dbmazz' and state = 'streaming')`
        )
        yield* run(replica.source, `insert into items select n, 'x' from generate_series(1, ${ROWS}) n`)
        yield* replica.caughtUp
        assert.strictEqual(yield* Effect.promise(() => ended(child, "SIGTERM")), 0)
        const { checkpoint, confirmed } = yield* replica.positions
        assert.strictEqual(confirmed, checkpoint)
      }))
  }
})
