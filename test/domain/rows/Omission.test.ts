import { assert, describe, it } from "@effect/vitest"
import * as Result from "effect/Result"
import * as Lsn from "../../../src/domain/Lsn.ts"
import { mapping } from "../../support/Mappings.ts"
import * as Bytes from "../../support/PgoutputBytes.ts"
import { decodeAll, loadsOf, rowsOf } from "../../support/Rows.ts"

const TABLE = mapping("t", ["id"], { id: "bigint(20)", n: "int", doc: "varchar(99999)" })
const RELATION = Bytes.relation(1, "t", [{ name: "id", oid: 20 }, { name: "n", oid: 23 }, { name: "doc", oid: 25 }])

describe("What a row leaves out", () => {
  it("T37 T39 a value that no old row tells is left to a row in StarRocks, but not to one of a partition that was exchanged", () => {
    const changes = decodeAll([TABLE], [RELATION, Bytes.begin(100n), Bytes.update(1, undefined, ["1", "2", undefined])])
    const outcome = (version: bigint | null, exchangedAt: bigint) => {
      const loads = loadsOf(rowsOf(changes), {
        answer: (questions) => new Map(questions.map(({ key }) => [key.id, version])),
        trustedAfter: Lsn.Lsn.make(99n),
        exchangedAt: Lsn.Lsn.make(exchangedAt)
      })
      if (Result.isFailure(loads)) return loads.failure.code
      return loads.success.map(({ columns, partialUpdate }) => partialUpdate && columns?.includes("doc") === false)
    }
    for (const version of [null, 0n, 40n, 200n]) assert.deepStrictEqual(outcome(version, 0n), [true])
    for (const version of [60n, 61n, 200n]) assert.deepStrictEqual(outcome(version, 60n), [true])
    for (const version of [null, 0n, 59n]) assert.strictEqual(outcome(version, 60n), "TOAST_VALUE_UNKNOWN")
  })
})
