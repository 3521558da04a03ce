/**
 * Faults a test switches on and off in the running endpoint, by kind, table and count.
 *
 * Every fault sits at a named point of the request's way, never at a moment in time, so a test that asks for one gets
 * it exactly where it asked.
 */
import * as Effect from "effect/Effect"
import { SeededRandom } from "../../../../domain/SeededRandom.ts"

/** Where and how the endpoint can misbehave. */
export const faultKinds = [
  /** All three listeners drop their connections: the server is down. */
  "unavailable",
  /** The FE answers HTTP 500. */
  "fe-error",
  /** The FE resets the connection instead of answering. */
  "fe-reset",
  /** The FE accepts a request and never answers. */
  "fe-stall",
  /** The FE answers 401 whatever the credentials are. */
  "auth",
  /** The FE is a follower: it sends what only a leader does to the leader, which is itself without this fault. */
  "follower",
  /** The FE is a follower that lost its leader. */
  "no-leader",
  /** The FE knows no living backend. */
  "no-backend",
  /** The FE redirects to a port where nobody listens. */
  "redirect-to-dead-port",
  /** The BE accepts a load and never answers. */
  "stall",
  /** The BE resets the connection before it looks at the headers. */
  "be-reset",
  /** The BE shuts down: it refuses loads and says so. */
  "be-shutdown",
  /** The BE forgets the Stream Load transactions it has not prepared, as a restart does. */
  "be-restart",
  /** `100 Continue` is withheld until the fault is switched off. */
  "slow-continue",
  /** The BE stops in the middle of the body until the fault is switched off; a client that hangs up ends its load. */
  "stall-in-body",
  /** The BE reads a part of the body, rolls the load back and resets the connection. */
  "reset-in-body",
  /** The BE reads the body, rolls the load back and resets the connection. */
  "reset-before-commit",
  /** The BE commits the load and resets the connection without a reply. */
  "reset-after-commit",
  /** Everything is read and checked; the commit waits until the fault is switched off, whether or not the client is there. */
  "hold-commit",
  /** The load commits; the reply says "Publish Timeout". */
  "publish-timeout",
  /** The load fails because a tablet has too many versions. */
  "too-many-versions",
  /** The load fails because the process is over its memory limit. */
  "memory",
  /** The load does not commit; the reply says that nobody knows. */
  "status-unknown",
  /** The load commits; the reply says that nobody knows. */
  "status-unknown-committed",
  /** `get_load_state` answers UNKNOWN. */
  "label-state-unknown",
  /** A schema change stays RUNNING until the fault is switched off. */
  "schema-change-running",
  /** The MySQL listener accepts a statement and never answers. */
  "mysql-stall",
  /** The MySQL listener carries out a statement that changes something, and resets the connection without an answer. */
  "mysql-reset-after"
] as const

/** A kind of fault. */
export type FaultKind = typeof faultKinds[number]

/** How a label that is already held is reported: servers differ by version. */
export type DuplicateLabels = "classic" | "fail-message"

/** Narrows a fault: which table, how often, and how likely. */
export interface FaultScope {
  /** `table` or `database.table`; every table when absent. */
  readonly table?: string | undefined
  /** How many times the fault strikes before it switches itself off; until `off` when absent. */
  readonly count?: number | undefined
  /** Chance of striking each time it is asked, above 0 and up to 1; 1 when absent. */
  readonly probability?: number | undefined
  /** Start of the sequence of chances: the same seed and the same requests strike at the same places. 0 when absent. */
  readonly seed?: number | undefined
}

/** The switchboard of one endpoint. */
export interface Faults {
  readonly on: (kind: FaultKind, scope?: FaultScope) => void
  /** Switches one kind off, or all of them when none is named; whoever is held by it goes on. */
  readonly off: (kind?: FaultKind) => void
  /** Chooses how a duplicate label is answered from now on. */
  readonly duplicateLabels: (mode: DuplicateLabels) => void
  readonly duplicateLabelMode: () => DuplicateLabels
  /** How often a kind struck since the endpoint started. */
  readonly hits: (kind: FaultKind) => number
  /** Rules that are on now, in the order in which they were switched on; what is given does not change later. */
  readonly rules: () => ReadonlyArray<FaultRule>
  /** Asks whether a fault strikes here; counts it when it does. Every rule that fits has its chance, oldest first. */
  readonly strikes: (kind: FaultKind, table?: TableName) => boolean
  /** Waits, when the fault strikes here, until its kind is switched off. */
  readonly hold: (kind: FaultKind, table?: TableName) => Effect.Effect<void>
  /** How many requests are held now. */
  readonly held: () => number
}

/** The table a request is about. */
export interface TableName {
  readonly database: string
  readonly table: string
}

/** A fault that is on. */
export interface FaultRule {
  readonly kind: FaultKind
  readonly table: string | undefined
  /** How many times it will still strike; infinity without a count. */
  readonly remaining: number
  readonly probability: number
  readonly seed: number
}

interface Rule extends FaultRule {
  remaining: number
  readonly chances: SeededRandom
}

const matches = (rule: Rule, kind: FaultKind, table: TableName | undefined): boolean =>
  rule.kind === kind && (rule.table === undefined ||
    (table !== undefined && (rule.table === table.table || rule.table === `${table.database}.${table.table}`)))

/** Makes a switchboard with every fault off. */
export const make = (): Faults => {
  let rules: Array<Rule> = []
  let mode: DuplicateLabels = "classic"
  const struck = new Map<FaultKind, number>()
  const held = new Map<() => void, FaultKind>()
  const strikes: Faults["strikes"] = (kind, table) => {
    const rule = rules.find((candidate) =>
      matches(candidate, kind, table) && (candidate.probability >= 1 || candidate.chances.chance(candidate.probability))
    )
    if (rule === undefined) return false
    rule.remaining -= 1
    if (rule.remaining <= 0) rules = rules.filter((candidate) => candidate !== rule)
    struck.set(kind, (struck.get(kind) ?? 0) + 1)
    return true
  }
  return {
    on: (kind, scope) => {
      const seed = scope?.seed ?? 0
      rules.push({
        kind,
        table: scope?.table,
        remaining: scope?.count ?? Number.POSITIVE_INFINITY,
        probability: scope?.probability ?? 1,
        seed,
        chances: new SeededRandom(seed)
      })
    },
    off: (kind) => {
      rules = kind === undefined ? [] : rules.filter((rule) => rule.kind !== kind)
      for (const [release, by] of held) if (kind === undefined || by === kind) release()
    },
    duplicateLabels: (next) => {
      mode = next
    },
    duplicateLabelMode: () => mode,
    hits: (kind) => struck.get(kind) ?? 0,
    rules: () =>
      rules.map(({ kind, probability, remaining, seed, table }) => ({ kind, table, remaining, probability, seed })),
    strikes,
    hold: (kind, table) =>
      Effect.callback((resume) => {
        if (!strikes(kind, table)) return resume(Effect.void)
        const release = (): void => {
          held.delete(release)
          resume(Effect.void)
        }
        held.set(release, kind)
        return Effect.sync(() => held.delete(release))
      }),
    held: () => held.size
  }
}
