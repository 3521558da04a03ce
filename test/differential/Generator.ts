/** Makes the plan of a seed: the settings of the job, the tables, and what is done to them. */
import * as LoadFormat from "../../src/domain/LoadFormat.ts"
import type { ReplicaIdentity } from "../../src/domain/postgres/ReplicaIdentity.ts"
import { Prng } from "../simulation/Prng.ts"
import type { Plan, Unique } from "./Plan.ts"
import { StepGenerator } from "./StepGenerator.ts"
import * as Targets from "./Targets.ts"

const KIB = 1024
const MIB = 1024 * KIB
const NAMES = ["orders", "Größe 表", "select"] as const
/** Batches of this many rows and more are filled by tables of many keys. */
const ROWS_OF_MANY = 20
const TRANSACTIONS_MOST = 20

/** Of plans. The others have FULL, the default. */
const KEEP_SHARE = 1 / 3
/** Of plans that keep the identity: a row's large values that are not told with its new key would stop its table, and end the proof. */
const LARGE_MOVED_SHARE = 0.5
/** Of tables with FULL. */
const NO_PRIMARY_KEY_SHARE = 0.15

const uniqueOf = (prng: Prng, identity: ReplicaIdentity, usesIndex: boolean): Unique => {
  if (identity === "full") return prng.chance(NO_PRIMARY_KEY_SHARE) ? "alone" : "none"
  return usesIndex ? prng.pick(["beside", "alone"]) : "none"
}

/** The plan of this seed; the same for equal seeds. */
export const fromSeed = (seed: number): Plan => {
  const prng = new Prng(seed, "differential")
  const createTables = prng.chance(0.5)
  const flush = {
    rows: prng.pick([2, 3, 5, 20, 10_000]),
    bytes: prng.pick([KIB, 8 * KIB, 64 * KIB, MIB, MIB]),
    everyMs: prng.pick([1, 5, 20, 100, 400])
  }
  const identity = prng.chance(KEEP_SHARE) ? "keep" : "full"
  const usesIndex = prng.chance(0.5)
  const movesLarge = identity === "keep" && prng.chance(LARGE_MOVED_SHARE)
  // Each batch is a round trip: many rows in batches of a few would take long and show nothing else.
  const many = flush.rows >= ROWS_OF_MANY ? 0.3 : 0
  const names = NAMES.slice(0, prng.int(1, NAMES.length))
  const targets = names.map((name) =>
    Targets.make(
      prng,
      name,
      createTables,
      uniqueOf(prng, identity, usesIndex),
      prng.chance(many) ? Targets.KEYS_MANY : Targets.KEYS_FEW
    )
  )
  const restarts = prng.pick([0, 0, 0, 0, 1, 2])
  const generator = new StepGenerator(
    prng,
    targets,
    movesLarge,
    // The product chooses the type of the new column; without old rows a large value stays under the old name.
    ({ isLarge }) => isLarge ? identity === "full" : createTables
  )
  const steps = generator.steps(prng.int(3, TRANSACTIONS_MOST), prng.int(1, 4), restarts)
  return {
    seed,
    flush,
    identity,
    truncatePolicy: prng.pick(["soft-delete", "truncate"]),
    format: prng.pick(LoadFormat.FORMATS),
    createTables,
    tables: targets.map(({ table }) => table),
    steps
  }
}
