import { assert, describe, it } from "@effect/vitest"
import * as Liveness from "../../../src/domain/postgres/Liveness.ts"

const limits = Liveness.limits(20_000)
const NOW = 1_000_000
const SILENT: Liveness.Hearing = { silentMs: 12_000, pausedMs: 0 }
const PAUSED: Liveness.Hearing = { silentMs: 0, pausedMs: 3_600_000 }

const waiting = (repliedAtMs: number | undefined): Liveness.Sight => ({
  _tag: "Waiting",
  event: "WalSenderWaitForWal",
  repliedAtMs
})

/** The verdicts on these looks, one after the other, a second apart, until the connection is given up. */
const verdicts = (hearing: Liveness.Hearing, sights: ReadonlyArray<Liveness.Sight>, everyMs = 1_000) => {
  let suspicion = Liveness.CALM
  const given: Array<string> = []
  for (const [index, sight] of sights.entries()) {
    const verdict = Liveness.judge(limits, hearing, suspicion, sight, NOW + index * everyMs)
    given.push(verdict._tag)
    if (verdict._tag === "Lost") break
    suspicion = verdict.suspicion
  }
  return given
}

describe("Liveness", () => {
  it("T15 limits follow wal_sender_timeout, and are sane when it is 0 or absurd", () => {
    for (const timeoutMs of [0, 1, 100, 3_000, 60_000, 300_000, 2 ** 31]) {
      const found = Liveness.limits(timeoutMs)
      assert.isAtLeast(found.statusEveryMs, 100, `${timeoutMs}`)
      assert.isAtMost(found.statusEveryMs, 10_000, `${timeoutMs}`)
      assert.isAtLeast(found.lookEveryMs, 250, `${timeoutMs}`)
      assert.isAtLeast(found.silenceMsMax, 1_000, `${timeoutMs}`)
      assert.isAtMost(found.silenceMsMax, 60_000, `${timeoutMs}`)
    }
    // At least three status messages before the server gives up, and silence is noticed before it does.
    for (const timeoutMs of [3_000, 60_000, 300_000]) {
      assert.isAtMost(Liveness.limits(timeoutMs).statusEveryMs * 3, timeoutMs)
      assert.isAtMost(Liveness.limits(timeoutMs).silenceMsMax, timeoutMs)
    }
  })

  it("T16 a walsender that has gone is a lost connection at the first look, also while reading is paused (T17)", () => {
    assert.deepStrictEqual(verdicts(SILENT, [{ _tag: "Gone" }]), ["Lost"])
    assert.deepStrictEqual(verdicts(PAUSED, [{ _tag: "Gone" }]), ["Lost"])
  })

  it("T16 a walsender that waits while nothing arrives is half-open; one look may have come too early", () => {
    assert.deepStrictEqual(verdicts(SILENT, [waiting(undefined), waiting(undefined)]), ["Alive", "Lost"])
    assert.deepStrictEqual(verdicts(SILENT, [waiting(NOW - 60_000), waiting(NOW - 60_000)]), ["Alive", "Lost"])
    // Only the server's answers are lost.
    assert.deepStrictEqual(verdicts(SILENT, [waiting(NOW), waiting(NOW + 1_000)]), ["Alive", "Lost"])
  })

  it("T16 a walsender that works is alive for as long as it takes, and one wait in between is no proof", () => {
    const working: Liveness.Sight = { _tag: "Working" }
    const hour = Array.from({ length: 3_600 }, () => working)
    assert.notInclude(verdicts(SILENT, hour), "Lost")
    const now = waiting(undefined)
    assert.deepStrictEqual(verdicts(SILENT, [now, working, now, working]), ["Alive", "Alive", "Alive", "Alive"])
  })

  it("T16 backpressure is not silence: the walsender waits for us, and hears us", () => {
    const looks = Array.from({ length: 100 }, (_, index) => waiting(NOW + index * 1_000 - 4_000))
    assert.notInclude(verdicts(PAUSED, looks), "Lost")
    // Unless our status messages do not arrive either.
    assert.deepStrictEqual(verdicts(PAUSED, [waiting(NOW - 60_000), waiting(NOW - 60_000)]), ["Alive", "Lost"])
  })

  it("a server that answers no SQL is given its own time; one that refuses is there", () => {
    const unreachable: Liveness.Sight = { _tag: "Unreachable", error: "timeout" }
    const looks = Array.from({ length: 8 }, () => unreachable)
    assert.deepStrictEqual(verdicts(SILENT, looks, 10_000), ["Alive", "Alive", "Alive", "Lost"])
    const full: Liveness.Sight = { _tag: "Unreadable", error: "too many connections" }
    assert.notInclude(verdicts(SILENT, Array.from({ length: 100 }, () => full), 10_000), "Lost")
    assert.notInclude(verdicts(SILENT, [unreachable, unreachable, full, unreachable, unreachable], 10_000), "Lost")
  })
})
