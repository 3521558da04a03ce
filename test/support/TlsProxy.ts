/** Takes TLS off connections, as a proxy before a server without TLS does: for HTTP, and for the MySQL protocol. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as fs from "node:fs"
import * as net from "node:net"
import * as tls from "node:tls"
import type { KeyPair } from "./Certificates.ts"
import { listen } from "./Listening.ts"

export interface Options {
  readonly pair: KeyPair
  /** Only clients with a certificate of this authority come through. */
  readonly clientCa?: string
  /** What the server behind says of itself becomes what clients are to see. */
  readonly rewrite?: (text: string) => string
}

export interface TlsProxy {
  readonly port: number
  /** Handshakes that succeeded. */
  readonly secured: () => number
}

const serverOptions = ({ clientCa, pair }: Options) => ({
  cert: fs.readFileSync(pair.cert),
  key: fs.readFileSync(pair.key),
  ...(clientCa === undefined ? {} : { ca: fs.readFileSync(clientCa), requestCert: true, rejectUnauthorized: true })
})

/** Joins both ends: when one goes, the other does. */
const join = (one: net.Socket, other: net.Socket): void => {
  for (const [here, there] of [[one, other], [other, one]] as const) {
    here.on("error", () => there.destroy())
    here.on("close", () => there.destroy())
  }
}

/** HTTPS in front of an HTTP port. `rewrite` sees the server's bytes as they come. */
export const http = (target: number, options: Options): Effect.Effect<TlsProxy, never, Scope.Scope> =>
  Effect.gen(function*() {
    let secured = 0
    const { rewrite = (text: string) => text } = options
    const server = tls.createServer(serverOptions(options), (client) => {
      secured++
      const behind = net.connect(target, "127.0.0.1")
      join(client, behind)
      client.pipe(behind)
      behind.on("data", (chunk: Buffer) => void client.write(Buffer.from(rewrite(chunk.toString("latin1")), "latin1")))
      behind.on("end", () => client.end())
    })
    server.on("tlsClientError", () => undefined)
    return { port: (yield* listen(server)).port, secured: () => secured }
  })

const CLIENT_SSL = 0x0800
const SSL_REQUEST_BYTES = 32
const HEADER_BYTES = 4

/** Whole packets of the protocol, header and all. */
const packets = (take: (packet: Buffer) => boolean) => {
  let held = Buffer.alloc(0)
  /** Gives what is left over when `take` has had enough. */
  return (chunk: Buffer): Buffer | undefined => {
    held = Buffer.concat([held, chunk])
    while (held.length >= HEADER_BYTES && held.length >= HEADER_BYTES + held.readUIntLE(0, 3)) {
      const packet = held.subarray(0, HEADER_BYTES + held.readUIntLE(0, 3))
      held = held.subarray(packet.length)
      if (!take(Buffer.from(packet))) return held
    }
    return undefined
  }
}

const renumbered = (packet: Buffer, by: number): Buffer => {
  packet[3] = packet[3]! + by
  return packet
}

/** Bits of the greeting: its version text ends with a zero, then 13 bytes later come the lower capabilities. */
const offerTls = (greeting: Buffer): Buffer => {
  const at = greeting.indexOf(0, HEADER_BYTES + 1) + 1 + 13
  greeting.writeUInt16LE(greeting.readUInt16LE(at) | CLIENT_SSL, at)
  return greeting
}

/** MySQL with TLS in front of a MySQL port without; a client that asks for none is cut off. */
export const mysql = (target: number, options: Options): Effect.Effect<TlsProxy, never, Scope.Scope> =>
  Effect.gen(function*() {
    let secured = 0
    const server = net.createServer((raw) => {
      const behind = net.connect(target, "127.0.0.1")
      join(raw, behind)
      behind.once("data", (greeting: Buffer) => raw.write(offerTls(Buffer.from(greeting))))
      const first = packets((packet) => {
        if (packet.length !== HEADER_BYTES + SSL_REQUEST_BYTES) raw.destroy()
        return false
      })
      const onData = (chunk: Buffer): void => {
        const rest = first(chunk)
        if (rest === undefined || raw.destroyed) return
        raw.off("data", onData)
        raw.pause()
        if (rest.length > 0) raw.unshift(rest)
        const client = new tls.TLSSocket(raw, { isServer: true, ...serverOptions(options) })
        client.once("secure", () => void secured++)
        join(client, behind)
        // One more packet than the server behind knows of has gone, until the login is over.
        client.on(
          "data",
          packets((packet) => {
            behind.write(loggedIn ? packet : renumbered(packet, -1))
            return true
          })
        )
        behind.on(
          "data",
          packets((packet) => {
            client.write(loggedIn ? packet : renumbered(packet, 1))
            loggedIn ||= packet[HEADER_BYTES] === 0
            return true
          })
        )
      }
      let loggedIn = false
      raw.on("data", onData)
    })
    return { port: (yield* listen(server)).port, secured: () => secured }
  })
