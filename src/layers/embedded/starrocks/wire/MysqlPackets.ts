/**
 * Packets of the MySQL protocol, both directions, as pure functions over bytes. The server part of mysql2 is not used
 * because it throws out of its socket handlers on malformed packets and cannot send an SQLSTATE or switch plugins.
 */

/** Bytes after which the protocol splits a packet. */
const packetBytesMax = 0xffffff
/** Bytes of the longest payload accepted: the server's max_allowed_packet. */
export const statementBytesMax = 32 * 1024 * 1024
/** Bytes of the longest payload accepted from a client that has not logged in. */
export const loginBytesMax = 64 * 1024

const capability = {
  longPassword: 0x1,
  longFlag: 0x4,
  connectWithDatabase: 0x8,
  protocol41: 0x200,
  transactions: 0x2000,
  secureConnection: 0x8000,
  pluginAuth: 0x80000,
  connectAttributes: 0x100000,
  authLengthEncoded: 0x200000
} as const

/** TLS, which is not offered. */
const tlsFlag = 0x800

/** What the server can do. No TLS, no compression, no statements in one packet. */
const capabilities = Object.values(capability).reduce((sum, flag) => sum | flag, 0)

/** The version the handshake names. */
const serverVersion = "8.0.33"
/** utf8_general_ci. */
const charset = 33
/** Autocommit. */
const statusFlags = 2
/** The only way to log in. */
export const authPlugin = "mysql_native_password"

/** Commands a client sends. */
export const Command = {
  quit: 1,
  initDatabase: 2,
  query: 3,
  fieldList: 4,
  statistics: 9,
  ping: 14,
  changeUser: 17,
  prepare: 22,
  execute: 23,
  sendLongData: 24,
  closeStatement: 25,
  resetStatement: 26,
  setOption: 27,
  resetConnection: 31
} as const

/** Type numbers of the protocol. */
export const MysqlType = {
  decimal: 0,
  tiny: 1,
  short: 2,
  long: 3,
  float: 4,
  double: 5,
  null: 6,
  timestamp: 7,
  longlong: 8,
  int24: 9,
  date: 10,
  time: 11,
  datetime: 12,
  year: 13,
  varchar: 15,
  json: 245,
  newdecimal: 246,
  tinyBlob: 249,
  blob: 252,
  varString: 253,
  string: 254
} as const

/** utf8mb4_general_ci: clients that are told utf8 read characters beyond the basic plane wrongly. */
export const textCharset = 45

/** A column of a result, as the wire describes it. */
export interface ColumnDefinition {
  readonly name: string
  readonly type: number
  /** 63 for bytes. */
  readonly charset: number
  readonly length: number
  readonly flags: number
  readonly decimals: number
}

/** What a client says when it logs in. */
export interface Login {
  readonly user: string
  readonly answer: Buffer
  readonly database: string | undefined
  readonly plugin: string
}

/** How many packets a payload is split into: one more than it fills. */
export const packetCount = (payload: Buffer): number => Math.floor(payload.length / packetBytesMax) + 1

/** Puts the length and sequence number in front of a payload, splitting it where the protocol says so. */
export const framed = (payload: Buffer, sequence: number): Buffer => {
  const parts: Array<Buffer> = []
  let next = sequence
  for (let from = 0; from <= payload.length; from += packetBytesMax) {
    const part = payload.subarray(from, from + packetBytesMax)
    const header = Buffer.alloc(4)
    header.writeUIntLE(part.length, 0, 3)
    header[3] = next & 0xff
    next += 1
    parts.push(header, part)
    if (part.length < packetBytesMax) break
  }
  return Buffer.concat(parts)
}

const lengthEncoded = (length: number): Buffer => {
  if (length < 251) return Buffer.from([length])
  const bytes = length < 0x10000 ? 2 : length < 0x1000000 ? 3 : 6
  const buffer = Buffer.alloc(bytes === 6 ? 9 : bytes + 1)
  buffer[0] = bytes === 2 ? 0xfc : bytes === 3 ? 0xfd : 0xfe
  buffer.writeUIntLE(length, 1, bytes)
  return buffer
}

/** Bytes with their length in front, in the protocol's variable spelling of lengths. */
export const text = (value: string | Buffer): Buffer => {
  const bytes = typeof value === "string" ? Buffer.from(value) : value
  return Buffer.concat([lengthEncoded(bytes.length), bytes])
}

const zero = Buffer.from([0])

/** The greeting. The challenge has 20 bytes, none of them zero. */
export const handshake = (connectionId: number, challenge: Buffer): Buffer => {
  const middle = Buffer.alloc(18)
  middle.writeUInt16LE(capabilities & 0xffff, 0)
  middle[2] = charset
  middle.writeUInt16LE(statusFlags, 3)
  middle.writeUInt16LE(capabilities >>> 16, 5)
  middle[7] = challenge.length + 1
  const id = Buffer.alloc(4)
  id.writeUInt32LE(connectionId >>> 0)
  return Buffer.concat([
    Buffer.from([10]),
    Buffer.from(`${serverVersion}\0`),
    id,
    challenge.subarray(0, 8),
    zero,
    middle,
    challenge.subarray(8),
    zero,
    Buffer.from(`${authPlugin}\0`)
  ])
}

/** Asks the client to answer the challenge with the plugin the server knows. */
export const switchPlugin = (challenge: Buffer): Buffer =>
  Buffer.concat([Buffer.from([0xfe]), Buffer.from(`${authPlugin}\0`), challenge, zero])

/** Reads fields; past the end everything is empty, so that no byte sequence makes it throw. */
class Reader {
  private readonly bytes: Buffer
  private at: number
  constructor(bytes: Buffer, at: number) {
    this.bytes = bytes
    this.at = at
  }
  terminated(): string {
    const end = this.bytes.indexOf(0, this.at)
    const stop = end < 0 ? this.bytes.length : end
    const value = this.bytes.toString("utf8", this.at, stop)
    this.at = stop + 1
    return value
  }
  byteCounted(): Buffer {
    const length = this.bytes[this.at] ?? 0
    const value = this.bytes.subarray(this.at + 1, this.at + 1 + length)
    this.at += 1 + length
    return value
  }
}

/** Reads the client's answer to the greeting; undefined when it is none of protocol 4.1. */
export const login = (payload: Buffer): Login | undefined => {
  if (payload.length < 33) return undefined
  const flags = payload.readUInt32LE(0)
  if ((flags & capability.protocol41) === 0) return undefined
  const reader = new Reader(payload, 32)
  const user = reader.terminated()
  // Authentication answers are 20 bytes at most here, so length-encoded and byte-counted forms are the same.
  const counted = (flags & (capability.authLengthEncoded | capability.secureConnection)) !== 0
  const answer = counted ? reader.byteCounted() : Buffer.from(reader.terminated())
  const database = (flags & capability.connectWithDatabase) !== 0 ? reader.terminated() : ""
  const plugin = (flags & capability.pluginAuth) !== 0 ? reader.terminated() : authPlugin
  return { user, answer, database: database === "" ? undefined : database, plugin }
}

/** Whether these bytes ask for TLS instead of answering the greeting. */
export const asksForTls = (payload: Buffer): boolean =>
  payload.length >= 4 && payload.length <= 32 && (payload.readUInt32LE(0) & tlsFlag) !== 0

/** Reads COM_CHANGE_USER; the answer in it belongs to an old challenge, so the caller asks for a new one. */
export const changeUser = (payload: Buffer): Pick<Login, "user" | "database"> => {
  const reader = new Reader(payload, 1)
  const user = reader.terminated()
  reader.byteCounted()
  const database = reader.terminated()
  return { user, database: database === "" ? undefined : database }
}

/** Success of COM_STMT_PREPARE; the descriptions of parameters and columns follow. */
export const prepared = (id: number, columns: number, parameters: number): Buffer => {
  const bytes = Buffer.alloc(12)
  bytes.writeUInt32LE(id, 1)
  bytes.writeUInt16LE(columns, 5)
  bytes.writeUInt16LE(parameters, 7)
  return bytes
}

/** Success without rows. */
export const ok = (affectedRows = 0, info = ""): Buffer =>
  Buffer.concat([zero, lengthEncoded(affectedRows), zero, Buffer.from([statusFlags, 0, 0, 0]), Buffer.from(info)])

/** The end of columns and of rows. */
export const eof = (): Buffer => Buffer.from([0xfe, 0, 0, statusFlags, 0])

/** A failure. */
export const error = (code: number, state: string, message: string): Buffer => {
  const head = Buffer.alloc(3)
  head[0] = 0xff
  head.writeUInt16LE(code, 1)
  return Buffer.concat([head, Buffer.from(`#${state}${message}`)])
}

/** The number of columns that follow. */
export const columnCount = (count: number): Buffer => lengthEncoded(count)

/** A column. */
export const columnDefinition = (column: ColumnDefinition): Buffer => {
  const tail = Buffer.alloc(13)
  tail[0] = 0x0c
  tail.writeUInt16LE(column.charset, 1)
  tail.writeUInt32LE(column.length, 3)
  tail[7] = column.type
  tail.writeUInt16LE(column.flags, 8)
  tail[10] = column.decimals
  return Buffer.concat([text("def"), text(""), text(""), text(""), text(column.name), text(column.name), tail])
}

/** A row of the text protocol. */
export const textRow = (values: ReadonlyArray<string | Buffer | null>): Buffer =>
  Buffer.concat(values.map((value) => value === null ? Buffer.from([0xfb]) : text(value)))

/** Cuts the byte stream of a connection into payloads. */
export class PacketSplitter {
  private pending: Array<Buffer> = []
  private pendingBytes = 0
  /** Bytes without which there is nothing to cut: joining what arrives before would copy it again and again. */
  private neededBytes = 4
  private parts: Array<Buffer> = []
  private partBytes = 0
  /** Sequence number of the last packet. */
  sequence = 0
  /** Set when a packet is longer than the server accepts. */
  tooLong = false
  /** Bytes of the longest payload accepted. */
  limitBytes = statementBytesMax

  /** Payloads completed by these bytes. */
  push(bytes: Buffer): ReadonlyArray<Buffer> {
    const found: Array<Buffer> = []
    this.pending.push(bytes)
    this.pendingBytes += bytes.length
    if (this.pendingBytes < this.neededBytes) return found
    let rest = this.pending.length === 1 ? bytes : Buffer.concat(this.pending)
    this.neededBytes = 4
    while (rest.length >= 4 && !this.tooLong) {
      const length = rest.readUIntLE(0, 3)
      this.tooLong = this.partBytes + length > this.limitBytes
      if (rest.length < 4 + length) {
        this.neededBytes = 4 + length
        break
      }
      this.sequence = rest[3] ?? 0
      this.parts.push(rest.subarray(4, 4 + length))
      this.partBytes += length
      rest = rest.subarray(4 + length)
      if (length === packetBytesMax) continue
      found.push(this.parts.length === 1 ? this.parts[0] ?? Buffer.alloc(0) : Buffer.concat(this.parts))
      this.parts = []
      this.partBytes = 0
    }
    this.pending = [rest]
    this.pendingBytes = rest.length
    return found
  }
}
