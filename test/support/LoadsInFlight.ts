/** Labels in flight without a PostgreSQL: kept in this process, optionally with what a program before is said to have left. */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type { PermanentError } from "../../src/domain/errors/PermanentError.ts"
import { InFlightLoads, type LeftLoad } from "../../src/layers/InFlightLoads.ts"
import type { LoadFailure } from "../../src/layers/LoadAttempts.ts"

/** What refused a load for good; anything else is a defect of the test. */
export const refusalOf = <A, R>(load: Effect.Effect<A, LoadFailure, R>): Effect.Effect<PermanentError, never, R> =>
  Effect.flip(load).pipe(
    Effect.flatMap((error) => (error._tag === "PermanentError" ? Effect.succeed(error) : Effect.die(error))),
    Effect.orDie
  )

/** A store that remembers nothing for long; `remembered` is told each label before its load is sent. */
export const layer = (
  left: ReadonlyMap<string, LeftLoad> = new Map(),
  remembered: (label: string) => Effect.Effect<void> = () => Effect.void
): Layer.Layer<InFlightLoads> =>
  Layer.succeed(InFlightLoads, {
    remember: (_, { label }) => remembered(label),
    left: Effect.sync(() => new Map(left))
  })
