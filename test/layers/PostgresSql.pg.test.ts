import { assert, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import { createServer } from "node:net"
import type { PgAddress } from "../../src/domain/config/Settings.ts"
import * as PostgresSql from "../../src/layers/PostgresSql.ts"
import * as PostgresServer from "../support/PostgresServer.ts"

const query = (statement: string, parameters?: ReadonlyArray<unknown>) =>
  Effect.flatMap(PostgresSql.PostgresSql, (sql) => sql.query(statement, parameters))

const on = (address: PgAddress) => Effect.provide(PostgresSql.layer(address, "dbmazz test"))

const SECRET = "s3cr3t-in-no-error"

/** Nothing of an error that reaches a log may hold the password. */
const assertSilent = (error: unknown): void => {
  const shown = `${String(error)} ${JSON.stringify(error)} ${error instanceof Error ? error.stack : ""}`
  assert.notInclude(shown, SECRET)
  assert.notInclude(shown, "postgres://")
}

layer(PostgresServer.layer(), { excludeTestServices: true })("PostgresSql", (it) => {
  it.effect("a checkpoint survives a dropped connection: the next statement connects again", () =>
    Effect.gen(function*() {
      const address = yield* (yield* PostgresServer.PostgresServer).freshDatabase
      yield* Effect.gen(function*() {
        const pid = (yield* query("select pg_backend_pid() as pid"))[0]?.["pid"]
        assert.strictEqual((yield* query("select pg_backend_pid() as pid"))[0]?.["pid"], pid, "one connection, kept")
        yield* PostgresServer.run(address, "select pg_terminate_backend($1::int)", [pid])
        yield* PostgresServer.until(address, `not exists (select from pg_stat_activity where pid = ${String(pid)})`)
        const retried = query("select pg_backend_pid() as pid, current_setting('statement_timeout') as timeout").pipe(
          Effect.retry({ times: 1, while: (error) => error._tag === "TransientError" })
        )
        const row = (yield* retried)[0]
        assert.notStrictEqual(row?.["pid"], pid)
        assert.strictEqual(row?.["timeout"], "1min", "settings hold on the new connection too")
      }).pipe(on(address))
    }))

  it.effect("T77 a connection lost in the middle of a statement is retried, not taken for a refusal", () =>
    Effect.gen(function*() {
      const address = yield* (yield* PostgresServer.PostgresServer).freshDatabase
      yield* Effect.gen(function*() {
        const pid = String((yield* query("select pg_backend_pid() as pid"))[0]?.["pid"])
        const sleeping = yield* Effect.forkChild(Effect.flip(query("select pg_sleep(60)")))
        yield* PostgresServer.until(
          address,
          `exists (select from pg_stat_activity where pid = ${pid} and wait_event = 'PgSleep')`
        )
        yield* PostgresServer.run(address, `select pg_terminate_backend(${pid})`)
        const error = yield* Fiber.join(sleeping)
        assert.strictEqual(error._tag === "TransientError" && error.code, "PG_CONNECTION_LOST")
        assert.deepStrictEqual(yield* query("select 1 as one"), [{ one: 1 }])
      }).pipe(on(address))
    }))

  it.effect("an interrupted statement's answer is never given to the next statement", () =>
    Effect.gen(function*() {
      const address = yield* (yield* PostgresServer.PostgresServer).freshDatabase
      yield* Effect.gen(function*() {
        yield* query("select 'slow' as answer, pg_sleep(60)").pipe(Effect.timeoutOption("100 millis"))
        assert.deepStrictEqual(yield* query("select 'next' as answer"), [{ answer: "next" }])
      }).pipe(on(address))
    }))

  it.effect("concurrent callers each get the answer to their own statement", () =>
    Effect.gen(function*() {
      const address = yield* (yield* PostgresServer.PostgresServer).freshDatabase
      const numbers = Array.from({ length: 20 }, (_, index) => index)
      const answers = yield* Effect.forEach(numbers, (n) => query("select $1::int as n", [n]), {
        concurrency: "unbounded"
      }).pipe(on(address))
      assert.deepStrictEqual(answers.map((rows) => rows[0]?.["n"]), numbers)
    }))

  it.effect("T76 a table that is altered between two runs of a statement does not break the second", () =>
    Effect.gen(function*() {
      const address = yield* (yield* PostgresServer.PostgresServer).freshDatabase
      yield* PostgresServer.run(address, "create table t (id int); insert into t values (1)")
      yield* Effect.gen(function*() {
        const [all, one] = ["select * from t", "select * from t where id = $1"]
        for (const column of ["a", "b", "c"]) {
          yield* query(all)
          yield* query(one, [1])
          yield* PostgresServer.run(address, `alter table t add column ${column} int default 7`)
          assert.deepStrictEqual((yield* query(all))[0]?.[column], 7)
          assert.deepStrictEqual((yield* query(one, [1]))[0]?.[column], 7)
        }
      }).pipe(on(address))
    }))

  it.effect("T77 a server that has too many connections is waited for, and answers again when there is room", () =>
    Effect.gen(function*() {
      const address = yield* (yield* PostgresServer.PostgresServer).freshDatabase
      const role = yield* PostgresServer.freshRole(address, "connection limit 1")
      const only = yield* Effect.scoped(Effect.gen(function*() {
        yield* PostgresServer.connect(role)
        return yield* Effect.flip(query("select 1")).pipe(on(role))
      }))
      assert.strictEqual(only._tag === "TransientError" && only.code, "PG_UNREACHABLE")
      assert.include(only.message, "too many connections")
      assert.strictEqual(only._tag === "TransientError" && only.triesMax, undefined, "for as long as it takes")
      const again = query("select 1 as one").pipe(
        on(role),
        Effect.retry({ schedule: PostgresServer.pollEvery, while: (error) => error._tag === "TransientError" })
      )
      assert.deepStrictEqual(yield* again, [{ one: 1 }])
    }))

  it.effect("a server's refusal shows severity, detail and hint, as v1 clients do, with its SQLSTATE", () =>
    Effect.gen(function*() {
      const address = yield* (yield* PostgresServer.PostgresServer).freshDatabase
      const raise = "do $$ begin raise exception 'no' using detail = 'why', hint = 'try', errcode = '22012'; end $$"
      const error = yield* Effect.flip(query(raise)).pipe(on(address))
      assert.strictEqual(error._tag === "PgSqlError" && error.sqlState, "22012")
      assert.strictEqual(error.message, "ERROR: no DETAIL: why HINT: try")
    }))

  it.effect("statements without parameters are one transaction, so `set local` bounds exactly what follows it", () =>
    Effect.gen(function*() {
      const address = yield* (yield* PostgresServer.PostgresServer).freshDatabase
      yield* Effect.gen(function*() {
        const show = "select current_setting('lock_timeout') as value"
        assert.deepStrictEqual(yield* query(`set local lock_timeout = 3000; ${show}`), [{ value: "3s" }])
        assert.deepStrictEqual(yield* query(show), [{ value: "0" }])
      }).pipe(on(address))
    }))

  it.effect("a wrong password stops the program with its cause, and is never printed", () =>
    Effect.gen(function*() {
      const { address } = (yield* PostgresServer.PostgresServer).server
      const wrong = { ...address, password: Redacted.make(SECRET) }
      const error = yield* Effect.flip(query("select 1")).pipe(on(wrong))
      assert.strictEqual(error._tag === "SetupError" && error.code, "PgConnectionFailed")
      assert.include(error.message, `PostgreSQL connection failed to '127.0.0.1:${address.port}': FATAL:`)
      assertSilent(error)
    }))

  it.effect("a database that does not exist is a setup error, not an endless retry", () =>
    Effect.gen(function*() {
      const { address } = (yield* PostgresServer.PostgresServer).server
      const error = yield* Effect.flip(query("select 1")).pipe(on({ ...address, database: "absent" }))
      assert.strictEqual(error._tag === "SetupError" && error.code, "PgConnectionFailed")
      assert.include(error.message, "\"absent\" does not exist")
    }))

  it.effect("a server that is away, or whose name does not resolve, is retried", () =>
    Effect.gen(function*() {
      const { address } = (yield* PostgresServer.PostgresServer).server
      const password = Redacted.make(SECRET)
      const places = [{ ...address, password, port: 1 }, { ...address, password, host: "no-such-host.invalid" }]
      for (const place of places) {
        const error = yield* Effect.flip(query("select 1")).pipe(on(place))
        assert.strictEqual(error._tag === "TransientError" && error.code, "PG_UNREACHABLE")
        assert.include(error.message, `${place.host}:${place.port}`)
        assertSilent(error)
      }
    }))

  it.effect("T75 closing does not wait for a server that never answers", () =>
    Effect.gen(function*() {
      const silent = yield* Effect.acquireRelease(
        Effect.callback<ReturnType<typeof createServer>>((resume) => {
          const server = createServer((socket) => socket.on("error", () => {})).listen(0, "127.0.0.1", () => {
            resume(Effect.succeed(server))
          })
        }),
        (server) => Effect.sync(() => server.close())
      )
      const bound = silent.address()
      const port = typeof bound === "object" && bound !== null ? bound.port : 0
      const { address } = (yield* PostgresServer.PostgresServer).server
      const outcome = yield* query("select 1").pipe(
        Effect.timeoutOption("200 millis"),
        on({ ...address, port }),
        Effect.timeout("5 seconds")
      )
      assert.strictEqual(outcome._tag, "None")
    }))

  it.effect("nothing of ours stays connected when the scope closes", () =>
    Effect.gen(function*() {
      const address = yield* (yield* PostgresServer.PostgresServer).freshDatabase
      yield* Effect.scoped(
        Layer.build(PostgresSql.layer(address, "closing")).pipe(
          Effect.flatMap((context) => query("select 1").pipe(Effect.provide(context)))
        )
      )
      yield* PostgresServer.until(
        address,
        "not exists (select from pg_stat_activity where application_name = 'closing')"
      )
    }))
})

layer(PostgresServer.layer(), { excludeTestServices: true })("PostgresSql and a server that stops", (it) => {
  it.effect("T77 a server that is shutting down, away, or starting is waited for", () =>
    Effect.gen(function*() {
      const { server } = yield* PostgresServer.PostgresServer
      const seen = new Set<string>()
      const ask = Effect.gen(function*() {
        const error = yield* Effect.flip(query("select 1")).pipe(on(server.address))
        assert.strictEqual(error._tag === "TransientError" && error.code, "PG_UNREACHABLE")
        assert.strictEqual(error._tag === "TransientError" && error.triesMax, undefined)
        seen.add(/shutting down|ECONNREFUSED|starting up/.exec(error.message)?.[0] ?? error.message)
      })
      yield* Effect.scoped(Effect.gen(function*() {
        yield* PostgresServer.connect(server.address)
        // A smart shutdown waits for the session above and refuses every other.
        process.kill(server.pid() ?? 0, "SIGTERM")
        yield* ask.pipe(
          Effect.repeat({ schedule: PostgresServer.pollEvery, until: () => seen.has("shutting down") }),
          Effect.retry({ schedule: PostgresServer.pollEvery })
        )
      }))
      yield* Effect.sync(() => server.pid()).pipe(
        Effect.repeat({ schedule: PostgresServer.pollEvery, until: (pid) => pid === undefined })
      )
      yield* ask
      yield* Effect.orDie(server.start)
      assert.deepStrictEqual(yield* query("select 1 as one").pipe(on(server.address)), [{ one: 1 }])
      assert.isTrue(seen.has("ECONNREFUSED"))
    }))
})
