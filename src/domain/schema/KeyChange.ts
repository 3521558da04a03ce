/**
 * Columns of the key that get another type, or are others: the rows that are there may have got other keys, which PostgreSQL does
 * not send.
 */
import type { Relation, RelationColumn } from "../pgoutput/Message.ts"
import * as PgType from "../PgType.ts"
import type { ShapeProblem } from "../RowEncoder.ts"
import type { SourceColumn, TableMapping } from "../Table.ts"

/** A column of a key as the catalogue has it. */
export type KeyColumn = Pick<SourceColumn, "attnum" | "typeOid" | "typmod" | "expression">

/** By the column's name. */
export type Key = ReadonlyMap<string, KeyColumn>

const UNLIMITED = -1
const TEXT_OIDS: ReadonlySet<number> = new Set([PgType.TEXT_OID, PgType.VARCHAR_OID])

const VARHDRSZ = 4
/** The precision is above them. */
const SCALE_BITS = 0xffff
const scaleBits = (typmod: number): number => (typmod - VARHDRSZ) & SCALE_BITS

/** A type that is no built-in one has the values of one that is. */
type Declared = Pick<KeyColumn, "typeOid" | "typmod">

const declared = ({ typeOid, typmod }: RelationColumn, { types }: TableMapping): Declared => ({
  typeOid: types?.get(typeOid) ?? typeOid,
  typmod
})

/** Whether every value has the same text after the change, unless its USING says otherwise. */
const keepsTexts = (from: Declared, to: Declared): boolean => {
  const [was, is] = [PgType.of(from.typeOid), PgType.of(to.typeOid)]
  if (was.oid === is.oid && from.typmod === to.typmod) return true
  if (was.bounds !== undefined && is.bounds !== undefined) {
    return is.bounds[0] <= was.bounds[0] && is.bounds[1] >= was.bounds[1]
  }
  const isNumeric = was.oid === PgType.NUMERIC_OID && is.oid === PgType.NUMERIC_OID
  const isText = TEXT_OIDS.has(was.oid) && TEXT_OIDS.has(is.oid)
  if (!isNumeric && !isText) return false
  if (to.typmod === UNLIMITED) return true
  if (from.typmod === UNLIMITED || to.typmod < from.typmod) return false
  return isText || scaleBits(to.typmod) === scaleBits(from.typmod)
}

const RETYPED = "it is part of the key and has another type, with which rows that StarRocks has may have other keys"
const REPLACED =
  "it is part of the key and another column than before, with which rows that StarRocks has may have other keys"

const RECOMPUTED =
  "it is part of the key and computed by another expression, with which rows that StarRocks has may have other keys"

/** Whether the name is that of another column, as far as both are known. */
export const isAnother = (was: KeyColumn, is: KeyColumn): boolean =>
  was.attnum !== undefined && is.attnum !== undefined && was.attnum !== is.attnum

/** Whether its rows were written anew with what another expression gives. */
export const isRecomputed = (was: Pick<SourceColumn, "expression">, is: Pick<SourceColumn, "expression">): boolean =>
  typeof was.expression === "number" && typeof is.expression === "number" && was.expression !== is.expression

/** Why the column that has the name now may have given rows another key, whatever its type says. */
const reasonOf = (was: KeyColumn, is: KeyColumn): string | undefined => {
  if (isAnother(was, is)) return REPLACED
  if (!isRecomputed(was, is)) return undefined
  // With another type the same expression is another one to the catalogue.
  return was.typeOid === is.typeOid && was.typmod === is.typmod ? RECOMPUTED : RETYPED
}

/** The columns of the key, of those that both relations have, by whose change a row may have got another key. */
export const problems = (before: Relation, relation: Relation, mapping: TableMapping): ReadonlyArray<ShapeProblem> =>
  mapping.key.flatMap((name) => {
    const from = before.columns.find((column) => column.name === name)
    const to = relation.columns.find((column) => column.name === name)
    if (from === undefined || to === undefined) return []
    return keepsTexts(declared(from, mapping), declared(to, mapping)) ? [] : [{ column: name, problem: RETYPED }]
  })

/** The same of a relation that no other came before, against what the catalogue was found to say. */
export const problemsSince = (relation: Relation, mapping: TableMapping): ReadonlyArray<ShapeProblem> =>
  mapping.key.flatMap((name) => {
    const from = mapping.sourceColumns?.get(name)
    const to = relation.columns.find((column) => column.name === name)
    if (from === undefined || to === undefined) return []
    const { declaredOid = from.typeOid, typeOid } = from
    const is = declared(to, mapping)
    // What limits a domain's values is not announced; what an extension's type is limited by is its own.
    const foreign = to.typeOid === declaredOid ? is.typmod : UNLIMITED
    const typmod = PgType.isBuiltIn(declaredOid) ? from.typmod : foreign
    return keepsTexts({ typeOid, typmod }, is) ? [] : [{ column: name, problem: RETYPED }]
  })

/** The columns of the key that are others than before under their names, or computed otherwise. `columns`: as they are now. */
export const replaced = (
  columns: ReadonlyArray<SourceColumn>,
  { key, sourceColumns }: TableMapping
): ReadonlyArray<ShapeProblem> =>
  columns.flatMap((column) => {
    const was = sourceColumns?.get(column.name)
    const problem = was === undefined || !key.includes(column.name) ? undefined : reasonOf(was, column)
    return problem === undefined ? [] : [{ column: column.name, problem }]
  })

/** The key as the catalogue was found to have it. */
export const keyOf = ({ key, sourceColumns }: TableMapping): Key =>
  new Map(key.flatMap((name) => {
    const column = sourceColumns?.get(name)
    if (column === undefined) return []
    const { attnum, expression, typeOid, typmod } = column
    return [[name, {
      typeOid,
      typmod,
      ...(attnum === undefined ? {} : { attnum }),
      ...(typeof expression === "number" ? { expression } : {})
    }]]
  }))

/** By whose change, of the columns that both have, a row may have got another key. */
export const between = (before: Key, now: Key): ReadonlyArray<ShapeProblem> =>
  [...now].flatMap(([name, is]) => {
    const was = before.get(name)
    if (was === undefined) return []
    const problem = reasonOf(was, is) ?? (keepsTexts(was, is) ? undefined : RETYPED)
    return problem === undefined ? [] : [{ column: name, problem }]
  })
