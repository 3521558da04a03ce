/**
 * Faults a test switches on and off in the running endpoint, by kind, table and count.
 *
 * Every fault sits at a named point of the request's way, never at a moment in time, so a test that asks for one gets
 * it exactly where it asked.
 */

/** Where and how the endpoint misbehaves. */
export type FaultKind =
  /** All three listeners drop their connections: the server is down. */
  | "unavailable"
  /** The FE answers HTTP 500. */
  | "fe-error"
  /** The FE resets the connection instead of answering. */
  | "fe-reset"
  /** The FE accepts a request and never answers. */
  | "fe-stall"
  /** The FE answers 401 whatever the credentials are. */
  | "auth"
  /** The FE knows no living backend. */
  | "no-backend"
  /** The FE redirects to a port where nobody listens. */
  | "redirect-to-dead-port"
  /** The BE accepts a load and never answers. */
  | "stall"
  /** The BE resets the connection before it looks at the headers. */
  | "be-reset"
  /** The BE reads the body, rolls the load back and resets the connection. */
  | "reset-before-commit"
  /** The BE commits the load and resets the connection without a reply. */
  | "reset-after-commit"
  /** The load commits; the reply says "Publish Timeout". */
  | "publish-timeout"
  /** The load fails because a tablet has too many versions. */
  | "too-many-versions"
  /** The load fails because the process is over its memory limit. */
  | "memory"
  /** The load does not commit; the reply says that nobody knows. */
  | "status-unknown"
  /** The load commits; the reply says that nobody knows. */
  | "status-unknown-committed"
  /** `get_load_state` answers UNKNOWN. */
  | "label-state-unknown"
  /** A schema change stays RUNNING until the fault is switched off. */
  | "schema-change-running"
  /** The MySQL listener accepts a statement and never answers. */
  | "mysql-stall"

/** How a label that is already held is reported: servers differ by version. */
export type DuplicateLabels = "classic" | "fail-message"

/** Narrows a fault: which table, and how often. */
export interface FaultScope {
  /** `table` or `database.table`; every table when absent. */
  readonly table?: string | undefined
  /** How many times the fault strikes before it switches itself off; until `off` when absent. */
  readonly count?: number | undefined
}

/** The switchboard of one endpoint. */
export interface Faults {
  readonly on: (kind: FaultKind, scope?: FaultScope) => void
  /** Switches one kind off, or all of them when none is named. */
  readonly off: (kind?: FaultKind) => void
  /** Chooses how a duplicate label is answered from now on. */
  readonly duplicateLabels: (mode: DuplicateLabels) => void
  readonly duplicateLabelMode: () => DuplicateLabels
  /** How often a kind struck since the endpoint started. */
  readonly hits: (kind: FaultKind) => number
  /** Asks whether a fault strikes here; counts it when it does. */
  readonly strikes: (kind: FaultKind, table?: TableOf) => boolean
}

/** The table a request is about. */
export interface TableOf {
  readonly database: string
  readonly table: string
}

interface Rule {
  readonly kind: FaultKind
  readonly table: string | undefined
  remaining: number
}

/** Makes a switchboard with every fault off. */
export const make = (): Faults => {
  let rules: Array<Rule> = []
  let mode: DuplicateLabels = "classic"
  const struck = new Map<FaultKind, number>()
  const matches = (rule: Rule, table: TableOf | undefined): boolean =>
    rule.table === undefined ||
    (table !== undefined && (rule.table === table.table || rule.table === `${table.database}.${table.table}`))
  return {
    on: (kind, scope) => {
      rules.push({ kind, table: scope?.table, remaining: scope?.count ?? Number.POSITIVE_INFINITY })
    },
    off: (kind) => {
      rules = kind === undefined ? [] : rules.filter((rule) => rule.kind !== kind)
    },
    duplicateLabels: (next) => {
      mode = next
    },
    duplicateLabelMode: () => mode,
    hits: (kind) => struck.get(kind) ?? 0,
    strikes: (kind, table) => {
      if (rules.length === 0) return false
      const rule = rules.find((candidate) => candidate.kind === kind && matches(candidate, table))
      if (rule === undefined) return false
      rule.remaining -= 1
      if (rule.remaining <= 0) rules = rules.filter((candidate) => candidate !== rule)
      struck.set(kind, (struck.get(kind) ?? 0) + 1)
      return true
    }
  }
}
