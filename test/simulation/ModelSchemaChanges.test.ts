/** The model sink's ALTER TABLE is held to the contract of the real one; the numbers are those of test/contract. */
import { assert, describe, it } from "vitest"
import { SrSqlError } from "../../src/domain/errors/SrSqlError.ts"
import type { Row } from "../../src/layers/StarRocksSql.ts"
import { Verdict } from "./Broken.ts"
import type { FaultKind } from "./Faults.ts"
import * as ModelCatalogue from "./ModelCatalogue.ts"
import { ModelSchemaChanges } from "./ModelSchemaChanges.ts"
import { ModelStarRocks } from "./ModelStarRocks.ts"
import { Prng } from "./Prng.ts"
import * as SourceTables from "./SourceTables.ts"
import { Trace } from "./Trace.ts"
import { VirtualTime } from "./VirtualTime.ts"

const SEED = 1
const LABELS_MAX = 100
const ADD = "ALTER TABLE `dw`.`items` ADD COLUMN `a` VARCHAR(1048576) NULL, ADD COLUMN `b` INT NULL"
const widen = (type: string): string => `ALTER TABLE \`dw\`.\`items\` MODIFY COLUMN \`qty\` ${type} NULL`
const [ITEMS] = SourceTables.WANTED

class Stage {
  readonly verdict = new Verdict()
  readonly #time = new VirtualTime()
  readonly starRocks = new ModelStarRocks(LABELS_MAX, this.verdict, new Trace(), this.#time)
  readonly #changes: ModelSchemaChanges

  constructor(...faults: Array<FaultKind>) {
    this.#changes = new ModelSchemaChanges({
      starRocks: this.starRocks,
      faults: { happens: (kind) => faults[0] === kind && faults.shift() !== undefined },
      time: this.#time,
      prng: new Prng(SEED, "schema changes")
    })
  }

  alter(statement: string): ReadonlyArray<Row> | SrSqlError | undefined {
    assert.isTrue(this.#changes.knows(statement), statement)
    let answer: ReadonlyArray<Row> | SrSqlError | undefined = undefined
    this.#changes.run(statement, (came) => void (answer = came))
    return answer
  }

  ask(question: string): ReadonlyArray<Row> {
    return ModelCatalogue.answer(question, {
      starRocks: this.starRocks,
      verdict: this.verdict,
      connections: new Prng(SEED, "connections")
    })
  }

  /** The columns of the table, and the state of its newest schema change. */
  get sight(): string {
    const columns = this.ask("SELECT * FROM information_schema.columns").filter((row) => row["TABLE_NAME"] === "items")
    const [job] = this.ask(
      "SHOW ALTER TABLE COLUMN FROM `dw` WHERE TableName = 'items' ORDER BY CreateTime DESC LIMIT 1"
    )
    return `${columns.slice(3, -4).map((row) => `${row["COLUMN_NAME"]} ${row["COLUMN_TYPE"]}`).join(", ")}: ${
      job?.["State"]
    }`
  }

  pass(): void {
    while (this.#time.next());
  }

  load(values: object): void {
    const load = this.starRocks.begin("dw", "items", `l${JSON.stringify(values).length}`, 1)
    if (!("holder" in load)) this.starRocks.commit(load, `${JSON.stringify(values)}\n`, true)
  }

  get row(): unknown {
    return [...this.starRocks.rows.values()].map(({ values }) => values["qty"])
  }
}

const code = (answer: ReadonlyArray<Row> | SrSqlError | undefined): number | undefined =>
  answer instanceof SrSqlError ? answer.code : undefined

describe("the model sink's ALTER TABLE keeps the contract", () => {
  it("the columns are there when the job is over, and not before", () => {
    const stage = new Stage("starrocks sql: schema change slow")
    assert.deepStrictEqual(stage.alter(ADD), [])
    assert.strictEqual(stage.sight, "qty smallint(6), ok boolean: RUNNING")
    stage.pass()
    assert.strictEqual(stage.sight, "qty smallint(6), ok boolean, a varchar(1048576), b int(11): FINISHED")
    assert.strictEqual(code(stage.alter(ADD)), 1060)
  })

  it("120: a second ALTER while the job runs is refused, and nothing of a cancelled one is there", () => {
    const stage = new Stage("starrocks sql: schema change cancelled")
    stage.alter(ADD)
    assert.strictEqual(code(stage.alter(widen("INT"))), 5014)
    stage.pass()
    assert.strictEqual(stage.sight, "qty smallint(6), ok boolean: CANCELLED")
    assert.deepStrictEqual(stage.alter(ADD), [])
  })

  it("a front end that follows shows the columns later", () => {
    const stage = new Stage("starrocks sql: catalogue late")
    stage.alter(widen("INT"))
    assert.strictEqual(stage.sight, "qty smallint(6), ok boolean: FINISHED")
  })

  it("rows keep their values in the wider type, and lose what a narrower one cannot say", () => {
    const stage = new Stage()
    stage.load({ id: 1, qty: 7, dbmazz_cdc_version: 1 })
    stage.alter(widen("VARCHAR(1048576)"))
    assert.deepStrictEqual(stage.row, ["7"])
    stage.load({ id: 1, qty: "many", dbmazz_cdc_version: 2 })
    stage.alter(widen("BIGINT"))
    assert.deepStrictEqual(stage.row, [null])
  })

  it("a load with a value that its column does not hold is a finding", () => {
    const stage = new Stage()
    assert.throws(() => stage.load({ id: 1, qty: 40_000, dbmazz_cdc_version: 1 }), "public.items:[\"1\"]: qty")
  })

  it("a person adds every column that a source's table ever had, and not while a job runs", () => {
    const stage = new Stage("starrocks sql: schema change slow")
    const renamed = SourceTables.renamed(ITEMS) ?? ITEMS
    const wide = SourceTables.widened(renamed)
    stage.alter(ADD)
    stage.starRocks.targets.repair([renamed, wide])
    assert.isFalse(stage.starRocks.targets.fits(wide))
    stage.pass()
    stage.starRocks.targets.repair([renamed, wide])
    assert.isTrue(stage.starRocks.targets.fits(wide))
  })
})
