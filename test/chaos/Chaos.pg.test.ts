import { assert, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as References from "effect/References"
import * as Chaos from "./Chaos.ts"

/** Its first rounds: see `rounds` of Schedule.ts. */
const SEED = 636
const ROUNDS = 3

it.live(
  "T14 T18 T22 T77 real processes that are killed, stopped and cut off lose no row and confirm nothing too early",
  () =>
    Effect.gen(function*() {
      const { directory, problems } = yield* Chaos.run({ seed: SEED, rounds: ROUNDS })
      assert.deepStrictEqual(problems, [], `logs and data: ${directory}`)
    }).pipe(Effect.provideService(References.MinimumLogLevel, "Error")),
  120_000
)
