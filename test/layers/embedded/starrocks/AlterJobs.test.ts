import { assert, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Result from "effect/Result"
import * as Catalogue from "../../../../src/layers/embedded/starrocks/catalogue/Catalogue.ts"
import * as Storage from "../../../../src/layers/embedded/starrocks/catalogue/Storage.ts"
import * as Faults from "../../../../src/layers/embedded/starrocks/faults/Faults.ts"
import * as AlterJobs from "../../../../src/layers/embedded/starrocks/schemachange/AlterJobs.ts"
import { alterTable } from "../../../../src/layers/embedded/starrocks/sql/AlterTable.ts"
import { createTable } from "../../../../src/layers/embedded/starrocks/sql/CreateTable.ts"
import { attempt } from "../../../../src/layers/embedded/starrocks/syntax/TokenCursor.ts"
import * as PostgresServer from "../../../support/PostgresServer.ts"
import * as TemporaryDirectory from "../../../support/TemporaryDirectory.ts"

it.live("a schema change whose client hangs up while it is written down goes on, and does not block its table", () =>
  Effect.gen(function*() {
    const storage = yield* Storage.open(yield* TemporaryDirectory.make("jobs"))
    const catalogue = yield* Catalogue.make(storage)
    yield* catalogue.createDatabase("d", false)
    const create = "create table t (id int not null) primary key (id) distributed by hash(id)"
    yield* catalogue.createTable("d", Result.getOrThrow(attempt(create, createTable)))
    const run = yield* Effect.map(Effect.context<never>(), Effect.runForkWith)
    const jobs = yield* AlterJobs.make({ storage, catalogue, faults: Faults.make(), run })
    const alter = "alter table t add column a int"
    const held = yield* Deferred.make<void>()
    const holder = yield* Effect.forkChild(storage.exclusive(Deferred.await(held)), { startImmediately: true })
    const statement = yield* Effect.forkChild(
      jobs.start("d", Result.getOrThrow(attempt(alter, alterTable)), alter, []),
      { startImmediately: true }
    )
    assert.isTrue(jobs.active("d", "t"))
    const hangUp = yield* Effect.forkChild(Fiber.interrupt(statement), { startImmediately: true })
    yield* Deferred.succeed(held, undefined)
    yield* Fiber.join(holder)
    yield* Fiber.join(hangUp)
    yield* Effect.sync(() => jobs.active("d", "t")).pipe(
      Effect.repeat({ until: (isActive) => !isActive, schedule: PostgresServer.pollEvery })
    )
    assert.deepStrictEqual(jobs.of("d").map(({ state }) => state), ["FINISHED"])
    assert.deepStrictEqual(catalogue.find("d", "t")?.columns.map(({ name }) => name), ["id", "a"])
  }).pipe(Effect.scoped))
