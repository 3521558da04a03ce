/** One load of a Stream Load transaction: what its headers may say, and its rows on their way into the staging table. */
import * as Effect from "effect/Effect"
import * as Scope from "effect/Scope"
import type { IncomingHttpHeaders } from "node:http"
import type { Storage } from "../catalogue/Storage.ts"
import { declaredBytes } from "../http/RequestHeaders.ts"
import type { LoadEngine } from "../load/LoadEngine.ts"
import * as LoadHeaders from "../load/LoadHeaders.ts"
import { checked, type LoadAbandoned, storageRefusal } from "../load/LoadRefusal.ts"
import * as LoadReply from "../load/LoadReply.ts"
import { endingWith, type OpenTransaction, type Part } from "./OpenTransaction.ts"
import * as TransactionHeaders from "./TransactionHeaders.ts"
import { fromLoad, internal, refusal, type TransactionRefused } from "./TransactionReply.ts"

/** What a load works with. */
export interface Needs {
  readonly storage: Storage
  readonly engine: LoadEngine
  /** Bytes of all bodies of a transaction: streaming_load_max_mb. */
  readonly bodyBytesMax: number
}

const unfinishedRow =
  "the CSV body before this one does not end with the row delimiter: a server would join its last row to this body"

const partOf = Effect.fnUntraced(function*(
  { engine, storage }: Needs,
  open: OpenTransaction,
  table: string,
  headers: IncomingHttpHeaders
) {
  const found = open.parts.get(table)
  if (found !== undefined) return found
  const late = yield* internal(checked(LoadHeaders.late(headers)))
  const of = yield* internal(engine.table(open.record.database, table))
  open.session ??= yield* internal(
    storage.session.pipe(Effect.mapError(storageRefusal), Scope.provide(open.scope))
  )
  const progress = LoadReply.progress()
  const load = yield* internal(engine.open(open.session, of, late, progress, `staging_${open.parts.size}`))
  const part: Part = { load, progress, endsRow: true }
  open.record.tables.add(table)
  open.parts.set(table, part)
  return part
})

/**
 * Loads a body into a transaction that nobody else works on and gives the progress of this load alone. Rows that cannot
 * be read are no error here: as on the server, prepare and commit tell.
 */
export const load = Effect.fnUntraced(function*(
  needs: Needs,
  open: OpenTransaction,
  table: string,
  sent: IncomingHttpHeaders,
  body: Effect.Effect<AsyncIterable<Buffer>, never, Scope.Scope>
): Effect.fn.Return<LoadReply.Progress, TransactionRefused | LoadAbandoned> {
  if (open.failure !== undefined) return yield* open.failure
  const headers = TransactionHeaders.ofLoad(sent)
  open.declaredBytes += declaredBytes(sent)
  const counted = { ...headers, timeout: undefined, "content-length": String(open.declaredBytes) }
  const early = yield* internal(checked(LoadHeaders.early(counted, needs.bodyBytesMax)))
  const signature = TransactionHeaders.signature(sent)
  if (open.signature !== undefined && open.signature !== signature) {
    return yield* refusal("INTERNAL_ERROR", "load request not equal last.")
  }
  open.signature = signature
  const part = yield* partOf(needs, open, table, headers)
  if (early.format === "csv" && !part.endsRow) return yield* refusal("INTERNAL_ERROR", unfinishedRow)
  const before = { bytes: part.progress.bytes, readMs: part.progress.readMs }
  const { compression, csv } = part.load.late
  const read = (bytes: AsyncIterable<Buffer>) =>
    early.format === "csv" && compression === "none"
      ? endingWith(bytes, Buffer.from(csv.rowDelimiter), (ends) => {
        part.endsRow = ends
      })
      : bytes
  const staged = Effect.flatMap(body, (bytes) => needs.engine.stage(part.load, read(bytes), part.progress))
  yield* Effect.scoped(staged).pipe(
    Effect.catchTag("LoadRefused", (error) =>
      Effect.sync(() => {
        open.failure = fromLoad(error, "INTERNAL_ERROR", part.progress.errorUrl)
      }))
  )
  const { bytes, readMs, ...rest } = part.progress
  return { ...rest, txnId: open.record.txnId, bytes: bytes - before.bytes, readMs: readMs - before.readMs }
})
