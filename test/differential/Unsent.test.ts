import { assert, it } from "@effect/vitest"
import { PermanentError } from "../../src/domain/errors/PermanentError.ts"
import type { Operation, Plan, Step } from "./Plan.ts"
import * as Unsent from "./Unsent.ts"

const move = (values: Readonly<Record<string, string>>): Operation => ({
  op: "move",
  table: "t",
  from: 1,
  to: 2,
  values
})
const truncation: Operation = { op: "truncate", tables: ["t", "other"] }
const restarts: ReadonlyArray<Step> = [{ step: "kill", restart: 1 }, { step: "start", restart: 1 }]

const plan = (identity: Plan["identity"], operation: Operation, more: ReadonlyArray<Step> = []): Plan => ({
  seed: 1,
  flush: { rows: 1, bytes: 1, everyMs: 1 },
  truncatePolicy: "truncate",
  identity,
  format: "json",
  createTables: true,
  tables: [{ name: "t", key: "integer", unique: "none", columns: [], partitions: 0 }],
  steps: [{ step: "do", session: 0, transaction: 0, operation }, ...more]
})

const stopped = (column: string, table = "run.t", code: PermanentError["code"] = "TOAST_VALUE_UNKNOWN") => ({
  table,
  error: new PermanentError({ code, message: "…", remediation: "…", context: { table, key: "id=1", column } }),
  sinceMs: 0
})

it.each<readonly [what: string, isAllowed: boolean, plan: Plan, stopped: ReturnType<typeof stopped>]>([
  ["a row got another key without the value", true, plan("keep", move({ b: "1" })), stopped("a")],
  ["a row got another key with the value", false, plan("keep", move({ a: "1" })), stopped("a")],
  ["whole old rows were written", false, plan("full", move({})), stopped("a")],
  ["the table stopped for another reason", false, plan("keep", move({})), stopped("a", "run.t", "SR_REJECTED_ROWS")],
  ["rows of another table were moved", false, plan("keep", move({})), stopped("a", "run.other")],
  ["the table was truncated", false, plan("keep", truncation), stopped("a")],
  ["it was truncated, and older changes may come again", true, plan("keep", truncation, restarts), stopped("a")]
])("a table may stop for a value that was not sent, or not: %s", (_, isAllowed, given, each) => {
  assert.strictEqual(Unsent.isAllowed(given, "run", each), isAllowed)
})

it("at least half of the seeds that keep their identity must end equal", () => {
  assert.isUndefined(Unsent.tooMany(10, 5))
  assert.match(Unsent.tooMany(10, 6) ?? "", /^6 of 10 seeds /)
  assert.isUndefined(Unsent.tooMany(1, 1), "one plan that is replayed")
})
