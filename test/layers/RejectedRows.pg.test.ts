import { assert, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import type { PgAddress } from "../../src/domain/config/Settings.ts"
import { PermanentError } from "../../src/domain/errors/PermanentError.ts"
import * as Lsn from "../../src/domain/Lsn.ts"
import type { RejectedRow } from "../../src/domain/RejectedRow.ts"
import * as PostgresSql from "../../src/layers/PostgresSql.ts"
import * as RejectedRows from "../../src/layers/RejectedRows.ts"
import * as PostgresServer from "../support/PostgresServer.ts"
import { run } from "../support/PostgresServer.ts"

const SECRET = "4111 'secret' \\ \u{1f600}"

const row = (lsn: bigint, changes: Partial<RejectedRow> = {}): RejectedRow => ({
  source: { schema: "public", name: "Items" },
  target: { schema: "shop", name: "items" },
  position: { commitLsn: Lsn.Lsn.make(lsn), ordinal: 0 },
  commitTime: 1_700_000_000_123_456n,
  operation: "insert",
  label: "label_1",
  key: { id: "7", part: null },
  values: () => ({ id: "7", part: null, note: SECRET }),
  refusal: new PermanentError({
    code: "SR_REJECTED_ROWS",
    message: "m",
    remediation: "r",
    context: { column: "note", reason: "too long" }
  }),
  ...changes
})

const options = (address: PgAddress): RejectedRows.Options => ({ address, slot: "s", values: "redact", perHourMax: 3 })

/** A database with the table. */
const prepared = Effect.gen(function*() {
  const address = yield* (yield* PostgresServer.PostgresServer).freshDatabase
  yield* RejectedRows.createTable.pipe(Effect.provide(PostgresSql.layer(address, "dbmazz test")))
  return address
})

const stateOf = (address: PgAddress) =>
  RejectedRows.readTable.pipe(Effect.provide(PostgresSql.layer(address, "dbmazz test")))

layer(PostgresServer.layer(), { excludeTestServices: true })("RejectedRows", (it) => {
  it.effect("T21 a row is kept once, however often a replay brings it; another operation of the same change is another row", () =>
    Effect.gen(function*() {
      const address = yield* prepared
      const put = yield* RejectedRows.make(options(address))
      assert.strictEqual(yield* put(row(0xffff_ffff_0000_0001n)), "new")
      assert.strictEqual(yield* put(row(0xffff_ffff_0000_0001n, { label: "of another run" })), "known")
      assert.strictEqual(yield* put(row(0xffff_ffff_0000_0001n, { operation: "delete" })), "new")
      const rows = yield* run(
        address,
        `select slot_name, source_schema, source_table, lsn::text, ordinal::int, operation, row_key, row_values, code,
           column_name, reason, label, (extract(epoch from committed_at) * 1000000)::bigint::text as committed
         from dbmazz_rejected_rows order by operation`
      )
      assert.strictEqual(rows.length, 2)
      assert.deepStrictEqual(rows[1], {
        slot_name: "s",
        source_schema: "public",
        source_table: "Items",
        lsn: "FFFFFFFF/1",
        ordinal: 0,
        operation: "insert",
        row_key: { id: "7", part: null },
        row_values: null,
        code: "SR_REJECTED_ROWS",
        column_name: "note",
        reason: "too long",
        label: "label_1",
        committed: "1700000000123456"
      })
    }))

  it.effect("a table has room for so many rows an hour, across restarts; known rows and other tables take none of it", () =>
    Effect.gen(function*() {
      const address = yield* prepared
      const put = yield* RejectedRows.make(options(address))
      assert.deepStrictEqual(yield* Effect.forEach([1n, 2n, 3n, 4n], (lsn) => put(row(lsn))), [
        "new",
        "new",
        "new",
        "full"
      ])
      const restarted = yield* RejectedRows.make(options(address))
      assert.strictEqual(yield* restarted(row(3n)), "known")
      assert.strictEqual(yield* restarted(row(4n)), "full")
      assert.strictEqual(yield* restarted(row(4n, { source: { schema: "public", name: "other" } })), "new")
      yield* run(
        address,
        "update dbmazz_rejected_rows set rejected_at = now() - interval '61 minutes' where lsn = '0/1'"
      )
      assert.strictEqual(yield* restarted(row(4n)), "new")
    }))

  it.effect("T21 T37 a change is told of the last row of its own key that was left out before it, and of no other", () =>
    Effect.gen(function*() {
      const address = yield* prepared
      const put = yield* RejectedRows.make({ ...options(address), perHourMax: 99 })
      const last = yield* RejectedRows.reader(options(address))
      const at = (lsn: bigint, ordinal: number, changes: Partial<RejectedRow> = {}) =>
        row(lsn, { position: { commitLsn: Lsn.Lsn.make(lsn), ordinal }, ...changes })
      for (const [lsn, ordinal] of [[5n, 0], [0xffff_ffff_0000_0001n, 2], [7n, 1]] as const) {
        yield* put(at(lsn, ordinal))
      }
      yield* put(at(8n, 0, { key: { id: "8", part: null } }))
      yield* put(at(8n, 0, { source: { schema: "public", name: "other" } }))
      const other = yield* RejectedRows.make({ ...options(address), slot: "another" })
      yield* other(at(8n, 0))
      const asked = [at(5n, 0), at(5n, 1), at(7n, 1), at(9n, 0), at(0xffff_ffff_0000_0001n, 3)]
      const { source } = asked[0]!
      assert.deepStrictEqual(yield* last(source, [...asked, at(9n, 0, { key: { id: "8", part: "" } })]), [
        undefined,
        5n,
        5n,
        7n,
        0xffff_ffff_0000_0001n,
        undefined
      ])
      assert.deepStrictEqual(yield* last(source, []), [])

      const holds = (address: PgAddress, slot: string) =>
        RejectedRows.holdsRows(slot).pipe(Effect.provide(PostgresSql.layer(address, "dbmazz test")))
      assert.deepStrictEqual(yield* Effect.forEach(["s", "another", "none"], (slot) => holds(address, slot)), [
        true,
        true,
        false
      ])
      const bare = yield* (yield* PostgresServer.PostgresServer).freshDatabase
      assert.isFalse(yield* holds(bare, "s"))
      yield* run(address, "create role stranger login password 'stranger'")
      assert.isFalse(yield* holds({ ...address, user: "stranger", password: Redacted.make("stranger") }, "s"))
    }))

  it.effect("T73 values are kept only when that is asked for, and then whole, of 10 MB too", () =>
    Effect.gen(function*() {
      const address = yield* prepared
      yield* (yield* RejectedRows.make(options(address)))(row(1n))
      const keep = yield* RejectedRows.make({ ...options(address), values: "keep" })
      yield* keep(row(2n, { values: () => ({ note: SECRET, ["__proto__"]: "p", large: "x".repeat(10_000_000) }) }))
      yield* keep(row(3n, { values: () => undefined }))
      const [rows] = yield* run(
        address,
        `select (select row_values from dbmazz_rejected_rows where lsn = '0/1') as redacted,
           (select row_values ->> 'note' from dbmazz_rejected_rows where lsn = '0/2') as note,
           (select length(row_values ->> 'large') from dbmazz_rejected_rows where lsn = '0/2') as large,
           (select row_values from dbmazz_rejected_rows where lsn = '0/3') as beyond`
      )
      assert.deepStrictEqual(rows, { redacted: null, note: SECRET, large: 10_000_000, beyond: null })
      const [all] = yield* run(
        address,
        "select string_agg(r::text, '') as text from dbmazz_rejected_rows r where lsn = '0/1'"
      )
      assert.notInclude(String(all?.["text"]), "4111")
    }))

  it.effect("what PostgreSQL refuses is an error to try again or to mend, without the row", () =>
    Effect.gen(function*() {
      const address = yield* prepared
      const keep = yield* RejectedRows.make({ ...options(address), values: "keep" })
      yield* run(address, "alter table dbmazz_rejected_rows add constraint c check (row_values is null)")
      const refused = yield* Effect.flip(keep(row(1n)))
      assert.strictEqual(refused.code, "PgRejectedRowsFailed")
      assert.notInclude(refused.message, "4111")
      yield* run(address, "alter table dbmazz_rejected_rows drop constraint c")
      yield* Effect.scoped(Effect.gen(function*() {
        const client = yield* PostgresServer.connect(address)
        yield* Effect.promise(() => client.query("begin; lock table dbmazz_rejected_rows in access exclusive mode"))
        const locked = yield* Effect.flip(keep(row(1n)))
        assert.deepStrictEqual([locked._tag, locked.code], ["TransientError", "PG_LOCK_TIMEOUT"])
      }))
      yield* run(
        address,
        "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'dbmazz rejected rows'"
      )
      // The first statement may still meet the session that was ended.
      const put = yield* keep(row(1n)).pipe(Effect.retry({ times: 1, while: ({ _tag }) => _tag === "TransientError" }))
      assert.strictEqual(put, "new")
    }))

  it.effect("T80 what the role lacks is found at setup, and so is another table of that name", () =>
    Effect.gen(function*() {
      const address = yield* (yield* PostgresServer.PostgresServer).freshDatabase
      yield* run(address, "revoke create on schema public from public")
      const role = yield* PostgresServer.freshRole(address)
      assert.strictEqual(yield* stateOf(role), "uncreatable")
      assert.strictEqual(yield* stateOf(address), "missing")
      yield* run(address, "create table dbmazz_rejected_rows (id int)")
      assert.strictEqual(yield* stateOf(address), "foreign")
      yield* run(address, "drop table dbmazz_rejected_rows")
      const create = RejectedRows.createTable.pipe(Effect.provide(PostgresSql.layer(address, "dbmazz test")))
      yield* Effect.andThen(create, create)
      assert.strictEqual(yield* stateOf(address), "usable")
      assert.strictEqual(yield* stateOf(role), "forbidden")
      yield* run(address, `grant select, insert on dbmazz_rejected_rows to ${role.user}`)
      assert.strictEqual(yield* stateOf(role), "usable")
    }))
})
