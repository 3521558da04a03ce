/** The model sink's statements are held to the contract of the real one; the numbers are those of test/contract. */
import * as Result from "effect/Result"
import { assert, describe, it } from "vitest"
import type { Truncation } from "../../src/domain/Change.ts"
import { SrSqlError } from "../../src/domain/errors/SrSqlError.ts"
import * as Lsn from "../../src/domain/Lsn.ts"
import * as TargetTruncation from "../../src/domain/TargetTruncation.ts"
import type { Row } from "../../src/layers/StarRocksSql.ts"
import * as Mappings from "../support/Mappings.ts"
import { Verdict } from "./Broken.ts"
import type { FaultKind } from "./Faults.ts"
import { ModelHttp } from "./ModelHttp.ts"
import { ModelStarRocks } from "./ModelStarRocks.ts"
import { ModelStatements } from "./ModelStatements.ts"
import { Network } from "./Network.ts"
import { Prng } from "./Prng.ts"
import { Trace } from "./Trace.ts"
import { VirtualTime } from "./VirtualTime.ts"

const SEED = 1
const LABELS_MAX = 100
const AUDIT = {
  dbmazz_op_type: "tinyint",
  dbmazz_is_deleted: "boolean",
  dbmazz_synced_at: "datetime",
  dbmazz_cdc_version: "bigint"
}
/** Versions of rows before and after the truncation. */
const BEFORE = 0x7
const AFTER = 0x43
const TRUNCATION: Truncation = {
  _tag: "Truncate",
  mapping: {
    ...Mappings.mapping("items", ["id"], { id: "bigint", name: "varchar(20)", ...AUDIT }),
    target: { schema: "dw", name: "items" }
  },
  transaction: { commitLsn: Result.getOrThrow(Lsn.fromText("0/42")), commitTime: 0n },
  ordinal: 0,
  weight: 0
}
const TRUNCATE = TargetTruncation.truncate(TRUNCATION.mapping)
const softDelete = (label: string): string =>
  TargetTruncation.softDelete(TRUNCATION, label, "2026-01-02 03:04:05", true)

type Answer = ReadonlyArray<Row> | SrSqlError

/** A sink with one row, and what it answers. */
class Stage {
  readonly verdict = new Verdict()
  readonly #time = new VirtualTime()
  readonly starRocks = new ModelStarRocks(LABELS_MAX, this.verdict, new Trace(), this.#time)
  readonly #statements: ModelStatements
  #version = BEFORE

  constructor(faults: Array<FaultKind> = []) {
    const world = {
      starRocks: this.starRocks,
      verdict: this.verdict,
      faults: { happens: (kind: FaultKind) => faults[0] === kind && faults.shift() !== undefined },
      network: new Network(new Prng(SEED, "network"), 0),
      time: this.#time,
      trace: new Trace(),
      prng: new Prng(SEED, "statements")
    }
    this.#statements = new ModelStatements({ ...world, http: new ModelHttp({ ...world, classicDuplicates: true }) })
    this.load("first", true)
  }

  load(label: string, visible: boolean): void {
    const load = this.starRocks.begin("dw", "items", label, 1)
    const row =
      `{"id":1,"name":"${label}","dbmazz_op_type":0,"dbmazz_is_deleted":false,"dbmazz_cdc_version":${this.#version}}\n`
    if (!("holder" in load)) this.starRocks.commit(load, row, visible)
    this.#version = AFTER
  }

  /** All of them begin at once; the answers in the order in which they came. */
  answers(...statements: ReadonlyArray<string>): ReadonlyArray<Answer> {
    const answers: Array<Answer> = []
    for (const statement of statements) {
      assert.isTrue(this.#statements.knows(statement), statement)
      const sender = { session: 1, stopped: [] }
      const sent = { statement, sender, announced: new Map(), unheard: false }
      this.#statements.run(sent, (answer) => void answers.push(answer))
    }
    while (answers.length < statements.length && this.#time.next());
    return answers
  }

  get rows(): ReadonlyArray<string> {
    return [...this.starRocks.rows.values()].map(({ values, version }) =>
      [values["name"], values["dbmazz_op_type"], values["dbmazz_is_deleted"], version.toString(16)].map(String).join(
        " "
      )
    )
  }
}

const refusal = (answer: Answer | undefined): string => answer instanceof SrSqlError ? answer.message : "none"

describe("the model sink's statements keep the contract", () => {
  it("124: TRUNCATE TABLE empties the table", () => {
    const stage = new Stage()
    assert.deepStrictEqual(stage.answers(TRUNCATE), [[]])
    assert.deepStrictEqual(stage.rows, [])
  })

  it("of two truncations that overlap the one that ends last is refused, and takes nothing", () => {
    const stage = new Stage(["starrocks sql: slow"])
    const [, last] = stage.answers(TRUNCATE, TRUNCATE)
    assert.match(refusal(last), /partitions are changed during truncating table, please retry/)
  })

  it("INSERT with a label marks the live rows, and is done once", () => {
    const stage = new Stage()
    assert.deepStrictEqual(stage.answers(TargetTruncation.anyLive(TRUNCATION.mapping)), [[{ live: "1" }]])
    assert.deepStrictEqual(stage.answers(softDelete("l")), [[]])
    assert.deepStrictEqual(stage.rows, ["first 2 true 42"])
    assert.deepStrictEqual(stage.answers(TargetTruncation.anyLive(TRUNCATION.mapping)), [[]])
    stage.load("second", true)
    assert.match(refusal(stage.answers(softDelete("l"))[0]), /^Label \[l\] has already been used/)
    assert.deepStrictEqual(stage.rows, ["second 0 false 43"])
  })

  it("a statement does not see what is committed and not yet visible", () => {
    const stage = new Stage()
    stage.answers(softDelete("l1"))
    stage.load("second", false)
    assert.deepStrictEqual(stage.answers(TargetTruncation.anyLive(TRUNCATION.mapping)), [[]])
    stage.answers(softDelete("l2"))
    assert.deepStrictEqual(stage.rows, ["second 0 false 43"])
  })

  it("after a refused INSERT its label is free", () => {
    const stage = new Stage(["starrocks sql: refused"])
    assert.notStrictEqual(refusal(stage.answers(softDelete("l"))[0]), "none")
    assert.deepStrictEqual(stage.answers(softDelete("l")), [[]])
  })
})
