/**
 * The network between the replication library and the model server. The library is the real one; only the client of
 * `pg` it would make is replaced, so that its acknowledgements and its parsing are what runs in production.
 */
import { EventEmitter } from "node:events"
import { LogicalReplicationService } from "pg-logical-replication"
import type { Wire } from "../../src/layers/ReplicationWire.ts"
import type { Incarnation } from "./Incarnation.ts"
import { type SenderWorld, WalSender } from "./WalSender.ts"

/** Parts of a standby status update. */
const STATUS_FLUSHED_AT = 9
const STATUS_REPLY_AT = 33
/** How long the server takes to notice that a client is gone, in ms. */
const NOTICE_MS_MAX = 1_500
/** A server that runs but does not answer the farewell. */
const HANG_MS = 5_000

const START = /^START_REPLICATION SLOT \S+ LOGICAL ([0-9A-F]+)\/([0-9A-F]+) /i

const refusal = (code: string, message: string): Error => Object.assign(new Error(message), { code, severity: "ERROR" })

export interface WireWorld extends SenderWorld {
  readonly incarnation: Incarnation
  /** A session begins. */
  readonly opened: (sender: WalSender) => void
}

/** pg's connection, as far as the library and we use it. */
class ModelConnection extends EventEmitter {
  readonly stream: { pause(): void; resume(): void; destroy(): void }
  readonly sendCopyFromChunk: (chunk: Buffer) => void

  constructor(client: ModelClient) {
    super()
    this.stream = {
      pause: () => client.pause(true),
      resume: () => client.pause(false),
      destroy: () => client.destroy()
    }
    this.sendCopyFromChunk = (chunk) => client.status(chunk)
  }
}

/** pg's client, as far as the library and we use it. */
class ModelClient extends EventEmitter {
  readonly connection: ModelConnection
  readonly #world: WireWorld
  readonly #pending = new Set<(error: Error) => void>()
  #sender: WalSender | undefined = undefined
  #paused = false
  #ending = false
  #statusAtMs = 0

  constructor(world: WireWorld) {
    super()
    this.#world = world
    this.connection = new ModelConnection(this)
  }

  connect(): Promise<void> {
    const { faults, incarnation, network, postgres } = this.#world
    return new Promise((resolve, reject) => {
      incarnation.after(network.wait(), () => {
        if (!postgres.up || faults.happens("postgres: connection refused")) {
          reject(Object.assign(new Error("connect ECONNREFUSED"), { code: "ECONNREFUSED" }))
        } else resolve()
      })
    })
  }

  query(statement: string): Promise<unknown> {
    const { incarnation, network } = this.#world
    return new Promise((resolve, reject) => {
      this.#pending.add(reject)
      incarnation.after(network.wait(), () => {
        if (!this.#pending.has(reject)) return
        const start = START.exec(statement)
        if (start === null) {
          this.#pending.delete(reject)
          return resolve({ rows: [] })
        }
        const problem = this.#replicate((BigInt(`0x${start[1]}`) << 32n) | BigInt(`0x${start[2]}`))
        if (problem === undefined) return
        this.#pending.delete(reject)
        reject(problem)
      })
    })
  }

  end(): Promise<void> {
    const { faults, incarnation, network, time } = this.#world
    if (this.#ending) return Promise.resolve()
    this.#ending = true
    const sender = this.#sender
    sender?.abandon()
    this.#fail(new Error("Connection terminated"))
    if (faults.happens("postgres: peer hangs at the end")) {
      return new Promise((resolve) => {
        incarnation.after(HANG_MS, () => {
          this.destroy()
          resolve()
        })
      })
    }
    time.after(network.wait(), () => sender?.end(undefined))
    return new Promise((resolve) => {
      incarnation.after(network.wait(), resolve)
    })
  }

  destroy(): void {
    const sender = this.#sender
    this.#sender = undefined
    if (sender === undefined) return
    this.#world.time.after(this.#world.network.wait(), () => sender.end(undefined))
  }

  pause(paused: boolean): void {
    this.#paused = paused
    if (!paused) this.#sender?.resumed()
  }

  status(chunk: Buffer): void {
    const { incarnation, ledger, network, prng, time } = this.#world
    const sender = this.#sender
    if (!incarnation.alive || sender === undefined) return
    const flushed = chunk.readBigUInt64BE(STATUS_FLUSHED_AT)
    const reply = chunk[STATUS_REPLY_AT] === 1
    ledger.confirmed(flushed)
    // In order, and part of what is under way when the connection breaks still arrives.
    const arrives = sender.isOpen || prng.chance(0.5)
    this.#statusAtMs = Math.max(this.#statusAtMs, time.nowMs + network.wait())
    if (arrives) time.after(this.#statusAtMs - time.nowMs, () => sender.status(flushed, reply))
  }

  #replicate(requested: bigint): Error | undefined {
    const { faults, incarnation, opened, postgres, prng, time } = this.#world
    const slot = postgres.slot
    if (slot === undefined) return refusal("42704", "replication slot does not exist")
    if (slot.active || faults.happens("postgres: slot still active")) {
      return refusal("55006", "replication slot is active for PID 42")
    }
    slot.active = true
    const sender = new WalSender(this.#world, requested, slot.confirmed, {
      receive: (message) => {
        if (incarnation.alive && this.#sender === sender) this.connection.emit("copyData", { chunk: message })
      },
      paused: () => this.#paused,
      lost: (why) => {
        if (incarnation.alive && !this.#ending) this.#lose(why)
      },
      closed: () => {
        slot.active = false
      }
    })
    this.#sender = sender
    incarnation.onKill(() => {
      sender.abandon()
      time.after(prng.int(0, NOTICE_MS_MAX), () => sender.end(undefined))
    })
    this.connection.emit("replicationStart")
    opened(sender)
    return undefined
  }

  /** As pg does: the error is an event, and every query that waits is rejected with it. */
  #lose(why: string): void {
    const error = Object.assign(new Error(`Connection terminated unexpectedly (${why})`), { code: "ECONNRESET" })
    this.emit("error", error)
    this.#fail(error)
  }

  #fail(error: Error): void {
    const rejects = [...this.#pending]
    this.#pending.clear()
    for (const reject of rejects) reject(error)
  }
}

/** The wire of one run of the program. */
export const make = (world: WireWorld): Wire => ({
  service: (config) => {
    const service = new LogicalReplicationService(config, { acknowledge: { auto: false, timeoutSeconds: 0 } })
    // What the library's own method does, with a client of ours.
    const connect = async () => {
      await service.stop()
      const client = new ModelClient(world)
      Reflect.set(service, "_client", client)
      await client.connect()
      Reflect.set(service, "_connection", client.connection)
      client.on("error", (error: unknown) => service.emit("error", error))
      return [client, client.connection]
    }
    Object.defineProperty(service, "client", { value: connect })
    return service
  },
  after: (ms, act) => world.incarnation.after(ms, act)
})
