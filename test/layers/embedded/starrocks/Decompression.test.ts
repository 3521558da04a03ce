import { assert, describe, it } from "@effect/vitest"
import { deflateSync, gzipSync, zstdCompressSync } from "node:zlib"
import { type Compression, decompressed, failed } from "../../../../src/layers/embedded/starrocks/body/Decompression.ts"

/** The content of a body that arrives in these chunks, or the code of what is wrong with it. */
const content = async (compression: Compression, chunks: ReadonlyArray<Uint8Array>): Promise<string> => {
  const body = async function*(): AsyncIterable<Buffer> {
    for (const chunk of chunks) yield Buffer.from(chunk)
  }
  const parts: Array<Buffer> = []
  try {
    for await (const part of decompressed(body(), compression)) parts.push(part)
  } catch (cause) {
    const code = cause instanceof Error && "code" in cause ? String(cause.code) : String(cause)
    assert.isTrue(failed(code), code)
    return "failed"
  }
  return Buffer.concat(parts).toString()
}

const text = (id: number): string => `{"id":${id}}\n`.repeat(20)
/** Larger than what a decoder gives at once. */
const large = (id: number): string => `{"id":${id}}\n`.repeat(40_000)
const framed = { gzip: gzipSync, zstd: zstdCompressSync } as const
const kinds = ["gzip", "zstd"] as const

describe("decompression", () => {
  for (const kind of kinds) {
    it(`${kind}: several frames in one chunk are one content`, async () => {
      for (const  of of[text, large]) {
        const frames = [1, 2, 3].map((id) => framed[kind](of(id)))
        assert.strictEqual(await content(kind, [Buffer.concat(frames)]), of(1) + of(2) + of(3))
        assert.strictEqual(await content(kind, frames), of(1) + of(2) + of(3))
      }
    })

    it(`${kind}: two frames may be cut at every byte`, async () => {
      const body = Buffer.concat([framed[kind](text(1)), framed[kind](text(2))])
      for (let at = 1; at < body.length; at++) {
        const cut = await content(kind, [body.subarray(0, at), body.subarray(at)])
        assert.strictEqual(cut, text(1) + text(2), `cut at ${at}`)
      }
    })

    it(`${kind}: what follows a frame has to be a whole frame, however it is cut`, async () => {
      const frame = framed[kind](text(1))
      const behind = [
        Buffer.from("x"),
        Buffer.from("{\"id\":2}\n"),
        Buffer.alloc(9),
        frame.subarray(0, -1),
        frame.subarray(0, 3)
      ]
      for (const rest of behind) {
        assert.strictEqual(await content(kind, [Buffer.concat([frame, rest])]), "failed", rest.toString("hex"))
        assert.strictEqual(await content(kind, [frame, rest]), "failed", rest.toString("hex"))
      }
      assert.strictEqual(await content(kind, [Buffer.concat([frame, Buffer.alloc(1), frame])]), "failed")
    })
  }

  it("deflate: one stream, and nothing behind it", async () => {
    const stream = deflateSync(large(1))
    assert.strictEqual(await content("deflate", [stream]), large(1))
    for (const rest of [stream, Buffer.from("x"), Buffer.alloc(1)]) {
      assert.strictEqual(await content("deflate", [Buffer.concat([stream, rest])]), "failed")
      assert.strictEqual(await content("deflate", [stream, rest]), "failed")
    }
    assert.strictEqual(await content("deflate", [stream.subarray(0, -1)]), "failed")
  })

  it("a reader that stops early ends the decoder, whatever the body does then", async () => {
    for (const kind of kinds) {
      let asked = 0
      const body = async function*(): AsyncIterable<Buffer> {
        for (;;) {
          asked += 1
          yield framed[kind](large(asked))
        }
      }
      for await (const part of decompressed(body(), kind)) {
        assert.isAbove(part.length, 0)
        break
      }
      const after = asked
      await new Promise((resolve) => setImmediate(resolve))
      assert.isAtMost(asked, after + 1)
    }
  })

  it("a body that breaks off says why", async () => {
    const broken = async function*(): AsyncIterable<Buffer> {
      yield Buffer.from(zstdCompressSync(text(1)).subarray(0, 10))
      throw new Error("the client left")
    }
    try {
      for await (const part of decompressed(broken(), "zstd")) assert.fail(part.toString())
      assert.fail("the body was taken as a whole")
    } catch (cause) {
      assert.match(String(cause), /the client left/)
    }
  })
})
