import { assert, describe, it } from "@effect/vitest"
import * as Result from "effect/Result"
import * as LogLevel from "../../src/domain/LogLevel.ts"

const parse = (text: string) => Result.getOrThrow(LogLevel.parse(text))
const problem = (text: string): string => {
  const result = LogLevel.parse(text)
  return Result.isFailure(result) ? result.failure : "accepted"
}

describe("LOG_LEVEL: a level that is read wrongly hides a failure or floods the log", () => {
  it("one word is the level of everything, nothing is info", () => {
    assert.deepStrictEqual(parse("warn"), { default: "warn", modules: new Map() })
    assert.deepStrictEqual(parse(" WARNING "), { default: "warn", modules: new Map() })
    assert.strictEqual(parse("").default, "info")
  })

  it("modules have levels of their own, in any order and case", () => {
    const levels = parse("StreamLoader=debug, warn ,replication=OFF")
    assert.deepStrictEqual(levels, {
      default: "warn",
      modules: new Map<string, LogLevel.Threshold>([["StreamLoader", "debug"], ["Replication", "off"]])
    })
    assert.isTrue(LogLevel.isEnabled(levels, "StreamLoader", "debug"))
    assert.isFalse(LogLevel.isEnabled(levels, "StreamLoader", "trace"))
    assert.isFalse(LogLevel.isEnabled(levels, "Loads", "info"))
    assert.isTrue(LogLevel.isEnabled(levels, "Loads", "warn"))
    assert.isFalse(LogLevel.isEnabled(levels, "Replication", "error"))
    assert.deepStrictEqual(parse(LogLevel.show(levels)), levels)
  })

  it("what does not exist is refused by name, with what does", () => {
    assert.include(problem("loud"), "'loud' is no log level: use trace, debug, info, warn, error, off")
    assert.include(problem("info,StreamLaoder=debug"), "'StreamLaoder' is no module: use ")
    assert.include(problem("info,StreamLaoder=debug"), "StreamLoader")
    assert.include(problem("info,StreamLoader=loud"), "'loud'")
    assert.include(problem("info,debug"), "more than once")
    assert.include(problem("=debug"), "'' is no module")
  })

  it("a module that is given the level 'default' follows the others again", () => {
    const levels = parse("info,StreamLoader=debug")
    assert.strictEqual(Result.getOrThrow(LogLevel.change(levels, "streamloader", "default")).modules.size, 0)
    assert.strictEqual(Result.getOrThrow(LogLevel.change(levels, "default", "error")).default, "error")
    assert.isTrue(Result.isFailure(LogLevel.change(levels, "default", "default")))
  })
})
