/**
 * The four columns every replicated StarRocks table carries, with the names, types and values of dbmazz v1.
 *
 * Deletes are soft: the row stays with `dbmazz_is_deleted` true, and a later insert of its key sets it back to false.
 */

/** `dbmazz_op_type` values. */
export const OP_INSERT = 0
export const OP_UPDATE = 1
export const OP_DELETE = 2
export type OpType = typeof OP_INSERT | typeof OP_UPDATE | typeof OP_DELETE

/** Name and DDL type, in the order they are added. */
export const COLUMNS: ReadonlyArray<{ readonly name: string; readonly ddl: string }> = [
  { name: "dbmazz_op_type", ddl: "TINYINT COMMENT '0=INSERT, 1=UPDATE, 2=DELETE'" },
  { name: "dbmazz_is_deleted", ddl: "BOOLEAN" },
  { name: "dbmazz_synced_at", ddl: "DATETIME" },
  { name: "dbmazz_cdc_version", ddl: "BIGINT" }
]

export const NAMES: ReadonlyArray<string> = COLUMNS.map((column) => column.name)

/** `YYYY-MM-DD HH:MM:SS` in UTC, the form of `dbmazz_synced_at`. */
export const formatSyncedAt = (epochMillis: number): string =>
  new Date(epochMillis).toISOString().slice(0, 19).replace("T", " ")

/**
 * The JSON members of the audit columns, from the leading comma to the closing brace and newline of the row.
 * `cdcVersion` is the commit LSN of the row's transaction as a signed 64-bit decimal.
 */
export const jsonTail = (op: OpType, syncedAt: string, cdcVersion: bigint): string =>
  `,"dbmazz_op_type":${op},"dbmazz_is_deleted":${op === OP_DELETE},"dbmazz_synced_at":"${syncedAt}",` +
  `"dbmazz_cdc_version":${cdcVersion}}\n`

/** The same as the last fields of a CSV row, in the order of `NAMES`. */
export const csvTail = (op: OpType, syncedAt: string, cdcVersion: bigint): string =>
  `,${op},${op === OP_DELETE},${syncedAt},${cdcVersion}\n`
