/** The payloads with which a client of the MySQL protocol logs in: pure, both directions. */
import { statusFlags } from "./MysqlPackets.ts"

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
/** The only way to log in. */
export const authPlugin = "mysql_native_password"

/** What a client says when it logs in. */
export interface Login {
  readonly user: string
  readonly answer: Buffer
  readonly database: string | undefined
  readonly plugin: string
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
