/**
 * The keys that tables had when their rows were loaded. A session, or a process, that has seen none of them compares what it
 * finds with these: nothing else says that rows which StarRocks has may have other keys by now. Pure.
 */
import { PermanentError } from "../errors/PermanentError.ts"
import * as Identifier from "../Identifier.ts"
import type { ShapeProblem } from "../RowEncoder.ts"
import * as Seen from "../Seen.ts"
import type { TableMapping } from "../Table.ts"
import * as KeyChange from "./KeyChange.ts"

export type SeenKeys = Seen.Tables<KeyChange.Key>

/** A table that is to be stopped. */
export interface Moved {
  readonly table: Identifier.QualifiedName
  readonly error: PermanentError
}

export interface Verdict {
  readonly seen: SeenKeys
  readonly moved: ReadonlyArray<Moved>
}

const sameKey = (one: KeyChange.Key, other: KeyChange.Key): boolean =>
  one.size === other.size && [...one].every(([name, { attnum, expression, typeOid, typmod }]) => {
    const found = other.get(name)
    return found?.attnum === attnum && found?.typeOid === typeOid && found.typmod === typmod &&
      found.expression === expression
  })

/** Whether both hold the same keys, whatever was told of them. */
export const isSame = (one: SeenKeys, other: SeenKeys): boolean => Seen.isSame(one, other, sameKey)

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
  const next = new Map<string, Seen.Seen<KeyChange.Key>>()
  const moved: Array<Moved> = []
  for (const mapping of tables) {
    const name = Identifier.show(mapping.source)
    const known = seen.get(name)?.was
    const key = KeyChange.keyOf(mapping)
    const problems = known === undefined ? [] : KeyChange.between(known, key)
    if (known === undefined || problems.length === 0) {
      next.set(name, { was: key })
      continue
    }
    next.set(name, { was: known, toldAt: resumes })
    moved.push({ table: mapping.source, error: errorOf(slot, mapping, problems) })
  }
  return { seen: next, moved }
}
