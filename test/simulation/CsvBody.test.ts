import { assert, describe, it } from "vitest"
import { toJson } from "./CsvBody.ts"

const MARKS = { separator: ",", enclose: "\"", escape: "^" }
const rows = (body: string, columns: ReadonlyArray<string>): unknown =>
  toJson("pairs", body, columns, MARKS)?.trimEnd().split("\n").map((line): unknown => JSON.parse(line))

describe("CSV as the model sink reads it", () => {
  it("marks in enclosed text are text, and what is not enclosed is a number, a word, NULL or nothing", () => {
    assert.deepStrictEqual(rows("\"a,^\"b^^\n\",-5,true,,\\N\n", ["v", "a", "ok", "b", "n"]), [
      { v: "a,\"b^\n", a: -5, ok: true, b: "", n: null }
    ])
    assert.deepStrictEqual(rows("\"1\",\"true\"\n\"\",2024-01-01 00:00:00\n", ["v", "b"]), [
      { v: "1", b: "true" },
      { v: "", b: "2024-01-01 00:00:00" }
    ])
  })

  it("the text of a document is one, and a text like NULL is NULL, enclosed or not", () => {
    assert.deepStrictEqual(rows("\"{^\"n^\":1}\",\"\\N\"\n", ["doc", "v"]), [{ doc: { n: 1 }, v: null }])
  })

  it("a row with other fields than those named, or one that does not end, is not read", () => {
    for (const body of ["1,2\n1\n", "1", "\"1\n", "\"1\"2,3\n"]) {
      assert.isUndefined(toJson("pairs", body, ["a", "b"], MARKS), body)
    }
  })
})
