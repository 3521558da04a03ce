/** From pgoutput messages to loads without a server: what the pipeline does to bytes, for laws and unit tests. */
import * as Result from "effect/Result"
import { ByteWriter } from "../../src/domain/ByteWriter.ts"
import type { Change, RowChange } from "../../src/domain/Change.ts"
import { ChangeDecoder } from "../../src/domain/ChangeDecoder.ts"
import type { PermanentError } from "../../src/domain/errors/PermanentError.ts"
import type { Origin } from "../../src/domain/Label.ts"
import type { LoadRequest } from "../../src/domain/Load.ts"
import * as Lsn from "../../src/domain/Lsn.ts"
import type * as KeyLookup from "../../src/domain/rows/KeyLookup.ts"
import type * as Omission from "../../src/domain/rows/Omission.ts"
import type { SchemaChangePolicy } from "../../src/domain/schema/SchemaChangePolicy.ts"
import type { TableMapping } from "../../src/domain/Table.ts"
import { TableLoads } from "../../src/domain/TableLoads.ts"
import type { TruncatePolicy } from "../../src/domain/TruncatePolicy.ts"
import * as CsvForm from "../../src/domain/values/CsvForm.ts"
import * as CsvFields from "../../src/layers/embedded/starrocks/body/CsvFields.ts"
import * as CsvFormat from "../../src/layers/embedded/starrocks/body/CsvFormat.ts"
import * as Bytes from "./PgoutputBytes.ts"

export const ORIGIN: Origin = { systemIdentifier: "7", timeline: 1, database: "shop", slot: "dbmazz_slot", run: "1" }
export const SYNCED_AT = "2026-01-02 03:04:05"

/** Decodes messages with the given mappings; throws what the decoder reports. */
export const decodeAll = (
  mappings: ReadonlyArray<TableMapping>,
  messages: ReadonlyArray<Buffer>,
  truncatePolicy: TruncatePolicy = "fail",
  schemaPolicy: SchemaChangePolicy = "stop"
): ReadonlyArray<Change> => Result.getOrThrow(decodeResult(mappings, messages, truncatePolicy, schemaPolicy)).changes

export const decodeResult = (
  mappings: ReadonlyArray<TableMapping>,
  messages: ReadonlyArray<Buffer>,
  truncatePolicy: TruncatePolicy = "fail",
  schemaPolicy: SchemaChangePolicy = "stop"
) =>
  new ChangeDecoder(mappings, truncatePolicy, schemaPolicy).decode(
    messages.map((message, index) => Bytes.frame(message, BigInt(index + 1)))
  )

export const rowsOf = (changes: ReadonlyArray<Change>): ReadonlyArray<RowChange> =>
  changes.filter((change) => change._tag === "Row")

/** Audit columns whose fields are no text in JSON lines. */
const AUDIT_TYPED: ReadonlySet<string> = new Set(["dbmazz_op_type", "dbmazz_is_deleted", "dbmazz_cdc_version"])

/** The rows of a CSV body as the objects that JSON lines would be, where the columns of the table are text. */
const csvRows = (text: string, columns = ""): ReadonlyArray<Record<string, unknown>> => {
  const names = columns.replaceAll("`", "").split(",")
  const reader = CsvFields.reader({
    ...CsvFormat.standard,
    columnSeparator: CsvForm.SEPARATOR,
    enclose: CsvForm.ENCLOSE.charCodeAt(0),
    escape: CsvForm.ESCAPE.charCodeAt(0)
  })
  const rows: Array<Record<string, unknown>> = []
  reader.begin(text)
  for (let at = 0; at < text.length;) {
    at = reader.next(at, true)
    if (reader.problem !== undefined || reader.count !== names.length) throw new Error(reader.problem ?? "field count")
    rows.push(Object.fromEntries(names.map((name, index) => {
      const field = reader.fields[index]!
      return [name, field === "\\N" ? null : AUDIT_TYPED.has(name) ? JSON.parse(field) as unknown : field]
    })))
  }
  return rows
}

const jsonRows = (text: string): ReadonlyArray<Record<string, unknown>> =>
  text.trimEnd().split("\n").map((line) => JSON.parse(line) as Record<string, unknown>)

/** A load whose body was read back: one object a row. */
export interface ReadLoad extends Omit<LoadRequest, "body"> {
  readonly text: string
  readonly rows: ReadonlyArray<Record<string, unknown>>
}

/** How the loads are made: the sizes that matter, and the rows that StarRocks says it has. */
export interface LoadsOf {
  readonly bytesMax?: number
  readonly partialBytesMin?: number
  readonly trustedAfter?: Lsn.Lsn
  readonly exchangedAt?: Lsn.Lsn
  readonly answer?: (questions: ReadonlyArray<Omission.Question>) => KeyLookup.Versions
}

/** All loads of these changes, read back. */
export const loadsOf = (
  changes: ReadonlyArray<RowChange>,
  options: number | LoadsOf = {}
): Result.Result<ReadonlyArray<ReadLoad>, PermanentError> => {
  const { answer, bytesMax = 1 << 26, exchangedAt = Lsn.ZERO, partialBytesMin, trustedAfter = Lsn.ZERO }: LoadsOf =
    typeof options === "number"
      ? { bytesMax: options }
      : options
  const limits = { origin: ORIGIN, exchangedAt, trustedAfter, syncedAt: SYNCED_AT, bytesMax, partialBytesMin }
  const loads = new TableLoads(changes, new ByteWriter(16), limits)
  if (answer !== undefined) loads.answer(answer(loads.questions))
  const read: Array<ReadLoad> = []
  while (true) {
    const request = loads.next()
    if (Result.isFailure(request)) return Result.fail(request.failure)
    if (request.success === undefined) return Result.succeed(read)
    const { body, ...rest } = request.success
    const text = Buffer.from(body).toString("utf8")
    read.push({
      ...rest,
      text,
      rows: rest.format === "csv" ? csvRows(text, rest.columns) : jsonRows(text)
    })
  }
}
