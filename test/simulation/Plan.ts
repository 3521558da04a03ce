/** What a seed stands for: sizes, limits and habits of one run. A shrunk plan is a plan too. */
import type { FlushLimits } from "../../src/domain/config/Settings.ts"
import type { LoadFormat } from "../../src/domain/LoadFormat.ts"
import type { SchemaChangePolicy } from "../../src/domain/schema/SchemaChangePolicy.ts"
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
  readonly schemaChangePolicy: SchemaChangePolicy
  readonly loadFormat: LoadFormat
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
const TABLE_SHARE = 0.06
/** Of runs about schema changes: one soon follows the other. */
const TABLE_SHARE_OF_SHAPES = 0.15
const RENAME_SHARE = 0.2
/** Of runs that widen types: a type that is not widened stops its table at some value, and not at the change. */
const RETYPE_SHARE = 0.25
/** Of runs in which a table leaves the publication, or some of its columns do; and of those that take a partition out of it. */
const REPUBLISH_SHARE = 0.1
const REPARTITION_SHARE = 0.1
/** Of runs whose loads are CSV. */
const CSV_SHARE = 0.3
const SCHEMA_POLICIES = ["evolve", "evolve", "evolve", "evolve", "evolve", "evolve", "add", "stop", "stop"] as const
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
  const shapes = new Prng(seed, "plan of shapes")
  const schemaChangePolicy = shapes.pick(SCHEMA_POLICIES)
  const sent = new Prng(seed, "plan of what is sent")
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
      tableShare: TABLE_SHARE,
      columnsRenamed: shapes.chance(RENAME_SHARE) ? shapes.int(1, 2) : 0,
      columnsRetyped: schemaChangePolicy === "evolve" && shapes.chance(RETYPE_SHARE) ? shapes.int(1, 3) : 0,
      republications: sent.chance(REPUBLISH_SHARE) ? sent.int(1, 4) : 0,
      repartitions: sent.chance(REPARTITION_SHARE) ? sent.int(1, 4) : 0,
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
    schemaChangePolicy,
    loadFormat: sent.chance(CSV_SHARE) ? "csv" : "json",
    walSenderTimeoutMs: prng.pick([5_000, 60_000, 60_000]),
    labelsMax: prng.pick([1, 3, 1_000]),
    classicDuplicates: prng.chance(0.5),
    sendsEmpty: prng.chance(0.3),
    orphansOutlive: true,
    statementsOutlive: true
  }
}

const NO_COLUMNS = { columnsAdded: 0, columnsRenamed: 0, columnsRetyped: 0 }
const ALL_SENT = { republications: 0, repartitions: 0 }
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
    workload: {
      ...plan.workload,
      pauseMsMax: prng.pick([20, 200]),
      truncations: prng.int(4, 10),
      ...NO_COLUMNS,
      ...ALL_SENT
    },
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

/** Share of the other runs that are about schema changes: many, and what may go wrong with them and between them. */
const SHAPE_SHARE = 0.15
const FAULTS_AT_SHAPE: ReadonlyArray<FaultKind> = [
  "postgres: replication connection lost at a schema change",
  "starrocks sql: lost",
  "starrocks sql: lost before the statement",
  "starrocks sql: lost after the statement",
  "starrocks sql: begins late",
  "starrocks sql: refused",
  "starrocks sql: schema change slow",
  "starrocks sql: schema change cancelled",
  "starrocks sql: catalogue late",
  "backend: publish timeout",
  "job: killed",
  "job: absent at its schema change",
  "job: killed at its schema change",
  "job: stopped"
]

const reshaped = (plan: Plan, prng: Prng): Plan => ({
  ...plan,
  schemaChangePolicy: "evolve",
  workload: {
    ...plan.workload,
    transactions: prng.int(20, 50),
    pauseMsMax: prng.pick([20, 200, 1_500]),
    tableShare: prng.pick([TABLE_SHARE, TABLE_SHARE_OF_SHAPES]),
    columnsAdded: prng.int(0, 3),
    columnsRenamed: prng.int(0, 3),
    columnsRetyped: prng.int(1, 3),
    ...ALL_SENT,
    truncations: prng.pick([0, 0, 1, 2])
  },
  truncatePolicy: prng.pick<TruncatePolicy>(["soft-delete", "truncate"]),
  flush: { ...plan.flush, rows: prng.int(1, 8), everyMs: prng.pick([1, 10]) },
  slowness: prng.pick([0, 1]),
  faults: {
    ...plan.faults,
    intensity: prng.pick([0.3, 1, 2]),
    often: new Set(),
    without: new Set(KINDS.filter((kind) => !FAULTS_AT_SHAPE.includes(kind)))
  }
})

/** Share of these in which one type follows the other so soon that a statement which begins late meets the next one's type. */
const HURRIED_SHARE = 0.5
const FAULTS_AT_HASTE: ReadonlyArray<FaultKind> = [
  "starrocks sql: begins late",
  "job: absent at its schema change",
  "job: killed at its schema change"
]

const hurried = (plan: Plan, prng: Prng): Plan => ({
  ...plan,
  workload: {
    ...plan.workload,
    transactions: 25,
    pauseMsMax: 2,
    tableShare: 0.3,
    columnsAdded: 0,
    columnsRenamed: prng.int(0, 1),
    columnsRetyped: 6,
    truncations: 0
  },
  flush: { ...plan.flush, rows: prng.int(2, 8), everyMs: 1 },
  slowness: 0,
  faults: {
    ...plan.faults,
    intensity: 1,
    without: new Set(KINDS.filter((kind) => !FAULTS_AT_HASTE.includes(kind)))
  }
})

/** Share of the other runs that are about what is not sent: soon sent again, while rows are known to be in the sink. */
const UNSENT_SHARE = 0.1
const FAULTS_AT_UNSENT: ReadonlyArray<FaultKind> = [
  "postgres: replication connection lost",
  "starrocks sql: catalogue late",
  "http: lost after the commit",
  "backend: refuses",
  "job: killed",
  "job: stopped",
  "job: interrupted"
]

const unsent = (plan: Plan, prng: Prng): Plan => {
  const isParted = prng.chance(0.4)
  return {
    ...plan,
    schemaChangePolicy: prng.pick(SCHEMA_POLICIES),
    workload: {
      ...plan.workload,
      transactions: prng.int(30, 60),
      // With few sessions a table is seldom locked by another one.
      sessions: prng.int(1, 2),
      changesMax: prng.int(5, 15),
      pauseMsMax: prng.pick([20, 200, 1_500]),
      tableShare: TABLE_SHARE_OF_SHAPES,
      ...NO_COLUMNS,
      columnsAdded: prng.pick([0, 0, 1]),
      republications: isParted ? 0 : prng.int(4, 12),
      repartitions: isParted ? prng.int(8, 24) : 0,
      truncations: 0
    },
    flush: { ...plan.flush, rows: prng.int(1, 8), everyMs: prng.pick([1, 10]) },
    slowness: prng.pick([0, 1]),
    faults: {
      ...plan.faults,
      intensity: prng.pick([0, 0, 0.3, 1]),
      often: new Set(),
      without: new Set(KINDS.filter((kind) => !FAULTS_AT_UNSENT.includes(kind)))
    }
  }
}

export const fromSeed = (seed: number): Plan => {
  const focus = new Prng(seed, "focus")
  if (focus.chance(FOCUS_SHARE)) return focused(ordinary(seed), focus)
  const shapes = new Prng(seed, "focus on shapes")
  if (!shapes.chance(SHAPE_SHARE)) {
    const sent = new Prng(seed, "focus on what is sent")
    return sent.chance(UNSENT_SHARE) ? unsent(ordinary(seed), sent) : ordinary(seed)
  }
  const plan = reshaped(ordinary(seed), shapes)
  return shapes.chance(HURRIED_SHARE) ? hurried(plan, shapes) : plan
}
