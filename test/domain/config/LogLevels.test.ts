import { assert, describe, it } from "@effect/vitest"
import * as LogLevels from "../../../src/domain/config/LogLevels.ts"

const read = (text: string) => {
  const levels = LogLevels.parse(text)
  return levels === undefined ? undefined : [levels.level, ...levels.modules]
}

describe("LogLevels: a level that is read wrongly hides what an operator looks for", () => {
  it("reads one level, and others for modules", () => {
    assert.deepStrictEqual(read("WARN"), ["warn"])
    assert.deepStrictEqual(read(" info , StreamLoader = Debug,Batches=trace,Batches=error"), [
      "info",
      ["StreamLoader", "debug"],
      ["Batches", "error"]
    ])
    assert.deepStrictEqual(read("Loads=debug"), ["info", ["Loads", "debug"]])
  })

  for (const text of ["", "verbose", "info,", "info=", "=info", "A=B=info", "info debug", "Stream Loader=info"]) {
    it(`refuses '${text}'`, () => {
      assert.isUndefined(read(text))
    })
  }
})
