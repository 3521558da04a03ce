import { assert, layer } from "@effect/vitest"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Result from "effect/Result"
import type { PgAddress } from "../../src/domain/config/Settings.ts"
import * as Settings from "../../src/domain/config/Settings.ts"
import { PermanentError } from "../../src/domain/errors/PermanentError.ts"
import * as Identifier from "../../src/domain/Identifier.ts"
import * as Lsn from "../../src/domain/Lsn.ts"
import * as CheckpointStore from "../../src/layers/CheckpointStore.ts"
import { JobControl } from "../../src/layers/JobControl.ts"
import * as PostgresSql from "../../src/layers/PostgresSql.ts"
import { Progress } from "../../src/layers/Progress.ts"
import * as PublicationWatch from "../../src/streams/PublicationWatch.ts"
import { mapping } from "../support/Mappings.ts"
import * as PostgresServer from "../support/PostgresServer.ts"
import { run } from "../support/PostgresServer.ts"

const settings = Result.getOrThrow(Settings.fromEnv({
  DATABASE_URL: "postgres://me@db/shop",
  STARROCKS_URL: "http://fe:8030",
  STARROCKS_DB: "shop"
}))
const NAMES = ["a", "b", "c", "d", "e"]
const tables = NAMES.map((name) => mapping(name, ["id"], { id: "int" }))

const world = (address: PgAddress) =>
  Layer.mergeAll(Progress.layer, JobControl.layer(settings), CheckpointStore.layer).pipe(
    Layer.provideMerge(PostgresSql.layer(address, "test"))
  )

const prepare = Effect.gen(function*() {
  const { freshDatabase } = yield* PostgresServer.PostgresServer
  const address = yield* freshDatabase
  for (const name of NAMES) yield* run(address, `create table ${name} (id int primary key)`)
  yield* run(address, `create publication pub for table ${NAMES.join()}`)
  return address
})

/** Watches until it fails, or for as long as `act` takes; gives what was stopped, and why nothing more could be. */
const watching = Effect.fnUntraced(
  function*<E>(truncations: boolean, act: (stopped: ReadonlyMap<string, PermanentError>) => Effect.Effect<void, E>) {
    const stopped = new Map<string, PermanentError>()
    const { watch } = yield* PublicationWatch.make({
      slot: "s",
      run: "r",
      publication: "pub",
      tables,
      shapes: { current: (table) => table, changes: () => 0 },
      start: Lsn.ZERO,
      truncations,
      everyMs: 20,
      stop: (table, error) =>
        Effect.sync(() => {
          stopped.set(Identifier.show(table), error)
          return error
        })
    })
    const fiber = yield* Effect.forkChild(Effect.flip(watch))
    // What was seen before is what a look is compared with.
    const { get } = yield* Progress
    yield* Effect.repeat(get, {
      schedule: PostgresServer.pollEvery,
      until: ({ published }) => published.size === NAMES.length
    })
    yield* act(stopped)
    return { stopped, fiber }
  }
)

layer(PostgresServer.layer(), { excludeTestServices: true })("PublicationWatch", (it) => {
  it.effect("T32 T55 a table that is dropped, renamed, taken out, put back or filtered stops with what was missed and what to run", () =>
    Effect.gen(function*() {
      const address = yield* prepare
      const filters = (yield* PostgresServer.majorOf(address)) >= 15
      yield* Effect.gen(function*() {
        const { fiber, stopped } = yield* watching(true, (stopped) =>
          Effect.gen(function*() {
            yield* run(address, "alter publication pub drop table a; alter publication pub add table a")
            yield* run(address, "alter publication pub drop table b")
            yield* run(
              address,
              filters
                ? "begin; alter publication pub drop table c; alter publication pub add table c where (id > 5); commit"
                : "alter publication pub drop table c"
            )
            yield* run(address, "alter table d rename to d2")
            yield* Effect.repeat(Effect.sync(() => stopped.size), {
              schedule: PostgresServer.pollEvery,
              until: (size) => size === 4
            })
          }))
        yield* Fiber.interrupt(fiber)
        const said = (name: string) =>
          `${stopped.get(`public.${name}`)?.message} ${stopped.get(`public.${name}`)?.remediation}`
        assert.include(said("a"), "it was taken out of publication 'pub' and put back")
        assert.include(said("b"), "it is not in publication 'pub' any more")
        assert.include(said("b"), "Run: ALTER PUBLICATION \"pub\" ADD TABLE ONLY \"public\".\"b\"; and dbmazz resume;")
        assert.include(
          said("c"),
          filters ? "has got another condition for its rows" : "it is not in publication 'pub' any more"
        )
        assert.include(said("d"), "there is no table of this name any more")
        for (const [name, error] of stopped) {
          assert.strictEqual(error.code, "PG_TABLE_UNPUBLISHED")
          assert.match(error.message, /What changed in it since [0-9A-F]+\/[0-9A-F]+ \(20.*Z\) may be missing/, name)
        }
      }).pipe(Effect.provide(world(address)))
    }))

  it.effect("T56 tables with another key are stopped before anything of them is read, and told when they had not stopped for another reason", () =>
    Effect.gen(function*() {
      const address = yield* prepare
      yield* Effect.gen(function*() {
        const { get, update } = yield* Progress
        const as = (attnum: number) => new Map([["id", { attnum, typeOid: 23, typmod: -1 }]])
        yield* update((state) => ({
          ...state,
          keys: new Map(NAMES.map((name) => [`public.${name}`, { was: as(name === "a" ? 1 : 2) }]))
        }))
        const column = { name: "id", typeName: "integer", notNull: true, generated: false, attnum: 1 }
        const sourceColumns = new Map([["id", { ...column, typeOid: 23, typmod: -1 }]])
        const stopped: Array<string> = []
        yield* PublicationWatch.make({
          slot: "s",
          run: "r",
          publication: "pub",
          tables: tables.map((table) => ({ ...table, sourceColumns })),
          shapes: { current: (table) => table, changes: () => 0 },
          start: Lsn.ZERO,
          truncations: true,
          stop: ({ name }, error) =>
            Effect.sync(() => {
              stopped.push(name)
              const other = { code: error.code, context: error.context, message: "m", remediation: "r" }
              if (name === "c") return new PermanentError({ ...other, code: "SR_ACCESS_DENIED" })
              return name === "d" ? new PermanentError({ ...other, context: { columns: "v" } }) : error
            })
        })
        assert.deepStrictEqual(stopped, ["b", "c", "d", "e"])
        const { keys } = yield* get
        const told = NAMES.filter((name) => keys.get(`public.${name}`)?.toldAt !== undefined)
        assert.deepStrictEqual(told, ["b", "e"])
      }).pipe(Effect.provide(world(address)))
    }))

  it.effect("T55 of all tables: a table that is dropped and made again is not the one that was replicated", () =>
    Effect.gen(function*() {
      const address = yield* prepare
      yield* run(address, "drop publication pub; create publication pub for all tables")
      yield* Effect.gen(function*() {
        const { fiber, stopped } = yield* watching(true, (stopped) =>
          Effect.gen(function*() {
            yield* run(address, "begin; drop table b; create table b (id int primary key); commit")
            yield* Effect.repeat(Effect.sync(() => stopped.size), {
              schedule: PostgresServer.pollEvery,
              until: (size) => size === 1
            })
          }))
        yield* Fiber.interrupt(fiber)
        assert.include(stopped.get("public.b")?.message, "or dropped and made again")
      }).pipe(Effect.provide(world(address)))
    }))

  it.effect("T55 a publication that lost an operation, or is gone, stops the job; truncations only when they are wanted", () =>
    Effect.gen(function*() {
      const address = yield* prepare
      yield* Effect.gen(function*() {
        const ignoring = yield* watching(
          false,
          () => run(address, "alter publication pub set (publish = 'insert, update, delete')")
        )
        const untruncated = yield* Fiber.join((yield* watching(true, () => Effect.void)).fiber)
        assert.strictEqual(untruncated.code, "PG_PUBLICATION_CHANGED")
        assert.match(
          untruncated.message,
          /'pub' does not publish truncate any more: .* since [0-9A-F]+\/[0-9A-F]+ \(20/
        )
        const { get } = yield* Progress
        const nowMs = yield* Clock.currentTimeMillis
        // It goes on looking, and finds nothing wrong.
        yield* Effect.repeat(get, {
          schedule: PostgresServer.pollEvery,
          until: ({ published }) => (published.get("public.a")?.was.atMs ?? 0) > nowMs
        })
        yield* run(address, "alter publication pub set (publish = 'insert, truncate')")
        const lost = yield* Fiber.join(ignoring.fiber)
        assert.include(lost.message, "'pub' does not publish update and delete any more")
        yield* run(address, "drop publication pub")
        const gone = yield* Fiber.join((yield* watching(false, () => Effect.void)).fiber)
        assert.include(gone.message, "'pub' does not exist any more")
        assert.include(
          gone.remediation,
          "CREATE PUBLICATION \"pub\" FOR TABLE ONLY \"public\".\"a\", ONLY \"public\".\"b\""
        )
      }).pipe(Effect.provide(world(address)))
    }))

  it.effect("T55 options that were others for a moment stop every table; tables that are added, and an option that is set for good, none", () =>
    Effect.gen(function*() {
      const address = yield* prepare
      yield* run(address, "create table more (id int primary key)")
      yield* Effect.gen(function*() {
        const { get } = yield* Progress
        const looked = Effect.gen(function*() {
          const nowMs = yield* Clock.currentTimeMillis
          yield* Effect.repeat(get, {
            schedule: PostgresServer.pollEvery,
            until: ({ published }) =>
              [...published.values()].some(({ toldAt, was }) => toldAt === 0 || was.atMs > nowMs)
          })
        })
        const { fiber, stopped } = yield* watching(false, (stopped) =>
          Effect.gen(function*() {
            yield* run(address, "alter publication pub add table more")
            yield* looked
            yield* run(address, "alter publication pub set (publish = 'insert, update, delete')")
            yield* looked
            yield* run(address, "alter publication pub set (publish_via_partition_root = true)")
            yield* looked
            yield* run(address, "vacuum full pg_publication")
            yield* run(address, "vacuum freeze pg_publication")
            yield* looked
            assert.deepStrictEqual([...stopped], [])
            yield* run(
              address,
              `begin; alter publication pub set (publish_via_partition_root = false);
               alter publication pub set (publish_via_partition_root = true); commit`
            )
            yield* Effect.repeat(Effect.sync(() => stopped.size), {
              schedule: PostgresServer.pollEvery,
              until: (size) => size === NAMES.length
            })
          }))
        yield* Fiber.interrupt(fiber)
        assert.deepStrictEqual([...stopped.keys()].toSorted(), NAMES.map((name) => `public.${name}`))
        const { message = "", remediation = "" } = stopped.get("public.a") ?? {}
        assert.match(
          message,
          /^Table 'public\.a': the options of publication 'pub' were set in between [^.]*, nothing is lost, and dbmazz resume is all\. .* since [0-9A-F]+\/[0-9A-F]+ \(20.*Z\) may be missing/
        )
        assert.include(remediation, "dbmazz resume is all")
      }).pipe(Effect.provide(world(address)))
    }))
})
