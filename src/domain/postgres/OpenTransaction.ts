/** A transaction that others wait for, or that holds WAL back: who has it open, for how long, and how to end it. */

export interface OpenTransaction {
  /** The backend; undefined for a prepared transaction, which has none. */
  readonly pid: number | undefined
  /** The name of a prepared transaction. */
  readonly prepared: string | undefined
  readonly database: string | undefined
  /** Undefined or empty when it gave none, or the role may not see it. */
  readonly applicationName: string | undefined
  /** Of `pg_stat_activity`; undefined when the role may not see it. */
  readonly state: string | undefined
  readonly ageMs: number | undefined
}

/** So many are named; the oldest come first, and the others rarely matter. */
const NAMED_MAX = 5

const literal = (text: string): string => `'${text.replaceAll("'", "''")}'`

const age = (ageMs: number | undefined): string =>
  ageMs === undefined ? "open for an unknown time" : `open for ${Math.round(ageMs / 1000)} s`

/** In one line: pid, application, state and age. */
export const describe = (transaction: OpenTransaction): string => {
  const { ageMs, applicationName = "", pid, prepared, state } = transaction
  return prepared === undefined
    ? `pid ${pid ?? "unknown"} (${applicationName === "" ? "no application name" : applicationName}, ` +
      `${state ?? "state hidden"}, ${age(ageMs)})`
    : `prepared transaction ${literal(prepared)} (${age(ageMs)})`
}

/** The statement that ends it. */
export const ending = (transaction: OpenTransaction): string => {
  const { database, pid, prepared } = transaction
  return prepared === undefined
    ? `SELECT pg_terminate_backend(${pid ?? "pid"});`
    : `ROLLBACK PREPARED ${literal(prepared)};${database === undefined ? "" : ` -- in database ${database}`}`
}

/** All of them in one line. */
export const describeAll = (transactions: ReadonlyArray<OpenTransaction>): string =>
  transactions.length === 0
    ? "transactions that have ended since"
    : transactions.slice(0, NAMED_MAX).map(describe).join(", ") +
      (transactions.length > NAMED_MAX ? ` and ${transactions.length - NAMED_MAX} more` : "")
