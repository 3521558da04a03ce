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
  /** Messages that lie in the kernel. */
  #waiting = 0
  #ending = false
  #statusAtMs = 0
  /** The server has ended the connection, which was not heard. */
  #gone: string | undefined = undefined

  constructor(world: WireWorld) {
    super()
    this.#world = world
    this.connection = new ModelConnection(this)
  }

  connect(): Promise<void> {
    const { faults, network, postgres } = this.#world
    return new Promise((resolve, reject) => {
      this.#pending.add(reject)
      this.#after(network.wait(), () => {
        if (!this.#pending.delete(reject)) return
        if (!postgres.up || faults.happens("postgres: connection refused")) {
          reject(Object.assign(new Error("connect ECONNREFUSED"), { code: "ECONNREFUSED" }))
        } else resolve()
      })
    })
  }

  query(statement: string): Promise<unknown> {
    const { network } = this.#world
    return new Promise((resolve, reject) => {
      this.#pending.add(reject)
      this.#after(network.wait(), () => {
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
    time.after(network.wait(), () => incarnation.toPostgres.pass(() => sender?.end(undefined)))
    return new Promise((resolve) => {
      incarnation.after(network.wait(), resolve)
    })
  }

  destroy(): void {
    const sender = this.#sender
    this.#sender = undefined
    if (sender === undefined) return
    const { incarnation, network, time } = this.#world
    time.after(network.wait(), () => incarnation.toPostgres.pass(() => sender.end(undefined)))
  }

  pause(paused: boolean): void {
    this.#paused = paused
    if (!paused) this.#sender?.resumed()
  }

  status(chunk: Buffer): void {
    const { incarnation, ledger, network, prng, time } = this.#world
    const sender = this.#sender
    if (!incarnation.alive || sender === undefined) return
    if (this.#gone !== undefined) {
      const why = this.#gone
      return void time.after(network.wait(), () => this.#hear(why))
    }
    const flushed = chunk.readBigUInt64BE(STATUS_FLUSHED_AT)
    const reply = chunk[STATUS_REPLY_AT] === 1
    ledger.confirmed(flushed)
    // In order, and part of what is under way when the connection breaks still arrives.
    const arrives = sender.isOpen || prng.chance(0.5)
    this.#statusAtMs = Math.max(this.#statusAtMs, time.nowMs + network.wait())
    if (!arrives) return
    time.after(this.#statusAtMs - time.nowMs, () => incarnation.toPostgres.pass(() => sender.status(flushed, reply)))
  }

  /** Calls back when something has gone there and back, in the program's time. */
  #after(ms: number, act: () => void): void {
    this.#world.time.after(ms, () => this.#arrive(act))
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
      receive: (message, taken) => {
        const late = incarnation.standsStill || incarnation.toPostgres.isCut
        this.#waiting += 1
        this.#arrive(() => {
          this.#waiting -= 1
          if (this.#sender !== sender) return
          taken()
          this.connection.emit("copyData", { chunk: message })
          if (late && this.#waiting === 0) sender.resumed()
        })
      },
      // What the kernels take for a program that does not read is bounded.
      paused: () => this.#paused || this.#waiting > 0,
      outOfReachSince: (ms) => incarnation.stoodUntilMs >= ms || incarnation.toPostgres.cutUntilMs >= ms,
      lost: (why) => {
        // A machine that was away is told only when it speaks again.
        if (incarnation.standsStill && prng.chance(0.5)) this.#gone = why
        else this.#hear(why)
      },
      closed: () => {
        slot.active = false
      }
    })
    this.#sender = sender
    incarnation.onKill(() => {
      sender.abandon()
      time.after(prng.int(0, NOTICE_MS_MAX), () => incarnation.toPostgres.pass(() => sender.end(undefined)))
    })
    this.connection.emit("replicationStart")
    opened(sender)
    return undefined
  }

  /** Hands the program what the server has sent. */
  #arrive(act: () => void): void {
    const { incarnation } = this.#world
    incarnation.toPostgres.pass(() => incarnation.deliver(act))
  }

  #hear(why: string): void {
    this.#arrive(() => {
      if (!this.#ending) this.#lose(why)
    })
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
