/**
 * Which columns a row may leave out of its load, because StarRocks has their values. It has them when it has the row: that is
 * asked for, where leaving them out is worth a load of its own, or where there is no other way.
 */
import * as Lsn from "../Lsn.ts"
import type { RowEncoder } from "../RowEncoder.ts"
import * as Exchange from "../schema/Exchange.ts"
import type * as ColumnSet from "./ColumnSet.ts"
import * as Gaps from "./Gaps.ts"
import * as KeyLookup from "./KeyLookup.ts"
import * as Merge from "./Merge.ts"

/** Bytes of unchanged values from which a row is updated in part: less costs StarRocks less than finding the row. */
export const PARTIAL_BYTES_MIN = 4 * 1024

/**
 * Column sets of one share that are loaded in part by choice. Each is a load, and a version of its tablets; those that save
 * most are taken.
 */
const CHOSEN_SETS_MAX = 4

/**
 * Why it is asked for a row. `chosen`: all its values could be sent, and need not be if it is there. `needed`: some could not,
 * but are there if the row is. `ahead`: they belong to a row that had another key, or none, before; only a later version has
 * them, which an earlier run has loaded, or a person.
 */
type Reason = "chosen" | "needed" | "ahead"

/** A row whose load depends on whether StarRocks has it. */
export interface Question {
  readonly row: Merge.FinalRow
  readonly gaps: Gaps.Gaps
  readonly key: KeyLookup.Key
  readonly reason: Reason
  /** Bytes of the values that need not be sent. */
  readonly bytes: number
}

/** From which versions on a row that StarRocks has is the one that PostgreSQL has: see `Trust` and `Exchange`. */
export interface Since {
  readonly trustedAfter: Lsn.Lsn
  readonly exchangedAt?: Lsn.Lsn
}

/** Rows that are loaded together, one load after the other. */
export interface Group {
  readonly columns: ColumnSet.ColumnSet
  readonly rows: ReadonlyArray<Merge.FinalRow>
}

const reasonOf = (gaps: Gaps.Gaps, bytesMin: number): Reason | undefined => {
  const missing = [...gaps.values()].filter(({ place }) => place === undefined)
  if (missing.length > 0) return missing.every(({ stored }) => stored) ? "needed" : "ahead"
  const bytes = Gaps.storedBytes(gaps)
  return bytes > 0 && bytes >= bytesMin ? "chosen" : undefined
}

const questionOf = (
  row: Merge.FinalRow,
  gaps: Gaps.Gaps,
  lookup: KeyLookup.KeyLookup,
  bytesMin: number
): Question | undefined => {
  const reason = row.deleted ? undefined : reasonOf(gaps, bytesMin)
  if (reason === undefined) return undefined
  const { bytes, oldTuple, route } = row.change
  const values = route.encoder.keys.literals(bytes, Merge.tupleOf(row), oldTuple)
  return values === undefined
    ? undefined
    : { row, gaps, key: lookup.key(values), reason, bytes: Gaps.storedBytes(gaps) }
}

/** What is to be asked about these rows, all of one table, before they are grouped. */
export const questions = (
  rows: ReadonlyArray<Merge.FinalRow>,
  lookup: KeyLookup.KeyLookup,
  bytesMin: number
): ReadonlyArray<Question> =>
  rows.flatMap((row) => row.gaps === undefined ? [] : questionOf(row, row.gaps, lookup, bytesMin) ?? [])

/**
 * Whether StarRocks has the values that the row leaves out; why it has those that are left out by choice is said in `Trust`, of the
 * others in `Exchange`.
 */
const isKnown = (
  { key, reason, row }: Question,
  { exchangedAt = Lsn.ZERO, trustedAfter }: Since,
  versions: KeyLookup.Versions
): boolean => {
  const stored = versions.get(key.id)
  if (stored === undefined) return false
  // Positions are unsigned, the column is not.
  const version = stored === null ? null : Lsn.fromBigint(stored)
  switch (reason) {
    case "chosen":
      return version !== null && version > trustedAfter && version < row.since
    case "needed":
      return Exchange.isSameRow(version, exchangedAt)
    case "ahead":
      return version !== null && version > row.change.transaction.commitLsn
  }
}

/** What the row leaves out when StarRocks has it. */
const omittedOf = ({ gaps, reason }: Question): ReadonlyArray<number> =>
  reason === "chosen" ? Gaps.storedColumns(gaps) : Gaps.missingColumns(gaps)

/** A question whose answer is yes, with what is sent of its row. */
interface Known {
  readonly question: Question
  readonly set: ColumnSet.ColumnSet
}

/** Of the sets that rows leave out by choice, those that save most. */
const chosenSets = (known: Iterable<Known>): ReadonlySet<ColumnSet.ColumnSet> => {
  const saved = new Map<ColumnSet.ColumnSet, number>()
  for (const { question: { bytes, reason }, set } of known) {
    if (reason === "chosen" && set.isSendable) saved.set(set, (saved.get(set) ?? 0) + bytes)
  }
  return new Set([...saved].sort(([, a], [, b]) => b - a).slice(0, CHOSEN_SETS_MAX).map(([set]) => set))
}

/**
 * The rows by the columns that are sent, complete ones first; within a group in their order. `versions` answers the questions.
 * A row of which a value is neither known nor in StarRocks is among the complete ones, and cannot be encoded.
 */
export const groups = (
  rows: ReadonlyArray<Merge.FinalRow>,
  encoder: RowEncoder,
  since: Since,
  asked: ReadonlyArray<Question>,
  versions: KeyLookup.Versions
): ReadonlyArray<Group> => {
  const known = new Map<Merge.FinalRow, Known>()
  for (const question of asked) {
    if (!isKnown(question, since, versions)) continue
    known.set(question.row, { question, set: encoder.columnSet(omittedOf(question)) })
  }
  const chosen = chosenSets(known.values())
  const setOf = (row: Merge.FinalRow): ColumnSet.ColumnSet => {
    if (row.gaps === undefined) return encoder.whole
    // The mark is all that matters of a deleted row: what is not known of it stays, or is NULL.
    if (row.deleted) return encoder.columnSet(Gaps.missingColumns(row.gaps))
    const answered = known.get(row)
    if (answered === undefined) return encoder.whole
    const { question: { reason }, set } = answered
    return reason !== "chosen" || chosen.has(set) ? set : encoder.whole
  }
  const bySet = new Map<ColumnSet.ColumnSet, Array<Merge.FinalRow>>([[encoder.whole, []]])
  for (const row of rows) {
    const set = setOf(row)
    const group = bySet.get(set)
    if (group === undefined) bySet.set(set, [row])
    else group.push(row)
  }
  return Array.from(bySet, ([columns, members]) => ({ columns, rows: members })).filter((group) =>
    group.rows.length > 0
  )
}
