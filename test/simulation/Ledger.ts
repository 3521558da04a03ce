/**
 * What must be true after every step: the source's transactions, what is promised about them, and what was found. Every
 * model reports to it; the first promise that does not hold ends the run.
 */
import type { Invariant, Verdict } from "./Broken.ts"
import * as SourceTables from "./SourceTables.ts"

/** The state in which a transaction left one key. */
export interface Effect {
  readonly table: SourceTables.Table
  readonly version: bigint
  readonly deleted: boolean
  /** The row, or the last one before it was deleted. */
  readonly row: SourceTables.Row
  /** 0 insert, 1 update, 2 delete. */
  readonly operation: number
}

export interface CommittedTransaction {
  readonly commitLsn: bigint
  readonly endLsn: bigint
  /** By key, wanted tables only. */
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
  readonly transactions: Array<CommittedTransaction> = []
  readonly #ends = new Set<bigint>()
  readonly #idle = new Set<bigint>()
  #checkpoint: bigint | undefined = undefined
  #covered = 0
  /** The slot's first position: what commits after it is sent. */
  #origin = 0n

  constructor(sink: Sink, verdict: Verdict) {
    this.sink = sink
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

  committed(transaction: CommittedTransaction): void {
    this.transactions.push(transaction)
    this.#ends.add(transaction.endLsn)
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
    for (; this.#covered < this.transactions.length; this.#covered++) {
      const transaction = this.transactions[this.#covered]
      // The server sends a transaction again when its commit record starts at or after the position.
      if (transaction === undefined || transaction.commitLsn >= position) break
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
  written(key: string, version: bigint, label: string): void {
    const durable = this.#checkpoint
    if (durable === undefined || version >= durable) return
    this.verdict.broken(
      "nothing behind the checkpoint is written again",
      `${key} of version ${hex(version)} was written by ${label}, the checkpoint is ${hex(durable)}`
    )
  }

  /** A drain is over that had received all transactions up to this end. */
  drained(from: bigint, receivedEnd: bigint): void {
    let last: CommittedTransaction | undefined = undefined
    for (const transaction of this.transactions) {
      if (transaction.commitLsn < from || transaction.endLsn > receivedEnd || transaction.effects.size === 0) continue
      this.#inSink(transaction, "a drain leaves nothing received behind", `received up to ${hex(receivedEnd)}`)
      last = transaction
    }
    if (last !== undefined && (this.#checkpoint ?? 0n) < last.endLsn) {
      this.verdict.broken(
        "a drain leaves nothing received behind",
        `the commit that ended at ${hex(last.endLsn)} was loaded, but the checkpoint is ${hex(this.#checkpoint ?? 0n)}`
      )
    }
  }

  /** Everything that was ever committed, in its last state. */
  final(): ReadonlyMap<string, Effect> {
    const effects = new Map<string, Effect>()
    for (const transaction of this.transactions) {
      for (const [key, effect] of transaction.effects) effects.set(key, effect)
    }
    return effects
  }

  /** The end of the last transaction that changed a wanted table. */
  lastEnd(): bigint {
    return this.transactions.findLast((transaction) => transaction.effects.size > 0)?.endLsn ?? 0n
  }

  /** What differs between the last state of the source and the sink; undefined when nothing does. */
  difference(): string | undefined {
    const expected = this.final()
    for (const [key, effect] of expected) {
      const problem = differenceOf(effect, this.sink.get(key))
      if (problem !== undefined) return `${key}: ${problem}`
    }
    for (const key of this.sink.keys()) if (!expected.has(key)) return `${key} is in the sink, but was never committed`
    return undefined
  }

  #inSink(transaction: CommittedTransaction, invariant: Invariant, why: string): void {
    for (const [key, effect] of transaction.effects) {
      const found = this.sink.get(key)
      const problem = found !== undefined && found.version > effect.version ? undefined : differenceOf(effect, found)
      if (problem !== undefined) this.verdict.broken(invariant, `${why}; ${key}: ${problem}`)
    }
  }
}

const differenceOf = (effect: Effect, found: SinkRow | undefined): string | undefined => {
  if (found === undefined) return `missing, committed at ${hex(effect.version)}`
  if (found.version !== effect.version) return `has version ${hex(found.version)}, not ${hex(effect.version)}`
  const expected: Record<string, unknown> = {
    ...SourceTables.jsonOf(effect.table, effect.row),
    dbmazz_op_type: effect.operation,
    dbmazz_is_deleted: effect.deleted
  }
  for (const [column, value] of Object.entries(expected)) {
    const there = found.values[column]
    if (JSON.stringify(there) !== JSON.stringify(value)) {
      return `${column} is ${JSON.stringify(there)}, not ${JSON.stringify(value)} (version ${hex(effect.version)})`
    }
  }
  return undefined
}
