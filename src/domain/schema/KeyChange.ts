/** Columns of the key that get another type: the rows that are there may have got other keys, which PostgreSQL does not send. */
import type { Relation, RelationColumn } from "../pgoutput/Message.ts"
import * as PgType from "../PgType.ts"
import type { ShapeProblem } from "../RowEncoder.ts"
import type { TableMapping } from "../Table.ts"

const UNLIMITED = -1
const TEXT_OIDS: ReadonlySet<number> = new Set([PgType.TEXT_OID, PgType.VARCHAR_OID])

const VARHDRSZ = 4
/** The precision is above them. */
const SCALE_BITS = 0xffff
const scaleBits = (typmod: number): number => (typmod - VARHDRSZ) & SCALE_BITS

const typeOf = ({ typeOid }: RelationColumn, { types }: TableMapping): PgType.PgType =>
  PgType.of(types?.get(typeOid) ?? typeOid)

/** Whether every value has the same text after the change, unless its USING says otherwise. */
const keepsTexts = (from: RelationColumn, to: RelationColumn, mapping: TableMapping): boolean => {
  const [was, is] = [typeOf(from, mapping), typeOf(to, mapping)]
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

/** The columns of the key, of those that both relations have, by whose change a row may have got another key. */
export const problems = (before: Relation, relation: Relation, mapping: TableMapping): ReadonlyArray<ShapeProblem> =>
  mapping.key.flatMap((name) => {
    const from = before.columns.find((column) => column.name === name)
    const to = relation.columns.find((column) => column.name === name)
    if (from === undefined || to === undefined || keepsTexts(from, to, mapping)) return []
    const problem = "it is part of the key and has another type, with which rows that StarRocks has may have other keys"
    return [{ column: name, problem }]
  })
