/** All traffic of a round: the sessions that fight over rows, and the demo's, which has every type. */
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"
import * as Traffic from "../../src/programs/Traffic.ts"
import * as Sessions from "./Sessions.ts"
import type { World } from "./World.ts"

export interface Writing {
  /** Transactions of the sessions that are known to have committed. */
  readonly committed: () => ReadonlyArray<Sessions.Committed>
  /** Refusals of PostgreSQL that the sessions met, by SQLSTATE. */
  readonly refusals: () => ReadonlyArray<readonly [string, number]>
  /** Ends it: nothing is open in the source when this returns. */
  readonly stop: Effect.Effect<void>
}

const SESSIONS = 4
/** Room for the sessions' numbers of a round, and for the marker's, 0. */
export const SESSIONS_PER_ROUND = 10
/** Operations a second of the demo's traffic: few, because its tables grow over all rounds. */
const DEMO_RATE = 60
const POLL = Schedule.spaced("20 millis")

const isQuiet = (world: World) =>
  world.postgres.query(
    `select not exists (select from pg_stat_activity where xact_start is not null
       and application_name in ($1, 'dbmazz traffic')) as quiet`,
    [Sessions.APPLICATION_NAME]
  ).pipe(Effect.map((rows) => rows[0]?.["quiet"] === true), Effect.orElseSucceed(() => false))

/** Starts writing. */
export const start = Effect.fnUntraced(
  function*(world: World, round: number, seed: number): Effect.fn.Return<Writing, never, Scope.Scope> {
    const traffic = yield* Traffic.make(world.source, seed + round)
    // Refusals that do not pass (a server that is shutting down) end the demo's traffic for a moment only.
    const demo = yield* traffic.run(DEMO_RATE).pipe(
      Effect.ignore,
      Effect.repeat(Schedule.spaced("100 millis")),
      Effect.forkScoped
    )
    const sessions = yield* Effect.acquireRelease(
      Effect.sync(() =>
        Array.from({ length: SESSIONS }, (_, index) => {
          const session = round * SESSIONS_PER_ROUND + 1 + index
          return Sessions.start(world.source, session, seed + session)
        })
      ),
      (started) => Effect.promise(() => Promise.all(started.map((session) => session.stop())))
    )
    return {
      committed: () => sessions.flatMap((session) => session.committed),
      refusals: () => sessions.flatMap((session) => [...session.refusals]),
      stop: Effect.gen(function*() {
        yield* Effect.promise(() => Promise.all(sessions.map((session) => session.stop())))
        yield* Fiber.interrupt(demo)
        yield* isQuiet(world).pipe(Effect.repeat({ schedule: POLL, until: (quiet) => quiet }))
      })
    }
  }
)
