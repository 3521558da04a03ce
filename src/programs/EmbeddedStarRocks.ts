/** `dbmazz embedded-starrocks`: the embedded StarRocks-compatible endpoint alone, until SIGTERM. */
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as EmbeddedStarRocks from "../layers/embedded/EmbeddedStarRocks.ts"

const port = (name: string, value: number, what: string) =>
  Flag.Int(name).pipe(Flag.withDefault(value), Flag.withDescription(`port of ${what}; 0 picks a free one`))

const flags = {
  fePort: port("fe-port", 8030, "the FE's HTTP"),
  bePort: port("be-port", 8040, "the BE's HTTP"),
  mysqlPort: port("mysql-port", 9030, "the MySQL protocol"),
  adminPort: Flag.optional(Flag.Int("admin-port")).pipe(
    Flag.withDescription("port of the switchboard for faults, on 127.0.0.1; 0 picks a free one; off when absent")
  ),
  data: Flag.String("data").pipe(Flag.withDescription("directory of the data; created when missing")),
  user: Flag.String("user").pipe(Flag.withDefault("root"), Flag.withDescription("the user who may log in")),
  password: Flag.Redacted("password").pipe(
    Flag.withDefault(Redacted.make("")),
    Flag.withDescription("the user's password")
  ),
  database: Flag.optional(Flag.String("database")).pipe(Flag.withDescription("a database to create at the start"))
}

/** Starts the endpoint, prints one JSON line with its ports, and runs until it is interrupted; then exit code 0. */
export const command = Command.make(
  "embedded-starrocks",
  flags,
  Effect.fnUntraced(
    function*({ adminPort, bePort, data, database, fePort, mysqlPort, password, user }) {
      const endpoint = yield* EmbeddedStarRocks.make({
        fePort,
        bePort,
        mysqlPort,
        adminPort: Option.getOrUndefined(adminPort),
        dataDir: data,
        user,
        password,
        database: Option.getOrUndefined(database)
      })
      yield* Console.log(JSON.stringify({
        ready: true,
        host: endpoint.host,
        fePort: endpoint.fePort,
        bePort: endpoint.bePort,
        mysqlPort: endpoint.mysqlPort,
        // JSON leaves it out when there is none.
        adminPort: endpoint.adminPort,
        user,
        data
      }))
      return yield* Effect.never.pipe(
        Effect.onInterrupt(() =>
          Effect.sync(() => {
            process.exitCode = 0
          })
        )
      )
    },
    Effect.scoped
  )
).pipe(Command.withDescription("run the embedded StarRocks-compatible endpoint until SIGTERM"))
