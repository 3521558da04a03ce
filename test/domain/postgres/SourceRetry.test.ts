import { assert, describe, it } from "@effect/vitest"
import * as SetupError from "../../../src/domain/errors/SetupError.ts"
import { TransientError } from "../../../src/domain/errors/TransientError.ts"
import * as Refusal from "../../../src/domain/postgres/Refusal.ts"
import * as SlotTakeover from "../../../src/domain/postgres/SlotTakeover.ts"
import * as SourceRetry from "../../../src/domain/postgres/SourceRetry.ts"

const BUSY = SlotTakeover.busy("s", "db:5432", "7", undefined, 60_000)
const LOST = new TransientError({ code: "PG_CONNECTION_LOST", message: "gone", remediation: "", context: {} })
const UNKNOWN = new TransientError({
  code: "PG_SQL_FAILED",
  message: "ERROR: never seen",
  remediation: "",
  context: { sqlState: "XX000" },
  triesMax: Refusal.UNKNOWN_TRIES_MAX
})
const SETUP = SetupError.make({ _tag: "PgSlotTemporary", name: "s" })

type Failure = TransientError | SetupError.SetupError

/** What these failures, so many ms apart, have become. */
const become = (failures: ReadonlyArray<Failure>, everyMs: number): ReadonlyArray<string> => {
  let state = SourceRetry.START
  return failures.map((given, index) => {
    const taken = SourceRetry.next(state, given, index * everyMs)
    state = taken.state
    return taken.failure._tag === "SetupError" ? taken.failure.code : taken.failure._tag
  })
}

const times = <A>(count: number, value: A): ReadonlyArray<A> => Array.from({ length: count }, () => value)

describe("SourceRetry", () => {
  it("a lost connection is waited out for ever", () => {
    assert.deepStrictEqual(new Set(become(times(10_000, LOST), 60_000)), new Set(["TransientError"]))
  })

  it("T09 a slot in use is waited for until its time is over, counted from the first time in a row", () => {
    assert.deepStrictEqual(become(times(4, BUSY), 25_000), [...times(3, "TransientError"), "PgSlotInUse"])
    const interrupted = [BUSY, BUSY, BUSY, LOST, BUSY, BUSY, BUSY]
    assert.deepStrictEqual(new Set(become(interrupted, 25_000)), new Set(["TransientError"]))
  })

  it("a failure that nobody knows is tried so many times in a row, then it is a refusal", () => {
    const tries = Refusal.UNKNOWN_TRIES_MAX
    assert.deepStrictEqual(become(times(tries, UNKNOWN), 1), [...times(tries - 1, "TransientError"), "PermanentError"])
    const mixed = [...times(tries - 1, UNKNOWN), LOST, ...times(tries - 1, UNKNOWN)]
    assert.deepStrictEqual(new Set(become(mixed, 1)), new Set(["TransientError"]))
    const { failure } = SourceRetry.next({ busySinceMs: undefined, unknownTries: tries - 1 }, UNKNOWN, 0)
    assert.strictEqual(failure._tag === "PermanentError" && failure.code, "PG_REFUSED")
    assert.include(failure.message, "ERROR: never seen (8 times in a row)")
  })

  it("T80 what only a person can mend stays what it is", () => {
    assert.deepStrictEqual(become([SETUP], 1), ["PgSlotTemporary"])
  })
})
