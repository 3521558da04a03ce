import { assert, layer } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Schedule from "effect/Schedule"
import * as fs from "node:fs/promises"
import { createServer } from "node:net"
import type { PgAddress } from "../../src/domain/config/Settings.ts"
import type { SourceMode, SourceTls } from "../../src/domain/config/Tls.ts"
import * as Lsn from "../../src/domain/Lsn.ts"
import * as PostgresSql from "../../src/layers/PostgresSql.ts"
import * as ReplicationCommand from "../../src/layers/ReplicationCommand.ts"
import { ReplicationSource } from "../../src/layers/ReplicationSource.ts"
import * as Certificates from "../support/Certificates.ts"
import { listen } from "../support/Listening.ts"
import * as PostgresServer from "../support/PostgresServer.ts"
import * as PostgresTls from "../support/PostgresTls.ts"

const NO_FILES = { ca: undefined, cert: undefined, key: undefined }
const tls = (mode: SourceMode, files: Partial<SourceTls> = {}): SourceTls => ({ mode, ...NO_FILES, ...files })

/** One statement on a connection of its own: whether it was encrypted, as the server says. */
const ask = (address: PgAddress) =>
  Effect.gen(function*() {
    const sql = Context.get(yield* Layer.build(PostgresSql.layer(address, "tls test")), PostgresSql.PostgresSql)
    const rows = yield* sql.query("select ssl::text as ssl from pg_stat_ssl where pid = pg_backend_pid()")
    return rows[0]?.["ssl"] === "true" ? "encrypted" : "plain"
  }).pipe(Effect.scoped)

/** `encrypted`, `plain`, or the kind and the text of the error. */
const outcome = (address: PgAddress) =>
  Effect.match(ask(address), {
    onSuccess: (way) => way,
    onFailure: (error) => {
      if (error._tag === "PgSqlError") return `PgSqlError: ${error.message}`
      assert.notInclude(`${error.message} ${JSON.stringify(error)}`, Redacted.value(address.password))
      assert.notStrictEqual(error.remediation, "")
      return `${error.code}: ${error.message} | ${error.remediation}`
    }
  })

const setup = Effect.gen(function*() {
  const { freshDatabase, server } = yield* PostgresServer.PostgresServer
  const control = PostgresTls.of(server)
  yield* control.rules(PostgresTls.OPEN)
  const authority = yield* Certificates.authority
  return { address: yield* freshDatabase, control, authority, server }
})

layer(PostgresServer.layer(), { excludeTestServices: true })("TLS to PostgreSQL", (it) => {
  it.effect("each sslmode believes what libpq's does, and what it refuses is a setup error that says what to do", () =>
    Effect.gen(function*() {
      const { address, authority, control } = yield* setup
      const other = yield* Certificates.authority
      const right = yield* authority.issue("localhost", { altNames: "DNS:localhost" })
      const wrong = yield* authority.issue("db.example", { altNames: "DNS:db.example" })
      const untrusted = yield* other.issue("localhost", { altNames: "DNS:localhost" })
      const expired = yield* authority.issue("localhost", { altNames: "DNS:localhost", expired: true })
      const { ca } = authority
      const NOT_TRUSTED = /^PgTlsFailed: .*not trusted.*\| Set SOURCE_TLS_CA/s
      const OTHER_HOST = /^PgTlsFailed: .*for another host.*db\.example.*\| Use a name/s
      const EXPIRED = /^PgTlsFailed: .*expired.*\| Renew/s
      const NO_TLS = /^PgTlsFailed: .*offers no TLS.*\| Turn ssl on/s
      const cases: ReadonlyArray<
        readonly [string, Certificates.KeyPair | undefined, ReadonlyArray<readonly [SourceTls | undefined, RegExp]>]
      > = [
        ["trusted, right host", right, [
          [undefined, /^plain$/],
          [tls("allow"), /^plain$/],
          [tls("prefer"), /^encrypted$/],
          [tls("require"), /^encrypted$/],
          [tls("require", { ca }), /^encrypted$/],
          [tls("verify-ca", { ca }), /^encrypted$/],
          [tls("verify-full", { ca }), /^encrypted$/],
          // Without a CA it is the public authorities that are believed.
          [tls("verify-full"), NOT_TRUSTED]
        ]],
        ["trusted, wrong host", wrong, [
          [tls("prefer"), /^encrypted$/],
          [tls("require", { ca }), /^encrypted$/],
          [tls("verify-ca", { ca }), /^encrypted$/],
          [tls("verify-full", { ca }), OTHER_HOST]
        ]],
        ["untrusted", untrusted, [
          [tls("prefer"), /^encrypted$/],
          [tls("require"), /^encrypted$/],
          [tls("require", { ca }), NOT_TRUSTED],
          [tls("verify-ca", { ca }), NOT_TRUSTED],
          [tls("verify-full", { ca }), NOT_TRUSTED]
        ]],
        ["expired", expired, [
          [tls("prefer"), /^encrypted$/],
          [tls("require"), /^encrypted$/],
          [tls("require", { ca }), EXPIRED],
          [tls("verify-ca", { ca }), EXPIRED],
          [tls("verify-full", { ca }), EXPIRED]
        ]],
        ["no TLS offered", undefined, [
          [undefined, /^plain$/],
          [tls("allow"), /^plain$/],
          [tls("prefer"), /^plain$/],
          [tls("require"), NO_TLS],
          [tls("verify-ca", { ca }), NO_TLS],
          [tls("verify-full", { ca }), NO_TLS]
        ]]
      ]
      for (const [name, pair, rows] of cases) {
        yield* control.show(pair)
        for (const [mode, expected] of rows) {
          const found = yield* outcome({ ...address, host: "localhost", tls: mode })
          assert.match(
            found,
            expected,
            `${name}, ${mode?.mode ?? "disable"}${mode?.ca === undefined ? "" : " with CA"}`
          )
        }
      }
    }))

  it.effect("an address is compared with the certificate's addresses, not with its names", () =>
    Effect.gen(function*() {
      const { address, authority, control } = yield* setup
      const full = { ...address, host: "127.0.0.1", tls: tls("verify-full", { ca: authority.ca }) }
      yield* control.show(yield* authority.issue("localhost", { altNames: "IP:127.0.0.1" }))
      assert.strictEqual(yield* outcome(full), "encrypted")
      yield* control.show(yield* authority.issue("localhost", { altNames: "DNS:localhost" }))
      assert.match(yield* outcome(full), /for another host/)
    }))

  it.effect("allow and prefer go the other way when pg_hba.conf lets nobody in on the first", () =>
    Effect.gen(function*() {
      const { address, authority, control } = yield* setup
      const { database } = address
      yield* control.show(yield* authority.issue("localhost"))
      yield* control.rules(`hostssl ${database} all all scram-sha-256\n`)
      assert.strictEqual(yield* outcome({ ...address, tls: tls("allow") }), "encrypted")
      assert.strictEqual(yield* outcome({ ...address, tls: tls("prefer") }), "encrypted")
      assert.match(yield* outcome(address), /^PgTlsFailed: .*no encryption.*\| The server lets nobody in without TLS/s)
      yield* control.rules(`hostnossl ${database} all all scram-sha-256\n`)
      assert.strictEqual(yield* outcome({ ...address, tls: tls("allow") }), "plain")
      assert.strictEqual(yield* outcome({ ...address, tls: tls("prefer") }), "plain")
      assert.match(yield* outcome({ ...address, tls: tls("require") }), /^PgConnectionFailed: .*pg_hba\.conf/s)
      // Neither way: the server's own words, and no endless going to and fro.
      yield* control.rules("")
      for (const mode of ["allow", "prefer"] as const) {
        assert.match(yield* outcome({ ...address, tls: tls(mode) }), /no pg_hba\.conf entry/)
      }
      // Without TLS on the server the refusal of the plain way is what is told.
      yield* control.show(undefined)
      assert.match(yield* outcome({ ...address, tls: tls("allow") }), /no pg_hba\.conf entry/)
    }))

  it.effect("a client certificate lets in without a password; without one, with another's, or a bad file it is said", () =>
    Effect.gen(function*() {
      const { address, authority, control } = yield* setup
      const { database, user } = address
      const other = yield* Certificates.authority
      yield* control.show(yield* authority.issue("localhost", { altNames: "DNS:localhost" }))
      yield* control.believe(authority.ca)
      yield* control.rules(`hostssl ${database} all all cert\n`)
      const at = (files: Partial<SourceTls>) =>
        outcome({
          ...address,
          host: "localhost",
          password: Redacted.make("unused-secret"),
          tls: tls("verify-full", { ca: authority.ca, ...files })
        })
      const mine = yield* authority.issue(user)
      assert.strictEqual(yield* at(mine), "encrypted")
      assert.match(yield* at({}), /^PgTlsFailed: .*valid client certificate.*\| Set SOURCE_TLS_CERT/s)
      assert.match(
        yield* at(yield* authority.issue("somebody_else")),
        /^PgTlsFailed: .*certificate authentication failed.*common name/s
      )
      const expired = yield* authority.issue(user, { expired: true })
      const stranger = yield* other.issue(user)
      for (const refused of [stranger, expired]) {
        // The alert of TLS 1.3 may be lost when the server closes with our first message unread.
        assert.match(
          yield* at(refused),
          /^PgTlsFailed: .*refused the client certificate.*SOURCE_TLS_CERT|^PG_UNREACHABLE: .*may have refused the client certificate/s
        )
      }
      assert.match(
        yield* at({ cert: mine.cert, key: stranger.key }),
        /^PgTlsFailed: .*SOURCE_TLS_KEY.*does not go with/s
      )
      assert.match(
        yield* at({ ...mine, ca: "/nowhere.crt" }),
        /^PgTlsFailed: .*SOURCE_TLS_CA.*\/nowhere.crt.*no such file/s
      )
      assert.match(yield* at({ ...mine, ca: mine.key }), /^PgTlsFailed: .*holds no certificate/s)
      assert.match(yield* at({ ...mine, ca: "/dev/zero" }), /^PgTlsFailed: .*\/dev\/zero' is not a file/s)
    }))

  it.effect("files are read for each connection, so that a renewed authority needs no restart", () =>
    Effect.gen(function*() {
      const { address, authority, control } = yield* setup
      const next = yield* Certificates.authority
      yield* control.show(yield* next.issue("localhost", { altNames: "DNS:localhost" }))
      const file = authority.ca
      const sql = Context.get(
        yield* Layer.build(
          PostgresSql.layer({ ...address, host: "localhost", tls: tls("verify-full", { ca: file }) }, "tls test")
        ),
        PostgresSql.PostgresSql
      )
      assert.strictEqual((yield* Effect.flip(sql.query("select 1")))._tag, "SetupError")
      yield* Effect.promise(() => fs.copyFile(next.ca, file))
      assert.lengthOf(yield* sql.query("select 1"), 1)
    }))

  it.effect("the replication connection and its commands go the same way", () =>
    Effect.gen(function*() {
      const { address, authority, control } = yield* setup
      yield* control.show(yield* authority.issue("localhost", { altNames: "DNS:localhost" }))
      yield* control.rules(`hostssl ${address.database} all all scram-sha-256\n`)
      const secured = { ...address, host: "localhost", tls: tls("verify-full", { ca: authority.ca }) }
      assert.match(yield* ReplicationCommand.systemIdentifier(secured), /^\d+$/)
      const refusal = yield* Effect.flip(ReplicationCommand.systemIdentifier({ ...secured, host: "127.0.0.1" }))
      assert.include(refusal.message, "for another host")
      const sql = Context.get(yield* Layer.build(PostgresSql.layer(secured, "tls test")), PostgresSql.PostgresSql)
      yield* sql.query("create table big (id int, filler text)")
      yield* sql.query("create publication tls_pub for table big")
      yield* sql.query("select pg_create_logical_replication_slot('tls_slot', 'pgoutput')")
      const options = { slot: "tls_slot", publication: "tls_pub", bufferBytesMax: 1024 * 1024 }
      const wrong = Context.get(
        yield* Layer.build(ReplicationSource.layer({ ...options, address: { ...secured, host: "127.0.0.1" } })),
        ReplicationSource
      )
      const failure = yield* Effect.flip(wrong.open(Lsn.ZERO, 60_000))
      assert.strictEqual(failure._tag === "SetupError" ? failure.code : failure.message, "PgTlsFailed")

      const source = Context.get(
        yield* Layer.build(ReplicationSource.layer({ ...options, address: secured })),
        ReplicationSource
      )
      yield* Effect.gen(function*() {
        const session = yield* source.open(Lsn.ZERO, 60_000)
        assert.deepStrictEqual(
          (yield* sql.query("select ssl::text as ssl from pg_stat_ssl join pg_stat_replication using (pid)"))
            .map((row) => row["ssl"]),
          ["true"]
        )
        // Several times the buffer, so that reading pauses and goes on through TLS.
        yield* sql.query("insert into big select n, repeat('x', 1000) from generate_series(1, 8000) n")
        let rows = 0
        while (rows < 8000) {
          for (const frame of yield* session.pull) {
            if (frame.end - frame.start > 1000) rows++
            yield* session.release(frame.end - frame.start)
          }
        }
        assert.strictEqual(rows, 8000)
        assert.isTrue(yield* session.flushConfirmations)
      }).pipe(Effect.scoped)
      yield* sql.query("select count(*) from pg_replication_slots where active").pipe(
        Effect.repeat({ until: ([row]) => row?.["count"] === "0", schedule: Schedule.spaced("10 millis") })
      )
    }))

  it.effect("bytes that somebody slipped in behind the answer to SSLRequest are refused", () =>
    Effect.gen(function*() {
      const answers = ["S\0injected", "E\0", "X"]
      let next = 0
      const server = createServer((socket) => {
        socket.once("data", () => socket.write(answers[next++] ?? ""))
      })
      const { port } = yield* listen(server)
      const base = { host: "127.0.0.1", port, user: "me", password: Redacted.make("hunter2"), database: "d" }
      for (const answer of answers) {
        const found = yield* outcome({ ...base, tls: tls("require") })
        assert.match(found, /did not answer the request for TLS/, answer)
      }
    }))
})
