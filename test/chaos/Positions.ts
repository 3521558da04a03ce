/** The slot's confirmed position and the stored checkpoint. */
import * as Effect from "effect/Effect"
import { SLOT, type World } from "./World.ts"

export interface Positions {
  readonly confirmed: bigint
  readonly checkpoint: bigint
}

const number = (value: unknown): bigint | undefined => typeof value === "string" ? BigInt(value) : undefined

/**
 * Both positions. The slot is read first, the checkpoint in a statement of its own afterwards, so that what was true of
 * the slot then must be covered by the checkpoint that is read now. Undefined while the server is away.
 */
export const read = (world: World): Effect.Effect<Positions | undefined> =>
  Effect.gen(function*() {
    const slots = yield* world.postgres.query(
      "select (confirmed_flush_lsn - '0/0')::text as lsn from pg_replication_slots where slot_name = $1",
      [SLOT]
    )
    const stored = yield* world.postgres.query("select lsn::text as lsn from dbmazz_checkpoints where slot_name = $1", [
      SLOT
    ])
    const [confirmed, checkpoint] = [number(slots[0]?.["lsn"]), number(stored[0]?.["lsn"])]
    return confirmed === undefined || checkpoint === undefined ? undefined : { confirmed, checkpoint }
  }).pipe(Effect.orElseSucceed(() => undefined))

/** How long checkpoints are held back, in seconds: several batches long. */
const HELD_SECONDS = 0.15

/**
 * Both positions after checkpoints could not be stored for a while: one that was confirmed before it was stored shows
 * itself, however short the time between the two is otherwise.
 */
export const readHeld = (world: World): Effect.Effect<Positions | undefined> =>
  world.postgres.query(
    `set local lock_timeout = '1s';
     lock table dbmazz_checkpoints in share mode;
     select pg_sleep(${HELD_SECONDS});
     select (confirmed_flush_lsn - '0/0')::text as confirmed, lsn::text as checkpoint
       from pg_replication_slots join dbmazz_checkpoints using (slot_name) where slot_name = '${SLOT}'`
  ).pipe(
    Effect.map((rows) => {
      const [confirmed, checkpoint] = [number(rows[0]?.["confirmed"]), number(rows[0]?.["checkpoint"])]
      return confirmed === undefined || checkpoint === undefined ? undefined : { confirmed, checkpoint }
    }),
    Effect.orElseSucceed(() => undefined)
  )
