/** What the file keeps about a prepared transaction beside its rows: JSON, checked when it is read. */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { StorageError } from "../catalogue/Storage.ts"
import * as LoadReply from "../load/LoadReply.ts"

const Part = Schema.Struct({
  tableName: Schema.String,
  tableId: Schema.Int,
  columns: Schema.Array(Schema.String),
  partial: Schema.Boolean,
  mergeCondition: Schema.optional(Schema.String),
  staged: Schema.String,
  deletes: Schema.Int
})

/** The rows of one table of a prepared transaction: which columns they have, and the table that holds them. */
export type PreparedPart = typeof Part.Type

const Progress = Schema.Struct({
  txnId: Schema.Int,
  label: Schema.String,
  total: Schema.Int,
  loaded: Schema.Int,
  filtered: Schema.Int,
  unselected: Schema.Int,
  bytes: Schema.Int,
  startedAtMs: Schema.Finite,
  beginMs: Schema.Finite,
  planMs: Schema.Finite,
  readMs: Schema.Finite,
  writeMs: Schema.Finite,
  commitMs: Schema.Finite,
  errorUrl: Schema.optional(Schema.String)
})

const decodeParts = Schema.decodeUnknownEffect(Schema.fromJsonString(Schema.Array(Part)))
const decodeProgress = Schema.decodeUnknownEffect(Schema.fromJsonString(Progress))

const unreadable = (cause: Schema.SchemaError): StorageError =>
  new StorageError({ message: `a prepared transaction cannot be read: ${cause.message}`, cause })

/** The parts behind a text of the file; fails when this version did not write it. */
export const readParts = (text: string): Effect.Effect<ReadonlyArray<PreparedPart>, StorageError> =>
  Effect.mapError(decodeParts(text), unreadable)

/** The progress behind a text of the file; fails when this version did not write it. */
export const readProgress = (text: string): Effect.Effect<LoadReply.Progress, StorageError> =>
  decodeProgress(text).pipe(
    Effect.map((read) => ({ ...LoadReply.progress(), ...read })),
    Effect.mapError(unreadable)
  )
