/** A truncation carried over to StarRocks: its statements, and what the answers to them mean. */
import * as AuditColumns from "./AuditColumns.ts"
import type { Truncation } from "./Change.ts"
import { PermanentError } from "./errors/PermanentError.ts"
import type { SrSqlError } from "./errors/SrSqlError.ts"
import * as Identifier from "./Identifier.ts"
import * as Lsn from "./Lsn.ts"
import type { Outcome } from "./streamload/Outcome.ts"
import * as Redaction from "./streamload/Redaction.ts"
import * as Rules from "./streamload/Rules.ts"
import * as Target from "./streamload/Target.ts"
import type { TableMapping } from "./Table.ts"

const DELETED = Identifier.quoteSr("dbmazz_is_deleted")
/** A row that was loaded by other hands has no mark. */
const LIVE = `${DELETED} IS NULL OR ${DELETED} = false`

/** Empties the table. */
export const truncate = ({ target }: TableMapping): string => `TRUNCATE TABLE ${Identifier.quoteSrTable(target)}`

/** Gives a row when the table has a live one. */
export const anyLive = ({ target }: TableMapping): string =>
  `SELECT 1 AS live FROM ${Identifier.quoteSrTable(target)} WHERE ${LIVE} LIMIT 1`

/** Gives a row where INSERT has a time limit of its own (StarRocks 3.4 and later), of four hours unless told. */
export const insertLimit = "SHOW VARIABLES LIKE 'insert_timeout'"

/**
 * Marks every live row as deleted by the truncation's transaction, the other columns as they are. It is a load with a label,
 * unlike UPDATE: one that nobody waits for any more can be found, and is done once. StarRocks ends it when a load would have ended;
 * `insertLimited`: the server has `insertLimit`, and refuses to be told of it otherwise.
 */
export const softDelete = (
  { mapping, transaction }: Truncation,
  label: string,
  syncedAt: string,
  insertLimited: boolean
): string => {
  const marks: Readonly<Record<string, string>> = {
    dbmazz_op_type: String(AuditColumns.OP_DELETE),
    dbmazz_is_deleted: "true",
    dbmazz_synced_at: Identifier.literalSr(syncedAt),
    dbmazz_cdc_version: Lsn.toBigint(transaction.commitLsn).toString()
  }
  const columns = [...mapping.targetColumns.values()].filter((column) => column.generated !== true)
  const names = columns.map(({ name }) => Identifier.quoteSr(name))
  const values = columns.map(({ name }) => marks[name] ?? Identifier.quoteSr(name))
  const table = Identifier.quoteSrTable(mapping.target)
  const limit = `${insertLimited ? "insert_timeout" : "query_timeout"} = ${Target.LOAD_TIMEOUT_SECONDS}`
  return `INSERT INTO ${table} WITH LABEL ${Identifier.quoteSr(label)} (${names.join(", ")}) ` +
    `SELECT /*+ SET_VAR(${limit}) */ ${values.join(", ")} FROM ${table} WHERE ${LIVE}`
}

/** Another change of the table got in between, or its turn did not come: nothing was done. */
const PASSING = /please retry|try again|query timeout|timeout expired/i

/** What StarRocks' refusal of a statement means. */
export const refused = ({ code, message }: SrSqlError): Outcome => {
  const why = Redaction.redact(`(${code}) ${message}`)
  if (PASSING.test(message)) return { _tag: "Transient", code: "SR_BUSY", why }
  const verdict = Rules.match(message)
  switch (verdict?._tag) {
    case undefined:
      return { _tag: "Transient", code: "SR_REFUSED", why, triesMax: Rules.UNMATCHED_TRIES_MAX }
    case "InUse":
      return { _tag: "InUse", job: "unknown", why }
    case "Uncertain":
    case "Transient":
    case "Permanent":
      return { ...verdict, why }
  }
}

/** The error of a truncation that StarRocks will never carry out, from the error of its last attempt. */
export const failed = ({ mapping, transaction }: Truncation, error: PermanentError): PermanentError => {
  const table = Identifier.show(mapping.source)
  const target = Identifier.quoteSrTable(mapping.target)
  const lsn = Lsn.format(transaction.commitLsn)
  return new PermanentError({
    code: error.code,
    message: `table ${table} was truncated by the transaction committed at ${lsn}, which could not be carried over: ` +
      error.message,
    remediation: error.code === "SR_ACCESS_DENIED"
      ? `Run in StarRocks: GRANT SELECT, INSERT, DELETE ON TABLE ${target} TO USER …; then start dbmazz again: it goes ` +
        `on where it stopped.`
      : `Mend what the message says, or set TRUNCATE_POLICY to what shall be done instead, then start dbmazz again: it ` +
        `goes on where it stopped.`,
    context: { ...error.context, table, lsn }
  })
}
