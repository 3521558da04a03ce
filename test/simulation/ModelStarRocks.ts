/** The model sink: tables of rows by primary key, and labels that commit at most once per database. */
import type { Verdict } from "./Broken.ts"
import type { Ledger, SinkRow } from "./Ledger.ts"
import * as SourceTables from "./SourceTables.ts"
import type { Trace } from "./Trace.ts"

export type LabelState = "PREPARE" | "COMMITTED" | "VISIBLE" | "ABORTED"

/** A load's transaction. */
export interface Load {
  readonly database: string
  readonly table: string
  readonly label: string
  /** The run of the program and the replication session that sent it. */
  readonly sender: string
  state: LabelState
}

/** What the server says about a body: the rows it holds, or why it takes none. */
export type Parsed =
  | { readonly _tag: "Rows"; readonly rows: ReadonlyArray<ParsedRow> }
  | { readonly _tag: "Bad"; readonly why: string }

interface ParsedRow {
  readonly key: string
  readonly row: SinkRow
  /** `__op` says that the row goes. */
  readonly removed: boolean
}

const VERSION = /"dbmazz_cdc_version":(-?\d+)/
const SYNCED_AT = /"dbmazz_synced_at":"[^"]*"/g

export class ModelStarRocks {
  readonly rows = new Map<string, SinkRow>()
  readonly #labels = new Map<string, Load>()
  readonly #bodies = new Map<string, string>()
  /** The last version that each session wrote for each key. */
  readonly #lastBySender = new Map<string, bigint>()
  readonly #labelsMax: number
  readonly #verdict: Verdict
  readonly #trace: Trace
  ledger: Ledger | undefined = undefined

  constructor(labelsMax: number, verdict: Verdict, trace: Trace) {
    this.#labelsMax = labelsMax
    this.#verdict = verdict
    this.#trace = trace
  }

  /** Begins a load; the one that holds the label when it is taken. */
  begin(database: string, table: string, label: string, sender: string): Load | { readonly holder: Load } {
    const name = `${database}/${label}`
    const holder = this.#labels.get(name)
    if (holder !== undefined && holder.state !== "ABORTED") return { holder }
    for (const other of this.#labels.values()) {
      this.#verdict.expect(
        other.state !== "PREPARE" || other.table !== table || other.database !== database,
        "one load in flight per table",
        () => `${label} begins while ${other.label} of the same table runs`
      )
    }
    const load: Load = { database, table, label, sender, state: "PREPARE" }
    this.#labels.delete(name)
    this.#labels.set(name, load)
    return load
  }

  /** Takes all rows at once. */
  commit(load: Load, body: string, visible: boolean): number {
    const parsed = parse(load.table, body)
    if (parsed._tag === "Bad") {
      return this.#verdict.broken("the model is used as it was meant to be", `${load.label} commits ${parsed.why}`)
    }
    this.#sameBytes(load, body)
    this.#trace.add(`sink commits ${load.label}: ${parsed.rows.length} rows`)
    for (const { key, removed, row } of parsed.rows) {
      if (removed) {
        this.rows.delete(key)
        continue
      }
      this.ledger?.written(key, row.version, load.label)
      this.#inOrder(load, key, row.version)
      this.rows.set(key, row)
    }
    load.state = visible ? "VISIBLE" : "COMMITTED"
    this.#evict()
    return parsed.rows.length
  }

  abort(load: Load): void {
    if (load.state !== "PREPARE") return
    load.state = "ABORTED"
    this.#evict()
  }

  state(database: string, label: string): LabelState | "UNKNOWN" {
    return this.#labels.get(`${database}/${label}`)?.state ?? "UNKNOWN"
  }

  /** Loads that still run, of one sender or of all. */
  running(): ReadonlyArray<Load> {
    return [...this.#labels.values()].filter((load) => load.state === "PREPARE")
  }

  /** A label that is over is forgotten when newer ones need its place. */
  #evict(): void {
    const over = [...this.#labels].filter(([, load]) => load.state === "VISIBLE" || load.state === "ABORTED")
    for (const [name] of over.slice(0, Math.max(0, over.length - this.#labelsMax))) this.#labels.delete(name)
  }

  /** What a label stands for: the time at which a row was sent is not part of it. */
  #sameBytes(load: Load, body: string): void {
    const name = `${load.database}/${load.label}`
    const bytes = body.replace(SYNCED_AT, "")
    const before = this.#bodies.get(name)
    this.#bodies.set(name, bytes)
    this.#verdict.expect(
      before === undefined || before === bytes,
      "a label never names different bytes",
      () => `${load.label} named\n${before}\nand names\n${bytes}`
    )
  }

  #inOrder(load: Load, key: string, version: bigint): void {
    const name = `${load.sender} ${key}`
    const before = this.#lastBySender.get(name)
    this.#verdict.expect(
      before === undefined || version >= before,
      "no version falls within a session",
      () => `${load.label} writes version ${version} of ${key} after ${before}`
    )
    this.#lastBySender.set(name, version)
  }
}

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
  return { _tag: "Rows", rows }
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
