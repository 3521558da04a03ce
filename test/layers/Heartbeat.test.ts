import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { BODY_START_MS_MAX, Heartbeat, STANDSTILL_MS } from "../../src/layers/Heartbeat.ts"
import * as HttpExchange from "../../src/layers/HttpExchange.ts"
import * as HttpStage from "../support/HttpStage.ts"

const LIMITS: HttpExchange.Limits = { connectMs: 5_000, continueMs: 5_000, silenceMs: 5_000, totalMs: 10_000 }

describe("Heartbeat: a program that was stopped and goes on would send old rows over newer ones", () => {
  /** A program whose clocks are set by hand. */
  const program = () => {
    const at = { wallMs: 10_000_000, elapsedMs: 0 }
    return { at, heartbeat: new Heartbeat(() => at.wallMs, () => at.elapsedMs) }
  }

  it("T09 a permit is stale from the end of a standstill on, and the next one is not", () => {
    const { at, heartbeat } = program()
    const permit = heartbeat.permit()
    at.wallMs += STANDSTILL_MS
    assert.isFalse(heartbeat.isStale(permit, true))
    at.wallMs += STANDSTILL_MS + 1
    assert.isTrue(heartbeat.isStale(permit, true))
    assert.isFalse(heartbeat.isStale(heartbeat.permit(), false))
  })

  it("T09 a body does not begin long after its permit, but goes on for as long as it takes", () => {
    const { at, heartbeat } = program()
    const permit = heartbeat.permit()
    at.elapsedMs += BODY_START_MS_MAX
    assert.isFalse(heartbeat.isStale(permit, false))
    at.elapsedMs += 1
    assert.isTrue(heartbeat.isStale(permit, false))
    assert.isFalse(heartbeat.isStale(permit, true))
  })

  it("T09 a clock that goes forward and back again does not make every later load stale", () => {
    const { at, heartbeat } = program()
    at.wallMs += 3_600_000
    heartbeat.permit()
    at.wallMs -= 3_600_000
    assert.isFalse(heartbeat.isStale(heartbeat.permit(), false))
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
