/** What a health check answers: the lifecycle, and what the loads have run into. Pure. */
import type { Failure, Lifecycle, Stage } from "../Lifecycle.ts"
import type { StoppedTable } from "../StoppedTable.ts"
import { HealthCheckResponse, type Stage as StageName } from "./Operations.ts"

/** A load that is sent again for longer than this is no hiccup any more, in ms. */
export const RETRYING_MS_MAX = 10_000

/** A load that does not go through at the moment. */
export interface Trouble {
  readonly table: string
  /** When its first attempt failed, in ms since 1970. */
  readonly sinceMs: number
  readonly why: string
}

/** A table whose rows are left out until StarRocks has changed its columns, and are read again then. */
export interface Waiting {
  /** The source table, `schema.name`. */
  readonly table: string
  /** In ms since 1970. */
  readonly sinceMs: number
}

/** Rows of a table that StarRocks could not hold and that are kept in PostgreSQL. */
export interface Rejected {
  /** The source table, `schema.name`. */
  readonly table: string
  readonly count: number
  /** Of the last one: when, in ms since 1970, which, and why. */
  readonly lastMs: number
  readonly last: string
}

const STAGES: Readonly<Record<Stage, StageName>> = {
  init: "STAGE_INIT",
  setup: "STAGE_SETUP",
  snapshot: "STAGE_SNAPSHOT",
  cdc: "STAGE_CDC"
}

const age = (sinceMs: number, nowMs: number): string => `${Math.max(0, Math.round((nowMs - sinceMs) / 1000))} s`

const sentence = (failure: Failure): string => `${failure.message} To do: ${failure.remediation}`

const ofStopped = (table: StoppedTable, nowMs: number): string =>
  `Table '${table.table}' is stopped since ${age(table.sinceMs, nowMs)}, and the slot keeps everything since: ` +
  `${table.error.message} To do: ${table.error.remediation}`

const ofTrouble = (trouble: Trouble, nowMs: number): string =>
  `Loading of '${trouble.table}' is retried since ${age(trouble.sinceMs, nowMs)}: ${trouble.why}`

const ofWaiting = ({ sinceMs, table }: Waiting, nowMs: number): string =>
  `Table '${table}' waits since ${
    age(sinceMs, nowMs)
  } for StarRocks to change its columns: the others go on, and its rows ` +
  `are read again then. Nothing to do.`

const ofRejected = ({ count, last, lastMs, table }: Rejected, nowMs: number): string =>
  `${count} ${count === 1 ? "row" : "rows"} of '${table}' that StarRocks cannot hold ${
    count === 1 ? "is" : "are"
  } in ` +
  `dbmazz_rejected_rows in PostgreSQL, the last one since ${age(lastMs, nowMs)}: ${last}`

/**
 * NOT_SERVING when nothing or not everything is replicated: after a failure, with a stopped table, when loads are retried or a
 * table waits for longer than `RETRYING_MS_MAX`, and at the end. Rows that were diverted are told, and are no failure: it was
 * told to go on without them. A job that is paused or drains does what it was told, and is SERVING.
 */
export const of = (
  lifecycle: Lifecycle,
  stopped: ReadonlyArray<StoppedTable>,
  troubles: ReadonlyArray<Trouble>,
  nowMs: number,
  rejected: ReadonlyArray<Rejected> = [],
  waiting: ReadonlyArray<Waiting> = []
): HealthCheckResponse => {
  const replicating = lifecycle.stage === "cdc"
  const lines = replicating && stopped.length > 0
    ? stopped.map((table) => ofStopped(table, nowMs))
    : lifecycle.failure === undefined
    ? []
    : [sentence(lifecycle.failure)]
  const retried = replicating ? troubles : []
  const waits = replicating ? waiting.filter(({ table }) => stopped.every((other) => other.table !== table)) : []
  const isLong = [...retried, ...waits].some(({ sinceMs }) => nowMs - sinceMs >= RETRYING_MS_MAX)
  return new HealthCheckResponse({
    status: lines.length > 0 || isLong || lifecycle.state === "stopped" ? "NOT_SERVING" : "SERVING",
    stage: STAGES[lifecycle.stage],
    stage_detail: lifecycle.detail,
    error_detail: [
      ...lines,
      ...waits.map((table) => ofWaiting(table, nowMs)),
      ...retried.map((trouble) => ofTrouble(trouble, nowMs)),
      ...rejected.map((rows) => ofRejected(rows, nowMs))
    ].join("\n")
  })
}
