/** The model sink: tables of rows by primary key, and labels that commit at most once per database. */
import type { Verdict } from "./Broken.ts"
import type { Ledger, SinkRow } from "./Ledger.ts"
import { parse } from "./LoadBody.ts"
import { ModelTargets } from "./ModelTargets.ts"
import * as SourceTables from "./SourceTables.ts"
import type { Trace } from "./Trace.ts"
import type { VirtualTime } from "./VirtualTime.ts"

export type LabelState = "PREPARE" | "COMMITTED" | "VISIBLE" | "ABORTED"

/** A load's transaction. */
export interface Load {
  readonly database: string
  readonly table: string
  readonly label: string
  /** The replication session that sent it. */
  readonly session: number
  /** Columns that the load does not name keep their values; undefined: it names all. */
  readonly columns: ReadonlySet<string> | undefined
  state: LabelState
  /** All of its body is here: before that it cannot commit. */
  whole: boolean
  /** When it was begun. */
  readonly begunMs: number
}

/** A committed load that no statement sees yet, and what stood in its rows' place. */
interface Unseen {
  readonly load: Load
  readonly before: ReadonlyMap<string, SinkRow | undefined>
}

const SYNCED_AT = /"dbmazz_synced_at":"[^"]*"/g

/** No label is forgotten within this time, in ms: the real server has room for a thousand of them. */
const KEPT_MS_MIN = 2_000

export class ModelStarRocks {
  readonly rows = new Map<string, SinkRow>()
  readonly #labels = new Map<string, Load>()
  readonly #bodies = new Map<string, string>()
  /** The last version that each session wrote for each key. */
  readonly #lastBySession = new Map<string, bigint>()
  /** The last session that has written to each table. */
  readonly #lastSession = new Map<string, number>()
  /** Of each table, in the order of their commits. */
  readonly #unseen = new Map<string, ReadonlyArray<Unseen>>()
  /** How often each table's partitions were replaced. */
  readonly #replaced = new Map<string, number>()
  readonly #labelsMax: number
  readonly #time: VirtualTime
  readonly #verdict: Verdict
  readonly #trace: Trace
  #refusesLogin = false
  #everRefusedLogin = false
  ledger: Ledger | undefined = undefined
  readonly targets: ModelTargets

  constructor(labelsMax: number, verdict: Verdict, trace: Trace, time: VirtualTime) {
    this.#labelsMax = labelsMax
    this.#time = time
    this.#verdict = verdict
    this.#trace = trace
    this.targets = new ModelTargets(time, trace, (table) => this.#altered(table))
  }

  get verdict(): Verdict {
    return this.#verdict
  }

  /** The target tables. */
  get tables(): ReadonlyArray<SourceTables.Table> {
    return this.targets.tables
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

  /** Begins a load; the one that holds the label when it is taken. */
  begin(
    database: string,
    table: string,
    label: string,
    session: number,
    columns?: ReadonlySet<string>
  ): Load | { readonly holder: Load } {
    const name = `${database}/${label}`
    const holder = this.#labels.get(name)
    if (holder !== undefined && holder.state !== "ABORTED") return { holder }
    const begunMs = this.#time.nowMs
    const load: Load = { database, table, label, session, columns, state: "PREPARE", whole: false, begunMs }
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
    const before = new Map<string, SinkRow | undefined>()
    for (const { key, removed, row } of parsed.rows) {
      if (!before.has(key)) before.set(key, this.rows.get(key))
      if (removed) this.rows.delete(key)
      else {
        if (load.columns !== undefined) this.#isExact(load, load.columns, row.values)
        const kept = load.columns === undefined ? {} : this.rows.get(key)?.values
        const misfit = ModelTargets.misfit(table, row.values)
        this.#verdict.expect(misfit === undefined, "a row fits its table", () => `${key}: ${misfit}, by ${load.label}`)
        this.#write(load, table, key, { ...row, values: ModelTargets.stored(table, { ...kept, ...row.values }) })
      }
    }
    this.#committed({ load, before }, visible)
    return parsed.rows.length
  }

  #isExact({ label }: Load, columns: ReadonlySet<string>, values: SinkRow["values"]): void {
    const names = Object.keys(values)
    this.#verdict.expect(
      names.length === columns.size && names.every((name) => columns.has(name)),
      "rows of different columns never share a load",
      () => `${label} names ${[...columns].join(", ")}, a row has ${names.join(", ")}`
    )
  }

  /** As `commit`, for rows that a statement has made. */
  commitRows(
    load: Load,
    table: SourceTables.Table,
    rows: ReadonlyMap<string, Omit<SinkRow, "session">>,
    visible: boolean
  ): void {
    this.#inTurn(load)
    this.#trace.add(`sink commits ${load.label}: ${rows.size} rows of a statement`)
    const before = new Map([...rows.keys()].map((key) => [key, this.rows.get(key)]))
    for (const [key, row] of rows) this.#write(load, table, key, row)
    this.#committed({ load, before }, visible)
  }

  /** What was committed is seen from now on, and with it whatever of its table was committed before. */
  publish(load: Load): void {
    const unseen = this.#unseen.get(load.table) ?? []
    const last = unseen.findIndex((each) => each.load === load)
    for (const each of unseen.slice(0, last + 1)) each.load.state = "VISIBLE"
    this.#unseen.set(load.table, unseen.slice(last + 1))
  }

  /** The rows of a table as a statement sees them, by key. */
  seen(table: SourceTables.Table): ReadonlyMap<string, SinkRow> {
    const seen = new Map(this.#rowsOf(table))
    for (const { before } of (this.#unseen.get(table.name) ?? []).toReversed()) {
      for (const [key, row] of before) {
        if (row === undefined) seen.delete(key)
        else seen.set(key, row)
      }
    }
    return seen
  }

  /** The partitions of a table, as a truncation finds them. */
  partitions(table: SourceTables.Table): number {
    return this.#replaced.get(table.name) ?? 0
  }

  /** Empties the table, unless its partitions are others by now: then false. */
  truncate(
    table: SourceTables.Table,
    partitions: number,
    version: bigint | undefined,
    by: string,
    session: number
  ): boolean {
    if (this.partitions(table) !== partitions) return false
    const rows = this.#rowsOf(table)
    this.#trace.add(`sink truncates ${table.name}: ${rows.size} rows`)
    if (version !== undefined) this.ledger?.emptied(table, version, session, rows, by)
    for (const key of rows.keys()) this.rows.delete(key)
    this.#replaced.set(table.name, partitions + 1)
    const last = this.#unseen.get(table.name)?.at(-1)
    if (last !== undefined) this.publish(last.load)
    return true
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

  #rowsOf(table: SourceTables.Table): ReadonlyMap<string, SinkRow> {
    const prefix = `${SourceTables.nameOf(table)}:`
    return new Map([...this.rows].filter(([key]) => key.startsWith(prefix)))
  }

  #altered(table: SourceTables.Table): void {
    for (const [key, row] of this.#rowsOf(table)) this.rows.set(key, ModelTargets.converted(table, row))
    this.ledger?.sinkAltered()
  }

  #write(load: Load, table: SourceTables.Table, key: string, row: Omit<SinkRow, "session">): void {
    this.ledger?.written(table, key, row.version, load.label)
    this.#inOrder(load, key, row.version)
    this.rows.set(key, { ...row, session: load.session })
  }

  #committed(unseen: Unseen, visible: boolean): void {
    const { load } = unseen
    load.state = "COMMITTED"
    this.#unseen.set(load.table, [...this.#unseen.get(load.table) ?? [], unseen])
    if (visible) this.publish(load)
    this.#evict()
  }

  /** A label that is over is forgotten when newer ones need its place, but not while its statement may come once more. */
  #evict(): void {
    const oldMs = this.#time.nowMs - KEPT_MS_MIN
    const over = [...this.#labels].filter(([, { begunMs, state }]) =>
      (state === "VISIBLE" || state === "ABORTED") && begunMs < oldMs
    )
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
