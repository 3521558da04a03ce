/** The MySQL port: logs clients in and runs their statements, one after the other on each connection. */
import * as Effect from "effect/Effect"
import { randomInt } from "node:crypto"
import * as Net from "node:net"
import type { Faults } from "./Faults.ts"
import * as Packets from "./MysqlPackets.ts"
import { Command } from "./MysqlPackets.ts"
import { type SqlError, unprepared } from "./SqlError.ts"
import * as SqlSession from "./SqlSession.ts"
import type { Users } from "./Users.ts"

/** What the server works with. */
export interface Parts {
  readonly sessions: SqlSession.Parts
  readonly faults: Faults
  readonly users: Users
  /** Runs a connection's effect; it is interrupted when the endpoint closes. */
  readonly run: (effect: Effect.Effect<void>) => void
}

/** Bytes of the login challenge. */
const challengeBytes = 20
/** Milliseconds a client may take to log in. */
const loginMs = 10_000

/** A connection as the protocol sees it: payloads in, payloads out. */
class Wire {
  readonly socket: Net.Socket
  private readonly splitter = new Packets.PacketSplitter()
  private readonly payloads: AsyncIterator<Buffer>
  private sequence = 0

  constructor(socket: Net.Socket) {
    this.socket = socket
    this.payloads = this.read()
  }

  private async *read(): AsyncGenerator<Buffer> {
    for await (const bytes of this.socket) {
      for (const payload of this.splitter.push(bytes)) {
        this.sequence = this.splitter.sequence
        yield payload
      }
      if (this.splitter.tooLong) return
    }
  }

  /** The next payload; undefined when the client is gone. */
  readonly next: Effect.Effect<Buffer | undefined> = Effect.promise(() =>
    this.payloads.next().then((result) => result.done === true ? undefined : result.value, () => undefined)
  )

  /** Writes payloads and waits while the client is slower than the server. */
  send(...payloads: ReadonlyArray<Buffer>): Effect.Effect<void> {
    return Effect.suspend(() => {
      const { socket } = this
      const frames = payloads.map((payload) => Packets.framed(payload, ++this.sequence))
      if (socket.destroyed || socket.write(Buffer.concat(frames))) return Effect.void
      return Effect.callback<void>((resume) => {
        const forget = (): void => {
          socket.off("drain", go)
          socket.off("close", go)
        }
        const go = (): void => {
          forget()
          resume(Effect.void)
        }
        socket.once("drain", go)
        socket.once("close", go)
        return Effect.sync(forget)
      })
    })
  }

  fail(error: SqlError): Effect.Effect<void> {
    return this.send(Packets.error(error.code, error.state, error.message))
  }
}

const answer = (wire: Wire, session: SqlSession.SqlSession, sql: string): Effect.Effect<void> =>
  Effect.scoped(Effect.gen(function*() {
    const result = yield* session.execute(sql)
    if (result.kind === "ok") return yield* wire.send(Packets.ok(result.affectedRows))
    yield* wire.send(
      Packets.columnCount(result.columns.length),
      ...result.columns.map(Packets.columnDefinition),
      Packets.eof()
    )
    for (;;) {
      const rows = yield* result.next
      if (rows === undefined) break
      if (rows.length > 0) yield* wire.send(...rows.map(Packets.textRow))
    }
    yield* wire.send(Packets.eof())
  })).pipe(
    Effect.catchTag("SqlError", (error) => wire.fail(error)),
    Effect.catchDefect((defect) =>
      Effect.logError("a statement failed unexpectedly", defect).pipe(
        Effect.andThen(wire.send(Packets.error(1064, "HY000", "Unexpected exception: internal error")))
      )
    )
  )

const login = (parts: Parts, wire: Wire, connectionId: number) =>
  Effect.gen(function*() {
    const challenge = Buffer.from(Array.from({ length: challengeBytes }, () => randomInt(1, 128)))
    const greeting = Packets.framed(Packets.handshake(connectionId, challenge), 0)
    wire.socket.write(greeting)
    const payload = yield* wire.next
    const client = payload === undefined ? undefined : Packets.login(payload)
    if (client === undefined) {
      yield* wire.send(Packets.error(1043, "08S01", "Bad handshake"))
      return undefined
    }
    let proof = client.answer
    if (client.plugin !== Packets.authPlugin) {
      yield* wire.send(Packets.switchPlugin(challenge))
      proof = (yield* wire.next) ?? Buffer.alloc(1)
    }
    if (!parts.users.verifyNative(client.user, challenge, proof)) {
      const address = wire.socket.remoteAddress ?? ""
      const used = proof.length === 0 ? "NO" : "YES"
      const message = `Access denied for user '${client.user}'@'${address}' (using password: ${used})`
      yield* wire.send(Packets.error(1045, "28000", message))
      return undefined
    }
    const session = SqlSession.make(parts.sessions, client.user, connectionId)
    const used = client.database === undefined
      ? undefined
      : yield* session.use(client.database).pipe(Effect.as(undefined), Effect.catch((error) => Effect.succeed(error)))
    if (used !== undefined) {
      yield* wire.fail(used)
      return undefined
    }
    yield* wire.send(Packets.ok())
    return session
  })

/** Answers a command; false ends the connection. */
const command = (parts: Parts, wire: Wire, session: SqlSession.SqlSession, payload: Buffer): Effect.Effect<boolean> => {
  const text = (): string => payload.toString("utf8", 1)
  const goOn = (effect: Effect.Effect<void>): Effect.Effect<boolean> => Effect.as(effect, true)
  switch (payload[0]) {
    case Command.quit:
      return Effect.succeed(false)
    case Command.query:
      if (parts.faults.strikes("mysql-stall")) return Effect.never
      return goOn(answer(wire, session, text()))
    case Command.initDatabase:
      return goOn(
        session.use(text()).pipe(
          Effect.andThen(wire.send(Packets.ok())),
          Effect.catch((error) => wire.fail(error))
        )
      )
    case Command.ping:
    case Command.resetConnection:
    case Command.resetStatement:
      return goOn(wire.send(Packets.ok()))
    case Command.setOption:
    case Command.fieldList:
      return goOn(wire.send(Packets.eof()))
    case Command.statistics:
      return goOn(wire.send(Buffer.from("Uptime: 1")))
    case Command.closeStatement:
      return Effect.succeed(true)
    case Command.prepare:
    case Command.execute:
      return goOn(wire.fail(unprepared()))
    default:
      return goOn(wire.send(Packets.error(1047, "08S01", "Unknown command")))
  }
}

const closed = (socket: Net.Socket): Effect.Effect<void> =>
  Effect.callback((resume) => {
    if (socket.destroyed) return resume(Effect.void)
    socket.once("close", () => resume(Effect.void))
  })

const connection = (parts: Parts, socket: Net.Socket, connectionId: number): Effect.Effect<void> =>
  Effect.gen(function*() {
    const wire = new Wire(socket)
    const session = yield* login(parts, wire, connectionId).pipe(
      Effect.timeoutOrElse({ duration: loginMs, orElse: () => Effect.void })
    )
    if (session === undefined) return
    for (;;) {
      const payload = yield* wire.next
      if (payload === undefined) return
      if (parts.faults.strikes("unavailable")) return socket.resetAndDestroy()
      if (!(yield* command(parts, wire, session, payload))) return
    }
  }).pipe(
    // Whoever hangs up also ends the statement that runs for him.
    Effect.raceFirst(closed(socket)),
    Effect.ensuring(Effect.sync(() => socket.destroySoon())),
    Effect.asVoid
  )

/** Makes the server of the MySQL port. */
export const make = (parts: Parts): Net.Server => {
  let lastId = 0
  return Net.createServer({ noDelay: true }, (socket) => {
    if (parts.faults.strikes("unavailable")) return socket.resetAndDestroy()
    parts.run(connection(parts, socket, ++lastId))
  })
}
