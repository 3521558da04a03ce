/**
 * The columns that tables were known to have: a session, or a process, that finds others under their names tells of it, since the
 * WAL does not when no row of a table was written in between, or when it was read with a catalogue that is newer. Pure.
 */
import * as ColumnLists from "../ColumnLists.ts"
import * as Identifier from "../Identifier.ts"
import type { SourceColumn, TableMapping } from "../Table.ts"
import * as TargetTable from "../TargetTable.ts"
import * as KeyChange from "./KeyChange.ts"
import * as Widening from "./Widening.ts"

/** A column as the catalogue has it; `away`: the table has none of this name, and StarRocks keeps what was written under it. */
export type Seen = "away" | KeyChange.KeyColumn

/** By name, of those that StarRocks has. */
export type Columns = ReadonlyMap<string, Seen>

/** By `schema.name` of the table. */
export type SeenColumns = ReadonlyMap<string, Columns>

/** Columns that are stored, of all tables together: some 40 bytes each, written with each look while the job moves on. */
const STORED_MAX = 50_000

const seenOf = ({ attnum, declaredOid, expression, typeOid, typmod }: SourceColumn): Seen => ({
  typeOid: declaredOid ?? typeOid,
  typmod,
  ...(attnum === undefined ? {} : { attnum }),
  ...(typeof expression === "number" ? { expression } : {})
})

const columnsOf = ({ doubtful, selection, sourceColumns, targetColumns }: TableMapping): Columns => {
  const names = [...targetColumns.keys()].filter((name) => !TargetTable.isReserved(name))
  return new Map(names.map((name) => {
    const column = ColumnLists.keeps(selection, name) ? sourceColumns?.get(name) : undefined
    // One that is computed, and not published, is never sent.
    const isAway = column === undefined || column.generated || doubtful?.has(name) === true
    return [name, isAway ? "away" : seenOf(column)]
  }))
}

/**
 * What is known of these tables now; of others nothing is kept. `before`: what was known, which a column keeps while its target is
 * still to be made wider.
 */
export const now = (tables: ReadonlyArray<TableMapping>, before: SeenColumns = new Map()): SeenColumns =>
  new Map(tables.map((mapping) => {
    const name = Identifier.show(mapping.source)
    const was = before.get(name)
    const columns = [...columnsOf(mapping)].map(([column, is]) =>
      [column, mapping.retyped?.has(column) === true ? was?.get(column) ?? is : is] as const
    )
    return [name, new Map(columns)]
  }))

/** A column under whose name StarRocks may show values of another time; those of keys have a verdict of their own. */
export interface Finding {
  readonly column: SourceColumn
  /** `added`: to StarRocks, by other hands or by a run that did not come to tell it. */
  readonly kind: "added" | "another" | "away" | "recomputed" | "retyped"
}

const kindOf = (was: Seen | undefined, is: Seen): Finding["kind"] | undefined => {
  if (is === "away") return undefined
  if (was === undefined) return "added"
  if (was === "away") return "away"
  if (KeyChange.isAnother(was, is)) return "another"
  if (was.typeOid !== is.typeOid || was.typmod !== is.typmod) return "retyped"
  return KeyChange.isRecomputed(was, is) ? "recomputed" : undefined
}

/** What is to be told of a table at a beginning. */
export const findings = (mapping: TableMapping, seen: SeenColumns): ReadonlyArray<Finding> => {
  const before = seen.get(Identifier.show(mapping.source))
  if (before === undefined) return []
  return [...columnsOf(mapping)].flatMap(([name, is]) => {
    const isTold = mapping.key.includes(name) || mapping.addedAtStart?.has(name) === true
    const kind = isTold ? undefined : kindOf(before.get(name), is)
    const column = mapping.sourceColumns?.get(name)
    return kind === undefined || column === undefined ? [] : [{ column, kind }]
  })
}

/** What a later start compares with: of as many tables as are within `columnsMax` together. */
export const stored = (seen: SeenColumns, columnsMax = STORED_MAX): SeenColumns => {
  let left = columnsMax
  return new Map([...seen].filter(([, columns]) => (left -= columns.size) >= 0))
}

const isSameColumn = (one: Seen, other: Seen | undefined): boolean =>
  one === other ||
  (one !== "away" && other !== undefined && other !== "away" &&
    one.attnum === other.attnum && one.typeOid === other.typeOid && one.typmod === other.typmod &&
    one.expression === other.expression)

/** Whether both say the same. */
export const isSame = (one: SeenColumns, other: SeenColumns): boolean =>
  one.size === other.size && [...one].every(([table, columns]) => {
    const found = other.get(table)
    return columns.size === found?.size &&
      [...columns].every(([name, column]) => isSameColumn(column, found.get(name)))
  })

/** Of columns that have got another type since they were known last, those whose target is to be made wider. */
export const retyped = (mapping: TableMapping, seen: SeenColumns): ReadonlySet<string> =>
  new Set(
    findings(mapping, seen).flatMap(({ column, kind }) => {
      const target = mapping.targetColumns.get(column.name)
      if (kind !== "retyped" || target === undefined) return []
      return Widening.fit(column, target, true, mapping.policies)._tag === "Widen" ? [column.name] : []
    })
  )
