import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { Heartbeat, STANDSTILL_MS } from "../../src/layers/Heartbeat.ts"
import * as HttpExchange from "../../src/layers/HttpExchange.ts"
import * as HttpStage from "../support/HttpStage.ts"

const LIMITS: HttpExchange.Limits = { connectMs: 5_000, continueMs: 5_000, silenceMs: 5_000, totalMs: 10_000 }

describe("Heartbeat: a program that was stopped and goes on would send old rows over newer ones", () => {
  it("T09 tells a standstill from the moment it ends on, and only to those who asked before", () => {
    let now = 1_000
    const heartbeat = new Heartbeat(() => now)
    now += STANDSTILL_MS
    assert.isFalse(heartbeat.stoodStillSince(1_000))
    now += STANDSTILL_MS + 1
    assert.isTrue(heartbeat.stoodStillSince(1_000))
    assert.isTrue(heartbeat.stoodStillSince(now))
    now += 1
    assert.isFalse(heartbeat.stoodStillSince(now))
    heartbeat.close()
  })

  it("T09 a clock that goes forward and back again does not make every later load stale", () => {
    let now = 10_000_000
    const heartbeat = new Heartbeat(() => now)
    now += 3_600_000
    assert.isTrue(heartbeat.stoodStillSince(10_000_000))
    now -= 3_600_000
    const since = heartbeat.moment()
    now += 1_000
    assert.isFalse(heartbeat.stoodStillSince(since))
    heartbeat.close()
  })

  it.live("T09 a body that became stale is not sent, before its first byte or after", () =>
    Effect.gen(function*() {
      const server = yield* HttpStage.start((turn) => turn.read(() => turn.reply("taken")))
      const send = (partsUntilStale: number) => {
        let asked = 0
        return HttpExchange.exchange({
          method: "PUT",
          url: new URL("/api/d/t/_stream_load", server.url),
          headers: { Expect: "100-continue", "Content-Length": String(1 << 20) },
          body: Buffer.alloc(1 << 20, "x"),
          stale: () => asked++ >= partsUntilStale,
          agent: false
        }, LIMITS)
      }
      const before = yield* send(0)
      assert.deepInclude(before, { _tag: "Lost", bodySent: false })
      const within = yield* send(2)
      assert.deepInclude(within, { _tag: "Lost", bodySent: true })
      assert.deepInclude(yield* send(100), { _tag: "Answered", httpStatus: 200 })
    }))
})
