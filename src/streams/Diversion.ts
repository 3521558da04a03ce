/** Rows that StarRocks cannot hold are diverted to PostgreSQL, and those who watch the job are told. */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { Rejected } from "../domain/control/Health.ts"
import { PermanentError } from "../domain/errors/PermanentError.ts"
import type { Failure } from "../domain/errors/Policy.ts"
import * as Identifier from "../domain/Identifier.ts"
import * as Lsn from "../domain/Lsn.ts"
import * as RejectedRow from "../domain/RejectedRow.ts"
import * as RejectedRowTable from "../domain/RejectedRowTable.ts"
import * as Log from "../layers/Log.ts"
import * as Metrics from "../layers/Metrics.ts"
import { Progress } from "../layers/Progress.ts"
import * as RejectedRows from "../layers/RejectedRows.ts"

const log = Log.module("Diversion")

/** Durable when it returns; fails with a `PermanentError` of the table when too many rows of it were diverted. */
export type Divert = (row: RejectedRow.RejectedRow) => Effect.Effect<void, Failure>

/** Why the table stops all the same. */
const tooMany = ({ refusal, target }: RejectedRow.RejectedRow, perHourMax: number): PermanentError =>
  new PermanentError({
    code: refusal.code,
    message: `${refusal.message}; ${perHourMax} rows of the table were diverted within an hour, which is all that ` +
      `REJECTED_ROWS_PER_HOUR allows`,
    remediation:
      `Look at what ${RejectedRowTable.NAME} says of the table, and make the target hold such rows (ALTER TABLE ` +
      `${
        Identifier.quoteSrTable(target)
      } MODIFY COLUMN …); or raise REJECTED_ROWS_PER_HOUR. Then start dbmazz again: it goes ` +
      `on where it stopped.`,
    context: refusal.context
  })

/** Which row it was, and why, for people. */
const wordsOf = (row: RejectedRow.RejectedRow): string => {
  const key = RejectedRow.keyOf(row)
  return `the ${row.operation} of ${key} at ${Lsn.format(row.position.commitLsn)}, ${RejectedRow.reasonOf(row)}`
}

/** For one run of the pipeline. */
export const make = Effect.fnUntraced(function*(
  options: RejectedRows.Options
): Effect.fn.Return<Divert, never, Progress | Scope.Scope> {
  const put = yield* RejectedRows.make(options)
  const progress = yield* Progress
  return Effect.fn("Diversion.divert")(function*(row: RejectedRow.RejectedRow) {
    const table = Identifier.show(row.source)
    const verdict = yield* put(row)
    if (verdict === "full") return yield* tooMany(row, options.perHourMax)
    const last = wordsOf(row)
    yield* log.warn("a row that StarRocks cannot hold is left out and kept in dbmazz_rejected_rows", {
      table,
      row: last,
      code: row.refusal.code,
      label: row.label,
      known: verdict === "known"
    })
    if (verdict === "known") return
    yield* Metrics.rowRejected(Identifier.show(row.target))
    const lastMs = yield* Clock.currentTimeMillis
    yield* progress.update((state) => {
      const count = (state.rejected.get(table)?.count ?? 0) + 1
      const rejected: Rejected = { table, count, lastMs, last }
      return { ...state, rejected: new Map([...state.rejected, [table, rejected]]) }
    })
  })
})
