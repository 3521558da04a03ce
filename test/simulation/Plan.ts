/** What a seed stands for: sizes, limits and habits of one run. A shrunk plan is a plan too. */
import type { FlushLimits } from "../../src/domain/config/Settings.ts"
import type { TruncatePolicy } from "../../src/domain/TruncatePolicy.ts"
import { type FaultKind, type FaultPlan, KINDS } from "./Faults.ts"
import { Prng } from "./Prng.ts"
import type { WorkloadPlan } from "./Workload.ts"

export interface Plan {
  readonly seed: number
  readonly workload: WorkloadPlan
  readonly faults: FaultPlan
  readonly flush: FlushLimits
  readonly bufferBytesMax: number
  /** Multiplies every wait of the network. */
  readonly slowness: number
  readonly walSenderTimeoutMs: number
  readonly truncatePolicy: TruncatePolicy
  /** Finished labels that the sink remembers. */
  readonly labelsMax: number
  readonly classicDuplicates: boolean
  readonly sendsEmpty: boolean
  /** Whether loads of a killed program may commit after its successor began. */
  readonly orphansOutlive: boolean
  /** Whether a checkpoint whose save was given up may be stored after a new session has read the one before. */
  readonly statementsOutlive: boolean
}

const KIB = 1024
/** Less than this, and frames that the decoder holds back fill the buffer by themselves. */
const BUFFER_BYTES_MIN = 192 * KIB
/** Share of runs with values so large that the buffer's limit is met. */
const WIDE_SHARE = 0.04
/** Shares of runs whose workload adds columns, and truncates tables: tables that stop hide what else may go wrong. */
const COLUMN_SHARE = 0.4
const TRUNCATE_SHARE = 0.35
/** Truncations of a run whose policy carries them over. */
const TRUNCATIONS_MAX = 6
/** How often each policy is chosen: `fail` seldom, for the same reason. */
const POLICIES = [
  "soft-delete",
  "soft-delete",
  "soft-delete",
  "soft-delete",
  "truncate",
  "truncate",
  "truncate",
  "ignore",
  "fail",
  "fail"
] as const

const ordinary = (seed: number): Plan => {
  const prng = new Prng(seed, "plan")
  const wide = prng.chance(WIDE_SHARE)
  const tables = new Prng(seed, "plan of tables")
  const truncatePolicy = tables.pick(POLICIES)
  return {
    seed,
    workload: {
      transactions: prng.int(5, wide ? 20 : 40),
      sessions: prng.int(1, 4),
      changesMax: prng.int(1, 10),
      largeShare: prng.pick([0, 0, 0.05, 0.2]),
      pauseMsMax: prng.pick([2, 20, 200, 1_500]),
      largestValue: wide ? 40 * KIB : 90,
      columnsAdded: tables.chance(COLUMN_SHARE) ? tables.int(1, 2) : 0,
      truncations: tables.chance(TRUNCATE_SHARE) ? truncatePolicy === "fail" ? 1 : tables.int(1, TRUNCATIONS_MAX) : 0
    },
    faults: {
      intensity: prng.pick([0, 0.3, 1, 1, 2, 3]),
      often: new Set(),
      without: new Set(),
      countMax: Number.POSITIVE_INFINITY,
      skipped: new Set()
    },
    flush: {
      rows: prng.int(1, 20),
      bytes: prng.pick([300, 1_000, 4_000, 64 * KIB]),
      everyMs: prng.pick([1, 10, 100, 1_000])
    },
    bufferBytesMax: BUFFER_BYTES_MIN,
    slowness: prng.pick([0, 1, 1, 4, 20]),
    truncatePolicy,
    walSenderTimeoutMs: prng.pick([5_000, 60_000, 60_000]),
    labelsMax: prng.pick([1, 3, 1_000]),
    classicDuplicates: prng.chance(0.5),
    sendsEmpty: prng.chance(0.3),
    orphansOutlive: true,
    statementsOutlive: true
  }
}

/** Share of runs that are about truncations: many, in small batches, and few other faults that would hide theirs. */
const FOCUS_SHARE = 0.15
const FAULTS_AT_TRUNCATION: ReadonlyArray<FaultKind> = [
  "postgres: replication connection lost at a truncation",
  "starrocks sql: lost before the statement",
  "starrocks sql: lost after the statement",
  "starrocks sql: begins late",
  "starrocks sql: refused",
  "backend: rollback lost",
  "starrocks sql: slow",
  "job: absent at its truncation",
  "job: killed at its truncation"
]
/** What a statement that reads rows can stumble over besides. */
const FAULTS_OF_SIGHT: ReadonlyArray<FaultKind> = [
  "http: lost after the commit",
  "backend: publish timeout",
  "job: killed while a load is not seen"
]

const focused = (plan: Plan, prng: Prng): Plan => {
  const truncatePolicy = prng.pick<TruncatePolicy>(["soft-delete", "truncate"])
  const kinds = new Set([...FAULTS_AT_TRUNCATION, ...truncatePolicy === "soft-delete" ? FAULTS_OF_SIGHT : []])
  return {
    ...plan,
    truncatePolicy,
    workload: { ...plan.workload, pauseMsMax: prng.pick([20, 200]), columnsAdded: 0, truncations: prng.int(4, 10) },
    flush: { ...plan.flush, rows: prng.int(1, 4), everyMs: prng.pick([1, 10]) },
    slowness: prng.pick([0, 1]),
    faults: {
      ...plan.faults,
      intensity: prng.pick([1, 2]),
      often: new Set(["backend: publish timeout"]),
      without: new Set(KINDS.filter((kind) => !kinds.has(kind)))
    }
  }
}

export const fromSeed = (seed: number): Plan => {
  const focus = new Prng(seed, "focus")
  return focus.chance(FOCUS_SHARE) ? focused(ordinary(seed), focus) : ordinary(seed)
}
