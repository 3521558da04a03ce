import { assert, describe, it } from "@effect/vitest"
import * as CanonicalValue from "../../src/domain/CanonicalValue.ts"
import type { PgKind } from "../../src/domain/PgType.ts"
import type { StarRocksFamily } from "../../src/domain/StarRocksType.ts"

const same: ReadonlyArray<readonly [PgKind, StarRocksFamily, string, string, string]> = [
  ["boolean", "boolean", "boolean", "true", "1"],
  ["boolean", "integer", "tinyint", "false", "0"],
  ["integer", "integer", "bigint", "-9223372036854775808", "-9223372036854775808"],
  ["integer", "decimal", "decimal(38, 9)", "12", "12.000000000"],
  ["numeric", "decimal", "decimal(12, 2)", "100", "100.00"],
  ["numeric", "decimal", "decimal(12, 2)", "-0.00", "0.00"],
  ["numeric", "decimal", "decimal(38, 9)", "0.5", "0.500000000"],
  ["float", "float", "double", "1e+20", "100000000000000000000"],
  ["float", "float", "double", "-0", "0"],
  ["float", "float", "float", "0.1", "0.10000000149011612"],
  ["date", "date", "date", "2024-02-29", "2024-02-29"],
  ["date", "datetime", "datetime", "2024-02-29", "2024-02-29 00:00:00"],
  ["timestamp", "datetime", "datetime", "2024-02-29 01:02:03.5", "2024-02-29 01:02:03.500000"],
  ["timestamptz", "datetime", "datetime", "2024-02-29 01:02:03+00", "2024-02-29 01:02:03"],
  ["json", "json", "json", "{\"b\": 1.50, \"a\": [1, {}]}", "{\"a\":[1,{}],\"b\":1.5}"],
  ["json", "json", "json", "[9007199254740993, 1e2]", "[9007199254740993,100]"],
  ["bytea", "binary", "varbinary", "deadbeef", "DEADBEEF"]
]

const distinct: ReadonlyArray<readonly [PgKind, StarRocksFamily, string, string, string]> = [
  ["integer", "integer", "bigint", "9007199254740993", "9007199254740992"],
  ["numeric", "decimal", "decimal(38, 18)", "0.100000000000000001", "0.1"],
  ["numeric", "decimal", "decimal(12, 2)", "10", "1"],
  ["numeric", "decimal", "decimal(12, 2)", "-1", "1"],
  ["timestamp", "datetime", "datetime", "2024-02-29 01:02:03.000001", "2024-02-29 01:02:03"],
  ["timestamptz", "datetime", "datetime", "2024-02-29 09:02:03+00", "2024-02-29 01:02:03"],
  ["json", "json", "json", "[9007199254740993]", "[9007199254740992]"],
  ["json", "json", "json", "\"1\"", "1"],
  ["json", "json", "json", "[1,2]", "[2,1]"],
  ["json", "json", "json", "{\"a\":null}", "{}"],
  ["text", "string", "varchar(10)", "a ", "a"],
  ["text", "string", "varchar(10)", "1.0", "1"],
  ["boolean", "string", "varchar(5)", "t", "1"],
  ["float", "float", "float", "7.038531e-26", "7.0385313e-26"]
]

describe("CanonicalValue", () => {
  it.each(same)("T36 an equal value is not reported as different: %s as %s %s: %s = %s", (kind, family, type, a, b) => {
    const canonical = CanonicalValue.of(kind, family, type)
    assert.strictEqual(canonical(a), canonical(b))
  })

  it.each(distinct)("T43 a changed value is not taken for equal: %s as %s %s: %s <> %s", (kind, family, type, a, b) => {
    const canonical = CanonicalValue.of(kind, family, type)
    assert.notStrictEqual(canonical(a), canonical(b))
  })

  describe("arrays", () => {
    const of = (kind: PgKind) => CanonicalValue.of("array", "json", "json", { kind, delimiter: "," })

    it("T45 PostgreSQL's text and the JSON of it are one value, whatever the JSON begins with", () => {
      assert.strictEqual(of("integer")("{{1,NULL},{3,4}}"), of("integer")("[[1, null], [3, 4]]"))
      assert.strictEqual(of("text")("{1,\"]={\"}"), of("text")("[\"1\",\"]={\"]"))
      assert.strictEqual(of("json")("{1,\"{\\\"a\\\": \\\"]={\\\"}\"}"), of("json")("[1,{\"a\":\"]={\"}]"))
      assert.strictEqual(of("integer")("[-1:0][2:2]={{1},{2}}"), of("integer")("[-1:0][2:2]={{1},{2}}"))
    })

    it("T45 what a policy has changed is another value: bounds that were left out, JSON's null as NULL", () => {
      assert.notStrictEqual(of("integer")("[0:1]={7,8}"), of("integer")("[7,8]"))
      assert.notStrictEqual(of("json")("{\"null\"}"), of("json")("[null]"))
    })
  })

  it("keys are merged in the order in which both databases sort them", () => {
    const integers = ["10", "9", "-1", "9007199254740993", "9007199254740992"]
    assert.deepStrictEqual(integers.toSorted(CanonicalValue.order("integer", "integer")), [
      "-1",
      "9",
      "10",
      "9007199254740992",
      "9007199254740993"
    ])
    assert.deepStrictEqual(["1.5", "-0.5", "1.25"].toSorted(CanonicalValue.order("numeric", "decimal")), [
      "-0.5",
      "1.25",
      "1.5"
    ])
    // By bytes: upper case first, and a character outside the basic plane after U+FF5E, which UTF-16 would reverse.
    assert.deepStrictEqual(["🦀", "～", "a", "B"].toSorted(CanonicalValue.order("text", "string")), [
      "B",
      "a",
      "～",
      "🦀"
    ])
  })
})
