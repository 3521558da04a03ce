/** The body of a load as the model sink reads it. */
import type { SinkRow } from "./Ledger.ts"
import * as SourceTables from "./SourceTables.ts"

/** What the server says about a body: the rows it holds, or why it takes none. */
export type Parsed =
  | { readonly _tag: "Rows"; readonly table: SourceTables.Table; readonly rows: ReadonlyArray<ParsedRow> }
  | { readonly _tag: "Bad"; readonly why: string }

interface ParsedRow {
  readonly key: string
  readonly row: Omit<SinkRow, "session">
  /** `__op` says that the row goes. */
  readonly removed: boolean
}

const VERSION = /"dbmazz_cdc_version":(-?\d+)/

/** Reads a body as StarRocks does with `format: json`: one object after the other, all columns by name. */
export const parse = (tableName: string, body: string): Parsed => {
  const table = SourceTables.WANTED.find((each) => each.name === tableName)
  if (table === undefined) return { _tag: "Bad", why: `unknown table ${tableName}` }
  const rows: Array<ParsedRow> = []
  for (const line of body.split("\n")) {
    if (line === "") continue
    let values: unknown
    try {
      values = JSON.parse(line)
    } catch {
      return { _tag: "Bad", why: "failed to parse JSON" }
    }
    if (typeof values !== "object" || values === null) return { _tag: "Bad", why: "illegal json started with" }
    const object: Record<string, unknown> = Object.fromEntries(Object.entries(values))
    const key = keyOf(table, object)
    if (key === undefined) return { _tag: "Bad", why: "too many filtered rows" }
    const { __op: op, ...rest } = object
    rows.push({
      key,
      row: { version: BigInt.asUintN(64, BigInt(VERSION.exec(line)?.[1] ?? 0)), values: rest },
      removed: op === 1 || op === "delete"
    })
  }
  return { _tag: "Rows", table, rows }
}

const keyOf = (table: SourceTables.Table, values: Record<string, unknown>): string | undefined => {
  const parts: Array<string> = []
  for (const index of table.key) {
    const column = table.columns[index]
    const value = column === undefined ? undefined : values[column.name]
    if (typeof value !== "string" && typeof value !== "number") return undefined
    parts.push(String(value))
  }
  return `${table.schema}.${table.name}:${JSON.stringify(parts)}`
}
