/** Changes grouped for loading: by rows, by bytes, or by time, whichever comes first. */
import * as Arr from "effect/Array"
import * as Cause from "effect/Cause"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Pull from "effect/Pull"
import * as Schedule from "effect/Schedule"
import * as Sink from "effect/Sink"
import * as Stream from "effect/Stream"
import { Batch } from "../domain/Batch.ts"
import type { Change } from "../domain/Change.ts"
import type { FlushLimits } from "../domain/config/Settings.ts"

/** Takes changes until the batch is full; what is left of the chunk starts the next batch. */
const untilFull = (now: Effect.Effect<FlushLimits>): Sink.Sink<Batch, Change, Change> =>
  Sink.fromTransform((upstream) => {
    const batch = new Batch()
    let leftover: Arr.NonEmptyReadonlyArray<Change> | undefined = undefined
    return upstream.pipe(
      Effect.zip(now),
      Effect.flatMap(([chunk, limits]) => {
        const rest = fill(batch, chunk, limits)
        if (Arr.isReadonlyArrayNonEmpty(rest)) leftover = rest
        return batch.isFull(limits) ? Cause.done() : Effect.void
      }),
      Effect.forever({ disableYield: true }),
      Pull.catchDone(() => Effect.succeed([batch, leftover] as const))
    )
  })

const fill = (batch: Batch, chunk: ReadonlyArray<Change>, limits: FlushLimits): ReadonlyArray<Change> => {
  for (let index = 0; index < chunk.length; index++) {
    batch.add(chunk[index]!)
    if (batch.isFull(limits)) return chunk.slice(index + 1)
  }
  return []
}

/**
 * `Stream.groupedWithin` with a second measure: a batch ends at `limits.rows` rows, at `limits.bytes` bytes of WAL, or
 * `limits.everyMs` after its first change; the limits are asked for again with each chunk and batch. An idle stream emits nothing; the end of the stream flushes what is there; a
 * failure upstream drops it, which is right, because it was never acknowledged.
 */
export const groupedWithin =
  (limits: Effect.Effect<FlushLimits>) => <E, R>(changes: Stream.Stream<Change, E, R>): Stream.Stream<Batch, E, R> =>
    Stream.aggregateWithin(
      changes,
      untilFull(limits),
      Schedule.forever.pipe(Schedule.modifyDelay(() => Effect.map(limits, ({ everyMs }) => Duration.millis(everyMs))))
    )
