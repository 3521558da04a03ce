/**
 * Payloads of the MySQL protocol as pure functions over bytes: commands, and what answers them. The server part of mysql2 is
 * not used because it throws out of its socket handlers on malformed packets and cannot send an SQLSTATE or switch plugins.
 */

/** Autocommit. */
export const statusFlags = 2

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
