/** What becomes of rows that StarRocks refuses. */
import * as RejectedRowPolicy from "../RejectedRowPolicy.ts"
import { choice, integer, type Variable } from "./Variable.ts"

export const REJECTED_ROW_VARIABLES = {
  onRejectedRow: {
    names: ["ON_REJECTED_ROW"],
    path: "rejected_rows.policy",
    type: choice(...RejectedRowPolicy.POLICIES),
    meaning:
      "when StarRocks cannot hold a row: stop stops its table; divert keeps the row in PostgreSQL, in the table " +
      "dbmazz_rejected_rows, and goes on without it",
    fallback: RejectedRowPolicy.DEFAULT,
    example: "divert"
  },
  rejectedRowValues: {
    names: ["REJECTED_ROW_VALUES"],
    path: "rejected_rows.values",
    type: choice(...RejectedRowPolicy.VALUES),
    meaning: "what dbmazz_rejected_rows keeps of a row beside its key: redact no value, keep all replicated ones",
    fallback: RejectedRowPolicy.VALUES_DEFAULT,
    example: "keep"
  },
  rejectedRowsPerHour: {
    names: ["REJECTED_ROWS_PER_HOUR"],
    path: "rejected_rows.per_hour",
    type: integer(1, 1_000_000),
    meaning: "rows of one table that are diverted within an hour; one more stops the table",
    unit: "rows",
    fallback: String(RejectedRowPolicy.PER_HOUR_MAX_DEFAULT),
    example: "1000"
  }
} as const satisfies Record<string, Variable>
