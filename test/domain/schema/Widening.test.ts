import { assert, describe, it } from "@effect/vitest"
import * as Widening from "../../../src/domain/schema/Widening.ts"
import { DEFAULTS } from "../../../src/domain/values/ValuePolicy.ts"

const fit = (typeOid: number, typmod: number, type: string, isNew = false, policies = DEFAULTS): string => {
  const found = Widening.fit({ typeOid, typmod }, { name: "c", type, nullable: true }, isNew, policies)
  return found._tag === "Widen" ? found.type : found._tag
}
const numeric = (precision: number, scale: number): number => (precision << 16 | (scale & 0x7ff)) + 4
const characters = (count: number): number => count + 4
const [INT2, INT4, INT8, TEXT, VARCHAR, NUMERIC, FLOAT8, TIMESTAMP, DATE, JSONB, UUID] = [
  21,
  23,
  20,
  25,
  1043,
  1700,
  701,
  1114,
  1082,
  3802,
  2950
] as const

describe("Widening: a column that is too narrow for what the source declares would stop the table at its first such value", () => {
  it("integers, decimals and limited text grow to what the declaration holds, and never shrink", () => {
    assert.strictEqual(fit(INT8, -1, "int(11)"), "BIGINT")
    assert.strictEqual(fit(INT4, -1, "tinyint(4)"), "INT")
    assert.strictEqual(fit(INT4, -1, "bigint(20)"), "Fits")
    assert.strictEqual(fit(INT2, -1, "bigint unsigned"), "Fits")
    assert.strictEqual(fit(NUMERIC, numeric(12, 2), "decimal(10, 4)"), "DECIMAL(14,4)")
    assert.strictEqual(fit(NUMERIC, numeric(12, 2), "decimal(20, 2)"), "Fits")
    assert.strictEqual(fit(NUMERIC, numeric(36, 2), "decimal(38, 20)"), "Fits")
    assert.strictEqual(fit(VARCHAR, characters(100), "varchar(99)"), "VARCHAR(400)")
  })

  it("T71 a target of as many bytes as the source has characters was chosen: it is widened only when the source grows", () => {
    assert.strictEqual(fit(VARCHAR, characters(100), "varchar(100)"), "Fits")
    assert.strictEqual(fit(VARCHAR, characters(100), "varchar(100)", true), "VARCHAR(400)")
    assert.strictEqual(fit(TEXT, -1, "varchar(100)"), "Fits")
    assert.strictEqual(fit(TEXT, -1, "varchar(100)", true), "VARCHAR(1048576)")
    assert.strictEqual(fit(NUMERIC, -1, "decimal(10, 2)"), "Fits")
    assert.strictEqual(fit(NUMERIC, -1, "decimal(10, 2)", true), "DECIMAL(38,9)")
  })

  it("what a policy says of values that do not fit is not overruled, unless the type is new", () => {
    const clamp = { ...DEFAULTS, numericOverflow: "clamp", numericScale: "clamp", length: "clamp" } as const
    assert.strictEqual(fit(INT8, -1, "int(11)", false, clamp), "Fits")
    assert.strictEqual(fit(NUMERIC, numeric(12, 2), "decimal(4, 2)", false, clamp), "Fits")
    assert.strictEqual(fit(VARCHAR, characters(9), "varchar(3)", false, clamp), "Fits")
    assert.strictEqual(fit(INT8, -1, "int(11)", true, clamp), "BIGINT")
  })

  it("another kind is followed where the stored values then read as PostgreSQL's, and nowhere else", () => {
    assert.strictEqual(fit(TEXT, -1, "int(11)"), "VARCHAR(1048576)")
    assert.strictEqual(fit(UUID, -1, "bigint(20)"), "VARCHAR(36)")
    assert.strictEqual(fit(TEXT, -1, "decimal(10, 2)"), "VARCHAR(1048576)")
    assert.strictEqual(fit(FLOAT8, -1, "float"), "DOUBLE")
    assert.strictEqual(fit(TIMESTAMP, -1, "date"), "DATETIME")
    assert.strictEqual(fit(DATE, -1, "datetime"), "Fits")
    assert.strictEqual(fit(TEXT, -1, "double"), "Misfit")
    assert.strictEqual(fit(TEXT, -1, "boolean"), "Misfit")
    assert.strictEqual(fit(INT4, -1, "date"), "Misfit")
    assert.strictEqual(fit(JSONB, -1, "int(11)"), "Misfit")
    assert.strictEqual(fit(TEXT, -1, "array<int(11)>"), "Misfit")
  })

  it("types are written as DDL wants them", () => {
    assert.deepStrictEqual(
      ["tinyint(1)", "bigint unsigned", "int(11)", "varchar(20)", "decimal(10, 2)"].map(Widening.ddlOf),
      ["BOOLEAN", "LARGEINT", "INT", "VARCHAR(20)", "DECIMAL(10, 2)"]
    )
  })
})
