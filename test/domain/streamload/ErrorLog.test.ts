import { assert, describe, it } from "@effect/vitest"
import * as ErrorLog from "../../../src/domain/streamload/ErrorLog.ts"

const SECRET = "s3cret' is (length=9) Row: column=card"

describe("ErrorLog: an operator must learn the column and the reason, and nobody a value", () => {
  for (
    const [said, text, column] of [
      [
        `String '${SECRET}'(length=39) is too long. The max length of 'name' is 5`,
        "a string of 39 bytes is too long, the max length of 'name' is 5",
        "name"
      ],
      [`NULL value in non-nullable column 'n'`, "NULL value in non-nullable column 'n'", "n"],
      [`Value is overflow. column=n, value=${SECRET}`, "a value overflows 'n'", "n"],
      [
        `Value '${SECRET}' is out of range. The type of 'n' is INT`,
        "a value is out of range for 'n', whose type is INT",
        "n"
      ],
      [
        `Decimal '${SECRET}' is out of range. The type of 'd' is DECIMAL64(10, 2)'`,
        "a value is out of range for 'd', whose type is DECIMAL64(10, 2)",
        "d"
      ],
      [
        `The field (name = n, pos = 3) is out of range. Type: DECIMAL64(10, 2), Value length: 44, Value: ${SECRET}(length=7) is too long. The max length of 'x' is 1`,
        "a value of 44 bytes is out of range for 'n', whose type is DECIMAL64(10, 2)",
        "n"
      ],
      [
        "Value length is beyond the capacity. column=b, capacity=8",
        "a value is longer than the capacity of 'b', 8",
        "b"
      ]
    ] as const
  ) {
    it(`T73 ${text}`, () => {
      const log = `Error: ${said}. Row: {"id":1,"name":"${SECRET}"}\nError: another. Row: []\n`
      assert.deepStrictEqual(ErrorLog.first(log), { text, column })
    })
  }

  it("T73 a reason that is not known is told without what it quotes and without the row", () => {
    assert.deepStrictEqual(ErrorLog.first(`Error: Bad thing 'secret' in column 'n'. Row: ["secret"]\n`), {
      text: "Bad thing '…' in column 'n'"
    })
  })

  it("a log without a reason gives none", () => {
    for (const log of ["", "<html>", "Error: \n", "error_log not found"]) assert.isUndefined(ErrorLog.first(log))
  })
})
