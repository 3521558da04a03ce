/** The MySQL port: logs clients in and runs their statements, one after the other on each connection. */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import type * as Scope from "effect/Scope"
import * as Net from "node:net"
import * as Log from "../../../Log.ts"
import type { Faults } from "../faults/Faults.ts"
import { type Answer, textColumn } from "../sql/ResultSet.ts"
import * as SqlSession from "../sql/SqlSession.ts"
import { SqlError } from "../syntax/SqlError.ts"
import type { Users } from "../users/Users.ts"
import { binaryColumn, binaryRow } from "../wire/BinaryProtocol.ts"
import * as Packets from "../wire/MysqlPackets.ts"
import { Command } from "../wire/MysqlPackets.ts"
import { MysqlWire } from "../wire/MysqlWire.ts"
import * as PacketFraming from "../wire/PacketFraming.ts"
import { type Connection, Connections } from "./Connections.ts"
import * as Login from "./MysqlLogin.ts"
import { PreparedStatements } from "./PreparedStatements.ts"

const log = Log.module("EmbeddedStarRocks")

/** What the server works with. */
export interface Needs {
  readonly sessions: SqlSession.Needs
  readonly faults: Faults
  readonly users: Users
  /** Runs a connection's effect; it is interrupted when the endpoint closes. */
  readonly run: (effect: Effect.Effect<void>) => void
}

/** Milliseconds a client may take to log in. */
const loginMs = 10_000

/** A client that is logged in. */
interface Client {
  readonly id: number
  readonly wire: MysqlWire
  readonly statements: PreparedStatements
  entry: Connection
  session: SqlSession.SqlSession
}

/** What all connections share. */
interface Shared extends Needs {
  readonly connections: Connections
}

const internalError = new SqlError({ code: 1064, state: "HY000", message: "Unexpected exception: internal error" })

const tooManyConnections = new SqlError({ code: 1040, state: "08004", message: "Too many connections" })

const tooLong = new SqlError({
  code: 1153,
  state: "08S01",
  message: "Got a packet bigger than 'max_allowed_packet' bytes"
})

const unknownCommand = new SqlError({ code: 1047, state: "08S01", message: "Unknown command" })

/** Runs an effect of a command; whatever it fails with is the command's answer. */
const answered = (wire: MysqlWire, effect: Effect.Effect<void, SqlError, Scope.Scope>): Effect.Effect<void> =>
  Effect.scoped(effect).pipe(
    Effect.catchTag("SqlError", (error) => wire.fail(error)),
    Effect.catchDefect((defect) =>
      log.error("a statement failed unexpectedly", {}, defect).pipe(Effect.andThen(wire.fail(internalError)))
    )
  )

const sendAnswer = (wire: MysqlWire, result: Answer, binary: boolean): Effect.Effect<void, SqlError> =>
  Effect.gen(function*() {
    if (result.kind === "ok") return yield* wire.send(Packets.ok(result.affectedRows))
    const columns = binary ? result.columns.map(binaryColumn) : result.columns
    yield* wire.send(
      Packets.columnCount(columns.length),
      ...columns.map(Packets.columnDefinition),
      Packets.eof()
    )
    for (;;) {
      const rows = yield* result.next
      if (rows === undefined) break
      if (rows.length === 0) continue
      yield* wire.send(...rows.map((row) => binary ? binaryRow(columns, row) : Packets.textRow(row)))
    }
    yield* wire.send(Packets.eof())
  })

const query = (client: Client, sql: string, faults: Faults, binary = false): Effect.Effect<void> =>
  Effect.suspend(() => {
    client.entry.statement = sql
    client.entry.sinceMs = Date.now()
    return answered(
      client.wire,
      Effect.flatMap(
        client.session.execute(sql),
        (result) =>
          result.kind === "ok" && faults.strikes("mysql-reset-after")
            ? Effect.sync(() => void client.wire.socket.resetAndDestroy())
            : sendAnswer(client.wire, result, binary)
      )
    )
  }).pipe(Effect.ensuring(Effect.sync(() => {
    client.entry.statement = undefined
    client.entry.sinceMs = Date.now()
  })))

const prepare = ({ session, statements, wire }: Client, sql: string): Effect.Effect<void> =>
  answered(
    wire,
    Effect.gen(function*() {
      const refused = statements.admits(sql)
      if (refused !== undefined) return yield* refused
      const columns = yield* session.prepare(sql)
      const made = statements.add(sql, columns.map(binaryColumn))
      const parameters = Array.from({ length: made.parameterCount }, () => Packets.columnDefinition(textColumn("?")))
      yield* wire.send(
        Packets.prepared(made.id, made.columns.length, made.parameterCount),
        ...(parameters.length === 0 ? [] : [...parameters, Packets.eof()]),
        ...(made.columns.length === 0 ? [] : [...made.columns.map(Packets.columnDefinition), Packets.eof()])
      )
    })
  )

const execute = (client: Client, payload: Buffer, faults: Faults): Effect.Effect<void> => {
  const bound = client.statements.bind(payload)
  return Result.isFailure(bound) ? client.wire.fail(bound.failure) : query(client, bound.success, faults, true)
}

/** Gives the client a fresh session of a user who logged in. */
const entered = (
  shared: Shared,
  id: number,
  found: Login.LoggedIn
): Effect.Effect<Pick<Client, "entry" | "session">, SqlError> =>
  Effect.gen(function*() {
    const { connections, users } = shared
    const session = SqlSession.make(shared.sessions, { ...found, id, users, connections })
    if (found.database !== undefined) yield* session.use(found.database)
    const nowMs = Date.now()
    const entry: Connection = {
      id,
      user: found.user,
      host: found.address,
      startedAtMs: nowMs,
      sinceMs: nowMs,
      statement: undefined,
      database: session.database
    }
    connections.add(entry)
    return { entry, session }
  })

const changeUser = (shared: Shared, client: Client, payload: Buffer): Effect.Effect<boolean> =>
  Effect.gen(function*() {
    const found = yield* Login.changeUser(shared.users, client.wire, payload)
    Object.assign(client, yield* entered(shared, client.id, found))
    client.statements.clear()
    yield* client.wire.send(Packets.ok())
    return true
  }).pipe(
    // Nobody is logged in after a failed change.
    Effect.catchTag("SqlError", (error) => Effect.as(client.wire.fail(error), false))
  )

const resetConnection = (shared: Shared, client: Client): Effect.Effect<void> =>
  answered(
    client.wire,
    Effect.gen(function*() {
      const { entry, session } = client
      const found = { user: entry.user, address: entry.host, database: session.database() }
      Object.assign(client, yield* entered(shared, client.id, found))
      client.statements.clear()
      yield* client.wire.send(Packets.ok())
    })
  )

/** Answers a command; false ends the connection. */
const command = (shared: Shared, client: Client, payload: Buffer): Effect.Effect<boolean> => {
  const { session, statements, wire } = client
  const text = (): string => payload.toString("utf8", 1)
  const goOn = (effect: Effect.Effect<void>): Effect.Effect<boolean> => Effect.as(effect, true)
  switch (payload[0]) {
    case Command.quit:
      return Effect.succeed(false)
    case Command.query:
      if (shared.faults.strikes("mysql-stall")) return Effect.never
      return goOn(query(client, text(), shared.faults))
    case Command.initDatabase:
      return goOn(answered(wire, session.use(text()).pipe(Effect.andThen(wire.send(Packets.ok())))))
    case Command.ping:
      return goOn(wire.send(Packets.ok()))
    case Command.resetConnection:
      return goOn(resetConnection(shared, client))
    case Command.changeUser:
      return changeUser(shared, client, payload)
    case Command.setOption:
      // Option 0 turns several statements in one packet on, which the greeting does not offer.
      return goOn(payload[1] === 1 ? wire.send(Packets.eof()) : wire.fail(unknownCommand))
    case Command.fieldList:
      return goOn(wire.send(Packets.eof()))
    case Command.statistics:
      return goOn(wire.send(Buffer.from("Uptime: 1")))
    case Command.prepare:
      return goOn(prepare(client, text()))
    case Command.execute:
      if (shared.faults.strikes("mysql-stall")) return Effect.never
      return goOn(execute(client, payload, shared.faults))
    case Command.sendLongData:
      statements.append(payload)
      return Effect.succeed(true)
    case Command.closeStatement:
      statements.close(payload)
      return Effect.succeed(true)
    case Command.resetStatement: {
      const refused = statements.reset(payload)
      return goOn(refused === undefined ? wire.send(Packets.ok()) : wire.fail(refused))
    }
    default:
      return goOn(wire.fail(unknownCommand))
  }
}

const closed = (socket: Net.Socket): Effect.Effect<void> =>
  Effect.callback((resume) => {
    if (socket.destroyed) return resume(Effect.void)
    socket.once("close", () => resume(Effect.void))
  })

const welcomed = (shared: Shared, wire: MysqlWire, id: number): Effect.Effect<Client | undefined> =>
  Login.login(shared.users, wire, id).pipe(
    Effect.flatMap((found) => entered(shared, id, found)),
    Effect.tap(() => {
      wire.loggedIn()
      return wire.send(Packets.ok())
    }),
    Effect.map((found): Client => ({ id, wire, statements: new PreparedStatements(), ...found })),
    Effect.catchTag("SqlError", (error) => Effect.as(wire.fail(error), undefined)),
    Effect.timeoutOrElse({ duration: loginMs, orElse: () => Effect.succeed(undefined) })
  )

/** The next command; undefined when the client is gone, silent for too long, or sent too much. */
const nextCommand = ({ session, wire }: Client): Effect.Effect<Buffer | undefined> =>
  wire.next.pipe(
    Effect.timeoutOrElse({ duration: session.idleMs(), orElse: () => Effect.succeed(undefined) }),
    Effect.tap((payload) =>
      payload === undefined && wire.tooLong ? wire.fail(tooLong).pipe(Effect.andThen(wire.drained)) : Effect.void
    )
  )

const connection = (shared: Shared, socket: Net.Socket, id: number): Effect.Effect<void> =>
  Effect.gen(function*() {
    const client = yield* welcomed(shared, new MysqlWire(socket), id)
    if (client === undefined) return
    for (;;) {
      const payload = yield* nextCommand(client)
      if (payload === undefined) return
      if (shared.faults.strikes("unavailable")) return socket.resetAndDestroy()
      if (!(yield* command(shared, client, payload))) return
    }
  }).pipe(
    // Whoever hangs up also ends the statement that runs for him.
    Effect.raceFirst(closed(socket)),
    Effect.ensuring(Effect.sync(() => socket.destroySoon())),
    Effect.asVoid
  )

/** Makes the server of the MySQL port. */
export const make = (needs: Needs): Net.Server => {
  const connections = new Connections()
  const shared = { ...needs, connections }
  let lastId = 0
  return Net.createServer({ noDelay: true }, (socket) => {
    if (needs.faults.strikes("unavailable")) return socket.resetAndDestroy()
    if (!connections.enter()) {
      socket.on("error", () => socket.destroy())
      socket.end(
        PacketFraming.framed(
          Packets.error(tooManyConnections.code, tooManyConnections.state, tooManyConnections.message),
          0
        )
      )
      return
    }
    const id = ++lastId
    needs.run(connection(shared, socket, id).pipe(Effect.ensuring(Effect.sync(() => connections.leave(id)))))
  })
}
