import { assert, describe, it } from "@effect/vitest"
import * as ErrorCatalogue from "../../../src/domain/errors/ErrorCatalogue.ts"
import { PermanentCode, PermanentError } from "../../../src/domain/errors/PermanentError.ts"
import * as Policy from "../../../src/domain/errors/Policy.ts"
import * as SetupError from "../../../src/domain/errors/SetupError.ts"
import { TransientCode, TransientError } from "../../../src/domain/errors/TransientError.ts"

const LIMITS = { baseMs: 100, maxMs: 1_000, maxElapsedMs: 0 }
const FIRST: Policy.Attempts = { failures: 1, elapsedMs: 0, random: 0 }

const transient = (code: TransientCode, extra: { retryAfterMs?: number } = {}) =>
  new TransientError({ code, message: "m", remediation: "r", context: {}, ...extra })
const permanent = (code: PermanentCode) => new PermanentError({ code, message: "m", remediation: "r", context: {} })

const ofPipeline = new Set<PermanentCode>([
  "WAL_MALFORMED",
  "WAL_RELATION_UNKNOWN",
  "WAL_ORDER_BROKEN",
  "PG_PUBLICATION_CHANGED",
  "PG_SLOT_KEPT",
  "PG_REFUSED"
])

describe("Policy: what is retried that cannot succeed hides a stop, what stops that could go on loses time", () => {
  it("every transient code is retried, for ever by default", () => {
    for (const code of TransientCode.literals) {
      assert.deepStrictEqual(Policy.decide(transient(code), LIMITS, FIRST), { _tag: "Retry", afterMs: 100 })
      const late = { failures: 1_000_000, elapsedMs: Number.MAX_SAFE_INTEGER, random: 0 }
      assert.deepStrictEqual(Policy.decide(transient(code), LIMITS, late), { _tag: "Retry", afterMs: 1_000 })
    }
  })

  it("a limit on the time ends the retrying when it is reached, not before", () => {
    const limits = { ...LIMITS, maxElapsedMs: 60_000 }
    const after = (elapsedMs: number) => Policy.decide(transient("SR_BUSY"), limits, { ...FIRST, elapsedMs })._tag
    assert.deepStrictEqual([after(59_999), after(60_000)], ["Retry", "WaitForOperator"])
  })

  it("T66 T78 waits as long as the server asks, and longer each time", () => {
    const after = (failures: number) =>
      Policy.decide(transient("SR_TOO_MANY_VERSIONS", { retryAfterMs: 30_000 }), LIMITS, { ...FIRST, failures })
    assert.deepStrictEqual(after(1), { _tag: "Retry", afterMs: 30_000 })
    assert.deepStrictEqual(after(2), { _tag: "Retry", afterMs: 60_000 })
  })

  it("every permanent code stops its table, or the pipeline when the stream itself is in doubt", () => {
    for (const code of PermanentCode.literals) {
      const policy = Policy.decide(permanent(code), LIMITS, FIRST)
      assert.strictEqual(policy._tag, ofPipeline.has(code) ? "StopPipeline" : "StopTable", code)
    }
  })

  it("T80 every cause of a failed setup waits for a person, and has a text, a remedy and its nouns", () => {
    for (const code of ErrorCatalogue.SETUP_CODES) {
      const error = SetupError.make(ErrorCatalogue.setupExample(code))
      assert.deepStrictEqual(Policy.decide(error, LIMITS, FIRST), { _tag: "WaitForOperator" })
      assert.strictEqual(error.code, code)
      assert.isAbove(error.message.length, 10, code)
      assert.isAbove(error.remediation.length, 10, code)
      for (const value of Object.values(error.context)) assert.include(`${error.message}${error.remediation}`, value)
    }
  })
})
