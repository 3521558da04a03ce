import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { run } from "../../support/CommandRun.ts"
import * as ControlServer from "../../support/ControlServer.ts"

/** Everything that the API can say, with numbers that neither a double nor a signed number holds. */
const FULL = {
  state: "PAUSED",
  current_lsn: ControlServer.UINT64_MAX,
  confirmed_lsn: "18446744073708503039",
  pending_events: "9007199254740993",
  slot_name: "dbmazz_slot",
  tables: ["public.orders", "sales.items"],
  snapshot_active: true,
  snapshot_chunks_total: "7",
  snapshot_chunks_done: "3",
  snapshot_rows_synced: "123456789",
  table_progress: [{ table_name: "public.orders", chunks_total: "7", chunks_done: "3", rows_synced: "123456789" }],
  snapshot_paused: false
}

describe("status", () => {
  it.live("is a table for people, with positions as PostgreSQL writes them", () =>
    Effect.gen(function*() {
      const server = yield* ControlServer.start()
      server.answers.GetStatus = FULL
      const ended = yield* run("status", "--address", server.address)
      assert.strictEqual(
        ended.output,
        [
          "state       PAUSED",
          "slot        dbmazz_slot",
          "received    FFFFFFFF/FFFFFFFF",
          "confirmed   FFFFFFFF/FFEFFFFF (1.0 MiB behind)",
          "pending     9,007,199,254,740,993 rows",
          "snapshot    running, 3 of 7 chunks, 123,456,789 rows",
          "            public.orders: 3 of 7 chunks, 123,456,789 rows",
          "tables      public.orders",
          "            sales.items",
          ""
        ].join("\n")
      )
      assert.strictEqual(ended.code, 0)
    }).pipe(Effect.scoped))

  it.live("--json has every field under its name in the API, 64-bit numbers as strings", () =>
    Effect.gen(function*() {
      const server = yield* ControlServer.start()
      server.answers.GetStatus = FULL
      const ended = yield* run("status", "--address", server.address, "--json")
      assert.strictEqual(ended.output, `${JSON.stringify(FULL)}\n`)
    }).pipe(Effect.scoped))

  it.live("--json leaves no field out that the wire leaves out", () =>
    Effect.gen(function*() {
      const server = yield* ControlServer.start()
      server.answers.GetStatus = {}
      const ended = yield* run("status", "--address", server.address, "--json")
      assert.deepStrictEqual(JSON.parse(ended.output), {
        state: "RUNNING",
        current_lsn: "0",
        confirmed_lsn: "0",
        pending_events: "0",
        slot_name: "",
        tables: [],
        snapshot_active: false,
        snapshot_chunks_total: "0",
        snapshot_chunks_done: "0",
        snapshot_rows_synced: "0",
        table_progress: [],
        snapshot_paused: false
      })
    }).pipe(Effect.scoped))

  const snapshots: ReadonlyArray<readonly [answer: object, words: string]> = [
    [{}, "none"],
    [{ ...FULL, snapshot_paused: true }, "paused, 3 of 7 chunks, 123,456,789 rows"],
    [{ ...FULL, snapshot_active: false }, "over, 3 of 7 chunks, 123,456,789 rows"],
    [{ snapshot_active: true }, "running"]
  ]
  it.live.each(snapshots)("says how the snapshot stands: %j", ([answer, words]) =>
    Effect.gen(function*() {
      const server = yield* ControlServer.start()
      server.answers.GetStatus = answer
      const { output } = yield* run("status", "--address", server.address)
      assert.include(output.split("\n"), `snapshot    ${words}`)
      assert.strictEqual(output.includes("tables      none"), !("tables" in answer))
    }).pipe(Effect.scoped))
})
