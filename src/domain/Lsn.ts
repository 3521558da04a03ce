/**
 * Log sequence numbers: positions in PostgreSQL's write-ahead log, unsigned 64-bit byte offsets.
 *
 * Three forms are in use: the text of SQL and logs (`16/B374D848`), the eight big-endian bytes of the replication
 * protocol, and the signed BIGINT of `dbmazz_checkpoints` and `dbmazz_cdc_version`.
 */
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as SchemaTransformation from "effect/SchemaTransformation"

/** The highest position the protocol can express. */
export const MAX = 0xffff_ffff_ffff_ffffn

/** A WAL position in bytes, 0 … 2⁶⁴ − 1. Compare with `<` and `>`. */
export const Lsn = Schema.BigInt.check(
  Schema.isGreaterThanOrEqualToBigInt(0n),
  Schema.isLessThanOrEqualToBigInt(MAX)
).pipe(Schema.brand("Lsn"))
export type Lsn = typeof Lsn.Type

/** PostgreSQL's InvalidXLogRecPtr: "no position". */
export const ZERO: Lsn = Lsn.make(0n)

const TEXT = /^[0-9A-Fa-f]{1,8}\/[0-9A-Fa-f]{1,8}$/

const parse = (text: string): Lsn => {
  const slash = text.indexOf("/")
  return ((BigInt(`0x${text.slice(0, slash)}`) << 32n) | BigInt(`0x${text.slice(slash + 1)}`)) as Lsn
}

/** The text form, upper case and without leading zeros, as PostgreSQL prints a `pg_lsn`. */
export const format = (lsn: Lsn): string =>
  `${(lsn >> 32n).toString(16).toUpperCase()}/${(lsn & 0xffff_ffffn).toString(16).toUpperCase()}`

/** Decodes the text form, upper or lower case. */
export const FromText = Schema.String.check(Schema.isPattern(TEXT)).pipe(
  Schema.decodeTo(
    Lsn,
    SchemaTransformation.transform<bigint, string>({ decode: parse, encode: (lsn: bigint) => format(lsn as Lsn) })
  )
)

/** Reads the text form; a failure carries the text, which is never a secret. */
export const fromText = (text: string): Result.Result<Lsn, string> =>
  TEXT.test(text) ? Result.succeed(parse(text)) : Result.fail(`not an LSN: ${text}`)

/** Makes an LSN from two unsigned 32-bit halves, the way the protocol's bytes are read. */
export const fromHalves = (high: number, low: number): Lsn => ((BigInt(high) << 32n) | BigInt(low)) as Lsn

/** The signed 64-bit value that a PostgreSQL or StarRocks BIGINT holds for this LSN. */
export const toBigint = (lsn: Lsn): bigint => BigInt.asIntN(64, lsn)

/** The LSN that a signed BIGINT stands for. */
export const fromBigint = (value: bigint): Lsn => BigInt.asUintN(64, value) as Lsn

/** The later of two positions. */
export const max = (a: Lsn, b: Lsn): Lsn => (a > b ? a : b)

/** Bytes of WAL between two positions; 0 when `to` is not after `from`. */
export const distance = (from: Lsn, to: Lsn): number => (to > from ? Number(to - from) : 0)

/** The position `bytes` before this one, never below zero. */
export const minus = (lsn: Lsn, bytes: bigint): Lsn => (lsn > bytes ? lsn - bytes : 0n) as Lsn
