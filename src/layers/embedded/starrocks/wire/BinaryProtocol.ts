/** The binary protocol of prepared statements: parameters as clients send them, rows as clients expect them. Pure. */
import type { Row, Value } from "../sql/ResultSet.ts"
import { type ColumnDefinition, MysqlType, text, textCharset } from "./MysqlPackets.ts"

/** A parameter's type: the number of the protocol, with 0x8000 for unsigned. */
export type ParameterType = number

/** Parameters of an execute packet, written as literals of the statement's dialect. */
export interface Execution {
  readonly types: ReadonlyArray<ParameterType>
  readonly literals: ReadonlyArray<string>
}

const unsigned = 0x8000

/** The bytes ended before the packet did what it promised. */
class Malformed extends Error {}

class Bytes {
  private readonly bytes: Buffer
  at: number
  constructor(bytes: Buffer, at: number) {
    this.bytes = bytes
    this.at = at
  }
  take(count: number): Buffer {
    if (count < 0 || this.at + count > this.bytes.length) throw new Malformed()
    const taken = this.bytes.subarray(this.at, this.at + count)
    this.at += count
    return taken
  }
  get rest(): number {
    return this.bytes.length - this.at
  }
  counted(): Buffer {
    const first = this.take(1).readUInt8()
    if (first < 0xfb) return this.take(first)
    if (first === 0xfc) return this.take(this.take(2).readUInt16LE())
    if (first === 0xfd) return this.take(this.take(3).readUIntLE(0, 3))
    if (first !== 0xfe) throw new Malformed()
    const length = this.take(8).readBigUInt64LE()
    if (length > BigInt(this.rest)) throw new Malformed()
    return this.take(Number(length))
  }
}

/** A string literal: what the tokens of the dialect read back as the same text. */
const textLiteral = (text: string): string =>
  `'${text.replaceAll("\\", "\\\\").replaceAll("'", "''").replaceAll("\0", "\\0")}'`

const bytesLiteral = (bytes: Buffer): string => {
  const text = bytes.toString("utf8")
  // Bytes that are no text cannot stand in a statement, which is text.
  return Buffer.from(text).equals(bytes) ? textLiteral(text) : `from_hex('${bytes.toString("hex")}')`
}

const numberLiteral = (value: number): string =>
  Number.isSafeInteger(value) ? String(value) : `cast('${value}' as double)`

const decimalLiteral = (bytes: Buffer): string => {
  const text = bytes.toString("latin1")
  return /^-?\d+(\.\d+)?$/.test(text) ? text : textLiteral(text)
}

const two = (value: number): string => String(value).padStart(2, "0")

const dateTimeLiteral = (bytes: Buffer): string => {
  if (bytes.length === 0) return "'0000-00-00 00:00:00'"
  if (bytes.length !== 4 && bytes.length !== 7 && bytes.length !== 11) throw new Malformed()
  const date = `${String(bytes.readUInt16LE()).padStart(4, "0")}-${two(bytes.readUInt8(2))}-${two(bytes.readUInt8(3))}`
  if (bytes.length === 4) return `'${date}'`
  const time = `${two(bytes.readUInt8(4))}:${two(bytes.readUInt8(5))}:${two(bytes.readUInt8(6))}`
  const micros = bytes.length === 11 ? `.${String(bytes.readUInt32LE(7)).padStart(6, "0")}` : ""
  return `'${date} ${time}${micros}'`
}

const timeLiteral = (bytes: Buffer): string => {
  if (bytes.length === 0) return "'00:00:00'"
  if (bytes.length !== 8 && bytes.length !== 12) throw new Malformed()
  const hours = bytes.readUInt32LE(1) * 24 + bytes.readUInt8(5)
  const micros = bytes.length === 12 ? `.${String(bytes.readUInt32LE(8)).padStart(6, "0")}` : ""
  const sign = bytes.readUInt8() === 0 ? "" : "-"
  return `'${sign}${two(hours)}:${two(bytes.readUInt8(6))}:${two(bytes.readUInt8(7))}${micros}'`
}

const parameterLiteral = (type: ParameterType, bytes: Bytes): string => {
  const positive = (type & unsigned) !== 0
  switch (type & 0xff) {
    case MysqlType.null:
      return "NULL"
    case MysqlType.tiny:
      return String(positive ? bytes.take(1).readUInt8() : bytes.take(1).readInt8())
    case MysqlType.short:
    case MysqlType.year:
      return String(positive ? bytes.take(2).readUInt16LE() : bytes.take(2).readInt16LE())
    case MysqlType.long:
    case MysqlType.int24:
      return String(positive ? bytes.take(4).readUInt32LE() : bytes.take(4).readInt32LE())
    case MysqlType.longlong:
      return String(positive ? bytes.take(8).readBigUInt64LE() : bytes.take(8).readBigInt64LE())
    case MysqlType.float:
      return numberLiteral(bytes.take(4).readFloatLE())
    case MysqlType.double:
      return numberLiteral(bytes.take(8).readDoubleLE())
    case MysqlType.date:
    case MysqlType.datetime:
    case MysqlType.timestamp:
      return dateTimeLiteral(bytes.take(bytes.take(1).readUInt8()))
    case MysqlType.time:
      return timeLiteral(bytes.take(bytes.take(1).readUInt8()))
    case MysqlType.decimal:
    case MysqlType.newdecimal:
      return decimalLiteral(bytes.counted())
    default:
      if (
        (type & 0xff) !== MysqlType.varchar && (type & 0xff) !== MysqlType.json && (type & 0xff) < MysqlType.tinyBlob
      ) {
        throw new Malformed()
      }
      return bytesLiteral(bytes.counted())
  }
}

/** Bytes of an execute packet before its parameters: command, statement, flags and an iteration count. */
const headBytes = 10

/**
 * Reads an execute packet. `bound` are the types of the statement's last execution, which a client need not repeat;
 * `long` holds parameters that came in packets of their own. Undefined when the packet is not what it says.
 */
export const execution = (
  payload: Buffer,
  count: number,
  bound: ReadonlyArray<ParameterType> | undefined,
  long: ReadonlyMap<number, Buffer>
): Execution | undefined => {
  if (payload.length < headBytes) return undefined
  if (count === 0) return { types: [], literals: [] }
  try {
    const bytes = new Bytes(payload, headBytes)
    const nulls = bytes.take((count + 7) >> 3)
    let types = bound
    if (bytes.take(1).readUInt8() === 1) {
      const packed = bytes.take(count * 2)
      types = Array.from({ length: count }, (_, index) => packed.readUInt16LE(index * 2))
    }
    if (types === undefined) return undefined
    const literals: Array<string> = []
    for (let index = 0; index < count; index++) {
      const apart = long.get(index)
      if (((nulls[index >> 3] ?? 0) & (1 << (index & 7))) !== 0) literals.push("NULL")
      else if (apart !== undefined) literals.push(bytesLiteral(apart))
      else literals.push(parameterLiteral(types[index] ?? MysqlType.null, bytes))
    }
    return { types, literals }
  } catch (cause) {
    if (cause instanceof Malformed) return undefined
    throw cause
  }
}

const temporal = (text: string): Buffer => {
  const parts = /^(\d+)-(\d+)-(\d+)(?: (\d+):(\d+):(\d+)(?:\.(\d{1,6}))?)?$/.exec(text)
  if (parts === null) return Buffer.from([0])
  const at = (index: number): number => Number(parts[index] ?? "0")
  const bytes = Buffer.alloc(12)
  bytes.writeUInt16LE(at(1), 1)
  for (let index = 2; index <= 6; index++) bytes.writeUInt8(at(index), index + 1)
  const micros = Number((parts[7] ?? "").padEnd(6, "0"))
  bytes.writeUInt32LE(micros, 8)
  const length = parts[4] === undefined ? 4 : micros === 0 ? 7 : 11
  bytes[0] = length
  return bytes.subarray(0, length + 1)
}

const sized = (size: number, write: (bytes: Buffer) => void): Buffer => {
  const bytes = Buffer.alloc(size)
  write(bytes)
  return bytes
}

const binaryValue = (type: number, value: string | Buffer): Buffer => {
  const written = value.toString()
  switch (type) {
    case MysqlType.tiny:
      return sized(1, (bytes) => bytes.writeInt8(Number(written)))
    case MysqlType.short:
      return sized(2, (bytes) => bytes.writeInt16LE(Number(written)))
    case MysqlType.long:
    case MysqlType.int24:
      return sized(4, (bytes) => bytes.writeInt32LE(Number(written)))
    case MysqlType.longlong:
      return sized(8, (bytes) => bytes.writeBigUInt64LE(BigInt.asUintN(64, BigInt(written))))
    case MysqlType.float:
      return sized(4, (bytes) => bytes.writeFloatLE(Number(written)))
    case MysqlType.double:
      return sized(8, (bytes) => bytes.writeDoubleLE(Number(written)))
    case MysqlType.date:
    case MysqlType.datetime:
    case MysqlType.timestamp:
      return temporal(written)
    default:
      return text(value)
  }
}

/** Digits of the widest number that a 64-bit column shows; a column announced wider is sent as text. */
const longlongDigits = 20

/** How a column is announced when its rows are binary: a sum beyond 64 bits has no binary form but text. */
export const binaryColumn = (column: ColumnDefinition): ColumnDefinition =>
  column.type === MysqlType.longlong && column.length > longlongDigits
    ? { ...column, type: MysqlType.string, charset: textCharset, flags: 0 }
    : column

/** A row of the binary protocol. */
export const binaryRow = (columns: ReadonlyArray<ColumnDefinition>, row: Row): Buffer => {
  const nulls = Buffer.alloc((columns.length + 9) >> 3)
  const parts: Array<Buffer> = [Buffer.from([0]), nulls]
  row.forEach((value: Value, index) => {
    if (value === null) {
      const bit = index + 2
      nulls[bit >> 3] = (nulls[bit >> 3] ?? 0) | (1 << (bit & 7))
    } else parts.push(binaryValue(columns[index]?.type ?? MysqlType.string, value))
  })
  return Buffer.concat(parts)
}
