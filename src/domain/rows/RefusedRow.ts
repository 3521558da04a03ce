/** A row that cannot be written or that StarRocks refuses: which one it is, its values, and what is wrong with it. */
import * as EncodedKey from "../EncodedKey.ts"
import { PermanentError } from "../errors/PermanentError.ts"
import * as Identifier from "../Identifier.ts"
import * as Lsn from "../Lsn.ts"
import * as RejectedRow from "../RejectedRow.ts"
import * as NotNull from "../starrocks/NotNull.ts"
import type { FinalRow } from "./Merge.ts"
import type { ValueProblem } from "./RowWriter.ts"
import * as ValueRemedy from "./ValueRemedy.ts"

/** Where its values lie, and where those that this tuple leaves out as unchanged may lie. */
const tuplesOf = ({ change: { newTuple, oldTuple }, deleted }: FinalRow): readonly [tuple: number, other: number] =>
  deleted ? [oldTuple, -1] : [newTuple, oldTuple]

/** Which row it is: its key as people write it, its source table and the position of its commit. */
const placeOf = (row: FinalRow) => {
  const { bytes, route, transaction } = row.change
  const key = route.encoder.keys.describe(bytes, ...tuplesOf(row))
  return { table: Identifier.show(route.mapping.source), key, lsn: Lsn.format(transaction.commitLsn) }
}

/** Its key and its change. */
export const nameOf = (row: FinalRow): Pick<RejectedRow.RejectedRow, "key" | "position"> => {
  const { bytes, ordinal, route, transaction } = row.change
  return {
    key: route.encoder.keyTexts(bytes, ...tuplesOf(row)),
    position: { commitLsn: transaction.commitLsn, ordinal }
  }
}

/** Its name and its values: the old ones of a row that is deleted. */
export const texts = (row: FinalRow): Pick<RejectedRow.RejectedRow, "key" | "position" | "values"> => {
  const { bytes, route, weight } = row.change
  return {
    ...nameOf(row),
    values: () => weight > RejectedRow.VALUES_BYTES_MAX ? undefined : route.encoder.valueTexts(bytes, ...tuplesOf(row))
  }
}

const unknown = (row: FinalRow, column: string): PermanentError => {
  const { key, lsn, table } = placeOf(row)
  const { source, target } = row.change.route.mapping
  const version = Lsn.toBigint(row.change.transaction.commitLsn) + 1n
  return new PermanentError({
    code: "TOAST_VALUE_UNKNOWN",
    message: `the row ${key} of ${table}, changed by the transaction committed at ${lsn}, needs its value of column ` +
      `'${column}', which PostgreSQL leaves out because it did not change and StarRocks does not have`,
    remediation: `Copy the row as it is now in PostgreSQL into ${Identifier.quoteSrTable(target)}, with ` +
      `dbmazz_cdc_version ${version} (of a row that is gone by now its key alone), and start again: replication goes on ` +
      `where it stopped. With ALTER TABLE ${Identifier.quotePgTable(source)} REPLICA IDENTITY FULL PostgreSQL sends ` +
      `such values.`,
    context: { table, key, column, lsn }
  })
}

const nullRemedy = (row: FinalRow, column: string): string => {
  const { target, targetColumns } = row.change.route.mapping
  return `Make the column nullable: ${
    NotNull.lift(target, column, targetColumns.get(column))
  }; then start dbmazz again: ` +
    `it goes on where it stopped.`
}

/** One of its values has no form in StarRocks, or was not sent and is not there. */
export const unrepresentable = (row: FinalRow, { column, problem }: ValueProblem): PermanentError => {
  if (problem.kind === "notSent") return unknown(row, column)
  const { key, lsn, table } = placeOf(row)
  return new PermanentError({
    code: "VALUE_UNREPRESENTABLE",
    message: `the row ${key} of ${table}, committed at ${lsn}, has a value in column '${column}' that ` +
      `StarRocks cannot hold: ${problem.text}`,
    remediation: problem.kind === "isNull"
      ? nullRemedy(row, column)
      : ValueRemedy.make(row.change.route.mapping, column, problem),
    context: { table, key, column, lsn, reason: problem.text }
  })
}

/** Its key has more bytes than a primary key of StarRocks may have. */
export const keyTooLong = (row: FinalRow, keyBytes: number): PermanentError => {
  const { key, lsn, table } = placeOf(row)
  const column = row.change.route.mapping.key.join(", ")
  return new PermanentError({
    code: "VALUE_UNREPRESENTABLE",
    message:
      `the row ${key} of ${table}, committed at ${lsn}, has a primary key (${column}) that StarRocks cannot hold: ` +
      `it takes ${keyBytes} bytes there, and at most ${EncodedKey.BYTES_MAX} are possible`,
    remediation: ValueRemedy.ofKey(row.change.route.mapping, undefined, "the shorter primary key that it has by then"),
    context: { table, key, column, lsn, reason: `a primary key of ${keyBytes} bytes, at most ${EncodedKey.BYTES_MAX}` }
  })
}
