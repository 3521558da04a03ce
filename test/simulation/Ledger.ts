/**
 * What must be true after every step: the source's transactions, what is promised about them, and what was found. Every
 * model reports to it; the first promise that does not hold ends the run.
 */
import type { Invariant, Verdict } from "./Broken.ts"
import * as Effects from "./Effects.ts"
import type { Effect } from "./Effects.ts"
import type * as SourceTables from "./SourceTables.ts"
import { Stops } from "./Stops.ts"
import type { Commit } from "./Wal.ts"

/** What was committed, with the state in which it left each key of a wanted table. */
interface CommittedTransaction {
  readonly commit: Commit
  readonly effects: ReadonlyMap<string, Effect>
}

/** A row as the sink holds it. */
export interface SinkRow {
  readonly version: bigint
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
  #covered = 0
  /** The slot's first position: what commits after it is sent. */
  #origin = 0n

  constructor(sink: Sink, verdict: Verdict, fits: (table: SourceTables.Table) => boolean = () => true) {
    this.sink = sink
    this.stops = new Stops(fits)
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
    this.#transactions.push({ commit, effects: Effects.of(commit.changes, commit.commitLsn) })
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
    for (; this.#covered < this.#transactions.length; this.#covered++) {
      const transaction = this.#transactions[this.#covered]
      // The server sends a transaction again when its commit record starts at or after the position.
      if (transaction === undefined || transaction.commit.commitLsn >= position) break
      this.#inSink(transaction, "everything before the checkpoint is in the sink", `checkpoint ${hex(position)}`)
    }
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
      (version > stop.commitLsn || (version === stop.commitLsn && !stop.before.has(key)))
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

  /** A drain is over that had received all transactions up to this end. */
  drained(from: bigint, receivedEnd: bigint): void {
    let last: Commit | undefined = undefined
    for (const transaction of this.#transactions) {
      const { commit, effects } = transaction
      if (commit.commitLsn < from || commit.endLsn > receivedEnd || effects.size === 0) continue
      this.#inSink(transaction, "a drain leaves nothing received behind", `received up to ${hex(receivedEnd)}`)
      last = commit
    }
    if (last !== undefined && (this.#checkpoint ?? 0n) < last.endLsn) {
      this.verdict.broken(
        "a drain leaves nothing received behind",
        `the commit that ended at ${hex(last.endLsn)} was loaded, but the checkpoint is ${hex(this.#checkpoint ?? 0n)}`
      )
    }
  }

  /** Everything that was ever committed, in its last state; of a stopped table what came before. */
  final(): ReadonlyMap<string, Effect> {
    const final = new Map<string, Effect>()
    for (const { commit, effects } of this.#transactions) {
      for (const [key, effect] of effects) {
        const stop = this.stops.of(effect.table)
        if (stop === undefined || commit.commitLsn < stop.commitLsn) final.set(key, effect)
        else if (commit.commitLsn === stop.commitLsn) {
          for (const [earlierKey, earlier] of stop.before) final.set(earlierKey, earlier)
        }
      }
    }
    return final
  }

  /** The end of the last transaction that changed a wanted table. */
  lastEnd(): bigint {
    return this.#transactions.findLast(({ effects }) => effects.size > 0)?.commit.endLsn ?? 0n
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

  #inSink({ effects }: CommittedTransaction, invariant: Invariant, why: string): void {
    for (const [key, effect] of effects) {
      const found = this.sink.get(key)
      const problem = found !== undefined && found.version > effect.version
        ? undefined
        : Effects.difference(effect, found)
      if (problem !== undefined) this.verdict.broken(invariant, `${why}; ${key}: ${problem}`)
    }
  }
}
