import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Admin from "../../../../src/layers/embedded/starrocks/faults/Admin.ts"
import * as Faults from "../../../../src/layers/embedded/starrocks/faults/Faults.ts"
import { listen } from "../../../../src/layers/embedded/starrocks/http/Listening.ts"
import { http, type Request } from "../../../contract/WireHttp.ts"

const orders = { database: "shop", table: "orders" }

/** A switchboard behind an admin port, and a way to ask it; answers are JSON whatever is asked. */
const start = Effect.gen(function*() {
  const faults = Faults.make()
  const port = yield* listen(Admin.make(faults), "admin HTTP", Admin.adminHost, 0)
  const ask = (method: string, path: string, body?: unknown, more: Partial<Request> = {}) =>
    Effect.promise(async () => {
      const text = typeof body === "string" ? body : JSON.stringify(body)
      const headers = { host: `127.0.0.1:${port}`, ...more.headers }
      const answer = await http(Admin.adminHost, port, {
        method,
        path,
        ...(body === undefined ? {} : { body: text }),
        ...more,
        headers: text === undefined ? headers : { "content-length": String(Buffer.byteLength(text)), ...headers }
      })
      const json: unknown = JSON.parse(answer.body)
      assert.strictEqual(answer.headers["content-type"], "application/json")
      return { status: answer.status, headers: answer.headers, json }
    })
  return { ask, faults, port }
})

const member = (json: unknown, name: string): unknown =>
  typeof json === "object" && json !== null ? Reflect.get(json, name) : undefined

describe("the admin port", () => {
  it.live("switches a fault on with its scope, shows it and what it did, and switches it off", () =>
    Effect.gen(function*() {
      const { ask, faults } = yield* start
      const created = yield* ask("POST", "/faults", { kind: "memory", table: "orders", count: 2, seed: 3 })
      assert.strictEqual(created.status, 201)
      assert.deepStrictEqual(member(created.json, "fault"), {
        kind: "memory",
        table: "orders",
        remaining: 2,
        probability: 1,
        seed: 3
      })
      assert.isTrue(faults.strikes("memory", orders))
      assert.isFalse(faults.strikes("memory", { database: "shop", table: "items" }))
      assert.strictEqual((yield* ask("POST", "/faults", { kind: "stall", probability: 0.5 })).status, 201)
      const shown = yield* ask("GET", "/faults")
      assert.strictEqual(shown.status, 200)
      assert.deepStrictEqual(member(shown.json, "rules"), [
        { kind: "memory", table: "orders", remaining: 1, probability: 1, seed: 3 },
        { kind: "stall", table: null, remaining: null, probability: 0.5, seed: 0 }
      ])
      assert.deepStrictEqual(member(shown.json, "kinds"), [...Faults.faultKinds])
      assert.strictEqual(member(member(shown.json, "hits"), "memory"), 1)
      assert.strictEqual(member(shown.json, "held"), 0)
      assert.strictEqual((yield* ask("DELETE", "/faults/memory")).status, 200)
      assert.deepStrictEqual(faults.rules().map((rule) => rule.kind), ["stall"])
      assert.deepStrictEqual(member((yield* ask("DELETE", "/faults")).json, "rules"), [])
      assert.deepStrictEqual(faults.rules(), [])
    }))

  it.live("chooses how a duplicate label is answered", () =>
    Effect.gen(function*() {
      const { ask, faults } = yield* start
      assert.strictEqual((yield* ask("PUT", "/duplicate-labels", { mode: "fail-message" })).status, 200)
      assert.strictEqual(faults.duplicateLabelMode(), "fail-message")
      assert.strictEqual((yield* ask("PUT", "/duplicate-labels", { mode: "kind" })).status, 400)
      assert.strictEqual(faults.duplicateLabelMode(), "fail-message")
    }))

  it.live("refuses a kind it does not know with those it does, when switching on and off", () =>
    Effect.gen(function*() {
      const { ask, faults } = yield* start
      for (const answer of [yield* ask("POST", "/faults", { kind: "nope" }), yield* ask("DELETE", "/faults/nope")]) {
        assert.strictEqual(answer.status, 400)
        assert.strictEqual(member(answer.json, "msg"), "unknown fault 'nope'")
        assert.deepStrictEqual(member(answer.json, "kinds"), [...Faults.faultKinds])
      }
      assert.deepStrictEqual(faults.rules(), [])
    }))

  const wrong: ReadonlyArray<readonly [string, unknown]> = [
    ["no JSON", "{\"kind\""],
    ["nothing", ""],
    ["no object", "[]"],
    ["no kind", {}],
    ["a misspelt member, which would widen the fault", { kind: "memory", tabel: "orders" }],
    ["an empty table", { kind: "memory", table: "" }],
    ["a table of another type", { kind: "memory", table: 1 }],
    ["a count of 0", { kind: "memory", count: 0 }],
    ["half a count", { kind: "memory", count: 1.5 }],
    ["a count past every bound", { kind: "memory", count: 1e300 }],
    ["a probability of 0", { kind: "memory", probability: 0 }],
    ["a probability above 1", { kind: "memory", probability: 1.01 }],
    ["a probability that is no number", "{\"kind\":\"memory\",\"probability\":1e999}"],
    ["a seed below 0", { kind: "memory", seed: -1 }],
    ["a seed of more than 32 bits", { kind: "memory", seed: 2 ** 32 }],
    ["nested without end", "[".repeat(60_000)]
  ]
  for (const [what, body] of wrong) {
    it.live(`refuses ${what}`, () =>
      Effect.gen(function*() {
        const { ask, faults } = yield* start
        const answer = yield* ask("POST", "/faults", body)
        assert.strictEqual(answer.status, 400)
        assert.strictEqual(member(answer.json, "status"), "FAILED")
        assert.isAtMost(String(member(answer.json, "msg")).length, 1000)
        assert.deepStrictEqual(faults.rules(), [])
      }))
  }

  it.live("names what a path allows, and nothing else exists", () =>
    Effect.gen(function*() {
      const { ask } = yield* start
      const denied = [
        yield* ask("PATCH", "/faults"),
        yield* ask("GET", "/faults/memory"),
        yield* ask("POST", "/duplicate-labels")
      ]
      assert.deepStrictEqual(denied.map((answer) => answer.status), [405, 405, 405])
      assert.deepStrictEqual(denied.map((answer) => answer.headers["allow"]), [
        "GET, POST, DELETE",
        "DELETE",
        "PUT"
      ])
      for (const path of ["/", "/api/health", "/faults/memory/1", "/duplicate-labels/1", "/%zz", "/faults%2Fmemory"]) {
        assert.strictEqual((yield* ask("GET", path)).status, 404, path)
      }
    }))

  it.live("takes a body of 64 KiB and refuses a longer one, announced or not", () =>
    Effect.gen(function*() {
      const { ask, faults } = yield* start
      const padded = (bytes: number) => `{"kind":"memory"}${" ".repeat(bytes - 17)}`
      assert.strictEqual((yield* ask("POST", "/faults", padded(65_536))).status, 201)
      const announced = yield* ask("POST", "/faults", padded(65_537))
      const chunked = { chunkBytes: 4096, headers: { "content-length": undefined } }
      const unannounced = yield* ask("POST", "/faults", padded(65_537), chunked)
      assert.deepStrictEqual([announced.status, unannounced.status], [413, 413])
      assert.lengthOf(faults.rules(), 1)
    }))

  it.live("waits for a body the client holds back until it is asked for", () =>
    Effect.gen(function*() {
      const { ask } = yield* start
      assert.strictEqual((yield* ask("POST", "/faults", { kind: "memory" }, { expect: true })).status, 201)
    }))

  it.live("bounds the faults that are on at once", () =>
    Effect.gen(function*() {
      const { ask, faults } = yield* start
      for (let rules = 0; rules < 1000; rules++) faults.on("memory", { table: "nobody" })
      const answer = yield* ask("POST", "/faults", { kind: "memory" })
      assert.strictEqual(answer.status, 400)
      assert.include(String(member(answer.json, "msg")), "1000 faults are on already")
      assert.lengthOf(faults.rules(), 1000)
    }))

  it.live("obeys no web page: neither by a name that points here, nor by a request from another page", () =>
    Effect.gen(function*() {
      const { ask, faults, port } = yield* start
      const post = (headers: Request["headers"]) =>
        ask("POST", "/faults", { kind: "memory" }, headers === undefined ? {} : { headers })
      const strangers = [
        "evil.example",
        `evil.example:${port}`,
        "127.0.0.1.evil.example",
        "localhost.evil",
        "",
        "10.0.0.1"
      ]
      for (const host of strangers) assert.strictEqual((yield* post({ host })).status, 403, host)
      assert.strictEqual((yield* post({ origin: "http://evil.example" })).status, 403)
      assert.deepStrictEqual(faults.rules(), [])
      for (const host of ["localhost", `LOCALHOST:${port}`, `127.0.0.1:${port}`, "127.1.2.3", `[::1]:${port}`]) {
        assert.strictEqual((yield* post({ host })).status, 201, host)
      }
    }))
})
