/** What a walsender sends, in a form in which the model's can be compared with a real server's. */
import * as Decoder from "../../src/domain/pgoutput/Decoder.ts"
import * as Envelope from "../../src/domain/pgoutput/Envelope.ts"

/** What a walsender sent, as far as both have it in common: positions are compared by what they are to each other. */
export interface Sent {
  readonly what: string
  readonly walStart: bigint
  readonly begin: bigint | undefined
  readonly commit: { readonly commitLsn: bigint; readonly endLsn: bigint } | undefined
}

/** Kinds of a tuple's values, in order: t text, n null, u unchanged. */
const kindsOf = (bytes: Buffer, tuple: number): string => {
  if (tuple < 0) return "-"
  let kinds = ""
  let at = tuple + 2
  for (let left = bytes.readUInt16BE(tuple); left > 0; left--) {
    const kind = bytes.toString("latin1", at, at + 1)
    kinds += kind
    at += kind === "t" ? 5 + bytes.readInt32BE(at + 1) : 1
  }
  return kinds
}

const shapeOf = (columns: ReadonlyArray<{ readonly name: string; readonly typeOid: number }>): string =>
  columns.map(({ name, typeOid }) => `${name}:${typeOid}`).join(" ")

export const readFrame = (frame: Envelope.WalFrame): Sent | undefined => {
  if (frame.bytes[frame.start] !== Envelope.XLOG_DATA) return undefined
  const message = Decoder.decode(frame.bytes, frame.start + Envelope.XLOG_DATA_HEADER_BYTES, frame.end)
  const sent = { walStart: Envelope.walStart(frame), begin: undefined, commit: undefined }
  switch (message._tag) {
    case "Begin":
      return { ...sent, what: "Begin", begin: message.finalLsn }
    case "Commit":
      return { ...sent, what: "Commit", commit: message }
    case "Relation":
      return { ...sent, what: `Relation ${message.name} ${message.replicaIdentity} ${shapeOf(message.columns)}` }
    case "Insert":
      return { ...sent, what: `Insert ${kindsOf(message.bytes, message.newTuple)}` }
    case "Update":
      return {
        ...sent,
        what: `Update ${message.oldKind} ${kindsOf(message.bytes, message.oldTuple)} ` +
          kindsOf(message.bytes, message.newTuple)
      }
    case "Delete":
      return { ...sent, what: `Delete ${message.oldKind} ${kindsOf(message.bytes, message.oldTuple)}` }
    default:
      return { ...sent, what: message._tag }
  }
}
