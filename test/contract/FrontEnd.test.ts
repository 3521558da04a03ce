import { assert, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { ContractServer, external, tColumns } from "./ContractServer.ts"
import { http, raw } from "./WireHttp.ts"

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

  it.effect("an absolute target is redirected by its path alone", () =>
    Effect.gen(function*() {
      const server = yield* ContractServer
      const path = `/api/${server.database}/t/_stream_load?x=1`
      const answer = yield* server.fe({ method: "PUT", path: `http://elsewhere:1${path}`, expect: true })
      assert.strictEqual(answer.status, 307)
      assert.isTrue(answer.headers["location"]?.endsWith(`:${server.bePort}${path}`))
    }))

  it.effect("requests that come before the answers are answered in order, with HTTP/1.0 too", () =>
    Effect.gen(function*() {
      const server = yield* ContractServer
      const get = (path: string, version = "1.1", more = "") =>
        `GET ${path} HTTP/${version}\r\nhost: x\r\nauthorization: ${server.authorization}\r\n${more}\r\n`
      const state = (label: string) => `/api/${server.database}/get_load_state?label=${label}`
      const many = [get("/api/health"), get(state("none")), get("/nope"), get("/api/health", "1.0")]
      const { closed, text } = yield* Effect.promise(() => raw(server.host, server.fePort, many.join(""), () => false))
      assert.deepStrictEqual([...text.matchAll(/HTTP\/1\.1 (\d+)/g)].map((found) => found[1]), [
        "200",
        "200",
        "404",
        "200"
      ])
      assert.isTrue(closed)
    }))

  it.effect("bytes that are no HTTP are a bad request", () =>
    Effect.gen(function*() {
      const server = yield* ContractServer
      const answer = yield* Effect.promise(() => raw(server.host, server.fePort, "hello\r\n\r\n", () => false))
      assert.match(answer.text, /^HTTP\/1\.1 400 /)
      assert.isTrue(answer.closed)
    }))

  it.effect.skipIf(external)(
    "12: a follower sends get_load_state to the leader and plain loads to the BE",
    () =>
      Effect.gen(function*() {
        const server = yield* ContractServer
        const path = `/api/${server.database}/get_load_state?label=none`
        server.faults.on("follower")
        const hop = yield* server.fe({ method: "GET", path })
        assert.strictEqual(hop.status, 307)
        const leader = new URL(hop.headers["location"] ?? "")
        assert.notStrictEqual(Number(leader.port), server.fePort)
        const answer = yield* Effect.promise(() =>
          http(leader.hostname, Number(leader.port), {
            method: "GET",
            path: `${leader.pathname}${leader.search}`,
            headers: { authorization: server.authorization }
          })
        )
        assert.strictEqual(answer.body, "{\"state\":\"UNKNOWN\",\"status\":\"OK\",\"msg\":\"Success\"}")
        const load = { method: "PUT", path: `/api/${server.database}/t/_stream_load`, expect: true }
        assert.include((yield* server.fe(load)).headers["location"], `:${server.bePort}/`)
        const merge = yield* server.fe({ ...load, headers: { enable_merge_commit: "true" } })
        assert.include(merge.headers["location"], `:${leader.port}/`)
        server.faults.off()
        assert.strictEqual((yield* server.fe({ method: "GET", path })).status, 200)
      })
  )

  it.effect.skipIf(external)(
    "without a leader labels cannot be asked for and loads cannot begin",
    () =>
      Effect.gen(function*() {
        const server = yield* ContractServer
        const table = yield* server.table(tColumns)
        server.faults.on("no-leader")
        const state = yield* server.labelState("none")
        assert.deepStrictEqual(state, { status: "FAILED", msg: "current fe is not master" })
        const load = yield* server.load({ table, rows: [{ id: 1 }] })
        assert.deepInclude(load, { TxnId: -1, Status: "Fail", Message: "current fe is not master" })
        server.faults.off()
      })
  )
})
