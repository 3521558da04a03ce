import { assert, it, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as EmbeddedStarRocks from "../../src/layers/embedded/EmbeddedStarRocks.ts"
import * as TemporaryDirectory from "../support/TemporaryDirectory.ts"
import { ContractServer, external, newLabel, tColumns } from "./ContractServer.ts"
import { administrator, connect } from "./SqlClient.ts"
import { http } from "./WireHttp.ts"

const live = { excludeTestServices: true } as const
const properties = "PROPERTIES (\"replication_num\" = \"1\")"
const create = (name: string): string =>
  `CREATE TABLE ${name} (${tColumns}) PRIMARY KEY (id) DISTRIBUTED BY HASH(id) ${properties}`

layer(ContractServer.layer, live)("a dropped database", (it) => {
  it.effect("takes its labels with it: a database of the same name has never seen them", () =>
    Effect.gen(function*() {
      const server = yield* ContractServer
      const other = `${server.database}_dropped`
      const label = newLabel()
      const load = server.load({
        table: "t",
        rows: [{ id: 1 }],
        headers: { label },
        path: `/api/${other}/t/_stream_load`
      })
      for (const round of ["first", "second"]) {
        yield* server.sql(`CREATE DATABASE ${other}`)
        yield* server.sql(create(`${other}.t`))
        assert.strictEqual((yield* server.labelState(label, other))["state"], "UNKNOWN")
        assert.strictEqual((yield* load)["Status"], "Success", round)
        assert.lengthOf(yield* server.sql(`SELECT id FROM ${other}.t`), 1)
        yield* server.sql(`DROP DATABASE ${other} FORCE`)
      }
    }))
})

const authorization = `Basic ${Buffer.from("root:").toString("base64")}`

it.live.skipIf(external)(
  "a dropped database is as dropped after a restart: labels, prepared rows, loads and jobs",
  () =>
    Effect.gen(function*() {
      const dataDir = yield* TemporaryDirectory.make("dropped")
      const endpoint = EmbeddedStarRocks.make({ dataDir, database: "other" })
      const on = Effect.fnUntraced(function*(server: EmbeddedStarRocks.Endpoint, statement: string) {
        const client = yield* connect(server, administrator)
        return yield* client.query(statement)
      }, Effect.scoped)
      const send = (port: number, path: string, headers: Readonly<Record<string, string>>, body = "") => {
        const method = path.includes("load_state") ? "GET" : path.includes("load") ? "PUT" : "POST"
        const all = { authorization, format: "json", db: "d", table: "t", ...headers }
        return Effect.promise(() => http("127.0.0.1", port, { method, path, body, headers: all })).pipe(
          Effect.map((answer) => answer.body)
        )
      }
      const started = (server: EmbeddedStarRocks.Endpoint) =>
        Effect.andThen(on(server, "CREATE DATABASE d"), on(server, create("d.t")))
      const jobs = (server: EmbeddedStarRocks.Endpoint) => on(server, "SHOW ALTER TABLE COLUMN FROM d")
      const loads = (server: EmbeddedStarRocks.Endpoint) => on(server, "SELECT * FROM information_schema.loads")
      yield* Effect.scoped(Effect.gen(function*() {
        const server = yield* endpoint
        yield* started(server)
        assert.include(yield* send(server.bePort, "/api/d/t/_stream_load", { label: "done" }, "{\"id\":1}"), "Success")
        for (const operation of ["begin", "load", "prepare"]) {
          const body = operation === "load" ? "{\"id\":2}" : ""
          const reply = yield* send(server.bePort, `/api/transaction/${operation}`, { label: "prepared" }, body)
          assert.include(reply, "\"Status\": \"OK\"")
        }
        yield* on(server, "ALTER TABLE d.t ADD COLUMN x INT")
        assert.lengthOf(yield* loads(server), 1)
        assert.lengthOf(yield* jobs(server), 1)
        yield* on(server, "DROP DATABASE d")
        assert.lengthOf(yield* loads(server), 0)
        yield* started(server)
        assert.lengthOf(yield* jobs(server), 0)
      }))
      yield* Effect.scoped(Effect.gen(function*() {
        const server = yield* endpoint
        for (const label of ["done", "prepared"]) {
          const state = yield* send(server.fePort, `/api/d/get_load_state?label=${label}`, {})
          assert.include(state, "UNKNOWN", label)
        }
        assert.lengthOf(yield* loads(server), 0)
        assert.lengthOf(yield* jobs(server), 0)
        const commit = yield* send(server.fePort, "/api/transaction/commit", { label: "prepared" })
        assert.include(commit, "No transaction found by label prepared")
        assert.include(yield* send(server.bePort, "/api/d/t/_stream_load", { label: "done" }, "{\"id\":1}"), "Success")
        assert.lengthOf(yield* on(server, "SELECT * FROM d.t"), 1)
      }))
    }).pipe(Effect.scoped),
  30_000
)
