/** A table's definition as the file keeps it: JSON, checked when it is read. */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type * as ColumnType from "../values/ColumnType.ts"
import { StorageError } from "./Storage.ts"
import type { Table } from "./Table.ts"

const Bytes = Schema.Struct({ kind: Schema.Literals(["CHAR", "VARCHAR", "VARBINARY"]), bytes: Schema.Int })

const Nested = Schema.suspend((): Schema.Codec<ColumnType.ColumnType> => Type)

const Type: Schema.Codec<ColumnType.ColumnType> = Schema.Union([
  Schema.Struct({ kind: Schema.Literals(["BOOLEAN", "TINYINT", "SMALLINT", "INT", "BIGINT", "LARGEINT"]) }),
  Schema.Struct({ kind: Schema.Literals(["FLOAT", "DOUBLE", "DATE", "DATETIME", "JSON"]) }),
  Schema.Struct({ kind: Schema.Literal("DECIMAL"), precision: Schema.Int, scale: Schema.Int }),
  Bytes,
  Schema.Struct({ kind: Schema.Literal("ARRAY"), element: Nested }),
  Schema.Struct({ kind: Schema.Literal("MAP"), key: Nested, value: Nested }),
  Schema.Struct({
    kind: Schema.Literal("STRUCT"),
    members: Schema.Array(Schema.Struct({ name: Schema.String, type: Nested }))
  })
])

const Default = Schema.Union([
  Schema.Struct({ kind: Schema.Literal("none") }),
  Schema.Struct({ kind: Schema.Literal("constant"), text: Schema.NullOr(Schema.String) }),
  Schema.Struct({ kind: Schema.Literal("now") })
])

const Definition = Schema.Struct({
  id: Schema.Int,
  database: Schema.String,
  name: Schema.String,
  model: Schema.Literals(["PRI_KEYS", "DUP_KEYS"]),
  columns: Schema.Array(
    Schema.Struct({
      name: Schema.String,
      type: Type,
      nullable: Schema.Boolean,
      key: Schema.Boolean,
      default: Default,
      comment: Schema.String
    })
  ),
  distribution: Schema.Array(Schema.String),
  buckets: Schema.Int,
  orderBy: Schema.Array(Schema.String),
  comment: Schema.String,
  properties: Schema.Record(Schema.String, Schema.String),
  createdAtMs: Schema.Int
})

const decode = Schema.decodeUnknownEffect(Schema.fromJsonString(Definition))

/** The text that the file keeps. */
export const written = (table: Table): string => JSON.stringify(table)

/** The definition behind a text of the file; fails when it is none that this version wrote. */
export const read = (text: string): Effect.Effect<Table, StorageError> =>
  Effect.mapError(
    decode(text),
    (cause) => new StorageError({ message: `a table's definition cannot be read: ${cause.message}`, cause })
  )
