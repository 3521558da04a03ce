import { assert, describe, it } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as fs from "node:fs/promises"
import type { SinkMode, SinkTls } from "../../src/domain/config/Tls.ts"
import type { LoadRequest } from "../../src/domain/Load.ts"
import * as Lsn from "../../src/domain/Lsn.ts"
import { StreamLoadClient } from "../../src/layers/StreamLoadClient.ts"
import * as Certificates from "../support/Certificates.ts"
import * as HttpStage from "../support/HttpStage.ts"
import * as TlsProxy from "../support/TlsProxy.ts"

const PASSWORD = "hunter2"
const request: LoadRequest = {
  target: { schema: "shop", name: "items" },
  run: "r",
  label: "l",
  columns: undefined,
  body: Buffer.from("[{\"id\":1}]"),
  rowCount: 1,
  lastCommitLsn: Lsn.ZERO
}
const NO_FILES = { ca: undefined, cert: undefined, key: undefined }
const tls = (mode: SinkMode, files: Partial<SinkTls> = {}): SinkTls => ({ mode, ...NO_FILES, ...files })

const build = (url: string, sinkTls: SinkTls | undefined) =>
  Effect.map(
    Layer.build(StreamLoadClient.layer({
      url,
      host: "localhost",
      sqlPort: 1,
      database: "shop",
      user: "root",
      password: Redacted.make(PASSWORD),
      tls: sinkTls
    })),
    (context) => Context.get(context, StreamLoadClient)
  )
const load = (url: string, sinkTls: SinkTls | undefined) =>
  Effect.gen(function*() {
    const client = yield* build(url, sinkTls)
    return yield* client.load(request, yield* client.permit)
  })
const probe = (url: string, sinkTls: SinkTls | undefined) =>
  Effect.gen(function*() {
    yield* (yield* build(url, sinkTls)).probe
    return "ok"
  }).pipe(Effect.match({
    onSuccess: (ok) => ok,
    onFailure: (error) => `${error.code}: ${error.message} | ${error.remediation}`
  }))

const take = (turn: HttpStage.Turn): void => turn.read(() => turn.reply(HttpStage.loaded(1)))
const authorized = (stage: HttpStage.HttpStage) =>
  stage.turns.filter((turn) => turn.headers.authorization !== undefined)

describe("Stream Load over HTTPS", () => {
  it.live("goes through the redirect to another host with the same authority, and arrives", () =>
    Effect.gen(function*() {
      const authority = yield* Certificates.authority
      const pair = yield* authority.issue("localhost", { altNames: "DNS:localhost,IP:127.0.0.1" })
      const backEnd = yield* HttpStage.start(take)
      const secureBackEnd = yield* TlsProxy.http(backEnd.port, { pair })
      const frontEnd = yield* HttpStage.start((turn) =>
        turn.redirect(`https://127.0.0.1:${secureBackEnd.port}${turn.path}`)
      )
      const secureFrontEnd = yield* TlsProxy.http(frontEnd.port, { pair })
      const client = yield* build(`https://localhost:${secureFrontEnd.port}`, tls("disable", { ca: authority.ca }))
      for (const turn of [1, 2]) {
        const outcome = yield* client.load(request, yield* client.permit)
        assert.strictEqual(outcome._tag, "Loaded", `load ${turn}: ${JSON.stringify(outcome)}`)
      }
      assert.strictEqual(backEnd.turns[1]?.body.toString("utf8"), "[{\"id\":1}]")
      assert.lengthOf(authorized(backEnd), 2)
      assert.deepStrictEqual([secureFrontEnd.secured(), secureBackEnd.secured()], [2, 1])
    }))

  it.live("a redirect from https to http is refused, and the plain server sees no request at all", () =>
    Effect.gen(function*() {
      const authority = yield* Certificates.authority
      const pair = yield* authority.issue("localhost", { altNames: "DNS:localhost" })
      const plain = yield* HttpStage.start(take)
      const frontEnd = yield* HttpStage.start((turn) =>
        turn.redirect(`http://root:${PASSWORD}@127.0.0.1:${plain.port}${turn.path}`)
      )
      const secure = yield* TlsProxy.http(frontEnd.port, { pair })
      const url = `https://localhost:${secure.port}`
      const outcome = yield* load(url, tls("disable", { ca: authority.ca }))
      assert.strictEqual(outcome._tag, "Permanent")
      assert.match(JSON.stringify(outcome), /configured with https and redirected to http:.*unencrypted/)
      assert.notInclude(JSON.stringify(outcome), PASSWORD)
      const client = yield* build(url, tls("disable", { ca: authority.ca }))
      const state = yield* client.labelState("shop", "l")
      assert.strictEqual(state._tag, "Unanswered")
      assert.lengthOf(plain.turns, 0)
      assert.strictEqual(plain.connections(), 0)
      assert.lengthOf(authorized(frontEnd), 2)
      // Whoever configures http has decided so.
      assert.strictEqual((yield* load(frontEnd.url, undefined))._tag, "Loaded")
    }))

  it.live("a certificate that is not believed gets no password: a setup error at the start, a wait while it runs", () =>
    Effect.gen(function*() {
      const authority = yield* Certificates.authority
      const other = yield* Certificates.authority
      const stage = yield* HttpStage.start(take)
      const { ca } = authority
      const NOT_TRUSTED = /not trusted.*SINK_TLS_CA/s
      const OTHER_HOST = /for another host.*certificate/s
      const wrong = yield* authority.issue("a", { altNames: "DNS:sr.example" })
      const untrusted = yield* other.issue("localhost", { altNames: "DNS:localhost" })
      const expired = yield* authority.issue("localhost", { altNames: "DNS:localhost", expired: true })
      const cases: ReadonlyArray<readonly [Certificates.KeyPair, SinkTls | undefined, RegExp]> = [
        [untrusted, undefined, NOT_TRUSTED],
        [untrusted, tls("verify-ca", { ca }), NOT_TRUSTED],
        // `require` is a word about the MySQL protocol: over HTTPS goes the password itself.
        [untrusted, tls("require", { ca }), NOT_TRUSTED],
        [untrusted, tls("require"), NOT_TRUSTED],
        [wrong, tls("disable", { ca }), OTHER_HOST],
        [wrong, tls("require", { ca }), OTHER_HOST],
        [wrong, tls("verify-full", { ca }), OTHER_HOST],
        [expired, tls("verify-full", { ca }), /expired.*Renew/s],
        [wrong, tls("verify-full", { ca: "/nowhere.crt" }), /SINK_TLS_CA '\/nowhere.crt'.*there is no such file/s]
      ]
      for (const [pair, sinkTls, expected] of cases) {
        const url = `https://localhost:${(yield* TlsProxy.http(stage.port, { pair })).port}`
        const told = yield* probe(url, sinkTls)
        assert.match(told, /^SrTlsFailed: /)
        assert.match(told, expected)
        const outcome = yield* load(url, sinkTls)
        assert.strictEqual(outcome._tag, "Transient")
        assert.match(JSON.stringify(outcome), expected)
      }
      assert.lengthOf(stage.turns, 0)
      const url = `https://localhost:${(yield* TlsProxy.http(stage.port, { pair: wrong })).port}`
      assert.strictEqual(yield* probe(url, tls("verify-ca", { ca })), "ok")
      const notTls = yield* probe(`https://127.0.0.1:${stage.port}`, undefined)
      assert.match(notTls, /^SrTlsFailed: .*does not speak TLS/s)
    }))

  it.live("shows a client certificate, and uses the renewed files for the next load", () =>
    Effect.gen(function*() {
      const authority = yield* Certificates.authority
      const pair = yield* authority.issue("localhost", { altNames: "DNS:localhost" })
      const mine = yield* authority.issue("dbmazz")
      const stage = yield* HttpStage.start(take)
      const secure = yield* TlsProxy.http(stage.port, { pair, clientCa: authority.ca })
      const url = `https://localhost:${secure.port}`
      const { ca } = authority
      assert.strictEqual((yield* load(url, tls("disable", { ca, ...mine })))._tag, "Loaded")
      const refused = yield* load(url, tls("disable", { ca }))
      assert.strictEqual(refused._tag, "Transient")
      const client = yield* build(url, tls("disable", { ca, ...mine }))
      const renewed = yield* authority.issue("dbmazz")
      yield* Effect.promise(() => fs.copyFile(renewed.cert, mine.cert))
      const between = yield* client.load(request, yield* client.permit)
      assert.match(JSON.stringify(between), /SINK_TLS_KEY.*does not go with the certificate/)
      yield* Effect.promise(() => fs.copyFile(renewed.key, mine.key))
      assert.strictEqual((yield* client.load(request, yield* client.permit))._tag, "Loaded")
    }))
})
