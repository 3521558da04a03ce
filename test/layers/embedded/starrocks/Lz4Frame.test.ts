import { assert, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as Lz4Frame from "../../../../src/layers/embedded/starrocks/body/Lz4Frame.ts"
import { XxHash32 } from "../../../../src/layers/embedded/starrocks/body/XxHash32.ts"
import * as Lz4 from "../../../support/Lz4.ts"

/** What the two files hold: twenty lines, 130 times. */
const lines = Array.from(
  { length: 20 },
  (_, id) => `{"id":${id},"name":"line number ${(id * 7919) % 1000}","n":${id * id}}\n`
)
const content = Buffer.from(lines.join("").repeat(130))

/** Written by lz4 1.9.4 with `-B4 -BD -BX --content-size`: linked blocks, checksums of blocks and content, the size. */
const linked = Buffer.from(
  "BCJNGFxAAqcBAAAAAAB9UwIAAPIXeyJpZCI6MCwibmFtZSI6ImxpbmUgbnVtYmVyIDAiLCJuIjowfQomAB8xJgACMjkxOSgAFDEoAB8yKAACMj" +
    "gzOCgAFDQoAB8zKAACMjc1NygAFDkoAB80KAACMjY3NigAJDE2KQAfNSkAAjI1OTUpACQyNSkAHzYpAAMiMTQpABUzUgAfNykAAjI0MzMpABU0" +
    "pAAfOCkAAjIzNTIpABU29QAfOSkAAjIyNzEpABU4RgEfMZUBAyMxOZcBJjEwmQEPmgEDJDEwmgEWMlYAD50BAxMynAElMTSpAB8xnwEDIzk0nw" +
    "ElMTb9AB8xogEDJDg2ogEVOVEBHzGkAQMkNzikAQalAR8xpgEDIzcwpgEmMjVWAA+oAQMjNjKoASYyOKwAD6oBAyM1NKoBJjMyAgEPrAEDIzQ2" +
    "rAElMzZXAQ+sAQMDqgEGqAEP/AECD0ED//////////////////////////////////////////////////////////////////////////////" +
    "//////////////////////////////////////////////////////////////////////////////////////////////////////////////" +
    "//////////////////////////////////////////////////////////////////////////////////////////////////////////////" +
    "///////////////////////////////////////2JQYmVyIDmU23VzsQAAAA/O/f//////////////////////////////////////////////" +
    "//////////////////////////////////////////////////////////////////////////////////////////////////////////////" +
    "//////////////////////////////////////////////////////////////////kVAzNjF9CnO74wAAAAAAhpaMNw==",
  "base64"
)

/** Written by lz4 1.9.4 with `-B4 --no-frame-crc`: independent blocks, no checksums. */
const independent = Buffer.from(
  "BCJNGGBAglMCAADyF3siaWQiOjAsIm5hbWUiOiJsaW5lIG51bWJlciAwIiwibiI6MH0KJgAfMSYAAjI5MTkoABQxKAAfMigAAjI4MzgoABQ0KA" +
    "AfMygAAjI3NTcoABQ5KAAfNCgAAjI2NzYoACQxNikAHzUpAAIyNTk1KQAkMjUpAB82KQADIjE0KQAVM1IAHzcpAAIyNDMzKQAVNKQAHzgpAAIy" +
    "MzUyKQAVNvUAHzkpAAIyMjcxKQAVOEYBHzGVAQMjMTmXASYxMJkBD5oBAyQxMJoBFjJWAA+dAQMTMpwBJTE0qQAfMZ8BAyM5NJ8BJTE2/QAfMa" +
    "IBAyQ4NqIBFTlRAR8xpAEDJDc4pAEGpQEfMaYBAyM3MKYBJjI1VgAPqAEDIzYyqAEmMjisAA+qAQMjNTSqASYzMgIBD6wBAyM0NqwBJTM2VwEP" +
    "rAEDA6oBBqgBD/wBAg9BA/////////////////////////////////////////////////////////////////////////////////////////" +
    "//////////////////////////////////////////////////////////////////////////////////////////////////////////////" +
    "//////////////////////////////////////////////////////////////////////////////////////////////////////////////" +
    "////////////////////////////9iUGJlciA55QEAAPMeNDciLCJuIjoxNjl9CnsiaWQiOjE0LCJuYW1lIjoibGluZSBudW1iZXIgODY2KwAl" +
    "OTYrAB81KwACMjc4NSsANTIyNSsAHzYrAAMjMDQrABY1VgAfNysAAjM2MjMrABY4rAAfOCsAAjI1NDIrADUzMjSBAB85KwACMzQ2MSsAJDYxKw" +
    "AfMCoAAhIwKAAUMCYAHzEmAAIyOTE5KAAFTgAfMigAAjI4MzgoAAWhAB8zKAACIzc1ogEF9AAPnwEDJDY3nwEFSAEPnQEDJDU5nQEUNcoAD5sB" +
    "AyM1MZsBFTNSAA+ZAQMjNDOZARU0pAAPlwEDIzM1lwEVNvUAD5UBAyMyN5UBFThGAR8xlQEDIzE5lwEmMTCZAQ+aAQMkMTCaARYyVgAPnQEDEz" +
    "KcASUxNKkAHzGfAQMfOUED////////////////////////////////////////////////////////////////////////////////////////" +
    "//////////////////////////////////////////////////////////////////////////////////////////////////////////////" +
    "////////////////////9NUDM2MX0KAAAAAA==",
  "base64"
)

const sliced = async function*(bytes: Buffer, sizes: ReadonlyArray<number>): AsyncIterable<Buffer> {
  for (let from = 0, turn = 0; from < bytes.length; turn++) {
    const size = Math.max(1, sizes[turn % sizes.length] ?? 1)
    yield bytes.subarray(from, from + size)
    from += size
  }
}

const decompressed = async (bytes: Buffer, sizes: ReadonlyArray<number> = [1 << 16]): Promise<Buffer> => {
  const found: Array<Buffer> = []
  for await (const piece of Lz4Frame.decompressed(sliced(bytes, sizes))) found.push(piece)
  return Buffer.concat(found)
}

const refusal = (bytes: Buffer): Promise<string> =>
  decompressed(bytes).then(
    () => "none",
    (cause: unknown) => cause instanceof Lz4Frame.Lz4Error ? cause.message : "other"
  )

it("knows the checksums of the specification, whatever pieces it is fed", () => {
  const known: ReadonlyArray<readonly [string, number]> = [
    ["", 0x02cc5d05],
    ["a", 0x550d7456],
    ["abc", 0x32d153ff],
    ["Nobody inspects the spammish repetition", 0xe2293b2f]
  ]
  for (const [text, sum] of known) {
    assert.strictEqual(new XxHash32().update(Buffer.from(text)).digest(), sum)
    const pieces = new XxHash32()
    for (const character of text) pieces.update(Buffer.from(character))
    assert.strictEqual(pieces.digest(), sum)
  }
})

it("reads what the lz4 program writes, byte by byte and at once", async () => {
  for (const bytes of [linked, independent]) {
    for (const sizes of [[1], [7, 1000], [1 << 20]]) assert.isTrue(content.equals(await decompressed(bytes, sizes)))
  }
  const skippable = Buffer.concat([Buffer.from([0x5f, 0x2a, 0x4d, 0x18, 3, 0, 0, 0]), Buffer.from("abc")])
  const several = await decompressed(Buffer.concat([linked, skippable, independent]))
  assert.isTrue(Buffer.concat([content, content]).equals(several))
  assert.lengthOf(await decompressed(Buffer.alloc(0)), 0)
})

it("refuses every changed byte that the checksums cover, and every cut, with a sentence of its own", async () => {
  for (let at = 0; at < linked.length; at++) {
    const changed = Buffer.from(linked)
    changed[at] = (changed[at] ?? 0) ^ 0x10
    assert.notStrictEqual(await refusal(changed), "none", `byte ${at}`)
    assert.notStrictEqual(await refusal(changed), "other", `byte ${at}`)
    if (at > 0) assert.strictEqual(await refusal(linked.subarray(0, at)), "unexpected end of the compressed data")
  }
  // One literal, then a copy of what stood before the block.
  const before = Buffer.from("04224d186040820600000010610500106200000000", "hex")
  assert.strictEqual(await refusal(before), "a block is malformed")
  assert.match(await refusal(Buffer.from("{\"id\":1}")), /does not start with an LZ4 frame/)
})

const Byte = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 255 }))

it.effect.prop(
  "what a simple compressor writes reads back, and damaged frames never throw anything else nor hang",
  [Schema.Array(Byte), Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 400 })), Schema.Boolean, Byte, Byte],
  ([bytes, repeats, checksums, place, value]) =>
    Effect.promise(async () => {
      const plain = Buffer.concat(Array.from({ length: repeats }, () => Buffer.from(bytes)))
      const frame = Lz4.frame(plain, { checksums, blockBytes: 64 * 1024 })
      assert.isTrue(plain.equals(await decompressed(frame, [3, 500])))
      const damaged = Buffer.from(frame)
      damaged[place % damaged.length] = value
      assert.notStrictEqual(await refusal(damaged), "other")
    }),
  { arbitrary: { runs: 200 } }
)
