/** Frames decoded into changes: rows of mapped tables and the boundaries between transactions, in commit order. */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Stream from "effect/Stream"
import type { Change } from "../domain/Change.ts"
import { ChangeDecoder } from "../domain/ChangeDecoder.ts"
import type { PermanentError } from "../domain/errors/PermanentError.ts"
import type { WalFrame } from "../domain/pgoutput/Envelope.ts"
import type { SchemaChangePolicy } from "../domain/schema/SchemaChangePolicy.ts"
import type { TableMapping } from "../domain/Table.ts"
import type { Tally } from "../domain/Tally.ts"
import type { TruncatePolicy } from "../domain/TruncatePolicy.ts"
import * as Log from "../layers/Log.ts"

const log = Log.module("Changes")

/**
 * Decodes chunk by chunk. Frames that become no change (another table's rows, relations) are given back to the buffer at
 * once through `release`. Fails at the first message that cannot be decoded; nothing after it is given. One of a
 * kind that nobody knows is skipped, and each kind is told once.
 */
export const decode = (
  tables: ReadonlyArray<TableMapping>,
  release: (bytes: number) => Effect.Effect<void>,
  tally: Tally,
  truncatePolicy: TruncatePolicy,
  schemaChangePolicy: SchemaChangePolicy
) =>
<E, R>(frames: Stream.Stream<WalFrame, E, R>): Stream.Stream<Change, E | PermanentError, R> =>
  frames.pipe(
    Stream.mapAccumArrayEffect(
      () => new ChangeDecoder(tables, truncatePolicy, schemaChangePolicy),
      (decoder, chunk): Effect.Effect<readonly [ChangeDecoder, ReadonlyArray<Change>], PermanentError> => {
        const decoded = decoder.decode(chunk)
        if (Result.isFailure(decoded)) return Effect.fail(decoded.failure)
        const { changes, skippedBytes, unknownKinds } = decoded.success
        tally.decoded(changes)
        const released = Effect.as(release(skippedBytes), [decoder, changes] as const)
        return unknownKinds.length === 0
          ? released
          : Effect.andThen(
            log.warn("messages of an unknown kind are skipped, as every later one", { kinds: unknownKinds }),
            released
          )
      }
    )
  )
