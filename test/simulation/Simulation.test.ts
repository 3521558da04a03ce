import { assert, describe, it } from "vitest"
import * as Failure from "./Failure.ts"
import * as Plan from "./Plan.ts"
import * as Simulation from "./Simulation.ts"

/** Seeds of every test run, in parts; `npm run simulate` runs more. */
const SEEDS = 1_000
const PART = 250
const PARTS = Array.from({ length: SEEDS / PART }, (_, part) => [part * PART + 1, (part + 1) * PART] as const)
/** The seeds of a part take a fraction of this, also beside other tests; in ms. */
const PART_MS_MAX = 300_000
/** Seeds whose traces are compared. */
const REPEATED = 20

describe("the real pipeline against modelled servers", () => {
  it.each(PARTS)(
    "no row is lost, none is stale, nothing is confirmed too early, whatever fails: seeds %i to %i",
    async (first, last) => {
      for (let seed = first; seed <= last; seed++) {
        const report = await Simulation.run(Plan.fromSeed(seed))
        if (report.broken !== undefined) assert.fail(await Failure.describe(report))
      }
    },
    PART_MS_MAX
  )

  it("a seed is the same run every time: otherwise a failure cannot be looked at", async () => {
    for (let seed = 1; seed <= REPEATED; seed++) {
      const [first, second] = [await Simulation.run(Plan.fromSeed(seed)), await Simulation.run(Plan.fromSeed(seed))]
      assert.strictEqual(first.digest, second.digest, `seed ${seed}`)
      assert.strictEqual(first.steps, second.steps, `seed ${seed}`)
    }
  })
})
