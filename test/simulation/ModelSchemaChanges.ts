/** The model sink's ALTER TABLE: it answers when its job exists, and the columns are there when the job is over. */
import { SrSqlError } from "../../src/domain/errors/SrSqlError.ts"
import type { Row } from "../../src/layers/StarRocksSql.ts"
import type { FaultSource } from "./Faults.ts"
import * as Replies from "./HttpReplies.ts"
import type { ModelStarRocks } from "./ModelStarRocks.ts"
import type { Prng } from "./Prng.ts"
import * as SourceTables from "./SourceTables.ts"
import type { VirtualTime } from "./VirtualTime.ts"

export interface SchemaWorld {
  readonly starRocks: ModelStarRocks
  readonly faults: FaultSource
  readonly time: VirtualTime
  readonly prng: Prng
}

type Reply = (answer: ReadonlyArray<Row> | SrSqlError) => void

/** A job that rewrites the table, or waits for transactions, takes this long at most, in ms: some longer than a batch waits. */
const JOB_MS_MAX: readonly [number, ...ReadonlyArray<number>] = [3_000, 20_000, 90_000]
/** A front end that follows shows a table as it was for so long, in ms. */
const LATE_MS_MAX = 15_000
const FAILED = 1064
const NOT_NORMAL = 5014
const DUPLICATE_COLUMN = 1060

const ALTER = /^ALTER TABLE `[^`]+`\.`([^`]+)` (.+)$/
const CLAUSE = /^(ADD|MODIFY) COLUMN `([^`]+)` (\S+) NULL$/

/** A type of DDL as the catalogue spells it. */
const TYPES: Readonly<Record<string, string>> = { SMALLINT: "smallint(6)", INT: "int(11)", BIGINT: "bigint(20)" }

/** The refusal of whatever wants a table for itself while a schema change is at work on it. */
export const notNormal = (table: string): SrSqlError =>
  new SrSqlError({ code: NOT_NORMAL, message: `Table[${table}]'s state is not NORMAL. Do not allow doing ALTER ops` })

export class ModelSchemaChanges {
  readonly #world: SchemaWorld

  constructor(world: SchemaWorld) {
    this.#world = world
  }

  knows(statement: string): boolean {
    return ALTER.test(statement)
  }

  /** Begins it now. */
  run(statement: string, reply: Reply): void {
    const { faults, prng, starRocks: { targets, verdict }, time } = this.#world
    const [, name = "", clauses = ""] = ALTER.exec(statement) ?? []
    const table = targets.tables.find((each) => each.name === name)
    const changes = clauses.split(/, (?=ADD COLUMN |MODIFY COLUMN )/).map((clause) => CLAUSE.exec(clause))
    if (table === undefined || changes.includes(null)) {
      return verdict.broken("the model is used as it was meant to be", statement)
    }
    if (targets.isChanging(name)) return reply(notNormal(name))
    if (faults.happens("starrocks sql: refused")) {
      return reply(new SrSqlError({ code: FAILED, message: prng.pick(Replies.REFUSALS) }))
    }
    const columns: Array<SourceTables.Column> = []
    for (const change of changes) {
      const [, verb, column = "", type = ""] = change ?? []
      const before = table.columns.find((each) => each.name === column)
      if (verb === "ADD" && before !== undefined) {
        return reply(new SrSqlError({ code: DUPLICATE_COLUMN, message: `Duplicate column name '${column}'` }))
      }
      columns.push(SourceTables.targetColumn(column, TYPES[type] ?? type.toLowerCase()))
    }
    const job = targets.begin(name)
    const cancelled = faults.happens("starrocks sql: schema change cancelled")
    const slow = faults.happens("starrocks sql: schema change slow")
    reply([])
    const end = (): void => {
      targets.end(job, cancelled ? "CANCELLED" : "FINISHED")
      if (cancelled) return
      const late = faults.happens("starrocks sql: catalogue late")
      targets.alter(name, columns, late ? prng.int(0, LATE_MS_MAX) : 0)
    }
    if (slow || cancelled) time.after(prng.int(0, prng.pick(JOB_MS_MAX)), end)
    else end()
  }
}
