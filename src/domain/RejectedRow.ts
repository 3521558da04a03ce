/** A row that is left out of its load because StarRocks cannot hold it: what is kept of it. */
import { type PermanentCode, PermanentError } from "./errors/PermanentError.ts"
import * as Identifier from "./Identifier.ts"
import type { RowPosition } from "./Label.ts"
import * as Lsn from "./Lsn.ts"

/** Values by column, as PostgreSQL writes them; null is NULL. */
export type Texts = Readonly<Record<string, string | null>>

/** Named for ever by its source table, `position` and `operation`: a change of a key is a delete and an update. */
export interface RejectedRow {
  readonly source: Identifier.QualifiedName
  readonly target: Identifier.QualifiedName
  readonly position: RowPosition
  /** Commit time in microseconds since 1970. */
  readonly commitTime: bigint
  readonly operation: "insert" | "update" | "delete"
  /** The label of the load of this row alone. */
  readonly label: string
  readonly key: Texts
  /** All replicated columns; undefined where they are more than `VALUES_BYTES_MAX`. */
  readonly values: () => Texts | undefined
  /** Why; holds no value but those of the key. */
  readonly refusal: PermanentError
}

/**
 * Bytes of a row's values that are kept at most: documents of tens of megabytes are, and a statement that carries them
 * stays small beside the memory of a server.
 */
export const VALUES_BYTES_MAX = 32 * 1024 * 1024

/** Whether a failure is about what rows hold, so that the others of the load may go through without them. */
export const isOfRows = (code: PermanentCode): boolean =>
  code === "SR_REJECTED_ROWS" || code === "VALUE_UNREPRESENTABLE"

/** The reason in few words, without the row: what the server said, or what the value is. */
export const reasonOf = ({ refusal: { context, message } }: Pick<RejectedRow, "refusal">): string =>
  context["reason"] ?? message

/** The key for people. */
export const keyOf = ({ key }: Pick<RejectedRow, "key">): string =>
  Object.entries(key).map(([column, text]) => `${column}=${text}`).join(", ")

/** What StarRocks says of a load of this row alone, with the row. */
export const named = (row: RejectedRow): PermanentError => {
  const { position: { commitLsn }, refusal, source } = row
  const [key, lsn, table] = [keyOf(row), Lsn.format(commitLsn), Identifier.show(source)]
  return new PermanentError({
    code: refusal.code,
    message: `the row ${key} of ${table}, committed at ${lsn}, was refused: ${refusal.message}`,
    remediation: refusal.remediation,
    context: { ...refusal.context, table, key, lsn }
  })
}
