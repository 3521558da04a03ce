/** Ends transactions that have lived too long, whose database is gone, or that only the FE remembers. */
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import * as Log from "../../../Log.ts"
import type { LabelRecord, Labels } from "../load/Labels.ts"
import type { LoadEngine } from "../load/LoadEngine.ts"
import * as OpenTransaction from "./OpenTransaction.ts"
import type { PreparedTransactions } from "./PreparedTransactions.ts"

const log = Log.module("EmbeddedStarRocks")

type Open = OpenTransaction.OpenTransaction

/** Milliseconds between two looks at transactions that have lived too long. */
const cleanEveryMs = 200

/** Ends what nobody else ends. */
export interface TransactionCleaner {
  /** Lets the BE forget what it holds, as a restart does; the labels stay open until their timeout. */
  readonly forget: Effect.Effect<void>
  /** Whether the BE has forgotten a transaction that somebody still works on. */
  readonly isForgotten: (open: Open) => boolean
  /** Looks again and again; a transaction that cannot be ended is logged, and the others end all the same. */
  readonly run: Effect.Effect<void>
}

/** What the cleaner works with. */
export interface Needs {
  readonly labels: Labels
  readonly engine: LoadEngine
  readonly prepared: PreparedTransactions
  /** Transactions that the BE holds. */
  readonly held: () => Iterable<Open>
  /** Takes one of those away from the BE. */
  readonly detach: (open: Open) => void
  /** Gives back what a transaction holds. */
  readonly close: (open: Open) => Effect.Effect<void>
  /** Ends one that the BE holds. */
  readonly end: (open: Open, reason: string) => Effect.Effect<void>
}

/** One that cannot be ended must not keep the others from ending. */
const apart = (record: LabelRecord, end: Effect.Effect<void>): Effect.Effect<void> =>
  Effect.catchDefect(
    end,
    (defect) =>
      log.error("a transaction could not be ended", { label: record.label, database: record.database }, defect)
  )

/** Makes the cleaner; nothing runs before its `run` does. */
export const make = ({ close, detach, end, engine, held, labels, prepared }: Needs): TransactionCleaner => {
  /** Transactions that only the FE remembers. */
  const orphans = new Set<Open>()

  const known = (record: LabelRecord): boolean => labels.find(record.database, record.label) === record

  const whyEnd = (open: Open, nowMs: number): string | undefined => {
    if (!known(open.record)) return "the database was dropped"
    return open.busy ? undefined : OpenTransaction.expired(open, nowMs)
  }

  const isOver = (orphan: Open, nowMs: number): boolean =>
    !known(orphan.record) || orphan.record.state !== "PREPARE" ||
    OpenTransaction.expired({ ...orphan, lastActiveMs: nowMs }, nowMs) !== undefined

  const pass = Effect.suspend(() => {
    const nowMs = Date.now()
    const ends: Array<Effect.Effect<void>> = []
    for (const open of held()) {
      const reason = whyEnd(open, nowMs)
      if (reason !== undefined) ends.push(apart(open.record, end(open, reason)))
    }
    for (const orphan of orphans) {
      if (!isOver(orphan, nowMs)) continue
      orphans.delete(orphan)
      const { record } = orphan
      ends.push(apart(record, engine.abort(record, OpenTransaction.total(orphan), "timeout by txn manager")))
    }
    for (const { end: expire, record } of prepared.expired(nowMs, known)) ends.push(apart(record, expire))
    return Effect.all(ends, { discard: true })
  })

  return {
    forget: Effect.suspend(() => {
      const forgotten = [...held()]
      for (const open of forgotten) {
        detach(open)
        orphans.add(open)
      }
      return Effect.forEach(forgotten.filter((open) => !open.busy), close, { discard: true })
    }),
    isForgotten: (open) => orphans.has(open),
    run: pass.pipe(Effect.repeat(Schedule.spaced(cleanEveryMs)), Effect.asVoid)
  }
}
