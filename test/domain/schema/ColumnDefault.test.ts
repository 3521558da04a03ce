import { assert, describe, it } from "@effect/vitest"
import * as ColumnDefault from "../../../src/domain/schema/ColumnDefault.ts"

const of = (typeOid: number, missing: string | null, targetType: string) =>
  ColumnDefault.of(
    { name: "c", typeOid, typeName: "", typmod: -1, notNull: false, generated: false, missing },
    targetType
  )

describe("ColumnDefault: rows that were there show what PostgreSQL shows, or nothing that is wrong", () => {
  it("values are written as StarRocks reads them", () => {
    assert.strictEqual(of(23, "-7", "INT"), "-7")
    assert.strictEqual(of(16, "t", "BOOLEAN"), "true")
    assert.strictEqual(of(1700, "12.50", "DECIMAL(6,2)"), "12.50")
    assert.strictEqual(of(25, "it's \"so\"\n", "VARCHAR(1048576)"), "it's \"so\"\n")
    assert.strictEqual(of(25, "", "VARCHAR(1048576)"), "")
    assert.strictEqual(of(1186, "P1D", "VARCHAR(64)"), "P1D")
    assert.strictEqual(of(1184, "2024-02-29 12:00:00.5", "DATETIME"), "2024-02-29 12:00:00.5")
  })

  it("what StarRocks cannot have and what is nothing is left out", () => {
    assert.strictEqual(of(23, null, "INT"), undefined)
    assert.strictEqual(of(1700, "NaN", "DECIMAL(6,2)"), undefined)
    assert.strictEqual(of(3802, "{}", "JSON"), undefined)
    assert.strictEqual(of(17, "\\x00", "VARBINARY"), undefined)
    assert.strictEqual(of(25, "x".repeat(1025), "VARCHAR(1048576)"), undefined)
    assert.strictEqual(of(1043, "ü".repeat(4), "VARCHAR(7)"), undefined)
  })
})
