/** Labels in flight without a PostgreSQL: kept in this process, optionally with what a program before is said to have left. */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { InFlightLoads, type LeftLoad } from "../../src/layers/InFlightLoads.ts"

/** A store that remembers nothing for long; `remembered` is told each label before its load is sent. */
export const layer = (
  left: ReadonlyMap<string, LeftLoad> = new Map(),
  remembered: (label: string) => Effect.Effect<void> = () => Effect.void
): Layer.Layer<InFlightLoads> =>
  Layer.succeed(InFlightLoads, { remember: (_, label) => remembered(label), left: Effect.succeed(left) })
