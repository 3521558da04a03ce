import { assert, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import { ContractServer, external, newLabel, tColumns } from "./ContractServer.ts"

const live = { excludeTestServices: true } as const
const rows = [{ id: 1, name: "a", n: 1 }]

layer(ContractServer.layer, live)("labels and uncertain outcomes", (it) => {
  it.effect("36: a label used twice loads its rows once", () =>
    Effect.gen(function*() {
      const server = yield* ContractServer
      const table = yield* server.table(tColumns)
      const label = newLabel()
      assert.strictEqual((yield* server.load({ table, rows, headers: { label } }))["Status"], "Success")
      const second = yield* server.load({ table, rows: [{ id: 2 }], headers: { label } })
      assert.strictEqual(second["Status"], "Label Already Exists")
      assert.strictEqual(second["ExistingJobStatus"], "FINISHED")
      assert.deepStrictEqual((yield* server.sql(`SELECT id FROM ${table}`)).map((row) => String(row["id"])), ["1"])
    }))

  it.effect("37: while the first load runs, the label's job is RUNNING", () =>
    Effect.gen(function*() {
      const server = yield* ContractServer
      const table = yield* server.table(tColumns)
      const label = newLabel()
      let during: unknown
      let state: unknown
      const first = yield* server.load({
        table,
        rows,
        headers: { label },
        beforeEnd: Effect.gen(function*() {
          const second = yield* server.load({ table, rows, headers: { label } })
          during = second["ExistingJobStatus"]
          state = (yield* server.labelState(label))["state"]
        })
      })
      assert.strictEqual(during, "RUNNING")
      assert.strictEqual(state, "PREPARE")
      assert.strictEqual(first["Status"], "Success")
    }))

  it.effect.skipIf(external)(
    "38: the other servers' duplicate answer is a Fail with the label in it",
    () =>
      Effect.gen(function*() {
        const server = yield* ContractServer
        const table = yield* server.table(tColumns)
        const label = newLabel()
        yield* server.load({ table, rows, headers: { label } })
        server.faults.duplicateLabels("fail-message")
        const second = yield* server.load({ table, rows, headers: { label } })
        server.faults.duplicateLabels("classic")
        assert.strictEqual(second["Status"], "Fail")
        assert.strictEqual(second["Message"], `Label [${label}] has already been used.`)
        assert.isUndefined(second["ExistingJobStatus"])
        assert.strictEqual((yield* server.labelState(label))["state"], "VISIBLE")
      })
  )

  it.effect("39: after a failed load its label is free", () =>
    Effect.gen(function*() {
      const server = yield* ContractServer
      const table = yield* server.table(tColumns)
      const label = newLabel()
      assert.strictEqual((yield* server.load({ table, rows: [{ id: "x" }], headers: { label } }))["Status"], "Fail")
      assert.strictEqual((yield* server.load({ table, rows, headers: { label } }))["Status"], "Success")
    }))

  it.effect("41: the same label in another database is another label", () =>
    Effect.gen(function*() {
      const server = yield* ContractServer
      const table = yield* server.table(tColumns)
      const other = `${server.database}_other`
      yield* server.sql(`CREATE DATABASE IF NOT EXISTS ${other}`)
      yield* server.sql(
        `CREATE TABLE ${other}.${table} (${tColumns}) PRIMARY KEY (id) DISTRIBUTED BY HASH(id) PROPERTIES ("replication_num" = "1")`
      )
      const headers = { label: newLabel() }
      assert.strictEqual((yield* server.load({ table, rows, headers }))["Status"], "Success")
      const path = `/api/${other}/${table}/_stream_load`
      assert.strictEqual((yield* server.load({ table, rows, headers, path }))["Status"], "Success")
      yield* server.sql(`DROP DATABASE ${other}`)
    }))

  it.effect("42: the state of a label is VISIBLE, ABORTED or UNKNOWN", () =>
    Effect.gen(function*() {
      const server = yield* ContractServer
      const table = yield* server.table(tColumns)
      const good = newLabel()
      const bad = newLabel()
      yield* server.load({ table, rows, headers: { label: good } })
      yield* server.load({ table, rows: ["{"], headers: { label: bad } })
      assert.deepStrictEqual(yield* server.labelState(good), { state: "VISIBLE", status: "OK", msg: "Success" })
      assert.strictEqual((yield* server.labelState(bad))["state"], "ABORTED")
      assert.strictEqual((yield* server.labelState(newLabel()))["state"], "UNKNOWN")
    }))

  it.effect("43: the state of a label in an unknown database is FAILED", () =>
    Effect.gen(function*() {
      const server = yield* ContractServer
      const answer = yield* server.labelState("x", "nodb")
      assert.strictEqual(answer["status"], "FAILED")
      assert.include(String(answer["msg"]), "unknown database, database=nodb")
    }))

  it.effect.skipIf(external)(
    "45: after a commit whose reply is lost the label is VISIBLE and a retry changes nothing",
    () =>
      Effect.gen(function*() {
        const server = yield* ContractServer
        const table = yield* server.table(tColumns)
        const label = newLabel()
        server.faults.on("reset-after-commit", { table, count: 1 })
        assert.deepStrictEqual(yield* server.load({ table, rows, headers: { label } }), {})
        assert.strictEqual((yield* server.labelState(label))["state"], "VISIBLE")
        assert.strictEqual((yield* server.load({ table, rows, headers: { label } }))["Status"], "Label Already Exists")
        assert.lengthOf(yield* server.sql(`SELECT id FROM ${table}`), 1)
      })
  )

  it.effect.skipIf(external)(
    "46: after a reset before the commit the label is ABORTED and the same load succeeds",
    () =>
      Effect.gen(function*() {
        const server = yield* ContractServer
        const table = yield* server.table(tColumns)
        const label = newLabel()
        server.faults.on("reset-before-commit", { table, count: 1 })
        yield* server.load({ table, rows, headers: { label } })
        assert.strictEqual((yield* server.labelState(label))["state"], "ABORTED")
        assert.lengthOf(yield* server.sql(`SELECT id FROM ${table}`), 0)
        assert.strictEqual((yield* server.load({ table, rows, headers: { label } }))["Status"], "Success")
      })
  )

  it.effect.skipIf(external)("48: Publish Timeout means that the rows are committed", () =>
    Effect.gen(function*() {
      const server = yield* ContractServer
      const table = yield* server.table(tColumns)
      const label = newLabel()
      server.faults.on("publish-timeout", { table, count: 1 })
      const reply = yield* server.load({ table, rows, headers: { label } })
      assert.strictEqual(reply["Status"], "Publish Timeout")
      assert.strictEqual(reply["NumberLoadedRows"], 1)
      assert.strictEqual((yield* server.labelState(label))["state"], "VISIBLE")
    }))

  it.effect.skipIf(external)(
    "faults of the load itself: the messages a client sorts errors by",
    () =>
      Effect.gen(function*() {
        const server = yield* ContractServer
        const table = yield* server.table(tColumns)
        const expected = [
          ["too-many-versions", /too many versions/],
          ["memory", /Memory of process exceed limit/],
          ["status-unknown", /Transaction status unknown, you can retry with same label/],
          ["status-unknown-committed", /Transaction status unknown, you can retry with same label/]
        ] as const
        for (const [kind, message] of expected) {
          const label = newLabel()
          server.faults.on(kind, { table: `${server.database}.${table}`, count: 1 })
          const reply = yield* server.load({ table, rows, headers: { label } })
          assert.strictEqual(reply["Status"], "Fail")
          assert.match(String(reply["Message"]), message)
          const committed = kind === "status-unknown-committed"
          assert.strictEqual((yield* server.labelState(label))["state"], committed ? "VISIBLE" : "ABORTED")
        }
        server.faults.on("label-state-unknown", { count: 1 })
        assert.strictEqual((yield* server.labelState("any"))["state"], "UNKNOWN")
        server.faults.on("stall", { table, count: 1 })
        const stalled = yield* server.be({
          method: "PUT",
          path: `/api/${server.database}/${table}/_stream_load`,
          expect: true,
          waitMs: 150
        })
        assert.strictEqual(stalled.status, -1)
      })
  )

  it.effect("a cancelled load is ABORTED at once, does not commit, and its label is free", () =>
    Effect.gen(function*() {
      const server = yield* ContractServer
      const table = yield* server.table(tColumns)
      const label = newLabel()
      const cancel = server.fe({ method: "POST", path: `/api/${server.database}/${table}/_cancel?label=${label}` })
      let during: unknown
      const reply = yield* server.load({
        table,
        rows,
        headers: { label },
        beforeEnd: Effect.gen(function*() {
          assert.match((yield* cancel).body, /"status": ?"OK"/)
          during = (yield* server.labelState(label))["state"]
        })
      })
      assert.strictEqual(during, "ABORTED")
      assert.strictEqual(reply["Status"], "Fail")
      assert.strictEqual((yield* server.labelState(label))["state"], "ABORTED")
      assert.strictEqual((yield* server.load({ table, rows, headers: { label } }))["Status"], "Success")
      assert.include((yield* cancel).body, "FAILED")
      assert.strictEqual((yield* server.labelState(label))["state"], "VISIBLE")
    }))

  it.effect("a load that takes longer than its timeout is aborted and answered", () =>
    Effect.gen(function*() {
      const server = yield* ContractServer
      const table = yield* server.table(tColumns)
      const label = newLabel()
      const many = Array.from({ length: 20_000 }, (_, id) => ({ id, name: "x" }))
      const headers = { label, timeout: "1" }
      const aborted = Effect.repeat(server.labelState(label), {
        schedule: Schedule.spaced("10 millis"),
        until: (state) => state["state"] === "ABORTED"
      })
      const reply = yield* server.load({ table, rows: many, headers, beforeEnd: aborted })
      assert.strictEqual(reply["Status"], "Fail")
      assert.match(String(reply["Message"]), /timeout/)
      assert.strictEqual((yield* server.labelState(label))["state"], "ABORTED")
      assert.strictEqual((yield* server.load({ table, rows, headers }))["Status"], "Success")
      assert.lengthOf(yield* server.sql(`SELECT id FROM ${table}`), 1)
    }))
})
