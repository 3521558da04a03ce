import { assert, describe, it } from "@effect/vitest"
import type { LoadRequest } from "../../../src/domain/Load.ts"
import * as Lsn from "../../../src/domain/Lsn.ts"
import * as Outcome from "../../../src/domain/streamload/Outcome.ts"
import * as Rejection from "../../../src/domain/streamload/Rejection.ts"
import { mapping } from "../../support/Mappings.ts"

const REQUEST: LoadRequest = {
  target: { schema: "d", name: "t" },
  label: "l",
  columns: "`id`",
  partialUpdate: true,
  body: new Uint8Array(),
  rowCount: 1,
  run: "1",
  lastCommitLsn: Lsn.ZERO
}
const { targetColumns } = mapping("t", ["id"], { id: "bigint(20)", n: "int(11)", "unit price": "decimal(9, 2)" })

const refused = (message: string, request: LoadRequest) => {
  const body = JSON.stringify({ TxnId: 7, Status: "Fail", Message: message })
  const outcome = Outcome.classify({ _tag: "Answered", httpStatus: 200, body, bodySent: true }, 1)
  if (outcome._tag !== "Permanent") throw new Error(outcome._tag)
  return Rejection.make(outcome, request, 1)
}

describe("Rejection", () => {
  it("T57 a row that StarRocks cannot make of its key alone: the column, and the statement that lets it be NULL", () => {
    const statements = [
      ["n", "MODIFY COLUMN `n` INT NULL"],
      ["unit price", "MODIFY COLUMN `unit price` DECIMAL(9, 2) NULL"],
      // Added behind the job's back.
      ["m", "MODIFY COLUMN `m` … NULL"]
    ] as const
    for (const [column, statement] of statements) {
      const error = refused(`Column has no default value. column: ${column}`, { ...REQUEST, targetColumns })
      assert.strictEqual(error.code, "SR_REJECTED_LOAD")
      assert.deepInclude(error.context, { table: "d.t", column })
      assert.include(error.remediation, `ALTER TABLE \`d\`.\`t\` ${statement};`)
      assert.notInclude(error.remediation, "STARROCKS_URL")
    }
  })

  it("a load that is refused as a whole for anything else: where to look", () => {
    for (const message of ["unknown table \"d.t\"", "Column has no default value."]) {
      const error = refused(message, { ...REQUEST, targetColumns })
      assert.include(error.remediation, "STARROCKS_URL")
      assert.notProperty(error.context, "column")
    }
  })
})
