/**
 * What must be true after every step: the source's transactions, what is promised about them, and what was found. Every
 * model reports to it; the first promise that does not hold ends the run.
 */
import type { TruncatePolicy } from "../../src/domain/TruncatePolicy.ts"
import type { Invariant, Verdict } from "./Broken.ts"
import * as Effects from "./Effects.ts"
import type * as SourceTables from "./SourceTables.ts"
import { Stops } from "./Stops.ts"
import type { Commit } from "./Wal.ts"

/** What was committed, and whether there is anything of it that the sink is to hold. */
interface CommittedTransaction {
  readonly commit: Commit
  readonly matters: boolean
}

/** A row as the sink holds it. */
export interface SinkRow {
  readonly version: bigint
  /** The replication session that wrote it. */
  readonly session: number
  readonly values: Readonly<Record<string, unknown>>
}

export type Sink = ReadonlyMap<string, SinkRow>

const hex = (position: bigint): string => position.toString(16)

export class Ledger {
  readonly sink: Sink
  readonly verdict: Verdict
  /** In commit order, from the slot's creation on. */
  readonly #transactions: Array<CommittedTransaction> = []
  /** Tables whose rows end somewhere. */
  readonly stops: Stops
  readonly #ends = new Set<bigint>()
  readonly #idle = new Set<bigint>()
  #checkpoint: bigint | undefined = undefined
  readonly #policy: TruncatePolicy
  /** Transactions before the checkpoint, and what they have left of each key. */
  #covered = 0
  readonly #state: Effects.State = new Map()
  /** The version of the truncation that the sink has carried out last, by table. */
  readonly #emptiedAt = new Map<number, bigint>()
  /** The slot's first position: what commits after it is sent. */
  #origin = 0n

  /** `fits`: whether the sink has all columns of this version of a table. */
  constructor(
    sink: Sink,
    verdict: Verdict,
    policy: TruncatePolicy = "fail",
    fits: (table: SourceTables.Table) => boolean = () => true
  ) {
    this.sink = sink
    this.#policy = policy
    this.stops = new Stops(fits, policy)
    this.verdict = verdict
  }

  get checkpoint(): bigint | undefined {
    return this.#checkpoint
  }

  /** The slot was made here. */
  begin(position: bigint): void {
    this.#origin = position
    this.#ends.add(position)
  }

  committed(commit: Commit): void {
    const matters = commit.changes.some(({ kind, table }) =>
      table.wanted && (kind !== "truncate" || Effects.carriesOver(this.#policy))
    )
    this.#transactions.push({ commit, matters })
    this.#ends.add(commit.endLsn)
    this.stops.add(commit)
  }

  /** The sink's tables have changed, and with them what can be carried over. */
  sinkAltered(): void {
    this.stops.again(this.#transactions.map(({ commit }) => commit))
  }

  /** The server ends a transaction of nobody's here (its own, or one of ours that was empty). */
  boundary(position: bigint): void {
    this.#ends.add(position)
  }

  /** A keepalive outside of a transaction said that everything before it was sent. */
  idle(position: bigint): void {
    this.#idle.add(position)
  }

  /** The store holds this now. */
  stored(position: bigint): void {
    const before = this.#checkpoint
    if (before !== undefined && position < before) {
      this.verdict.broken("checkpoint never falls", `it was ${hex(before)}, now ${hex(position)} is stored`)
    }
    if (!this.#ends.has(position) && !this.#idle.has(position)) {
      this.verdict.broken("checkpoint is a commit boundary", `${hex(position)} is neither a commit's end nor idle`)
    }
    this.#checkpoint = position
    const left = this.stops.first()
    if (left !== undefined && position > left) {
      this.verdict.broken(
        "nothing behind a stopped table is confirmed",
        `checkpoint ${hex(position)}, while a table's rows of the commit at ${hex(left)} cannot be carried over`
      )
    }
    const touched = new Set<string>()
    for (; this.#covered < this.#transactions.length; this.#covered++) {
      const transaction = this.#transactions[this.#covered]
      // The server sends a transaction again when its commit record starts at or after the position.
      if (transaction === undefined || transaction.commit.commitLsn >= position) break
      for (const key of this.#apply(this.#state, transaction.commit)) touched.add(key)
    }
    this.#inSink(this.#state, touched, "everything before the checkpoint is in the sink", `checkpoint ${hex(position)}`)
  }

  /** The program told the server that everything before this is durable. */
  confirmed(position: bigint): void {
    const durable = this.#checkpoint ?? this.#origin
    if (position > durable) {
      this.verdict.broken(
        "confirmed ≤ stored checkpoint",
        `${hex(position)} was confirmed while ${hex(durable)} is stored`
      )
    }
  }

  /** The sink is about to hold this row. */
  written(table: SourceTables.Table, key: string, version: bigint, label: string): void {
    const stop = this.stops.of(table)
    const after = stop !== undefined &&
      (version > stop.commitLsn || (version === stop.commitLsn && !stop.before.has(key) && !stop.truncatedBefore))
    if (after) {
      this.verdict.broken("no row of a stopped table is loaded", `${key} of version ${hex(version)}, by ${label}`)
    }
    const durable = this.#checkpoint
    if (durable === undefined || version >= durable) return
    this.verdict.broken(
      "nothing behind the checkpoint is written again",
      `${key} of version ${hex(version)} was written by ${label}, the checkpoint is ${hex(durable)}`
    )
  }

  /** The sink is about to take these rows: the truncation of this version empties their table, for this session. */
  emptied(table: SourceTables.Table, version: bigint, session: number, rows: Sink, label: string): void {
    const stop = this.stops.of(table)
    const after = stop !== undefined &&
      (version > stop.commitLsn || (version === stop.commitLsn && !stop.truncatedBefore))
    if (after) {
      this.verdict.broken("no row of a stopped table is loaded", `${table.name} is truncated, by ${label}`)
    }
    const durable = this.#checkpoint
    if (durable !== undefined && version < durable) {
      this.verdict.broken(
        "nothing behind the checkpoint is written again",
        `${table.name} was truncated for ${hex(version)} by ${label}, the checkpoint is ${hex(durable)}`
      )
    }
    for (const [key, row] of rows) {
      if (row.session < session || row.version <= version) continue
      this.verdict.broken(
        "a truncation takes no newer row",
        `${key} of version ${hex(row.version)} and session ${row.session} was taken by ${label} of ${session}`
      )
    }
    this.#emptiedAt.set(table.relationId, version)
  }

  /** A drain is over that had received all transactions up to this end. */
  drained(from: bigint, receivedEnd: bigint): void {
    const state: Effects.State = new Map()
    const touched = new Set<string>()
    let last: Commit | undefined = undefined
    for (const { commit, matters } of this.#transactions) {
      if (commit.endLsn > receivedEnd) break
      const keys = this.#apply(state, commit)
      if (commit.commitLsn < from || !matters) continue
      for (const key of keys) touched.add(key)
      last = commit
    }
    this.#inSink(state, touched, "a drain leaves nothing received behind", `received up to ${hex(receivedEnd)}`)
    if (last !== undefined && (this.#checkpoint ?? 0n) < last.endLsn) {
      this.verdict.broken(
        "a drain leaves nothing received behind",
        `the commit that ended at ${hex(last.endLsn)} was loaded, but the checkpoint is ${hex(this.#checkpoint ?? 0n)}`
      )
    }
  }

  /** Everything that was ever committed, in its last state; of a stopped table what came before. */
  final(): Effects.State {
    const final: Effects.State = new Map()
    for (const { commit } of this.#transactions) this.#apply(final, commit)
    return final
  }

  /** The end of the last transaction that changed a wanted table. */
  lastEnd(): bigint {
    return this.#transactions.findLast(({ matters }) => matters)?.commit.endLsn ?? 0n
  }

  /** What differs between the last state of the source and the sink; undefined when nothing does. */
  difference(): string | undefined {
    const expected = this.final()
    for (const [key, effect] of expected) {
      const problem = Effects.difference(effect, this.sink.get(key))
      if (problem !== undefined) return `${key}: ${problem}`
    }
    for (const key of this.sink.keys()) if (!expected.has(key)) return `${key} is in the sink, but was never committed`
    return undefined
  }

  #apply(state: Effects.State, commit: Commit): ReadonlySet<string> {
    return Effects.apply(state, this.stops.carriedOver(commit), commit.commitLsn, this.#policy)
  }

  /** The sink holds these keys as they are in this state, or as something later has left them. */
  #inSink(state: Effects.State, keys: ReadonlySet<string>, invariant: Invariant, why: string): void {
    for (const key of keys) {
      const effect = state.get(key)
      if (effect === undefined) continue
      const found = this.sink.get(key)
      const later = found?.version ?? this.#emptiedAt.get(effect.table.relationId)
      const problem = later !== undefined && later > effect.version
        ? undefined
        : Effects.difference(effect, found, true)
      if (problem !== undefined) this.verdict.broken(invariant, `${why}; ${key}: ${problem}`)
    }
  }
}
