/** What is watched beside the data while a pipeline runs: the server, the slot and the publication. */
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import type { SetupError } from "../domain/errors/SetupError.ts"
import type { TransientError } from "../domain/errors/TransientError.ts"
import * as Lsn from "../domain/Lsn.ts"
import type { Tally } from "../domain/Tally.ts"
import { CheckpointStore } from "../layers/CheckpointStore.ts"
import * as Log from "../layers/Log.ts"
import { Progress } from "../layers/Progress.ts"
import type { ReplicationSession } from "../layers/ReplicationSession.ts"
import { SlotHealth } from "../layers/SlotHealth.ts"
import * as Told from "./Told.ts"

const log = Log.module("SlotHealth")

/**
 * How often the checkpoint store is asked whether it is still there. A server that shuts down ends every connection but
 * the walsender's, for which it waits until everything is confirmed; that cannot be stored any more, so we must go.
 */
const STORE_EVERY = "1 second"

/** Fails when the checkpoint store does not answer any more; tells where the server's WAL ends each time it does. */
export const store = (
  session: ReplicationSession,
  tally: Tally
): Effect.Effect<never, SetupError | TransientError, CheckpointStore | Progress> =>
  Effect.flatMap(Told.onWalEnd(session, tally), (told) =>
    CheckpointStore.use(({ walEnd }) => walEnd).pipe(
      Effect.flatMap(told),
      Effect.repeat(Schedule.spaced(STORE_EVERY)),
      Effect.andThen(Effect.never)
    ))

/** Looks at the slot every minute, says what is wrong with it, and keeps what was found for those who show it. */
export const slot = Effect.fnUntraced(function*(name: string, session: ReplicationSession) {
  const { watch } = yield* SlotHealth
  const { update } = yield* Progress
  return yield* watch({
    slot: name,
    idle: Effect.map(session.state, (state) => state.bufferedBytes === 0),
    tell: Effect.fnUntraced(function*(report) {
      const { health } = report
      yield* log.debug("the slot was looked at", () => ({
        slot: health.slot,
        retainedBytes: health.retainedBytes,
        unconfirmedBytes: health.unconfirmedBytes,
        safeWalBytes: health.safeWalBytes,
        confirmed: health.confirmed === undefined ? undefined : Lsn.format(health.confirmed),
        restart: health.restart === undefined ? undefined : Lsn.format(health.restart),
        walStatus: health.walStatus
      }))
      for (const warning of report.warnings) yield* log.warn(warning)
      yield* update((state) => ({ ...state, slot: report }))
    })
  })
})
