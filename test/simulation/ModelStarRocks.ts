/** The model sink: tables of rows by primary key, and labels that commit at most once per database. */
import * as AuditColumns from "../../src/domain/AuditColumns.ts"
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
  /** The replication session that sent it. */
  readonly session: number
  state: LabelState
  /** All of its body is here: before that it cannot commit. */
  whole: boolean
}

/** What the server says about a body: the rows it holds, or why it takes none. */
export type Parsed =
  | { readonly _tag: "Rows"; readonly table: SourceTables.Table; readonly rows: ReadonlyArray<ParsedRow> }
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
  readonly #lastBySession = new Map<string, bigint>()
  /** The last session that has written to each table. */
  readonly #lastSession = new Map<string, number>()
  readonly #labelsMax: number
  readonly #verdict: Verdict
  readonly #trace: Trace
  #refusesLogin = false
  #everRefusedLogin = false
  ledger: Ledger | undefined = undefined
  /** The target tables: with the columns of the source tables' versions that they were made for. */
  tables: ReadonlyArray<SourceTables.Table> = SourceTables.WANTED

  constructor(labelsMax: number, verdict: Verdict, trace: Trace) {
    this.#labelsMax = labelsMax
    this.#verdict = verdict
    this.#trace = trace
  }

  /** Whether the program's password is refused, and whether it ever was. */
  get refusesLogin(): boolean {
    return this.#refusesLogin
  }

  get everRefusedLogin(): boolean {
    return this.#everRefusedLogin
  }

  /** Somebody changes the user's password, or puts it back. */
  changePassword(refuses: boolean): void {
    this.#refusesLogin = refuses
    this.#everRefusedLogin ||= refuses
    this.#trace.add(refuses ? "password changed" : "password put back")
  }

  /** Whether there is a column for every one of this version of a source table. */
  fits({ columns, relationId }: SourceTables.Table): boolean {
    return this.tables.some((table) => table.relationId === relationId && table.columns.length >= columns.length)
  }

  /** Adds the columns that the source tables have more. */
  addColumns(sources: ReadonlyArray<SourceTables.Table>): void {
    this.tables = this.tables.map((table) => sources.find(({ relationId }) => relationId === table.relationId) ?? table)
    this.ledger?.sinkAltered()
  }

  /** The program adds columns that a source table has got; false when one of them is there. */
  addColumnsOf(name: string, columns: ReadonlyArray<string>): boolean {
    const table = this.tables.find((each) => each.name === name)
    if (table === undefined || table.columns.some((column) => columns.includes(column.name))) return false
    let wider = table
    for (let added = 0; added < columns.length; added++) wider = SourceTables.widened(wider)
    this.#verdict.expect(
      columns.every((column) => wider.columns.some((each) => each.name === column)),
      "the model is used as it was meant to be",
      () => `columns ${columns.join(", ")} are added to ${name}`
    )
    this.tables = this.tables.map((each) => each === table ? wider : each)
    this.#trace.add(`sink table ${name} gets ${columns.join(", ")}`)
    this.ledger?.sinkAltered()
    return true
  }

  /** Begins a load; the one that holds the label when it is taken. */
  begin(database: string, table: string, label: string, session: number): Load | { readonly holder: Load } {
    const name = `${database}/${label}`
    const holder = this.#labels.get(name)
    if (holder !== undefined && holder.state !== "ABORTED") return { holder }
    const load: Load = { database, table, label, session, state: "PREPARE", whole: false }
    this.#labels.delete(name)
    this.#labels.set(name, load)
    return load
  }

  /** All of the body has arrived. */
  receive(load: Load): void {
    const { database, label, table } = load
    for (const other of this.#labels.values()) {
      this.#verdict.expect(
        other.state !== "PREPARE" || !other.whole || other.table !== table || other.database !== database,
        "one load in flight per table",
        () => `${label} arrives while ${other.label} of the same table runs`
      )
    }
    load.whole = true
  }

  /** Takes all rows at once. */
  commit(load: Load, body: string, visible: boolean): number {
    const parsed = parse(load.table, body)
    if (parsed._tag === "Bad") {
      return this.#verdict.broken("the model is used as it was meant to be", `${load.label} commits ${parsed.why}`)
    }
    this.#sameBytes(load, body)
    this.#inTurn(load)
    const table = this.tables.find(({ name }) => name === load.table) ?? parsed.table
    this.#trace.add(`sink commits ${load.label}: ${parsed.rows.length} rows`)
    for (const { key, removed, row } of parsed.rows) {
      if (removed) {
        this.rows.delete(key)
        continue
      }
      this.ledger?.written(table, key, row.version, load.label)
      this.#inOrder(load, key, row.version)
      this.rows.set(key, { ...row, values: stored(table, row.values) })
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

  /** What an earlier session has left must be over before a later one writes. */
  #inTurn({ database, label, session, table }: Load): void {
    const name = `${database}.${table}`
    const last = this.#lastSession.get(name) ?? 0
    this.#verdict.expect(
      session >= last,
      "no load comes after one of a later session",
      () => `${label} of session ${session} commits after session ${last} has written to ${name}`
    )
    this.#lastSession.set(name, session)
  }

  #inOrder(load: Load, key: string, version: bigint): void {
    const name = `${load.session} ${key}`
    const before = this.#lastBySession.get(name)
    this.#verdict.expect(
      before === undefined || version >= before,
      "no version falls within a session",
      () => `${load.label} writes version ${version} of ${key} after ${before}`
    )
    this.#lastBySession.set(name, version)
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
  return { _tag: "Rows", table, rows }
}

/** What the table keeps of a row: a member that is no column is ignored, a column that is no member is NULL. */
const stored = (table: SourceTables.Table, values: SinkRow["values"]): SinkRow["values"] =>
  Object.fromEntries(
    [...table.columns.map(({ name }) => name), ...AuditColumns.NAMES].map((name) => [name, values[name] ?? null])
  )

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
