/**
 * The keys that tables had when their rows were loaded. A session, or a process, that has seen none of them compares what it
 * finds with these: nothing else says that rows which StarRocks has may have other keys by now. Pure.
 */
import { PermanentError } from "../errors/PermanentError.ts"
import * as Identifier from "../Identifier.ts"
import type { ShapeProblem } from "../RowEncoder.ts"
import type { TableMapping } from "../Table.ts"
import * as KeyChange from "./KeyChange.ts"

export interface Seen {
  readonly key: KeyChange.Key
  /** `Lifecycle.resumes` when it was told that the key is another one; a later resume accepts what is. */
  readonly toldAt?: number
}

/** By `schema.name`. */
export type SeenKeys = ReadonlyMap<string, Seen>

/** A table that is to be stopped. */
export interface Moved {
  readonly table: Identifier.QualifiedName
  readonly error: PermanentError
}

export interface Verdict {
  readonly seen: SeenKeys
  readonly moved: ReadonlyArray<Moved>
}

/** What is known at a new beginning: a resume accepts what was told before it. */
export const accepted = (seen: SeenKeys, resumes: number): SeenKeys =>
  new Map([...seen].filter(([, { toldAt }]) => toldAt === undefined || toldAt >= resumes))

/** For a table that had stopped for another reason: see `PublicationChange.untold`. */
export const untold = (seen: SeenKeys, table: Identifier.QualifiedName): SeenKeys =>
  new Map([...seen].map(([name, known]) => [name, name === Identifier.show(table) ? { key: known.key } : known]))

/** What a later start compares with: what was told stands until a person accepts it. */
export const stored = (seen: SeenKeys): SeenKeys => new Map([...seen].map(([name, { key }]) => [name, { key }]))

const sameKey = (one: KeyChange.Key, other: KeyChange.Key): boolean =>
  one.size === other.size && [...one].every(([name, { attnum, typeOid, typmod }]) => {
    const found = other.get(name)
    return found?.attnum === attnum && found?.typeOid === typeOid && found.typmod === typmod
  })

/** Whether both hold the same keys, whatever was told of them. */
export const isSame = (one: SeenKeys, other: SeenKeys): boolean =>
  one.size === other.size && [...one].every(([name, { key }]) => sameKey(key, other.get(name)?.key ?? new Map()))

const errorOf = (
  slot: string,
  { source, target }: TableMapping,
  problems: ReadonlyArray<ShapeProblem>
): PermanentError => {
  const table = Identifier.show(source)
  return new PermanentError({
    code: "SCHEMA_CHANGED",
    message: `the key of ${table} is not the one with which its rows were loaded: ` +
      problems.map(({ column, problem }) => `column '${column}': ${problem}`).join("; "),
    remediation:
      `Take the table out with TABLES_EXCLUDE and start again, or with dbmazz reload --tables: the other tables go on. ` +
      `To replicate it, make ${
        Identifier.quoteSrTable(target)
      } anew, put the table back in the same way, and reload it. ` +
      `When its rows in StarRocks have the keys that they have in PostgreSQL, run dbmazz resume. When no dbmazz of the job runs ` +
      `that could be told, run before the next start: UPDATE dbmazz_checkpoints SET published = NULL WHERE slot_name = '${slot}';`,
    context: { table, columns: problems.map(({ column }) => column).join(", ") }
  })
}

/** Compares the tables as they are known now with what was seen of them before. */
export const judge = (
  slot: string,
  tables: ReadonlyArray<TableMapping>,
  seen: SeenKeys,
  resumes: number
): Verdict => {
  const next = new Map<string, Seen>()
  const moved: Array<Moved> = []
  for (const mapping of tables) {
    const name = Identifier.show(mapping.source)
    const known = seen.get(name)
    const key = KeyChange.keyOf(mapping)
    const problems = known === undefined ? [] : KeyChange.between(known.key, key)
    if (known === undefined || problems.length === 0) {
      next.set(name, { key })
      continue
    }
    next.set(name, { key: known.key, toldAt: resumes })
    moved.push({ table: mapping.source, error: errorOf(slot, mapping, problems) })
  }
  return { seen: next, moved }
}
