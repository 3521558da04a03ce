import { assert, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { ContractServer, external, tColumns } from "./ContractServer.ts"
import { http } from "./WireHttp.ts"

/** Every test of the contract runs on the real clock: servers and sockets do not know another one. */
const live = { excludeTestServices: true } as const

layer(ContractServer.layer, live)("the FE's HTTP port", (it) => {
  it.effect("1: a load is sent on to the BE at once, without the body and without credentials", () =>
    Effect.gen(function*() {
      const server = yield* ContractServer
      const table = yield* server.table(tColumns)
      const answer = yield* server.fe({
        method: "PUT",
        path: `/api/${server.database}/${table}/_stream_load?x=1`,
        expect: true,
        body: "{\"id\":1}"
      })
      assert.strictEqual(answer.status, 307)
      assert.isFalse(answer.continued)
      assert.strictEqual(answer.headers["connection"], "close")
      assert.isTrue(answer.closed)
      assert.strictEqual(
        answer.headers["location"],
        `http://${server.host}:${server.bePort}/api/${server.database}/${table}/_stream_load?x=1`
      )
    }))

  it.effect("3: HTTP/1.1 without Expect is refused and the connection closed", () =>
    Effect.gen(function*() {
      const server = yield* ContractServer
      const table = yield* server.table(tColumns)
      const answer = yield* server.fe({
        method: "PUT",
        path: `/api/${server.database}/${table}/_stream_load`,
        headers: { format: "json" }
      })
      assert.strictEqual(answer.status, 200)
      assert.include(answer.body, "\"Status\":\"FAILED\"")
      assert.include(answer.body, "There is no 100-continue header")
      assert.isTrue(answer.closed)
    }))

  it.effect("4: HTTP/1.0 needs no Expect", () =>
    Effect.gen(function*() {
      const server = yield* ContractServer
      const table = yield* server.table(tColumns)
      const answer = yield* server.fe({
        method: "PUT",
        path: `/api/${server.database}/${table}/_stream_load`,
        version: "1.0"
      })
      assert.strictEqual(answer.status, 307)
    }))

  it.effect("5: without credentials the answer is 401 with a Basic challenge, before anything else is looked at", () =>
    Effect.gen(function*() {
      const server = yield* ContractServer
      const answer = yield* server.fe({
        method: "PUT",
        path: `/api/${server.database}/nope/_stream_load`,
        headers: { authorization: undefined }
      })
      assert.strictEqual(answer.status, 401)
      assert.match(answer.headers["www-authenticate"] ?? "", /^Basic/)
      assert.include(answer.body, "\"status\":\"FAILED\"")
      assert.include(answer.body, "\"msg\"")
    }))

  it.effect("6: a wrong password is 401", () =>
    Effect.gen(function*() {
      const server = yield* ContractServer
      const authorization = `Basic ${Buffer.from("root:wrong").toString("base64")}`
      const answer = yield* server.fe({
        method: "PUT",
        path: `/api/${server.database}/t/_stream_load`,
        expect: true,
        headers: { authorization }
      })
      assert.strictEqual(answer.status, 401)
      assert.include(answer.body, "Access denied")
    }))

  it.effect("9: a table that does not exist is redirected; the BE says so", () =>
    Effect.gen(function*() {
      const server = yield* ContractServer
      const answer = yield* server.fe({
        method: "PUT",
        path: `/api/${server.database}/nope/_stream_load`,
        expect: true
      })
      assert.strictEqual(answer.status, 307)
      assert.strictEqual(answer.headers["connection"], "close")
    }))

  it.effect("10: other methods and unknown paths are 404", () =>
    Effect.gen(function*() {
      const server = yield* ContractServer
      assert.strictEqual(
        (yield* server.fe({ method: "GET", path: `/api/${server.database}/t/_stream_load` })).status,
        404
      )
      assert.strictEqual((yield* server.fe({ method: "GET", path: "/nope" })).status, 404)
      assert.strictEqual((yield* server.fe({ method: "GET", path: "/api/%zz/health" })).status, 404)
    }))

  it.effect("15: the redirected request loads with the same headers and body", () =>
    Effect.gen(function*() {
      const server = yield* ContractServer
      const table = yield* server.table(tColumns)
      const request = {
        method: "PUT",
        path: `/api/${server.database}/${table}/_stream_load`,
        expect: true,
        body: "{\"id\":1}",
        headers: { authorization: server.authorization, format: "json" }
      }
      const first = yield* server.fe(request)
      const target = new URL(first.headers["location"] ?? "")
      const second = yield* Effect.promise(() =>
        http(target.hostname, Number(target.port), { ...request, path: target.pathname })
      )
      assert.isTrue(second.continued)
      assert.include(second.body, "\"Status\": \"Success\"")
    }))

  it.effect("health answers without credentials on both ports", () =>
    Effect.gen(function*() {
      const server = yield* ContractServer
      const headers = { authorization: undefined }
      assert.strictEqual((yield* server.fe({ method: "GET", path: "/api/health", headers })).status, 200)
      assert.strictEqual((yield* server.be({ method: "GET", path: "/api/health", headers })).status, 200)
    }))

  it.effect.skipIf(external)(
    "8: with no backend alive a load is refused with 200 and FAILED",
    () =>
      Effect.gen(function*() {
        const server = yield* ContractServer
        server.faults.on("no-backend", { count: 1 })
        const answer = yield* server.fe({ method: "PUT", path: `/api/${server.database}/t/_stream_load`, expect: true })
        assert.strictEqual(answer.status, 200)
        assert.include(answer.body, "No backend alive.")
      })
  )

  it.effect.skipIf(external)("11: an exception in the FE is 500 FAILED", () =>
    Effect.gen(function*() {
      const server = yield* ContractServer
      server.faults.on("fe-error", { count: 1 })
      const answer = yield* server.fe({ method: "PUT", path: `/api/${server.database}/t/_stream_load`, expect: true })
      assert.strictEqual(answer.status, 500)
      assert.include(answer.body, "\"status\":\"FAILED\"")
    }))

  it.effect.skipIf(external)(
    "faults: 401, a dead port, a reset and a stall of the FE are what a client sees",
    () =>
      Effect.gen(function*() {
        const server = yield* ContractServer
        const request = { method: "PUT", path: `/api/${server.database}/t/_stream_load`, expect: true, waitMs: 200 }
        server.faults.on("auth", { count: 1 })
        assert.strictEqual((yield* server.fe(request)).status, 401)
        server.faults.on("redirect-to-dead-port", { count: 1 })
        assert.include((yield* server.fe(request)).headers["location"], "127.0.0.1:1/")
        server.faults.on("fe-reset", { count: 1 })
        assert.strictEqual((yield* server.fe(request)).status, 0)
        server.faults.on("fe-stall", { count: 1 })
        assert.strictEqual((yield* server.fe(request)).status, -1)
        server.faults.on("unavailable")
        assert.strictEqual((yield* server.fe(request)).status, 0)
        assert.strictEqual((yield* server.be(request)).status, 0)
        server.faults.off()
        assert.strictEqual((yield* server.fe(request)).status, 307)
        assert.strictEqual(server.faults.hits("fe-stall"), 1)
      })
  )
})
