/** Logging in to the MySQL port: the greeting, its answer, and COM_CHANGE_USER. */
import * as Effect from "effect/Effect"
import { randomInt } from "node:crypto"
import { loginDenied, SqlError } from "../syntax/SqlError.ts"
import type { Users } from "../users/Users.ts"
import * as Handshake from "../wire/Handshake.ts"
import type { MysqlWire } from "../wire/MysqlWire.ts"
import * as PacketFraming from "../wire/PacketFraming.ts"

/** Who logged in. */
export interface LoggedIn {
  readonly user: string
  readonly address: string
  /** The database the client asked for. */
  readonly database: string | undefined
}

/** Bytes of the login challenge. */
const challengeBytes = 20

const newChallenge = (): Buffer => Buffer.from(Array.from({ length: challengeBytes }, () => randomInt(1, 128)))

const badHandshake = (why: string): SqlError =>
  new SqlError({ code: 1043, state: "08S01", message: `Bad handshake${why}` })

const addressOf = (wire: MysqlWire): string => (wire.socket.remoteAddress ?? "").replace(/^::ffff:/, "")

const proven = (users: Users, user: string, address: string, challenge: Buffer, proof: Buffer) =>
  users.verifyNative(user, address, challenge, proof)
    ? Effect.void
    : Effect.fail(loginDenied(user, address, proof.length > 0))

const switched = (wire: MysqlWire, challenge: Buffer) =>
  Effect.gen(function*() {
    yield* wire.send(Handshake.switchPlugin(challenge))
    const proof = yield* wire.next
    return proof === undefined ? yield* badHandshake(": no answer to the challenge") : proof
  })

/** Greets a client and checks its answer. */
export const login = (
  users: Users,
  wire: MysqlWire,
  connectionId: number
): Effect.Effect<LoggedIn, SqlError> =>
  Effect.gen(function*() {
    const challenge = newChallenge()
    wire.socket.write(PacketFraming.framed(Handshake.handshake(connectionId, challenge), 0))
    const payload = yield* wire.next
    if (payload === undefined) return yield* badHandshake("")
    if (Handshake.asksForTls(payload)) return yield* badHandshake(": TLS is not offered")
    const client = Handshake.login(payload)
    if (client === undefined) return yield* badHandshake("")
    const address = addressOf(wire)
    const proof = client.plugin === Handshake.authPlugin ? client.answer : yield* switched(wire, challenge)
    yield* proven(users, client.user, address, challenge, proof)
    return { user: client.user, address, database: client.database }
  })

/** Answers COM_CHANGE_USER with a challenge of its own. */
export const changeUser = (users: Users, wire: MysqlWire, payload: Buffer): Effect.Effect<LoggedIn, SqlError> =>
  Effect.gen(function*() {
    const { database, user } = Handshake.changeUser(payload)
    const challenge = newChallenge()
    const proof = yield* switched(wire, challenge)
    const address = addressOf(wire)
    yield* proven(users, user, address, challenge, proof)
    return { user, address, database }
  })
