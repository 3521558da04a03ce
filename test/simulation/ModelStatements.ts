/** The model sink's statements on the rows of a table: the question whether there are any, and both kinds of truncation. */
import { SrSqlError } from "../../src/domain/errors/SrSqlError.ts"
import type { Row } from "../../src/layers/StarRocksSql.ts"
import type { Verdict } from "./Broken.ts"
import type { FaultSource } from "./Faults.ts"
import * as Replies from "./HttpReplies.ts"
import type { Sender } from "./HttpRequest.ts"
import type { SinkRow } from "./Ledger.ts"
import { type ModelHttp, PUBLISH_MS_MAX, SLOW_MS_MAX } from "./ModelHttp.ts"
import { notNormal } from "./ModelSchemaChanges.ts"
import type { Load, ModelStarRocks } from "./ModelStarRocks.ts"
import type { Network } from "./Network.ts"
import type { Prng } from "./Prng.ts"
import * as SourceTables from "./SourceTables.ts"
import type { Trace } from "./Trace.ts"
import type { VirtualTime } from "./VirtualTime.ts"

/** A statement that the server has received. */
export interface Statement {
  readonly statement: string
  readonly sender: Sender
  /** What the program had said that it would send, by target: the last commit of it. */
  readonly announced: ReadonlyMap<string, bigint>
  /** Nobody will hear the answer. */
  readonly unheard: boolean
}

type Reply = (answer: ReadonlyArray<Row> | SrSqlError) => void

export interface StatementsWorld {
  readonly starRocks: ModelStarRocks
  readonly http: ModelHttp
  readonly verdict: Verdict
  readonly faults: FaultSource
  readonly network: Network
  readonly time: VirtualTime
  readonly trace: Trace
  readonly prng: Prng
}

/** Share of statements whose client is gone that the server does not carry out. */
const CANCELLED_SHARE = 0.4
/** The error numbers that StarRocks gives to whatever fails while it runs, and to what it does not take. */
const FAILED = 1064
const REFUSED = 5502
const ROLLBACK_MS_MIN = 1_000
/** `query_timeout` of the statement, in ms. */
const TIMEOUT_MS = 600_000

const LIVE = "`dbmazz_is_deleted` IS NULL OR `dbmazz_is_deleted` = false"
const ANY_LIVE = new RegExp(`^SELECT 1 AS live FROM \`(\\w+)\`\\.\`(\\w+)\` WHERE ${LIVE} LIMIT 1$`)
const TRUNCATE = /^TRUNCATE TABLE `(\w+)`\.`(\w+)`$/
const INSERT = new RegExp(
  "^INSERT INTO `(\\w+)`\\.`(\\w+)` WITH LABEL `([^`]+)` \\((.*)\\) " +
    `SELECT /\\*\\+ SET_VAR\\(insert_timeout = 600\\) \\*/ (.*) FROM \`\\1\`\\.\`\\2\` WHERE ${LIVE}$`
)

const isLive = ({ values }: SinkRow): boolean => values["dbmazz_is_deleted"] !== true

/** The value of an expression of the SELECT: a column of the row, or a literal. */
const valueOf = (expression: string, row: SinkRow): unknown => {
  if (expression.startsWith("`")) return row.values[expression.slice(1, -1)] ?? null
  if (expression.startsWith("'")) return expression.slice(1, -1)
  return JSON.parse(expression)
}

/** What the statement makes of a row: a column that it does not name is NULL. */
const made = (
  table: SourceTables.Table,
  names: ReadonlyArray<string>,
  expressions: ReadonlyArray<string>,
  row: SinkRow
) => {
  const values: Record<string, unknown> = Object.fromEntries(table.columns.map(({ name }) => [name, null]))
  for (const [index, name] of names.entries()) values[name.slice(1, -1)] = valueOf(expressions[index] ?? "null", row)
  const version = expressions[names.indexOf("`dbmazz_cdc_version`")] ?? "0"
  return { version: BigInt.asUintN(64, BigInt(version)), values }
}

export class ModelStatements {
  readonly #world: StatementsWorld

  constructor(world: StatementsWorld) {
    this.#world = world
  }

  /** Whether it is one of them. */
  knows(statement: string): boolean {
    return ANY_LIVE.test(statement) || TRUNCATE.test(statement) || INSERT.test(statement)
  }

  /** Begins it now; replies when it is over, whoever listens. */
  run(sent: Statement, reply: Reply): void {
    const { statement } = sent
    const question = ANY_LIVE.exec(statement)
    if (question !== null) return reply(this.#anyLive(this.#table(question[2], sent)))
    const truncation = TRUNCATE.exec(statement)
    if (truncation !== null) return this.#truncate(this.#table(truncation[2], sent), truncation[1] ?? "", sent, reply)
    const [, database = "", name, label = "", names = "", expressions = ""] = INSERT.exec(statement) ?? []
    const table = this.#table(name, sent)
    this.#insert(
      { database, table, label, names: names.split(", "), expressions: expressions.split(", ") },
      sent,
      reply
    )
  }

  #table(name: string | undefined, { sender, statement }: Statement): SourceTables.Table {
    const { starRocks, verdict } = this.#world
    const table = starRocks.tables.find((each) => each.name === name)
    if (table === undefined) return verdict.broken("the model is used as it was meant to be", `no table: ${statement}`)
    const stops = sender.stopped.includes(SourceTables.nameOf(table))
    verdict.expect(!stops, "no row of a stopped table is loaded", () => statement)
    return table
  }

  #anyLive(table: SourceTables.Table): ReadonlyArray<Row> {
    return [...this.#world.starRocks.seen(table).values()].some(isLive) ? [{ live: "1" }] : []
  }

  /** How long it takes, in ms. */
  #lasts(): number {
    const { faults, network, prng } = this.#world
    if (faults.happens("backend: never finishes")) return TIMEOUT_MS
    return faults.happens("starrocks sql: slow") ? prng.int(0, SLOW_MS_MAX) : network.wait()
  }

  #truncate(table: SourceTables.Table, database: string, sent: Statement, reply: Reply): void {
    const { faults, prng, starRocks, time } = this.#world
    const partitions = starRocks.partitions(table)
    const version = sent.announced.get(`${database}.${table.name}`)
    const cancelled = sent.unheard && prng.chance(CANCELLED_SHARE)
    const refused = faults.happens("starrocks sql: refused")
    const ms = this.#lasts()
    if (cancelled) return
    if (starRocks.targets.isChanging(table.name)) return reply(notNormal(table.name))
    time.after(ms, () => {
      if (refused || ms === TIMEOUT_MS) {
        return reply(new SrSqlError({ code: FAILED, message: prng.pick(Replies.REFUSALS) }))
      }
      if (starRocks.truncate(table, partitions, version, "TRUNCATE TABLE", sent.sender.session)) return reply([])
      reply(
        new SrSqlError({
          code: FAILED,
          message: `Table [${table.name}]'s partitions are changed during truncating table, please retry`
        })
      )
    })
  }

  #insert(
    { database, expressions, label, names, table }: {
      readonly database: string
      readonly table: SourceTables.Table
      readonly label: string
      readonly names: ReadonlyArray<string>
      readonly expressions: ReadonlyArray<string>
    },
    sent: Statement,
    reply: Reply
  ): void {
    const { faults, http, network, prng, starRocks, time, trace } = this.#world
    const load = starRocks.begin(database, table.name, label, sent.sender.session)
    if ("holder" in load) {
      trace.add(`label ${label} is taken: ${load.holder.state}`)
      return reply(
        new SrSqlError({ code: REFUSED, message: `Label [${label}] has already been used, relate to txn [9]` })
      )
    }
    trace.add(`statement ${label} begins`)
    starRocks.receive(load)
    const rows = new Map(
      [...starRocks.seen(table)].filter(([, row]) => isLive(row)).map((
        [key, row]
      ) => [key, made(table, names, expressions, row)])
    )
    const refused = faults.happens("starrocks sql: refused")
    const ms = this.#lasts()
    const aborts = refused || ms === TIMEOUT_MS || (sent.unheard && prng.chance(CANCELLED_SHARE))
    time.after(ms, () => {
      if (aborts) return this.#abort(load, reply)
      const slowPublish = faults.happens("backend: publish timeout")
      starRocks.commitRows(load, table, rows, !slowPublish)
      http.committedMs = time.nowMs
      if (slowPublish) {
        time.after(prng.chance(0.5) ? network.wait() : prng.int(0, PUBLISH_MS_MAX), () => starRocks.publish(load))
      }
      reply([])
    })
  }

  #abort(load: Load, reply: Reply): void {
    const { faults, prng, starRocks, time, trace } = this.#world
    const abort = (): void => {
      trace.add(`statement ${load.label} is aborted`)
      starRocks.abort(load)
    }
    if (faults.happens("backend: rollback lost")) time.after(prng.int(ROLLBACK_MS_MIN, SLOW_MS_MAX), abort)
    else abort()
    reply(new SrSqlError({ code: FAILED, message: prng.pick(Replies.REFUSALS) }))
  }
}
