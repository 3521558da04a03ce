import { assert, describe, it } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import type { SrAddress } from "../../src/domain/config/Settings.ts"
import type { SinkMode, SinkTls } from "../../src/domain/config/Tls.ts"
import { StarRocksSql } from "../../src/layers/StarRocksSql.ts"
import * as Certificates from "../support/Certificates.ts"
import * as StarRocksEndpoint from "../support/StarRocksEndpoint.ts"
import * as TlsProxy from "../support/TlsProxy.ts"

const NO_FILES = { ca: undefined, cert: undefined, key: undefined }
const tls = (mode: SinkMode, files: Partial<SinkTls> = {}): SinkTls => ({ mode, ...NO_FILES, ...files })

const outcome = (sink: SrAddress) =>
  Effect.gen(function*() {
    const sql = Context.get(yield* Layer.build(StarRocksSql.layer(sink)), StarRocksSql)
    return (yield* sql.query("SELECT 41 + 1 AS n"))[0]?.["n"]
  }).pipe(
    Effect.scoped,
    Effect.match({
      onSuccess: (answer) => answer,
      onFailure: (error) =>
        error._tag === "SrSqlError" ? error.message : `${error.code}: ${error.message} | ${error.remediation}`
    })
  )

describe("TLS of the MySQL protocol to StarRocks", () => {
  it.live("each SINK_TLS believes what it says, and what it refuses is a setup error that says what to do", () =>
    Effect.gen(function*() {
      const { sink } = yield* StarRocksEndpoint.start
      const authority = yield* Certificates.authority
      const other = yield* Certificates.authority
      const { ca } = authority
      const NOT_TRUSTED = /^SrTlsFailed: .*not trusted.*\| Set SINK_TLS_CA/s
      const OTHER_HOST = /^SrTlsFailed: .*for another host.*\| Use a name/s
      const EXPIRED = /^SrTlsFailed: .*expired.*\| Renew/s
      const YES = /^42$/
      const right = yield* authority.issue("localhost", { altNames: "DNS:localhost" })
      const cases = [
        ["right host", right, "localhost", [YES, YES, YES]],
        ["wrong host", yield* authority.issue("a", { altNames: "DNS:sr.example" }), "localhost", [
          YES,
          YES,
          OTHER_HOST
        ]],
        ["name for an address", right, "127.0.0.1", [YES, YES, OTHER_HOST]],
        ["right address", yield* authority.issue("a", { altNames: "IP:127.0.0.1" }), "127.0.0.1", [YES, YES, YES]],
        ["untrusted", yield* other.issue("localhost"), "localhost", [YES, NOT_TRUSTED, NOT_TRUSTED]],
        ["expired", yield* authority.issue("localhost", { expired: true }), "localhost", [YES, EXPIRED, EXPIRED]]
      ] as const
      for (const [name, pair, host, expected] of cases) {
        const proxy = yield* TlsProxy.mysql(sink.sqlPort, { pair })
        const modes = [tls("require"), tls("verify-ca", { ca }), tls("verify-full", { ca })]
        for (const [index, mode] of modes.entries()) {
          const found = yield* outcome({ ...sink, host, sqlPort: proxy.port, tls: mode })
          assert.match(String(found), expected[index]!, `${name}, ${mode.mode}`)
        }
      }
      for (const mode of [tls("require"), tls("verify-ca", { ca }), tls("verify-full", { ca })]) {
        assert.match(
          String(yield* outcome({ ...sink, tls: mode })),
          /^SrTlsFailed: .*offers no TLS.*ssl_keystore_location/s
        )
      }
      assert.strictEqual(yield* outcome({ ...sink, tls: tls("disable", { ca }) }), "42")
      assert.match(
        String(yield* outcome({ ...sink, tls: tls("verify-full", { ca: "/nowhere.crt" }) })),
        /^SrTlsFailed: .*SINK_TLS_CA '\/nowhere.crt'.*no such file/s
      )
    }))

  it.live("a client certificate is shown, and its refusal is no endless retry", () =>
    Effect.gen(function*() {
      const { sink } = yield* StarRocksEndpoint.start
      const authority = yield* Certificates.authority
      const pair = yield* authority.issue("localhost")
      const proxy = yield* TlsProxy.mysql(sink.sqlPort, { pair, clientCa: authority.ca })
      const at = (files: Partial<SinkTls>) =>
        outcome({
          ...sink,
          host: "localhost",
          sqlPort: proxy.port,
          password: Redacted.make(""),
          tls: tls("verify-full", { ca: authority.ca, ...files })
        })
      assert.strictEqual(yield* at(yield* authority.issue("dbmazz")), "42")
      // The alert of TLS 1.3 comes after the handshake, and may be lost when the server closes at once.
      assert.match(String(yield* at({})), /^SrTlsFailed: .*client certificate.*SINK_TLS_CERT|^SR_UNREACHABLE/s)
    }))
})
