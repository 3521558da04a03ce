import { assert, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as DbmazzProcess from "../support/DbmazzProcess.ts"
import * as PostgresServer from "../support/PostgresServer.ts"
import { run } from "../support/PostgresServer.ts"
import * as Replica from "../support/Replica.ts"

layer(PostgresServer.layer(), { excludeTestServices: true, timeout: "60 seconds" })(
  "Columns that are computed by another expression",
  (it) => {
    it.effect("T53 T56 are told with what sends their values, and stop their table in a key, also after a restart", () =>
      Effect.gen(function*() {
        const replica = yield* Replica.start
        const { source } = replica
        if ((yield* PostgresServer.majorOf(source)) < 18) {
          // Nothing that is computed is sent.
          const made = yield* Effect.exit(
            run(source, "create publication p with (publish_generated_columns = stored)")
          )
          assert.include(String(made), "unrecognized publication parameter")
          return
        }
        const environment = replica.environment({ TABLES: "items,doubled,keyed", AUTO_CREATE_TABLES: "true" })
        const start = Effect.tap(DbmazzProcess.start(["run"], environment), (job) => job.logged("\"replicating\""))
        const shows = (statement: string, expected: string) =>
          replica.query(statement).pipe(
            Effect.map((rows) => rows.map((found) => Object.values(found).join(" ")).join()),
            Effect.repeat({ schedule: PostgresServer.pollEvery, until: (found) => found === expected })
          )
        const doubled = "SELECT id, g FROM shop.doubled ORDER BY id"
        yield* run(
          source,
          `create table doubled (id int primary key, a int, g int generated always as (a * 2) stored);
           create table keyed (a int, k int generated always as (a * 2) stored primary key)`
        )
        const job = yield* start
        yield* run(
          source,
          "insert into doubled values (1, 1), (2, 2); insert into keyed values (1); insert into items values (1, 'x')"
        )
        yield* replica.caughtUp
        yield* shows(doubled, "1 2,2 4")
        yield* run(source, "alter table doubled alter g set expression as (a * 3); insert into doubled values (3, 3)")
        yield* job.logged("column 'g' of public.doubled is computed by another expression")
        const [, statement] = /run in PostgreSQL: (UPDATE [^;]*;)/.exec(job.log().replaceAll("\\\"", "\"")) ?? []
        yield* run(source, statement ?? "")
        yield* shows(doubled, "1 3,2 6,3 9")
        yield* run(source, "alter table keyed alter k set expression as (a * 3); insert into keyed values (3)")
        yield* job.logged("column 'k': it is part of the key and computed by another expression")
        yield* job.kill("SIGTERM")
        yield* job.exit
        const again = yield* start
        yield* again.logged("column 'k': it is part of the key and computed by another expression")
        yield* shows("SELECT k FROM shop.keyed", "2")
      }))
  }
)
