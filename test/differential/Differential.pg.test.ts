import { assert, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as PostgresServer from "../support/PostgresServer.ts"
import * as Generator from "./Generator.ts"
import * as Seeds from "./Seeds.ts"
import * as World from "./World.ts"

/** A few of them in every run of the tests; `npm run differential` runs 200. */
const SEEDS = 8
/** A failing plan is made smaller before it is told, which takes longer than a test may. */
const TEST_MS_MAX = 240_000

layer(PostgresServer.layer(World.SERVER_SETTINGS), { excludeTestServices: true, timeout: "60 seconds" })(
  "Random transactions on real servers",
  (it) => {
    it.effect(
      "T20 T22 T24 T37 T38 T44 T49 T56 every cell of StarRocks is what PostgreSQL holds",
      () =>
        Effect.gen(function*() {
          const outcome = yield* Seeds.run({ from: 1, seeds: SEEDS, abreast: 4 })
          assert.isUndefined(outcome.failure, outcome.failure)
          assert.strictEqual(outcome.done, SEEDS)
        }),
      TEST_MS_MAX
    )

    it.effect("a seed is the same plan every time, and another seed another one", () =>
      Effect.sync(() => {
        assert.deepStrictEqual(Generator.fromSeed(7), Generator.fromSeed(7))
        assert.notDeepEqual(
          Generator.fromSeed(7).steps,
          Generator.fromSeed(8).steps
        )
      }))
  }
)
