import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { DecodeError } from "../../../src/domain/pgoutput/DecodeError.ts"
import * as Decoder from "../../../src/domain/pgoutput/Decoder.ts"
import { Message } from "../../../src/domain/pgoutput/Message.ts"
import * as Bytes from "../../support/PgoutputBytes.ts"

const decode = (bytes: Buffer) => Decoder.decode(bytes, 0, bytes.length)

const COLUMNS = [{ name: "id", oid: 20 }, { name: "größe", oid: 25, typmod: 24, key: false }]

const EXAMPLES: ReadonlyArray<readonly [string, Buffer]> = [
  ["Begin", Bytes.begin(0x16_b374_d848n, 1_700_000_000_000_000n, 4_000_000_000)],
  ["Commit", Bytes.commit(7n, 9n, 1_700_000_000_000_000n)],
  ["Origin", Buffer.concat([Bytes.letter("O"), Bytes.int64(5n), Bytes.text("other")])],
  ["Relation", Bytes.relation(16_384, "orders", COLUMNS)],
  ["Type", Buffer.concat([Bytes.letter("Y"), Bytes.int32(4_000_000_000), Bytes.text(""), Bytes.text("mood")])],
  ["Insert", Bytes.insert(1, ["1", null, "x"])],
  ["Update", Bytes.update(1, ["1", "2"], ["1", undefined])],
  ["Delete", Bytes.remove(1, ["1", null])],
  ["Truncate", Bytes.truncate([1, 2], 3)],
  [
    "Message",
    Buffer.concat([
      Bytes.letter("M"),
      Bytes.int8(1),
      Bytes.int64(3n),
      Bytes.text("p"),
      Bytes.int32(2),
      Buffer.from("hi")
    ])
  ]
]

describe("Decoder: a message read wrongly is a row written wrongly", () => {
  for (const [kind, bytes] of EXAMPLES) {
    it(`reads ${kind} and the result fits its schema`, () => {
      const message = decode(bytes)
      assert.strictEqual(message._tag, kind)
      assert.isTrue(Schema.is(Message)(message), kind)
    })

    it(`${kind} cut off anywhere, or with a byte too many, is a typed error`, () => {
      for (let length = 0; length < bytes.length; length++) {
        assert.instanceOf(decode(bytes.subarray(0, length)), DecodeError, `${length} of ${bytes.length} bytes`)
      }
      assert.instanceOf(decode(Buffer.concat([bytes, Buffer.alloc(1)])), DecodeError)
    })
  }

  it("T44 a name that begins with a byte order mark keeps it: without it the table would be another, and its rows skipped", () => {
    const columns = [{ name: "\uFEFFid", oid: 20 }]
    assert.deepInclude<unknown>(decode(Bytes.relation(1, "\uFEFForders", columns)), {
      name: "\uFEFForders",
      columns: [{ key: true, name: "\uFEFFid", typeOid: 20, typmod: -1 }]
    })
  })

  it("gives every field of Begin, Commit and Relation (T44: multi-byte names)", () => {
    assert.deepInclude<unknown>(decode(EXAMPLES[0]![1]), {
      finalLsn: 0x16_b374_d848n,
      commitTime: 1_700_000_000_000_000n,
      xid: 4_000_000_000
    })
    assert.deepInclude<unknown>(decode(EXAMPLES[1]![1]), {
      commitLsn: 7n,
      endLsn: 9n,
      commitTime: 1_700_000_000_000_000n
    })
    assert.deepStrictEqual<unknown>(decode(EXAMPLES[3]![1]), {
      _tag: "Relation",
      relationId: 16_384,
      schema: "public",
      name: "orders",
      replicaIdentity: "f",
      columns: [
        { key: true, name: "id", typeOid: 20, typmod: -1 },
        { key: false, name: "größe", typeOid: 25, typmod: 24 }
      ]
    })
    assert.deepInclude<unknown>(decode(EXAMPLES[8]![1]), { cascade: true, restartIdentity: true, relationIds: [1, 2] })
  })

  it("T37 tells an update that leaves values out, in its new row", () => {
    assert.deepInclude(decode(Bytes.update(1, ["1", "2"], ["1", undefined])), { unchanged: true })
    assert.deepInclude(decode(Bytes.update(1, ["1", null], ["1", "u"])), { unchanged: false })
  })

  it("tells a full old row from a key", () => {
    assert.deepInclude(decode(Bytes.update(1, ["1"], ["2"], "K")), { oldKind: "key" })
    assert.deepInclude(decode(Bytes.update(1, ["1"], ["2"], "O")), { oldKind: "full" })
    assert.deepInclude(decode(Bytes.update(1, undefined, ["2"])), { oldKind: "none", oldTuple: -1 })
  })

  it("names the message, the place and the problem, and shows no bytes", () => {
    const error = decode(
      Buffer.concat([Bytes.letter("I"), Bytes.int32(1), Bytes.letter("N"), Bytes.int16(1), Bytes.letter("b")])
    )
    assert.instanceOf(error, DecodeError)
    assert.strictEqual(
      error.message,
      "malformed Insert message at byte 6: a tuple is cut off or has a value of unknown kind"
    )
  })

  it("a message of a kind that a later server may have is no malformed one", () => {
    assert.deepStrictEqual<unknown>(decode(Buffer.from([0x7a, 0xff])), { _tag: "Unknown", kind: "0x7a" })
    assert.instanceOf(decode(Buffer.alloc(0)), DecodeError)
  })

  it("a name that is not UTF-8 is a typed error", () => {
    const bytes = Buffer.concat([Bytes.letter("O"), Bytes.int64(5n), Buffer.from([0xff, 0x00])])
    assert.instanceOf(decode(bytes), DecodeError)
  })
})

const AnyBytes = Schema.Array(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 255 })))

describe("Decoder totality", () => {
  it.effect.prop(
    "arbitrary bytes give a message or a DecodeError, never a throw",
    [AnyBytes],
    ([values]) =>
      Effect.sync(() => {
        for (const [, example] of EXAMPLES) {
          const noise = Buffer.from([example[0]!, ...values])
          const message = decode(noise)
          assert.isTrue(message._tag === "DecodeError" || Schema.is(Message)(message))
        }
      }),
    { arbitrary: { runs: 500 } }
  )

  it.effect.prop(
    "a real message with some bytes overwritten never throws and never reads outside itself",
    [Schema.Array(Schema.Tuple([Schema.Int, Schema.Int]))],
    ([edits]) =>
      Effect.sync(() => {
        for (const [, example] of EXAMPLES) {
          const bytes = Buffer.from(example)
          for (const [place, value] of edits) bytes[Math.abs(place) % bytes.length] = value & 0xff
          // A message between others: what lies around it must not be touched.
          const framed = Buffer.concat([Buffer.alloc(64, 0x74), bytes, Buffer.alloc(64, 0x74)])
          const message = Decoder.decode(framed, 64, 64 + bytes.length)
          if (message._tag === "Insert") assert.isAtMost(tupleEnd(framed, message.newTuple), 64 + bytes.length)
        }
      }),
    { arbitrary: { runs: 500 } }
  )
})

const tupleEnd = (bytes: Buffer, start: number): number => {
  let at = start + 2
  for (let left = bytes.readUInt16BE(start); left > 0; left--) {
    at += bytes[at] === 0x74
      ? 5 + bytes.readInt32BE(at + 1)
      : 1
  }
  return at
}
