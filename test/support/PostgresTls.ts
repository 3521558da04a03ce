/** TLS on a test's PostgreSQL server: its certificate, the authority of its clients, and pg_hba.conf, changed at run time. */
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import * as fs from "node:fs/promises"
import * as path from "node:path"
import type { PgAddress } from "../../src/domain/config/Settings.ts"
import type { Server } from "../../src/layers/embedded/EmbeddedPostgres.ts"
import type { KeyPair } from "./Certificates.ts"
import { run } from "./PostgresServer.ts"

/** Lets everybody in who has the password. */
export const OPEN = "host all all all scram-sha-256\nhost replication all all scram-sha-256\n"

export interface PostgresTls {
  /** The server shows this certificate; undefined: it has no TLS. */
  readonly show: (pair: KeyPair | undefined) => Effect.Effect<void>
  readonly rules: (text: string) => Effect.Effect<void>
  /** Whom the server believes when a client shows a certificate. */
  readonly believe: (ca: string) => Effect.Effect<void>
}

const reload = Effect.fnUntraced(function*(address: PgAddress) {
  const [before] = yield* run(address, "select pg_conf_load_time()::text as at")
  yield* run(address, "select pg_reload_conf()")
  // A new connection sees it when the postmaster has read it.
  yield* run(address, "select pg_conf_load_time()::text as at").pipe(
    Effect.repeat({ until: ([now]) => now?.["at"] !== before?.["at"], schedule: Schedule.spaced("10 millis") })
  )
})

/** Waits until the server lets a plain client in again, in case the last rules did not. */
export const of = (server: Server): PostgresTls => {
  const data = path.join(path.dirname(server.logFile), "data")
  const rulesFile = path.join(data, "pg_hba.conf")
  // Our own way in comes first in the file, and is another database than any test uses.
  const admin = "host postgres all all scram-sha-256\n"
  const install = async (from: string, name: string): Promise<void> => {
    const { gid, uid } = await fs.stat(data)
    const to = path.join(data, name)
    await fs.copyFile(from, to)
    await fs.chown(to, uid, gid)
    await fs.chmod(to, 0o600)
  }
  const set = (name: string, value: string) => run(server.address, `alter system set ${name} = '${value}'`)
  return {
    show: (pair) =>
      Effect.gen(function*() {
        if (pair !== undefined) {
          yield* Effect.promise(() => install(pair.cert, "server.crt"))
          yield* Effect.promise(() => install(pair.key, "server.key"))
        }
        yield* set("ssl", pair === undefined ? "off" : "on")
        yield* reload(server.address)
      }),
    rules: (text) =>
      Effect.andThen(Effect.promise(() => fs.writeFile(rulesFile, admin + text)), reload(server.address)),
    believe: (ca) =>
      Effect.gen(function*() {
        yield* Effect.promise(() => install(ca, "clients.crt"))
        yield* set("ssl_ca_file", "clients.crt")
        yield* reload(server.address)
      })
  }
}
