import { assert, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Lsn from "../../src/domain/Lsn.ts"
import * as CheckpointIdentity from "../../src/layers/CheckpointIdentity.ts"
import * as FoundExchanges from "../../src/layers/FoundExchanges.ts"
import * as PostgresSql from "../../src/layers/PostgresSql.ts"
import * as PostgresServer from "../support/PostgresServer.ts"
import { run } from "../support/PostgresServer.ts"

const RUN = { slot: "s", run: "now" }
const table = (name: string) => ({ schema: "public", name })
const exchange = (until: bigint, xid: number) => ({ until: Lsn.Lsn.make(until), xid })

layer(PostgresServer.layer(), { excludeTestServices: true })("Exchanges of partitions that were found", (it) => {
  it.effect("T22 T56 are stored beside what else is known of the tables, each table's last one, by the run that has the slot", () =>
    Effect.gen(function*() {
      const address = yield* (yield* PostgresServer.PostgresServer).freshDatabase
      yield* run(
        address,
        "create table dbmazz_checkpoints (slot_name text primary key, lsn bigint not null, run text, published jsonb); " +
          "insert into dbmazz_checkpoints values ('s', 1, 'now')"
      )
      yield* Effect.gen(function*() {
        const stored = Effect.map(CheckpointIdentity.read("s"), (found) => found?.published)
        const published = { publication: "p", tables: new Map(), keys: new Map(), columns: new Map() }
        yield* FoundExchanges.store(RUN, table("a"), exchange(7n, 1))
        assert.strictEqual((yield* stored)?.publication, "", "nothing was stored before it")
        yield* CheckpointIdentity.storePublished("s", "now", published)
        yield* FoundExchanges.store(RUN, table("b"), exchange(8n, 2))
        yield* FoundExchanges.store(RUN, table("a"), exchange(9n, 3))
        const alone = { until: Lsn.Lsn.make(11n) }
        yield* FoundExchanges.store(RUN, table("c"), alone)
        yield* FoundExchanges.store({ ...RUN, run: "before" }, table("a"), exchange(10n, 4))
        yield* CheckpointIdentity.storePublished("s", "now", published)
        assert.deepStrictEqual(yield* stored, {
          ...published,
          exchanged: new Map([["public.a", exchange(9n, 3)], ["public.b", exchange(8n, 2)], ["public.c", alone]])
        })
        yield* run(address, "update dbmazz_checkpoints set published = null")
        yield* CheckpointIdentity.storePublished("s", "now", published)
        assert.deepStrictEqual(yield* stored, { ...published, exchanged: new Map() })
        yield* run(address, "alter table dbmazz_checkpoints drop column published")
        yield* FoundExchanges.store(RUN, table("a"), exchange(7n, 1))
      }).pipe(Effect.provide(PostgresSql.layer(address, "test")))
    }))
})
