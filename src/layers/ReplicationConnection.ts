/**
 * One replication connection on `pg-logical-replication`: a plain mutable object driven by the socket. Per message it
 * copies the frame and appends it to what is waiting; everything else happens per pull.
 *
 * What the library does by itself is switched off: it would acknowledge what it has merely received. Flow control is
 * ours too: the socket is paused while more than the buffer's bytes are received and not released.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import type { LogicalReplicationService } from "pg-logical-replication"
import type { PgAddress } from "../domain/config/Settings.ts"
import type { SetupError } from "../domain/errors/SetupError.ts"
import type { TransientError } from "../domain/errors/TransientError.ts"
import * as Lsn from "../domain/Lsn.ts"
import * as Envelope from "../domain/pgoutput/Envelope.ts"
import { Ear } from "../domain/postgres/Ear.ts"
import type { Hearing, Limits } from "../domain/postgres/Liveness.ts"
import { FrameArena } from "./FrameArena.ts"
import { FramePlugin } from "./FramePlugin.ts"
import * as PostgresClient from "./PostgresClient.ts"
import * as PostgresFailure from "./PostgresFailure.ts"
import * as ReplicationFailure from "./ReplicationFailure.ts"
import type { FramePull, SessionState } from "./ReplicationSession.ts"
import * as ReplicationSocket from "./ReplicationSocket.ts"
import type { Wire } from "./ReplicationWire.ts"
import { WaitingFrames } from "./WaitingFrames.ts"

const APPLICATION_NAME = "dbmazz"
/** After its first frame a chunk waits this long for more: a busy server sends one message a packet. */
const CHUNK_LINGER_MS = 1
/** Reading further ahead of a pipeline that is busy gains nothing and costs memory. */
const READ_AHEAD_BYTES_MAX = 4 * 1024 * 1024
/** The socket's end is local work; past this the process goes on without it. */
const CLOSE_WAIT_MS = 3_000

/** Where to connect and how to behave there. */
export interface SourceOptions {
  readonly address: PgAddress
  readonly slot: string
  readonly publication: string
  /** Bytes received and not released at which reading pauses. */
  readonly bufferBytesMax: number
  /** Other limits than those that follow from the server's `wal_sender_timeout`. */
  readonly liveness?: Partial<Limits>
}

export class ReplicationConnection {
  readonly #options: SourceOptions
  readonly #start: Lsn.Lsn
  readonly #wire: Wire
  readonly #service: LogicalReplicationService
  readonly #arena = new FrameArena()
  #socket: ReplicationSocket.Socket | undefined = undefined
  #pid: number | undefined = undefined
  readonly #waiting = new WaitingFrames()
  #bufferedBytes = 0
  #paused = false
  readonly #ear = new Ear(Date.now())
  #dropping = false
  #end: FramePull | undefined = undefined
  #wake: (() => void) | undefined = undefined
  #cancelWake: (() => void) | undefined = undefined
  #confirmed: Lsn.Lsn
  #server: Lsn.Lsn
  /** The end of the last transaction received. */
  #committed: Lsn.Lsn
  #onKeepalive: (() => void) | undefined = undefined
  #loss: TransientError | SetupError | undefined = undefined
  #onLoss: (() => void) | undefined = undefined
  /** The receive buffer of the last message, whole: it also holds the header the library has cut off. */
  #receive: Uint8Array = new Uint8Array(0)

  constructor(options: SourceOptions, start: Lsn.Lsn, wire: Wire) {
    this.#wire = wire
    this.#options = options
    this.#start = start
    this.#confirmed = start
    this.#server = start
    this.#committed = start
    this.#service = wire.service(PostgresClient.config(options.address, APPLICATION_NAME))
    this.#service.on("heartbeat", (lsn, _timestamp, shouldRespond) => this.#keepalive(lsn, shouldRespond))
    this.#service.on("error", (cause) => this.#fail(cause))
  }

  /** Connects and starts replication; rejects with what pg reported. */
  start(): Promise<void> {
    const plugin = new FramePlugin(
      this.#options.publication,
      (message) => this.#message(message),
      (client) => {
        this.#socket = ReplicationSocket.of(client)
      },
      (pid) => {
        this.#pid = pid
      }
    )
    return new Promise((resolve, reject) => {
      this.#service.on("start", () => resolve())
      this.#service.subscribe(plugin, this.#options.slot, Lsn.format(this.#start)).then(
        () => {
          const ended = new Error("the server ended the replication stream")
          reject(ended)
          this.#fail(ended)
        },
        (cause: unknown) => {
          reject(cause instanceof Error ? cause : new Error(String(cause)))
          this.#fail(cause)
        }
      )
    })
  }

  /** The frames that are waiting, or the next ones when there are none; ends after a drain, fails after a loss. */
  readonly pull: FramePull = Effect.suspend((): FramePull => {
    const chunk = this.#waiting.shift()
    if (chunk === undefined) return this.#end ?? this.#arrival
    if (this.#hasRoom()) this.#resume()
    return Effect.succeed(chunk)
  })

  readonly #arrival: FramePull = Effect.callback((resume) => {
    this.#wake = () => resume(this.pull)
    return Effect.sync(() => {
      this.#wake = undefined
    })
  })

  /** Fails when the connection is lost, also while nobody pulls; not after a drain, which may finish without it. */
  readonly lost: Effect.Effect<never, TransientError | SetupError> = Effect.callback((resume) => {
    const fail = () => resume(this.#loss === undefined ? Effect.never : Effect.fail(this.#loss))
    if (this.#loss !== undefined) fail()
    else this.#onLoss = fail
    return Effect.sync(() => {
      this.#onLoss = undefined
    })
  })

  release(bytes: number): void {
    this.#bufferedBytes -= bytes
    if (this.#hasRoom()) this.#resume()
  }

  confirm(position: Lsn.Lsn): void {
    this.#confirmed = Lsn.max(this.#confirmed, position)
    this.#acknowledge(false)
  }

  /** The regular sign of life: repeats the confirmed position; asks for an answer after so many ms of silence. */
  sendStatus(askAfterMs: number): void {
    this.#acknowledge(this.hearing(Date.now()).silentMs >= askAfterMs)
  }

  /** The process of the server that sends to us; undefined until it is known. */
  pid(): number | undefined {
    return this.#pid
  }

  /** What has been heard since the last time somebody asked; silence and pauses end with the session. */
  hearing(nowMs: number): Hearing {
    const bytes = this.#socket?.bytesRead
    return bytes === undefined || this.#end !== undefined ? Ear.NOTHING : this.#ear.hear(bytes, nowMs)
  }

  /** Gives the connection up: nobody is at its other end. */
  abandon(error: TransientError): void {
    this.#lose(error)
    this.#socket?.destroy()
  }

  /** Confirms again and asks for an answer; calls back at the next keepalive. */
  ping(onAnswer: () => void): void {
    this.#onKeepalive = onAnswer
    this.#acknowledge(true)
  }

  drain(): void {
    this.#finish(Cause.done())
  }

  state(): SessionState {
    const received = this.#service.lastLsn()
    return {
      received: Lsn.max(this.#start, parseLsn(received)),
      server: this.#server,
      whole: Lsn.max(this.#committed, this.#server),
      confirmed: this.#confirmed,
      bufferedBytes: this.#bufferedBytes,
      paused: this.#paused
    }
  }

  async close(): Promise<void> {
    this.#finish(Cause.done())
    const past = Promise.withResolvers<void>()
    const cancel = this.#wire.after(CLOSE_WAIT_MS, past.resolve)
    await Promise.race([this.#service.destroy().then(() => undefined, () => undefined), past.promise])
    cancel()
    // Past the deadline the server must not go on thinking that we read: it would hold the slot.
    this.#socket?.destroy()
  }

  /** The typed form of what pg or the socket reported. */
  classify(cause: unknown): TransientError | SetupError {
    const { address, publication, slot } = this.#options
    const where = {
      host: PostgresFailure.place(address),
      slot,
      publication,
      role: address.user,
      database: address.database,
      received: Lsn.max(this.#committed, this.#server)
    }
    return ReplicationFailure.classify(cause, where, this.#socket === undefined ? "connecting" : "replicating")
  }

  #message(message: Buffer): void {
    if (this.#dropping) return
    if (this.#receive.buffer !== message.buffer) this.#receive = new Uint8Array(message.buffer)
    const start = message.byteOffset - Envelope.XLOG_DATA_HEADER_BYTES
    if (this.#receive[start] !== Envelope.XLOG_DATA) {
      return this.#fail(new Error("the replication library no longer leaves the message's header in place"))
    }
    if (message[0] === Envelope.COMMIT) this.#committed = Envelope.readLsn(this.#receive, start + 1)
    this.#append(this.#arena.keep(this.#receive, start, Envelope.XLOG_DATA_HEADER_BYTES, message))
  }

  #append(frame: Envelope.WalFrame): void {
    this.#waiting.push(frame)
    this.#bufferedBytes += frame.end - frame.start
    if (!this.#paused && !this.#hasRoom()) {
      this.#paused = true
      this.#ear.pause(Date.now())
      this.#socket?.pause()
    }
    if (this.#wake !== undefined && this.#cancelWake === undefined) {
      this.#cancelWake = this.#wire.after(CHUNK_LINGER_MS, () => this.#wakeNow())
    }
  }

  #hasRoom(): boolean {
    return this.#bufferedBytes < this.#options.bufferBytesMax && this.#waiting.bytes < READ_AHEAD_BYTES_MAX
  }

  #wakeNow(): void {
    this.#cancelWake?.()
    this.#cancelWake = undefined
    const wake = this.#wake
    this.#wake = undefined
    wake?.()
  }

  #keepalive(text: string, shouldRespond: boolean): void {
    const position = parseLsn(text)
    this.#server = Lsn.max(this.#server, position)
    if (shouldRespond) this.#acknowledge(false)
    const onKeepalive = this.#onKeepalive
    this.#onKeepalive = undefined
    onKeepalive?.()
    if (!this.#dropping) this.#append(Envelope.keepalive(position))
  }

  #acknowledge(ping: boolean): void {
    // The library confirms the position after the one it is given.
    const last = Lsn.format(Lsn.minus(this.#confirmed, 1n))
    this.#service.acknowledge(last, ping).catch((cause: unknown) => this.#fail(cause))
  }

  #fail(cause: unknown): void {
    this.#lose(this.classify(cause))
  }

  #lose(error: TransientError | SetupError): void {
    if (this.#end !== undefined) return
    this.#loss = error
    this.#finish(Effect.fail(error))
    this.#onLoss?.()
  }

  #finish(end: FramePull): void {
    this.#end ??= end
    this.#dropping = true
    this.#resume()
    this.#wakeNow()
  }

  #resume(): void {
    if (!this.#paused) return
    this.#paused = false
    this.#ear.resume(Date.now())
    this.#socket?.resume()
  }
}

const parseLsn = (text: string): Lsn.Lsn => {
  const [high = "0", low = "0"] = text.split("/")
  return Lsn.fromHalves(Number.parseInt(high, 16), Number.parseInt(low, 16))
}
