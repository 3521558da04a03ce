import { assert, describe, it } from "@effect/vitest"
import * as Health from "../../../src/domain/control/Health.ts"
import { PermanentError } from "../../../src/domain/errors/PermanentError.ts"
import * as Lifecycle from "../../../src/domain/Lifecycle.ts"

const REPLICATING = Lifecycle.after(Lifecycle.INITIAL, { _tag: "Replicating" })
const FAILURE: Lifecycle.Failure = { message: "It broke.", remediation: "Mend it.", waitsForOperator: false }
const STOPPED = {
  table: "public.items",
  error: new PermanentError({
    code: "SCHEMA_CHANGED",
    message: "A column is new.",
    remediation: "Add it.",
    context: {}
  }),
  sinceMs: 1_000
}
const trouble = (sinceMs: number) => ({ table: "shop.items", sinceMs, why: "connection refused" })

describe("Health", () => {
  it("serves from the first moment, through setup and replication, paused and draining", () => {
    const { error_detail, stage, stage_detail, status } = Health.of(Lifecycle.INITIAL, [], [], 0)
    assert.deepStrictEqual([status, stage, stage_detail, error_detail], ["SERVING", "STAGE_INIT", "Initializing", ""])
    for (const state of ["running", "paused", "draining"] as const) {
      const health = Health.of({ ...REPLICATING, state }, [], [], 0)
      assert.deepStrictEqual([health.status, health.stage, health.stage_detail], [
        "SERVING",
        "STAGE_CDC",
        "Replicating"
      ])
    }
    assert.strictEqual(Health.of({ ...REPLICATING, state: "stopped" }, [], [], 0).status, "NOT_SERVING")
  })

  it("says what failed and what to do", () => {
    const failed = Lifecycle.after(REPLICATING, { _tag: "Failed", failure: FAILURE })
    const health = Health.of(failed, [STOPPED], [trouble(0)], 60_000)
    assert.deepInclude(health, {
      status: "NOT_SERVING",
      stage: "STAGE_SETUP",
      stage_detail: "Setup failed",
      error_detail: "It broke. To do: Mend it."
    })
  })

  it("names a stopped table and for how long it has been", () => {
    const impaired = Lifecycle.after(REPLICATING, { _tag: "TableStopped", failure: FAILURE })
    const health = Health.of(impaired, [STOPPED], [], 31_000)
    assert.strictEqual(health.status, "NOT_SERVING")
    assert.strictEqual(health.stage, "STAGE_CDC")
    assert.strictEqual(
      health.error_detail,
      "Table 'public.items' is stopped since 30 s, and the slot keeps everything since: A column is new. To do: Add it."
    )
  })

  it("T53 tells of a table that waits for its ALTER, which is nobody's failure, and serves no more when it takes long", () => {
    const waiting = { table: "public.orders", sinceMs: 1_000 }
    const of = (nowMs: number, stopped: ReadonlyArray<typeof STOPPED> = []) =>
      Health.of(REPLICATING, stopped, [], nowMs, [], [waiting])
    const long = of(1_000 + Health.RETRYING_MS_MAX)
    assert.deepStrictEqual([of(2_000).status, long.status], ["SERVING", "NOT_SERVING"])
    assert.strictEqual(
      long.error_detail,
      "Table 'public.orders' waits since 10 s for StarRocks to change its columns: the others go on, and its rows are read " +
        "again then. Nothing to do."
    )
    // One that cannot go on waits for a person.
    const stopped = of(31_000, [{ ...STOPPED, table: "public.orders" }])
    assert.notInclude(stopped.error_detail, "waits since")
    assert.strictEqual(Health.of(Lifecycle.INITIAL, [], [], 60_000, [], [waiting]).error_detail, "")
  })

  it("serves while rows are diverted, and says how many, of which table and why", () => {
    const rejected = { table: "public.items", count: 2, lastMs: 1_000, last: "the insert of id=7 at 0/9, too long" }
    const { error_detail, status } = Health.of(REPLICATING, [], [], 31_000, [rejected])
    assert.strictEqual(status, "SERVING")
    assert.strictEqual(
      error_detail,
      "2 rows of 'public.items' that StarRocks cannot hold are in dbmazz_rejected_rows in PostgreSQL, the last one since " +
        "30 s: the insert of id=7 at 0/9, too long"
    )
  })

  it("says at once why a load is sent again, and is not serving when that lasts", () => {
    const soon = Health.of(REPLICATING, [], [trouble(1_000)], 1_000 + Health.RETRYING_MS_MAX - 1)
    assert.strictEqual(soon.status, "SERVING")
    assert.include(soon.error_detail, "Loading of 'shop.items' is retried since 10 s: connection refused")
    assert.strictEqual(
      Health.of(REPLICATING, [], [trouble(1_000)], 1_000 + Health.RETRYING_MS_MAX).status,
      "NOT_SERVING"
    )
  })
})
