import { assert, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as Handshake from "../../../../src/layers/embedded/starrocks/wire/Handshake.ts"
import * as PacketFraming from "../../../../src/layers/embedded/starrocks/wire/PacketFraming.ts"

const Byte = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 255 }))

it.effect.prop(
  "payloads are cut out of the stream however it is sliced",
  [Schema.Array(Schema.Array(Byte)), Byte],
  ([payloads, size]) =>
    Effect.sync(() => {
      const stream = Buffer.concat(payloads.map((payload, index) => PacketFraming.framed(Buffer.from(payload), index)))
      const splitter = new PacketFraming.PacketSplitter()
      const found: Array<ReadonlyArray<number>> = []
      for (let from = 0; from < stream.length; from += size + 1) {
        for (const payload of splitter.push(stream.subarray(from, from + size + 1))) found.push([...payload])
      }
      assert.deepStrictEqual(found, payloads.map((payload) => [...payload]))
    })
)

it("a payload of 16 MiB is split and joined, and one that is too long is noticed", () => {
  const payload = Buffer.alloc(0xffffff + 5, 7)
  const frames = PacketFraming.framed(payload, 0)
  assert.strictEqual(frames.length, payload.length + 8)
  assert.deepStrictEqual([frames[3], frames[4 + 0xffffff + 3]], [0, 1])
  const [joined] = new PacketFraming.PacketSplitter().push(frames)
  assert.isTrue(joined?.equals(payload))
  assert.strictEqual(PacketFraming.framed(Buffer.alloc(0xffffff), 0).length, 0xffffff + 8)
  const splitter = new PacketFraming.PacketSplitter()
  const part = PacketFraming.framed(Buffer.alloc(0xffffff), 0).subarray(0, 4 + 0xffffff)
  for (let count = 0; count < 5; count++) splitter.push(part)
  assert.isTrue(splitter.tooLong)
})

it.effect.prop(
  "arbitrary bytes are a login or none, never an exception",
  [Schema.Array(Byte)],
  ([bytes]) =>
    Effect.sync(() => {
      Handshake.login(Buffer.from(bytes))
      Handshake.login(Buffer.concat([Buffer.from([0xff, 0xff, 0xff, 0xff]), Buffer.alloc(28), Buffer.from(bytes)]))
    })
)
