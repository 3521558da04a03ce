/**
 * The server's side of a replication connection: reads the log, sends each transaction whole after its commit, in commit
 * order, and drops a client that is silent for `wal_sender_timeout`.
 */
import * as Bytes from "../support/PgoutputBytes.ts"
import type { FaultSource } from "./Faults.ts"
import type { Ledger } from "./Ledger.ts"
import type { ModelPostgres } from "./ModelPostgres.ts"
import type { Network } from "./Network.ts"
import type { Prng } from "./Prng.ts"
import * as SourceTables from "./SourceTables.ts"
import type { Trace } from "./Trace.ts"
import type { VirtualTime } from "./VirtualTime.ts"
import type { Change, Commit } from "./Wal.ts"

/** Records read between two deliveries, at most. */
const RECORDS_MAX = 12
/** Messages that one read of the client's socket holds, at most. */
const BURST_MAX = 24
const KEEPALIVE_SHARE = 0.15
const RELATION_AGAIN_SHARE = 0.04
const TYPE_SHARE = 0.1
/** Records before the start that are read again, at most: a slot's restart position lies behind its confirmed one. */
const READ_AGAIN_MAX = 12

/** How a server of one version and configuration behaves. */
export interface SenderStyle {
  readonly walSenderTimeoutMs: number
  /** Before version 15, transactions without a published change are sent as an empty Begin and Commit. */
  readonly sendsEmpty: boolean
}

export interface Client {
  /** One CopyData message; calls back when the client has taken it. */
  readonly receive: (message: Buffer, taken: () => void) => void
  readonly paused: () => boolean
  /** Whether the client stood still or was cut off at this time or since: its silence is then not its fault. */
  readonly outOfReachSince: (ms: number) => boolean
  /** The server ended the connection. */
  readonly lost: (why: string) => void
  /** The walsender has ended. */
  readonly closed: () => void
}

interface Outgoing {
  readonly bytes: Buffer
  readonly commit: Commit | undefined
  /** A keepalive outside of a transaction, and its position. */
  readonly idle: bigint | undefined
}

export interface SenderWorld {
  readonly postgres: ModelPostgres
  readonly time: VirtualTime
  readonly network: Network
  readonly ledger: Ledger
  readonly faults: FaultSource
  readonly trace: Trace
  readonly prng: Prng
  readonly style: SenderStyle
}

export class WalSender {
  readonly start: bigint
  readonly openedMs: number
  readonly #world: SenderWorld
  readonly #client: Client
  readonly #outgoing: Array<Outgoing> = []
  /** The version of each relation that the client knows. */
  readonly #announced = new Map<number, SourceTables.Table>()
  readonly #closing: Array<() => void> = []
  #next: number
  #sent: bigint
  #pumping = false
  #heardMs: number
  #open = true
  #abandoned = false
  /** End of the last transaction that the client has received whole. */
  receivedEnd = 0n
  /** Bytes that the client has received, and of the largest burst. */
  burstBytes = 0

  constructor(world: SenderWorld, requested: bigint, confirmed: bigint, client: Client) {
    this.#world = world
    this.#client = client
    this.start = requested > confirmed ? requested : confirmed
    const { postgres, prng, time } = world
    const first = postgres.wal.records.findIndex((record) => record.end > this.start)
    this.#next = Math.max(0, (first < 0 ? postgres.wal.records.length : first) - prng.int(0, READ_AGAIN_MAX))
    this.#sent = this.start
    this.#heardMs = time.nowMs
    this.openedMs = time.nowMs
    this.#closing.push(postgres.onWal(() => this.#pump()), postgres.onCrash(() => this.end("server crashed")))
    this.#watch()
    this.#pump()
  }

  get isOpen(): boolean {
    return this.#open
  }

  /** Both ends hold the connection. */
  get isHeld(): boolean {
    return this.#open && !this.#abandoned
  }

  /** A standby status update arrived. */
  status(flushed: bigint, reply: boolean): void {
    if (!this.#open) return
    this.#heardMs = this.#world.time.nowMs
    this.#world.postgres.confirm(flushed)
    if (reply) this.#keepalive(false)
    this.#pump()
  }

  /** Nobody is at the other end any more, and nobody says so. */
  abandon(): void {
    this.#abandoned = true
  }

  /** The client reads again. */
  resumed(): void {
    this.#pump()
  }

  /** The server ends the connection; with a reason when the client is to hear of it. */
  end(why: string | undefined): void {
    if (!this.#open) return
    this.#open = false
    for (const close of this.#closing) close()
    this.#client.closed()
    if (why !== undefined) this.#client.lost(why)
  }

  #pump(): void {
    if (this.#pumping || !this.#open) return
    this.#pumping = true
    this.#world.time.after(this.#world.network.wait(), () => {
      this.#pumping = false
      if (!this.#open) return
      if (this.#world.faults.happens("postgres: replication connection lost")) return this.end("connection reset")
      this.#read()
      this.#deliver()
    })
  }

  #read(): void {
    const { postgres, prng } = this.#world
    const records = postgres.wal.records
    for (let count = 0; count < RECORDS_MAX && this.#next < records.length; count++) {
      const record = records[this.#next++]
      if (record === undefined) break
      const commit = record.commit
      // The server skips what committed before the start, going by where the commit record starts.
      if (commit !== undefined && commit.commitLsn >= this.start) this.#transaction(commit)
      this.#sent = record.end
      if (prng.chance(KEEPALIVE_SHARE)) this.#keepalive(prng.chance(0.3))
    }
  }

  #transaction(commit: Commit): void {
    this.#changes(commit)
    for (const relationId of commit.invalidated) this.#announced.delete(relationId)
  }

  #changes(commit: Commit): void {
    if (commit.changes.length === 0 && !this.#world.style.sendsEmpty) return
    this.#data(Bytes.begin(commit.commitLsn, commit.commitTime, commit.xid), commit.firstLsn)
    if (commit.origin !== undefined) this.#data(Bytes.origin(commit.firstLsn, commit.origin), 0n)
    for (const change of commit.changes) {
      // Its new file makes the server look the table up anew.
      if (change.kind === "truncate") this.#announced.delete(change.table.relationId)
      this.#announce(change.table)
      this.#data(messageOf(change), change.lsn)
      if (this.#world.prng.chance(KEEPALIVE_SHARE / 4)) this.#keepaliveInside(commit)
    }
    this.#outgoing.push({
      bytes: whole(Bytes.frame(Bytes.commit(commit.commitLsn, commit.endLsn, commit.commitTime), commit.endLsn)),
      commit,
      idle: undefined
    })
  }

  #announce(table: SourceTables.Table): void {
    const { prng } = this.#world
    if (this.#announced.get(table.relationId) === table && !prng.chance(RELATION_AGAIN_SHARE)) return
    this.#announced.set(table.relationId, table)
    if (prng.chance(TYPE_SHARE)) this.#data(Bytes.type(99_001, "public", "mood"), 0n)
    const columns = SourceTables.sentColumns(table).map((column) => ({ name: column.name, oid: column.oid }))
    this.#data(Bytes.relation(table.relationId, table.name, columns, table.schema), 0n)
  }

  #data(message: Buffer, position: bigint): void {
    this.#outgoing.push({ bytes: whole(Bytes.frame(message, position)), commit: undefined, idle: undefined })
  }

  #keepalive(reply: boolean): void {
    this.#outgoing.push({
      bytes: whole(Bytes.keepalive(this.#sent, reply)),
      commit: undefined,
      idle: this.#sent
    })
  }

  /** While a transaction is being sent, what was sent before it is what the server can vouch for; some say more. */
  #keepaliveInside(commit: Commit): void {
    const position = this.#world.prng.chance(0.5) ? this.#sent : commit.endLsn
    this.#outgoing.push({
      bytes: whole(Bytes.keepalive(position, this.#world.prng.chance(0.3))),
      commit: undefined,
      idle: undefined
    })
  }

  #deliver(): void {
    const burst = this.#world.prng.int(1, BURST_MAX)
    let bytes = 0
    for (let count = 0; count < burst && this.#open && this.#outgoing.length > 0; count++) {
      // What one read of the socket brought is handed over even if the first message paused it.
      if (count === 0 && this.#client.paused()) return
      const message = this.#outgoing.shift()
      if (message === undefined) break
      bytes += message.bytes.length
      this.burstBytes = Math.max(this.burstBytes, bytes)
      if (message.idle !== undefined) this.#world.ledger.idle(message.idle)
      this.#client.receive(message.bytes, () => {
        if (message.commit !== undefined) this.receivedEnd = message.commit.endLsn
      })
    }
    if (this.#outgoing.length > 0 || this.#next < this.#world.postgres.wal.records.length) this.#pump()
  }

  #watch(): void {
    const timeoutMs = this.#world.style.walSenderTimeoutMs
    const cancel = this.#world.time.after(timeoutMs / 4, () => {
      if (!this.#open) return
      const silentMs = this.#world.time.nowMs - this.#heardMs
      if (silentMs >= timeoutMs) {
        if (this.#abandoned) return this.end(undefined)
        if (this.#client.outOfReachSince(this.#heardMs)) return this.end("replication timeout")
        this.#world.ledger.verdict.broken(
          "the keepalive is never starved",
          `no status for ${silentMs} ms on a connection that stands`
        )
      }
      this.#keepalive(silentMs >= timeoutMs / 2)
      this.#pump()
      this.#watch()
    })
    this.#closing.push(cancel)
  }
}

const whole = (frame: { readonly bytes: Buffer }): Buffer => frame.bytes

const messageOf = (change: Change): Buffer => {
  const id = change.table.relationId
  switch (change.kind) {
    case "insert":
      return Bytes.insert(id, SourceTables.sentRow(change.table, change.after))
    case "delete":
      return Bytes.remove(id, change.before)
    case "truncate":
      return Bytes.truncate([id])
    case "update":
      return Bytes.update(
        id,
        change.before,
        change.after.map((cell, index) => {
          const unchanged = cell !== null && cell === change.before[index]
          return unchanged && cell.length >= SourceTables.TOAST_CHARACTERS_MIN ? undefined : cell
        })
      )
  }
}
