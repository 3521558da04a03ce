/**
 * Mistakes in how a TRUNCATE is carried over, as in `simulate-mutant-list.ts`.
 *
 * Not in the list: taking "partitions are changed" for done, which it mostly is; and taking a soft delete whose label is
 * taken for done, since the fences let none be sent while another with its label is on its way (TargetTruncation.test.ts
 * holds it).
 */
import { type Mutant, SOURCE } from "./Mutant.ts"

export const TRUNCATION_MUTANTS: ReadonlyArray<Mutant> = [
  {
    name: "truncates at any time after it has asked",
    file: SOURCE.targetTruncate,
    search: "begun = !heartbeat.isStale(permit, false)",
    replace: "begun = permit.atMs >= 0"
  },
  {
    name: "truncates although another run has claimed the slot, and tells nobody",
    file: SOURCE.targetTruncate,
    search: "        yield* remember\n",
    replace: ""
  },
  {
    name: "takes a TRUNCATE whose answer was lost for done",
    file: SOURCE.targetTruncate,
    search: "retryAfterMs: BEGIN_MS\n    }))",
    replace: "retryAfterMs: BEGIN_MS\n    })).pipe(Effect.as(DONE))"
  },
  {
    name: "sends a TRUNCATE whose answer was lost again at once",
    file: SOURCE.targetTruncate,
    search: "retryAfterMs: BEGIN_MS",
    replace: "retryAfterMs: 0"
  },
  {
    name: "takes a soft delete whose answer was lost for done",
    file: SOURCE.targetTruncate,
    search: "({ _tag: \"Uncertain\", code: \"SR_REPLY_LOST\", why: message }))",
    replace: "({ ...DONE, why: message }))"
  },
  {
    name: "sends a soft delete again with a new label",
    file: SOURCE.targetTruncate,
    search: "TargetTruncation.softDelete(truncation, label, syncedAt, limits.length > 0)",
    replace:
      "TargetTruncation.softDelete(truncation, `${label}_${Math.round(permit.atMs)}`, syncedAt, limits.length > 0)"
  },
  {
    name: "marks what it sees before an earlier load is visible",
    file: SOURCE.loadFence,
    search: "if (readsRows && before?.visible === false && !abandoned.has(table)) {",
    replace: "if (readsRows && before?.visible === false && request.rowCount > 0 && !abandoned.has(table)) {"
  },
  {
    name: "takes a load that another program had acknowledged for one that is visible",
    file: SOURCE.loadFence,
    search: "if (ours) continue",
    replace: "if (ours || load.isLoaded === true) continue"
  },
  {
    name: "takes a load that is committed for one that is visible",
    file: SOURCE.loadFence,
    search: "      return !visibly\n",
    replace: "      return true\n"
  },
  {
    name: "truncates while a load that was left still runs",
    file: SOURCE.loadFence,
    search: "yield* settleAbandoned(table, request, readsRows)",
    replace: "if (request.rowCount > 0) yield* settleAbandoned(table, request, readsRows)"
  },
  {
    name: "does not wait for a statement of an interrupted run to begin",
    file: SOURCE.streamLoader,
    search: "attempted(remember)), LoadFence.BEGIN_MS)",
    replace: "attempted(remember)), 0)"
  },
  {
    name: "does not wait for a statement of a killed program to begin",
    file: SOURCE.loadFence,
    search: "beginsUntilMs: load.sinceMs + BEGIN_MS",
    replace: "beginsUntilMs: load.sinceMs"
  },
  {
    name: "takes a refused truncation for done",
    file: SOURCE.targetTruncation,
    search: "      return { ...verdict, why }",
    replace: "      return { _tag: \"Loaded\", loadedRows: 0, visible: true }"
  },
  {
    name: "marks with another version than the truncation's",
    file: SOURCE.targetTruncation,
    search: "Lsn.toBigint(transaction.commitLsn).toString()",
    replace: "(Lsn.toBigint(transaction.commitLsn) - 8n).toString()"
  },
  {
    name: "leaves columns out that a soft delete does not change",
    file: SOURCE.targetTruncation,
    search: "filter((column) => column.generated !== true)",
    replace: "filter((column) => marks[column.name] !== undefined || mapping.key.includes(column.name))"
  },
  {
    name: "merges rows from before and after a truncation into one load",
    file: SOURCE.batch,
    search: "(operations.length === 0 || operations[operations.length - 1]!.after < segments.length)",
    replace: "(operations.length === 0 || operations.length > 0)"
  },
  {
    name: "does not count a truncation as something to confirm",
    file: SOURCE.batch,
    search: "    this.rowCount += 1\n    this.rowsBehind += 1\n    if (change._tag === \"Truncate\") return\n",
    replace: "    if (change._tag === \"Truncate\") return\n    this.rowCount += 1\n    this.rowsBehind += 1\n"
  },
  {
    name: "truncates after the rows that follow",
    file: SOURCE.loads,
    search: "operations[operated]?.after === index",
    replace: "(operations[operated]?.after ?? index) < index || operations[operated]?.after === segments.length"
  },
  {
    name: "truncates a table at most once a batch",
    file: SOURCE.loads,
    search: "          if (!(yield* operate(",
    replace: "          if (operated > 0) continue\n          if (!(yield* operate("
  },
  {
    name: "leaves the truncations of a transaction with the same number",
    file: SOURCE.changeDecoder,
    search: "      const ordinal = ordinalOf(known, transaction)\n",
    replace: "      const ordinal = 0\n"
  }
]
