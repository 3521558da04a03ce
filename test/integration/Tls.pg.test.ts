import { assert, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as Certificates from "../support/Certificates.ts"
import * as DbmazzProcess from "../support/DbmazzProcess.ts"
import * as PostgresServer from "../support/PostgresServer.ts"
import { run } from "../support/PostgresServer.ts"
import * as PostgresTls from "../support/PostgresTls.ts"
import * as Replica from "../support/Replica.ts"
import * as TlsProxy from "../support/TlsProxy.ts"

layer(PostgresServer.layer(), { excludeTestServices: true })("A job with TLS on both sides", (it) => {
  it.effect("replicates with verify-full everywhere and client certificates, and nothing goes in the open", () =>
    Effect.gen(function*() {
      const { server } = yield* PostgresServer.PostgresServer
      const replica = yield* Replica.start
      const control = PostgresTls.of(server)
      const authority = yield* Certificates.authority
      const pair = yield* authority.issue("localhost", { altNames: "DNS:localhost" })
      const mine = yield* authority.issue("dbmazz")
      yield* control.show(pair)
      yield* control.believe(authority.ca)
      // The test itself looks from the server's own database; the job's database takes nothing but TLS.
      const { database, password, user } = replica.source
      const job = `hostssl ${database} all all scram-sha-256 clientcert=verify-ca\n`
      const https = { pair, clientCa: authority.ca }
      const { bePort, fePort } = replica.endpoint
      const backEnd = yield* TlsProxy.http(bePort, https)
      const frontEnd = yield* TlsProxy.http(fePort, {
        ...https,
        rewrite: (text) => text.replace(/http:\/\/[^/\s]*:(\d+)\//g, `https://localhost:${backEnd.port}/`)
      })
      const sql = yield* TlsProxy.mysql(replica.sink.sqlPort, https)
      const environment = replica.environment({
        DATABASE_URL:
          `postgres://${user}:${encodeURIComponent(Redacted.value(password))}@localhost:${replica.source.port}` +
          `/${database}?sslmode=verify-full&sslrootcert=${encodeURIComponent(authority.ca)}`,
        SOURCE_TLS_CERT: mine.cert,
        SOURCE_TLS_KEY: mine.key,
        STARROCKS_URL: `https://localhost:${frontEnd.port}`,
        STARROCKS_PORT: String(sql.port),
        SINK_TLS: "verify-full",
        SINK_TLS_CA: authority.ca,
        SINK_TLS_CERT: mine.cert,
        SINK_TLS_KEY: mine.key,
        LOG_LEVEL: "debug"
      })
      yield* control.rules(job)

      const process = yield* DbmazzProcess.start(["run"], environment)
      yield* process.logged("\"replicating\"")
      const sessions = yield* run(
        server.address,
        `select backend_type, ssl, client_dn from pg_stat_ssl join pg_stat_activity using (pid)
         where datname = '${database}' and backend_type in ('client backend', 'walsender')`
      ).pipe(Effect.repeat({
        until: (rows) => new Set(rows.map((row) => row["backend_type"])).size === 2,
        schedule: PostgresServer.pollEvery
      }))
      for (const session of sessions) assert.deepInclude(session, { ssl: true, client_dn: "/CN=dbmazz" })

      // The job's sessions stand; now the test may come in too.
      yield* control.rules(`${job}host ${database} all all scram-sha-256\n`)
      yield* run(replica.source, "insert into items select n, 'name ' || n from generate_series(1, 2000) n")
      yield* run(replica.source, "update items set name = name || ' (new)' where id % 3 = 0")
      yield* run(replica.source, "delete from items where id % 7 = 0")
      yield* replica.caughtUp
      assert.strictEqual(yield* replica.deletedCount, 285)
      assert.isAtLeast(backEnd.secured(), 1)
      assert.isAtLeast(sql.secured(), 1)
      yield* process.kill("SIGTERM")
      assert.strictEqual(yield* process.exit, 0)
      assert.notInclude(process.log() + process.output(), Redacted.value(password))
      assert.notInclude(process.log() + process.output(), "PRIVATE KEY")
    }))

  it.effect("a server whose certificate is not believed stops the start with exit code 78 and what to do", () =>
    Effect.gen(function*() {
      const { server } = yield* PostgresServer.PostgresServer
      const control = PostgresTls.of(server)
      yield* control.rules(PostgresTls.OPEN)
      const replica = yield* Replica.start
      const authority = yield* Certificates.authority
      const other = yield* Certificates.authority
      yield* control.show(yield* authority.issue("localhost"))
      const process = yield* DbmazzProcess.start(["run"], replica.environment({ SOURCE_TLS_CA: other.ca }))
      assert.strictEqual(yield* process.exit, 78)
      assert.include(process.log(), "not trusted")
      assert.include(process.log(), "Set SOURCE_TLS_CA")
      assert.notInclude(process.log(), Redacted.value(replica.source.password))
    }))
})
