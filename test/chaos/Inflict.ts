/** Makes a fault happen, and ends it again: what was stopped runs and what was cut is whole when this returns. */
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import * as fs from "node:fs"
import * as path from "node:path"
import { Fault, type WireName } from "./Fault.ts"
import * as Positions from "./Positions.ts"
import type { Program } from "./Program.ts"
import { Mode } from "./Proxy.ts"
import { SLOT, type World } from "./World.ts"

/** What else goes on in the round: a promise that another fault may break is not held against it. */
export interface Circumstances {
  readonly alone: boolean
  readonly postgresRestarts: boolean
}

/** README: a drain takes at most 25 s; the rest is the process's own end on a busy machine. */
const DRAIN_MS_MAX = 25_000 + 3_000
/** A start takes a second or two; with the wires down it takes as long as they are. */
const STARTED_MS_MAX = 15_000
const POLL = Schedule.spaced("20 millis")

/** SIGTERM's promise: exit 0 means that everything received is in the sink, stored and confirmed. */
const drained = (world: World, circumstances: Circumstances, startedAtMs: number) =>
  Effect.fnUntraced(function*(exit: number | string) {
    const tookMs = performance.now() - startedAtMs
    if (tookMs > DRAIN_MS_MAX) world.violations.push(`the drain took ${Math.round(tookMs)} ms`)
    if (exit !== 0 && (circumstances.alone || exit !== 1)) world.violations.push(`exit ${exit} after SIGTERM`)
    const positions = yield* Positions.read(world)
    if (exit !== 0 || positions === undefined || circumstances.postgresRestarts) return
    const { checkpoint, confirmed } = positions
    if (confirmed !== checkpoint) {
      world.violations.push(`exit 0 after SIGTERM with confirmed ${confirmed} and checkpoint ${checkpoint}`)
    }
  })

const paused = (program: Program, ms: number) =>
  Effect.suspend(() => {
    const run = program.current()
    return run.kill("SIGSTOP").pipe(Effect.andThen(Effect.sleep(ms)), Effect.ensuring(run.kill("SIGCONT")))
  })

/** An immediate shutdown, as of `pg_ctl restart -m immediate`. */
const restartPostgres = Effect.fnUntraced(function*(world: World, downMs: number) {
  const pid = world.server.pid()
  if (pid !== undefined) process.kill(pid, "SIGQUIT")
  yield* Effect.sync(world.server.pid).pipe(Effect.repeat({ schedule: POLL, until: (alive) => alive !== pid }))
  yield* Effect.sleep(downMs)
  yield* Effect.orDie(world.server.start)
})

const second = Effect.fnUntraced(function*(world: World, ms: number, circumstances: Circumstances) {
  const other = yield* world.startSecond
  yield* Effect.timeoutOption(other.logged("\"replicating\""), STARTED_MS_MAX)
  yield* Effect.sleep(ms)
  yield* other.kill("SIGTERM")
  yield* other.exit
  fs.appendFileSync(path.join(world.directory, "second.log"), other.log())
  if (!circumstances.alone) return
  if (!other.log().includes("PG_SLOT_BUSY")) world.violations.push("the second dbmazz did not find the slot in use")
}, Effect.scoped)

const during = (world: World, wire: WireName, modes: ReadonlyArray<Mode>, ms: number) =>
  Effect.forEach(modes, (mode, index) => Effect.delay(world.wires[wire].set(mode), index === 0 ? 0 : ms)).pipe(
    Effect.andThen(Effect.sleep(modes.length === 1 ? ms : 0)),
    Effect.ensuring(world.wires[wire].set(Mode.Forward()))
  )

/** Carries the fault out from beginning to end. */
export const inflict = (world: World, fault: Fault, circumstances: Circumstances): Effect.Effect<void> =>
  Fault.$match(fault, {
    DbmazzKilled: ({ downMs }) => world.dbmazz.cycle("SIGKILL", downMs, () => Effect.void),
    DbmazzPaused: ({ ms }) => paused(world.dbmazz, ms),
    DbmazzTerminated: ({ downMs }) =>
      Effect.suspend(() => world.dbmazz.cycle("SIGTERM", downMs, drained(world, circumstances, performance.now()))),
    DbmazzSecond: ({ ms }) => second(world, ms, circumstances),
    PostgresRestarted: ({ downMs }) => restartPostgres(world, downMs),
    WalsenderTerminated: () =>
      world.postgres.query(
        "select pg_terminate_backend(active_pid) from pg_replication_slots where slot_name = $1 and active",
        [SLOT]
      ).pipe(Effect.ignore),
    EndpointKilled: ({ downMs }) => world.endpoint.cycle("SIGKILL", downMs, () => Effect.void),
    EndpointPaused: ({ ms }) => paused(world.endpoint, ms),
    WireReset: ({ wire }) => during(world, wire, [Mode.Reset()], 0),
    WirePartitioned: ({ ms, wire }) => during(world, wire, [Mode.Blackhole()], ms),
    // Reset before anything that was held could pass.
    WireHalfOpen: ({ ms, wire }) => during(world, wire, [Mode.Blackhole(), Mode.Reset()], ms),
    WireRefused: ({ ms, wire }) => during(world, wire, [Mode.Refuse()], ms),
    WireThrottled: ({ bytesPerSecond, ms, wire }) => during(world, wire, [Mode.Throttle({ bytesPerSecond })], ms),
    WireDelayed: ({ delayMs, ms, wire }) => during(world, wire, [Mode.Delay({ ms: delayMs })], ms),
    WireHalfClosed: ({ ms, wire }) => during(world, wire, [Mode.HalfClose()], ms),
    WireVanished: ({ wire }) => world.wires[wire].vanish
  })
