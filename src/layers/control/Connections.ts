/**
 * The connections of a server of the control plane, bounded. When there are too many, the one that matters least gives way: first one
 * on which no call was ever admitted, then the one that has had none for the longest time. So neither idle connections
 * nor strangers can keep a client out.
 */
import type { Socket } from "node:net"

/** Of gRPC. Each costs memory and a file descriptor; a job has a handful of clients. */
export const CONNECTIONS_MAX = 512
/** Streams (metrics, health watches, reflection) that are open at once; fewer than connections, so that one can give way. */
export const STREAMS_MAX = 256
/** The same of one connection. */
export const STREAMS_PER_CONNECTION_MAX = 16

interface Connection {
  readonly socket: Socket
  calls: number
  streams: number
  isKnown: boolean
}

/** What a call needs to know of its connection; the two of them name it. */
export interface Peer {
  readonly remoteAddress?: string | undefined
  readonly remotePort?: number | undefined
}

const nameOf = (peer: Peer): string => `${peer.remoteAddress} ${peer.remotePort}`

export class Connections {
  readonly #most: number
  /** The one that has had no call for the longest time comes first. */
  readonly #open = new Map<string, Connection>()
  #streams = 0
  #emptied: (() => void) | undefined

  /** At most so many at once. */
  constructor(most: number) {
    this.#most = most
  }

  /** How many are open. */
  get size(): number {
    return this.#open.size
  }

  /** Takes a new connection, if need be in the place of another one. False: all others have calls, and it was closed. */
  admit(socket: Socket): boolean {
    if (this.#open.size >= this.#most && !this.#makeRoom()) {
      socket.destroy()
      return false
    }
    const name = nameOf(socket)
    const connection: Connection = { socket, calls: 0, streams: 0, isKnown: false }
    this.#open.set(name, connection)
    socket.once("close", () => this.#forget(name, connection))
    return true
  }

  /** Counts a call until what it returns is called. A text instead: the call is one too many, and why. */
  begin(peer: Peer, isStream: boolean): (() => void) | string {
    const name = nameOf(peer)
    const connection = this.#open.get(name)
    // The connection is closed already, and nobody reads the answer.
    if (connection === undefined) return "the connection is closed"
    if (isStream && connection.streams >= STREAMS_PER_CONNECTION_MAX) {
      return `this connection has ${STREAMS_PER_CONNECTION_MAX} open streams already: end one first`
    }
    if (isStream && this.#streams >= STREAMS_MAX) {
      return `the clients of this job have ${STREAMS_MAX} open streams already: end one first`
    }
    const streams = isStream ? 1 : 0
    connection.isKnown = true
    connection.calls += 1
    connection.streams += streams
    this.#streams += streams
    let isOpen = true
    return () => {
      if (!isOpen) return
      isOpen = false
      connection.calls -= 1
      connection.streams -= streams
      this.#streams -= streams
      if (this.#open.get(name) !== connection) return
      this.#open.delete(name)
      this.#open.set(name, connection)
    }
  }

  /** Calls back when none is open. Those on which no call was ever admitted are closed now. */
  whenEmpty(then: () => void): void {
    for (const { isKnown, socket } of this.#open.values()) if (!isKnown) socket.destroy()
    this.#emptied = then
    this.#tellEmpty()
  }

  /** Closes every connection at once. */
  close(): void {
    for (const { socket } of this.#open.values()) socket.destroy()
  }

  #tellEmpty(): void {
    if (this.#open.size === 0) this.#emptied?.()
  }

  #makeRoom(): boolean {
    let chosen: readonly [name: string, connection: Connection] | undefined
    for (const [name, connection] of this.#open) {
      if (connection.calls > 0) continue
      chosen ??= [name, connection]
      if (connection.isKnown) continue
      chosen = [name, connection]
      break
    }
    if (chosen === undefined) return false
    const [name, connection] = chosen
    this.#forget(name, connection)
    connection.socket.destroy()
    return true
  }

  #forget(name: string, connection: Connection): void {
    if (this.#open.get(name) === connection) this.#open.delete(name)
    this.#tellEmpty()
  }
}
