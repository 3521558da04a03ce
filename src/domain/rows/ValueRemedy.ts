/** What to do about a value that its StarRocks column cannot hold: give it one that does, or choose what becomes of it. Pure. */
import * as Identifier from "../Identifier.ts"
import * as PgType from "../PgType.ts"
import * as ColumnRemedy from "../schema/ColumnRemedy.ts"
import * as Widening from "../schema/Widening.ts"
import { bytesMaxOf, familyOf } from "../StarRocksType.ts"
import type { SourceColumn, TableMapping, TargetColumn } from "../Table.ts"
import { createType, LONGEST_TEXT } from "../TargetTable.ts"
import type { Problem } from "../values/Problem.ts"
import * as ValuePolicy from "../values/ValuePolicy.ts"
import { isProse } from "../values/ValueRule.ts"

type Source = Pick<SourceColumn, "typeOid" | "typmod">

/** What nobody knows of may be anything, as text. */
const UNKNOWN: Source = { typeOid: PgType.TEXT_OID, typmod: -1 }

/** A longer type of the column's own family, as the mapping makes it; undefined: StarRocks has none. */
const longer = (source: Source, target: TargetColumn): string | undefined =>
  [createType(source, false), LONGEST_TEXT].find((type) =>
    familyOf(type) === familyOf(target.type) && bytesMaxOf(type) > bytesMaxOf(target.type)
  )

/** A number's type that holds all that the declaration allows, or text. */
const wider = (source: Source, target: TargetColumn): string => {
  const { kind } = PgType.of(source.typeOid)
  if (kind !== "integer" && (kind !== "numeric" || source.typmod < PgType.VARHDRSZ)) return LONGEST_TEXT
  const fit = Widening.fit(source, target, true)
  if (fit._tag === "Widen") return fit.type
  const made = createType(source, false)
  return familyOf(made) === familyOf(target.type) ? LONGEST_TEXT : made
}

const typeFor = (valueClass: ValuePolicy.ValueClass, source: Source, target: TargetColumn): string | undefined => {
  switch (valueClass) {
    case "length":
      return longer(source, target)
    case "numericOverflow":
    case "numericScale":
      return wider(source, target)
    default:
      return LONGEST_TEXT
  }
}

/** Rows that cannot be written may be kept elsewhere; old rows that are keys alone would not do for that. */
const diverting = ({ identity }: TableMapping): ReadonlyArray<string> =>
  identity === "keep" ? [] : ["ON_REJECTED_ROW=divert (docs/rejected-rows.md), which keeps such rows in PostgreSQL"]

/** Of a key, or of `column` of it. `wanted`: what its table is to be made with. */
export const ofKey = (mapping: TableMapping, column: string | undefined, wanted: string): string => {
  const why = column === undefined ? [] : [`StarRocks changes no column of a key, and '${column}' is one.`]
  const others = diverting(mapping).map((each) => `Or set ${each}, and start again.`)
  const comes = "The row comes again as it is, also when it is another or gone by then."
  return [...why, ColumnRemedy.newKey(mapping, comes, wanted), ...others].join(" ")
}

/** The type of a key's column that holds such values: text, where they are no numbers of the declared size. */
const keyTypeFor = (valueClass: ValuePolicy.ValueClass, source: Source): string =>
  createType(
    valueClass === "length" || valueClass === "numericOverflow" || valueClass === "numericScale" ? source : UNKNOWN,
    true
  )

/** The policies under which the value goes through, but those that the job has. */
const policiesFor = (
  valueClass: ValuePolicy.ValueClass,
  { typeOid }: Source,
  { nullable, type }: TargetColumn,
  policies: ValuePolicy.Policies
): ReadonlyArray<string> => {
  const cuts = isProse(typeOid) || familyOf(type) === "binary"
  const facts: ValuePolicy.ClassFacts = ValuePolicy.CLASSES[valueClass]
  const choices = Object.keys(facts.outcomes).filter((policy) =>
    policy !== policies[valueClass] &&
    (policy !== "null" || nullable || valueClass === "jsonNumber") &&
    (policy !== "clamp" || valueClass !== "length" || cuts)
  )
  return choices.length === 0
    ? []
    : [`${facts.variable}=${choices.join("|")} (docs/type-mapping.md), which holds for all such values of the job`]
}

/** For a value of the column with this problem. */
export const make = (mapping: TableMapping, column: string, { kind, valueClass }: Problem): string => {
  const { policies = ValuePolicy.DEFAULTS } = mapping
  const target = mapping.targetColumns.get(column)
  const source = mapping.sourceColumns?.get(column) ?? UNKNOWN
  if (target === undefined || valueClass === undefined) {
    const others = diverting(mapping).map((each) => `or set ${each}`)
    return ["Mend what the message says", ...others, "then start again."].join(", ")
  }
  if (mapping.key.includes(column)) {
    return ofKey(mapping, column, `a column ${Identifier.quoteSr(column)} ${keyTypeFor(valueClass, source)}`)
  }
  const type = typeFor(valueClass, source, target)
  const hasPoint = PgType.of(source.typeOid).kind === "numeric"
  const change = kind === "nullAsked"
    ? ColumnRemedy.nullable(target)
    : type === undefined
    ? undefined
    : ColumnRemedy.retyped(mapping, target, type, hasPoint)
  const others = [...policiesFor(valueClass, source, target, policies), ...diverting(mapping)]
  if (change === undefined) {
    return `StarRocks has no type that holds more than column '${column}' does. ` +
      `Set ${[...others, `COLUMNS_EXCLUDE, which leaves the column out`].join(", or ")}; then start again: ` +
      `replication goes on where it stopped.`
  }
  return [
    ...ColumnRemedy.sentences(mapping, [change], mapping.identity !== "keep"),
    "Then start again: replication goes on where it stopped.",
    ...(others.length === 0 ? [] : [`Or leave the column as it is, set ${others.join(", or ")}, and start again.`])
  ].join(" ")
}
