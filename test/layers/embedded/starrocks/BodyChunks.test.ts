import { assert, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { Readable } from "node:stream"
import { BodySlices, taking } from "../../../../src/layers/embedded/starrocks/body/BodyChunks.ts"
import { BoundedMap } from "../../../../src/layers/embedded/starrocks/load/BoundedMap.ts"

it.effect("a body whose reader stops early stays open, and a rejection ends the reading", () =>
  Effect.promise(async () => {
    const body = Readable.from(["a", "b", "c"].map((text) => Buffer.from(text)))
    for await (const chunk of taking(body)) {
      assert.strictEqual(chunk.toString(), "a")
      break
    }
    assert.isFalse(body.destroyed)
    const rest: Array<string> = []
    for await (const chunk of taking(body)) rest.push(chunk.toString())
    assert.deepStrictEqual(rest, ["b", "c"])
    const silent = new Readable({ read: () => undefined })
    const stopped = taking(silent, Promise.reject(new Error("stopped"))).next()
    assert.strictEqual(await stopped.then(() => "", String), "Error: stopped")
    assert.isFalse(silent.destroyed)
    silent.destroy()
  }))

it("a row longer than a slice is looked at again only when twice as much has arrived", () => {
  const slices = new BodySlices(4)
  assert.deepStrictEqual(["ab", "c", "d"].map((text) => slices.push(Buffer.from(text))), [false, false, true])
  assert.strictEqual(slices.joined().toString(), "abcd")
  assert.strictEqual(slices.keep(Buffer.from("bcd")), 3)
  assert.deepStrictEqual(["e", "f", "g"].map((text) => slices.push(Buffer.from(text))), [false, false, true])
  assert.strictEqual(slices.joined().toString(), "bcdefg")
  assert.strictEqual(slices.keep(Buffer.alloc(0)), 0)
  assert.strictEqual(slices.joined().length, 0)
})

it("a bounded map forgets what was set the longest ago", () => {
  const map = new BoundedMap<string, number>(2)
  map.set("a", 1)
  map.set("b", 2)
  map.set("a", 3)
  map.set("c", 4)
  assert.deepStrictEqual(["a", "b", "c"].map((key) => map.get(key)), [3, undefined, 4])
  assert.isFalse(map.has("b"))
})
