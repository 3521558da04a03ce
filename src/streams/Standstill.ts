/** What is told of the lag while nothing is replicated: it grows all the same. */
import * as Effect from "effect/Effect"
import type { PgAddress } from "../domain/config/Settings.ts"
import * as Log from "../layers/Log.ts"
import * as OwnSession from "../layers/OwnSession.ts"
import { Progress } from "../layers/Progress.ts"
import * as StoredStanding from "../layers/StoredStanding.ts"

const log = Log.module("Supervisor")

/** A start that goes well takes less, and is not asked. */
const FIRST_AFTER = "1 second"
/** A look opens a connection of its own: often enough for an alert, seldom enough for a server that is in trouble. */
const EVERY = "10 seconds"

/** Looks now and then while there is no pipeline; a look that PostgreSQL does not answer leaves what was known before. */
export const watch = Effect.fnUntraced(
  function*(source: PgAddress, slot: string): Effect.fn.Return<never, never, Progress> {
    const { get, update } = yield* Progress
    const look = StoredStanding.read(slot).pipe(
      OwnSession.run(source),
      Effect.flatMap((found) =>
        found === undefined ? Effect.void : update((state) =>
          // A pipeline that has begun meanwhile knows better.
          state.observe === undefined ? { ...state, found, walEnd: found.walEnd } : state
        )
      ),
      Effect.catch((error) => log.debug("the standing cannot be read", () => ({ reason: error.message })))
    )
    yield* Effect.sleep(FIRST_AFTER)
    return yield* get.pipe(
      Effect.flatMap(({ observe }) => observe === undefined ? look : Effect.void),
      Effect.andThen(Effect.sleep(EVERY)),
      Effect.forever
    )
  }
)
