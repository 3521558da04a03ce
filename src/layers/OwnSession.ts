/** A session of its own on PostgreSQL for one errand, beside the one that stores checkpoints. */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type { PgAddress } from "../domain/config/Settings.ts"
import * as CheckpointStore from "./CheckpointStore.ts"
import * as PostgresSql from "./PostgresSql.ts"

const APPLICATION_NAME = "dbmazz errand"

/**
 * Runs an effect with a session that is closed afterwards. One session answers one statement after the other: what the
 * errand waits for, such as a lock on a table, the loads and their checkpoints would wait for too.
 */
export const run = (address: PgAddress) =>
<A, E, R>(
  errand: Effect.Effect<A, E, R>
): Effect.Effect<A, E, Exclude<R, CheckpointStore.CheckpointStore | PostgresSql.PostgresSql>> =>
  Effect.provide(
    errand,
    Layer.provideMerge(CheckpointStore.layer, PostgresSql.layer(address, APPLICATION_NAME)),
    { local: true }
  )
