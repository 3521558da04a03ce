/** Writes pgoutput messages and XLogData frames as a walsender does, for tests of those who read them. */
import type { WalFrame } from "../../src/domain/pgoutput/Envelope.ts"

/** A column's value: text, NULL, or a TOASTed value that did not change. */
export type Cell = string | null | undefined

const PG_EPOCH_MICROS = 946_684_800_000_000n

export const int8 = (value: number): Buffer => Buffer.from([value & 0xff])
export const int16 = (value: number): Buffer => {
  const bytes = Buffer.alloc(2)
  bytes.writeUInt16BE(value & 0xffff)
  return bytes
}
export const int32 = (value: number): Buffer => {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(value >>> 0)
  return bytes
}
export const int64 = (value: bigint): Buffer => {
  const bytes = Buffer.alloc(8)
  bytes.writeBigUInt64BE(BigInt.asUintN(64, value))
  return bytes
}
export const text = (value: string): Buffer => Buffer.concat([Buffer.from(value, "utf8"), int8(0)])
export const letter = (value: string): Buffer => Buffer.from(value, "latin1")

/** `undefined` stands for "unchanged TOAST". */
const tuple = (cells: ReadonlyArray<Cell>): Buffer =>
  Buffer.concat([
    int16(cells.length),
    ...cells.map((cell) => {
      if (cell === undefined) return letter("u")
      if (cell === null) return letter("n")
      const bytes = Buffer.from(cell, "utf8")
      return Buffer.concat([letter("t"), int32(bytes.length), bytes])
    })
  ])

export const begin = (finalLsn: bigint, commitTime = 0n, xid = 1): Buffer =>
  Buffer.concat([letter("B"), int64(finalLsn), int64(commitTime - PG_EPOCH_MICROS), int32(xid)])

export const commit = (commitLsn: bigint, endLsn: bigint, commitTime = 0n): Buffer =>
  Buffer.concat([letter("C"), int8(0), int64(commitLsn), int64(endLsn), int64(commitTime - PG_EPOCH_MICROS)])

export interface ColumnSpec {
  readonly name: string
  readonly oid: number
  readonly typmod?: number
  readonly key?: boolean
}

export const relation = (
  id: number,
  name: string,
  columns: ReadonlyArray<ColumnSpec>,
  schema = "public",
  identity = "f"
): Buffer =>
  Buffer.concat([
    letter("R"),
    int32(id),
    text(schema),
    text(name),
    letter(identity),
    int16(columns.length),
    ...columns.map((column) =>
      Buffer.concat([
        int8(column.key === false ? 0 : 1),
        text(column.name),
        int32(column.oid),
        int32(column.typmod ?? -1)
      ])
    )
  ])

export const insert = (id: number, cells: ReadonlyArray<Cell>): Buffer =>
  Buffer.concat([letter("I"), int32(id), letter("N"), tuple(cells)])

export const update = (
  id: number,
  old: ReadonlyArray<Cell> | undefined,
  cells: ReadonlyArray<Cell>,
  oldMarker: "O" | "K" = "O"
): Buffer =>
  Buffer.concat([
    letter("U"),
    int32(id),
    ...(old === undefined ? [] : [letter(oldMarker), tuple(old)]),
    letter("N"),
    tuple(cells)
  ])

export const remove = (id: number, old: ReadonlyArray<Cell>, oldMarker: "O" | "K" = "O"): Buffer =>
  Buffer.concat([letter("D"), int32(id), letter(oldMarker), tuple(old)])

export const truncate = (ids: ReadonlyArray<number>, options = 0): Buffer =>
  Buffer.concat([letter("T"), int32(ids.length), int8(options), ...ids.map(int32)])

export const origin = (originLsn: bigint, name: string): Buffer =>
  Buffer.concat([letter("O"), int64(originLsn), text(name)])

export const type = (oid: number, schema: string, name: string): Buffer =>
  Buffer.concat([letter("Y"), int32(oid), text(schema), text(name)])

/** The message inside XLogData at this WAL position. */
export const frame = (message: Buffer, walStart = 0n): WalFrame => {
  const bytes = Buffer.concat([letter("w"), int64(walStart), int64(walStart), int64(0n), message])
  return { bytes, start: 0, end: bytes.length }
}

export const keepalive = (walEnd: bigint, replyRequested = false): WalFrame => {
  const bytes = Buffer.concat([letter("k"), int64(walEnd), int64(0n), int8(replyRequested ? 1 : 0)])
  return { bytes, start: 0, end: bytes.length }
}
