/** The error of a load that StarRocks will never take: where, why, and what to do. */
import { type PermanentCode, PermanentError } from "../errors/PermanentError.ts"
import * as Identifier from "../Identifier.ts"
import type { LoadRequest } from "../Load.ts"
import * as NotNull from "../starrocks/NotNull.ts"
import type { Permanent } from "./Outcome.ts"

/** The codes that a load can end with. */
type LoadCode = Extract<
  PermanentCode,
  "SR_REJECTED_ROWS" | "SR_REJECTED_LOAD" | "SR_ACCESS_DENIED" | "SR_ROWS_MISSING" | "SR_RETRIES_EXHAUSTED"
>

type Remedy = (table: string, outcome: Permanent, request: LoadRequest) => string

const REMEDIATIONS: Readonly<Record<LoadCode, Remedy>> = {
  SR_REJECTED_ROWS: (table, outcome) =>
    `${
      outcome.reason?.column === undefined ? "A value" : `A value of column '${outcome.reason.column}'`
    } does not fit its column (too long, out of range, or NULL where none may be). ` +
    `${outcome.errorUrl === undefined ? "" : `The back end's samples: ${outcome.errorUrl} . `}` +
    `Widen the column (ALTER TABLE ${table} MODIFY COLUMN ${
      outcome.reason?.column === undefined ? "…" : `${Identifier.quoteSr(outcome.reason.column)} …`
    }), then start dbmazz again: it goes on where it stopped. ON_REJECTED_ROW=divert goes on without such rows.`,
  SR_REJECTED_LOAD: (table, { reason }, { target, targetColumns }) =>
    reason?.column === undefined ?
      `Check that STARROCKS_URL is a StarRocks address and that ${table} still has the columns it had at the start, ` +
      `then start dbmazz again: it goes on where it stopped.`
      : `Rows that StarRocks does not have cannot be told by their key alone, as deletes are where PostgreSQL does not send ` +
        `old rows. Make the column nullable: ${
          NotNull.lift(target, reason.column, targetColumns?.get(reason.column))
        }; then ` +
        `start dbmazz again: it goes on where it stopped.`,
  SR_ACCESS_DENIED: (table) =>
    `Check user and password, and run in StarRocks: GRANT INSERT ON TABLE ${table} TO USER …; then start dbmazz again: it ` +
    `goes on where it stopped.`,
  SR_ROWS_MISSING: (table) =>
    `StarRocks committed fewer rows than it was sent. Compare with dbmazz verify, and look for a load filter or a ` +
    `session setting on ${table}.`,
  SR_RETRIES_EXHAUSTED: () =>
    "Mend what the message says, or raise RETRY_MAX_ELAPSED_MS (0: for ever), then start dbmazz again: it goes on " +
    "where it stopped."
}

const isLoadCode = (code: PermanentCode): code is LoadCode => code in REMEDIATIONS

/** Makes the error. Its context names table, label and attempts; nothing of it is a row value. */
export const make = (outcome: Permanent, request: LoadRequest, attempts: number): PermanentError => {
  const table = Identifier.show(request.target)
  return new PermanentError({
    code: outcome.code,
    message: `StarRocks refused load ${request.label} of table '${table}': ${outcome.why}`,
    remediation: REMEDIATIONS[isLoadCode(outcome.code) ? outcome.code : "SR_REJECTED_LOAD"](
      Identifier.quoteSrTable(request.target),
      outcome,
      request
    ),
    context: {
      table,
      label: request.label,
      attempts: String(attempts),
      rows: String(request.rowCount),
      ...(outcome.errorUrl === undefined ? {} : { errorUrl: outcome.errorUrl }),
      ...(outcome.reason === undefined ? {} : { reason: outcome.reason.text }),
      ...(outcome.reason?.column === undefined ? {} : { column: outcome.reason.column })
    }
  })
}
