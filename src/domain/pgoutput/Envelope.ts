/**
 * The two messages a walsender puts into CopyData (PostgreSQL: "Streaming Replication Protocol"), and the frame in which
 * they travel through the program.
 *
 * - XLogData: `w`, WAL start (8 bytes), WAL end (8), send time (8), then one pgoutput message.
 * - Primary keepalive: `k`, WAL end (8), send time (8), reply requested (1).
 */
import * as Lsn from "../Lsn.ts"

/** One whole CopyData payload inside a buffer of our own: `bytes[start, end)`. */
export interface WalFrame {
  readonly bytes: Buffer
  readonly start: number
  readonly end: number
}

export const XLOG_DATA = 0x77
export const KEEPALIVE = 0x6b
export const XLOG_DATA_HEADER_BYTES = 25
const KEEPALIVE_BYTES = 18

/** Microseconds from 1970-01-01 to PostgreSQL's epoch, 2000-01-01. */
export const PG_EPOCH_MICROS = 946_684_800_000_000n

const uint32 = (bytes: Uint8Array, at: number): number =>
  ((bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!) >>> 0

/** Reads eight big-endian bytes as an LSN; the caller has checked the bounds. */
export const readLsn = (bytes: Uint8Array, at: number): Lsn.Lsn =>
  Lsn.fromHalves(uint32(bytes, at), uint32(bytes, at + 4))

/** Reads a PostgreSQL timestamp as microseconds since 1970; the caller has checked the bounds. */
export const readTimestamp = (bytes: Uint8Array, at: number): bigint =>
  BigInt.asIntN(64, (BigInt(uint32(bytes, at)) << 32n) | BigInt(uint32(bytes, at + 4))) + PG_EPOCH_MICROS

/** The WAL position of an XLogData frame's change. */
export const walStart = (frame: WalFrame): Lsn.Lsn => readLsn(frame.bytes, frame.start + 1)

/** The tag of a pgoutput message that ends a transaction; the frame it is in stands at the end of its commit. */
export const COMMIT = 0x43

/** The server's position in a keepalive: every transaction that committed before it has been sent. */
export const keepaliveEnd = (frame: WalFrame): Lsn.Lsn => readLsn(frame.bytes, frame.start + 1)

/** The frame of a keepalive, as the server sends it. */
export const keepalive = (position: Lsn.Lsn): WalFrame => {
  const bytes = Buffer.alloc(KEEPALIVE_BYTES)
  bytes[0] = KEEPALIVE
  bytes.writeBigUInt64BE(position, 1)
  return { bytes, start: 0, end: bytes.length }
}
