/** What a person should know of a shape that was carried over, because the replica now differs from the source. */
import * as ColumnLists from "../ColumnLists.ts"
import * as Identifier from "../Identifier.ts"
import type { SourceColumn } from "../Table.ts"
import * as TargetTable from "../TargetTable.ts"
import * as ColumnDefault from "./ColumnDefault.ts"
import type { Shape } from "./ShapeChange.ts"

/** By the number that a column keeps: the name that it had. */
const nameBefore = (column: SourceColumn, { before, mapping, relation }: Shape): string | undefined => {
  if (column.attnum === undefined) return undefined
  const names = before?.columns.map(({ name }) => name) ?? [...(mapping.sourceColumns?.keys() ?? [])]
  return names.find((name) =>
    name !== column.name && mapping.sourceColumns?.get(name)?.attnum === column.attnum &&
    !relation.columns.some((now) => now.name === name)
  )
}

const renamed = (from: string, to: string, { mapping }: Shape): string => {
  const target = Identifier.quoteSrTable(mapping.target)
  const [left, right] = [Identifier.quoteSr(from), Identifier.quoteSr(to)]
  return `column '${from}' of ${
    Identifier.show(mapping.source)
  } is now called '${to}': StarRocks keeps '${from}' with ` +
    `the values of rows that have not changed since, and has '${to}' for the others; to fill it, run in StarRocks at a ` +
    `moment without changes: UPDATE ${target} SET ${right} = ${left} WHERE ${right} IS NULL;`
}

const unfilled = (column: SourceColumn, { mapping }: Shape): string => {
  const name = Identifier.quotePg(column.name)
  return `rows of ${
    Identifier.show(mapping.source)
  } that were there before may have values in column '${column.name}' ` +
    `which PostgreSQL did not send, and StarRocks has NULL there; to send them, run in PostgreSQL: UPDATE ${
      Identifier.quotePgTable(mapping.source)
    } SET ${name} = ${name} WHERE ${name} IS NOT NULL;`
}

const dropped = (name: string, { mapping }: Shape): string =>
  `column '${name}' of ${
    Identifier.show(mapping.source)
  } is gone: StarRocks keeps it with the values that it has, and it is ` +
  `not written any more`

/** In the order of the columns. `added`: those that were just added to the target. */
export const warnings = (shape: Shape, added: ReadonlySet<string>): ReadonlyArray<string> => {
  const { before, columns, mapping, relation } = shape
  const { selection } = mapping
  const found: Array<string> = []
  const moved = new Set<string>()
  for (const column of columns) {
    if (!added.has(column.name)) continue
    const from = nameBefore(column, shape)
    if (from !== undefined) {
      moved.add(from)
      found.push(renamed(from, column.name, shape))
    } else if (
      column.filled === true && ColumnDefault.of(column, TargetTable.createType(column, false)) === undefined
    ) {
      found.push(unfilled(column, shape))
    }
  }
  for (const { name } of before?.columns ?? []) {
    if (moved.has(name) || !ColumnLists.keeps(selection, name)) continue
    if (!relation.columns.some((now) => now.name === name)) found.push(dropped(name, shape))
  }
  return found
}
