import { assert, describe, it } from "@effect/vitest"
import { SetupError } from "../../../src/domain/errors/SetupError.ts"
import * as SlotTakeover from "../../../src/domain/postgres/SlotTakeover.ts"

const HOLDER: SlotTakeover.Holder = {
  pid: 4711,
  applicationName: "dbmazz",
  client: "10.0.0.7:51234",
  state: "streaming",
  sinceMs: 7_200_000,
  unheardMs: 40_000
}

describe("SlotTakeover", () => {
  it("T09 the predecessor is waited for at least a minute, and longer than its wal_sender_timeout", () => {
    for (const timeoutMs of [0, 1_000, 60_000, 300_000]) {
      assert.isAtLeast(SlotTakeover.waitMsMax(timeoutMs), 60_000)
      assert.isAbove(SlotTakeover.waitMsMax(timeoutMs), timeoutMs)
    }
  })

  it("T09 the error names who holds the slot, and says what to run", () => {
    const error = SlotTakeover.busy("s", "db:5432", "4711", HOLDER, 60_000)
    for (const part of ["4711", "dbmazz", "10.0.0.7:51234", "streaming", "7200 s", "last heard 40 s ago"]) {
      assert.include(error.message, part)
    }
    assert.include(error.remediation, "pg_terminate_backend")
    assert.strictEqual(error.context["pid"], "4711")
    const hidden = SlotTakeover.busy("s", "db:5432", SlotTakeover.pidIn("is active for PID 42"), undefined, 0)
    assert.include(hidden.message, "active for PID 42")
  })

  it("T09 after its time the wait ends in an error for a person", () => {
    const error = SlotTakeover.busy("s", "db:5432", "4711", HOLDER, 60_000)
    assert.strictEqual(SlotTakeover.decide(error, 74_999), error)
    const refused = SlotTakeover.decide(error, 75_000)
    assert.isTrue(refused instanceof SetupError && refused.code === "PgSlotInUse")
    assert.include(refused instanceof SetupError ? refused.message : "", "PID 4711 (dbmazz, from 10.0.0.7:51234")
    assert.include(refused instanceof SetupError ? refused.remediation : "", "pg_terminate_backend(4711)")
  })
})
