import { assert, describe, it } from "@effect/vitest"
import * as Redaction from "../../../src/domain/streamload/Redaction.ts"

const SECRET = "Jane Doe 4111-1111"

describe("T73 a customer's row never reaches the log through StarRocks' messages", () => {
  for (
    const message of [
      `illegal json started with ${SECRET}`,
      `the value should be array type with strip_outer_array=true, value: {"name":"${SECRET}"}`,
      `parse error. Row: {"name":"${SECRET}"}`,
      `Value is overflow. column=n, value=${SECRET}`,
      `String '${SECRET}'(length=30) is too long. The max length of 'name' is 10`,
      `Decimal '${SECRET}' is out of range. The type of 'price' is DECIMAL64(10,2)'`,
      `bad data: ${SECRET}`
    ]
  ) {
    it(message.replace(SECRET, "…"), () => {
      const safe = Redaction.redact(message)
      assert.notInclude(safe, "Jane")
      assert.notInclude(safe, "4111")
    })
  }

  it("a password in an address is cut out, the address stays", () => {
    assert.strictEqual(Redaction.redact("see http://root:pw@be:8040/x"), "see http://be:8040/x")
  })

  it("what a person needs to act stays: tables, columns, labels, limits", () => {
    for (
      const message of [
        "unknown table \"shop.orders\"",
        "Column has no default value. column: req",
        "Label [dbmazz_1] has already been used.",
        "Failed to load data into tablet 5, because of too many versions, current/limit: 1001/1000"
      ]
    ) assert.strictEqual(Redaction.redact(message), message)
  })

  it("a message cannot flood the log", () => {
    assert.isBelow(Redaction.redact("x".repeat(1_000_000)).length, 1000)
    assert.notInclude(Redaction.redact("one\ntwo"), "\n")
  })
})
