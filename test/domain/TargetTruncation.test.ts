import { assert, describe, it } from "@effect/vitest"
import type { Truncation } from "../../src/domain/Change.ts"
import { SrSqlError } from "../../src/domain/errors/SrSqlError.ts"
import * as Lsn from "../../src/domain/Lsn.ts"
import * as TargetTruncation from "../../src/domain/TargetTruncation.ts"
import { mapping } from "../support/Mappings.ts"

const table = mapping("ta`ble", ["id"], { id: "bigint", "a b": "varchar(5)", double: "bigint" })
const generated = { name: "double", type: "bigint", nullable: true, generated: true }
const truncation: Truncation = {
  _tag: "Truncate",
  mapping: { ...table, targetColumns: new Map([...table.targetColumns, ["double", generated]]) },
  transaction: { commitLsn: Lsn.Lsn.make(66n), commitTime: 0n },
  ordinal: 0,
  weight: 0
}

const refusal = (message: string, code = 1064) => TargetTruncation.refused(new SrSqlError({ code, message }))

describe("A truncation's statements: a column that is left out would lose its values", () => {
  it("soft delete carries every column over but those that StarRocks computes, quoted", () => {
    assert.strictEqual(
      TargetTruncation.softDelete(truncation, "dbmazz_l-1", "2026-01-02 03:04:05", false),
      "INSERT INTO `d`.`ta``ble` WITH LABEL `dbmazz_l-1` (`id`, `a b`, " +
        "`dbmazz_op_type`, `dbmazz_is_deleted`, `dbmazz_synced_at`, `dbmazz_cdc_version`) SELECT /*+ SET_VAR(query_timeout = 600) */ `id`, `a b`, 2, true, " +
        "'2026-01-02 03:04:05', 66 FROM `d`.`ta``ble` WHERE `dbmazz_is_deleted` IS NULL OR `dbmazz_is_deleted` = false"
    )
  })

  it("T70 a server whose INSERT has a limit of its own is told that one, which an older server would refuse", () => {
    const limitOf = (insertLimited: boolean) =>
      /SET_VAR\(.*?\)/.exec(TargetTruncation.softDelete(truncation, "l", "2026-01-02 03:04:05", insertLimited))?.[0]
    assert.strictEqual(limitOf(false), "SET_VAR(query_timeout = 600)")
    assert.strictEqual(limitOf(true), "SET_VAR(insert_timeout = 600)")
  })

  it("what another change of the table brought about is tried again, a taken label is asked for, a missing right is final", () => {
    const passing = [
      "Partition [p1] is changed during truncating table, please retry",
      "Table[t]'s meta has been changed. try again.",
      "Table[t]'s state is not NORMAL. Do not allow doing ALTER ops"
    ]
    for (const message of passing) assert.deepInclude(refusal(message), { _tag: "Transient", code: "SR_BUSY" })
    assert.deepInclude(refusal("Label [l] has already been used."), { _tag: "InUse", job: "unknown" })
    assert.deepInclude(refusal("Access denied; you need the DELETE privilege", 5203), {
      _tag: "Permanent",
      code: "SR_ACCESS_DENIED"
    })
    assert.deepInclude(refusal("something new"), { _tag: "Transient", code: "SR_REFUSED", triesMax: 5 })
  })
})
