import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as References from "effect/References"
import * as LogLevel from "../../src/domain/LogLevel.ts"
import * as Log from "../../src/layers/Log.ts"
import * as LogLevels from "../../src/layers/LogLevels.ts"

const loader = Log.module("StreamLoader")
const loads = Log.module("Loads")

/** Notes each line as `level module text`. */
const noting = () => {
  const lines: Array<string> = []
  const logger = Logger.make<unknown, void>(({ fiber, logLevel, message }) => {
    const { module } = fiber.getRef(References.CurrentLogAnnotations)
    lines.push(`${logLevel} ${String(module)} ${Array.isArray(message) ? String(message[0]) : ""}`)
  })
  return { lines, layer: Layer.merge(Logger.layer([logger]), Layer.succeed(References.MinimumLogLevel, "All")) }
}

const levels = (level: LogLevel.Threshold): LogLevel.Levels => ({ default: level, modules: new Map() })

describe("levels of modules, changed while the program runs", () => {
  it.effect("a module is turned up alone, at once, and back again", () =>
    Effect.gen(function*() {
      const { layer, lines } = noting()
      const both = (text: string) => Effect.andThen(loader.debug(text, () => ({})), loads.debug(text, () => ({})))
      yield* Effect.gen(function*() {
        const { current, set } = yield* LogLevels.LogLevels
        yield* both("before")
        assert.deepStrictEqual(
          yield* set("streamloader", "debug"),
          { default: "info", modules: new Map<string, LogLevel.Threshold>([["StreamLoader", "debug"]]) }
        )
        yield* both("one")
        yield* set("default", "debug")
        yield* both("all")
        yield* set("StreamLoader", "default")
        yield* set("default", "error")
        yield* both("after")
        assert.strictEqual(LogLevel.show(yield* current), "error")
      }).pipe(Effect.provide(Layer.merge(layer, LogLevels.layer(levels("info")))))
      assert.deepStrictEqual(lines, ["Debug StreamLoader one", "Debug StreamLoader all", "Debug Loads all"])
    }))

  it.effect("a name that does not exist changes nothing and is answered with those that do", () =>
    Effect.gen(function*() {
      const { current, set } = yield* LogLevels.LogLevels
      const before = yield* current
      const error = yield* Effect.flip(set("StreamLaoder", "debug"))
      assert.include(error.message, "StreamLoader")
      assert.include((yield* Effect.flip(set("StreamLoader", "loud"))).message, "'loud'")
      assert.strictEqual(yield* current, before)
    }).pipe(Effect.provide(LogLevels.layer(levels("info")))))
})

it.effect("a line that is off costs nothing: neither its fields nor its text are made", () =>
  Effect.gen(function*() {
    let made = 0
    const { layer, lines } = noting()
    const fields = () => {
      made += 1
      return { rows: 1 }
    }
    yield* loads.debug("held back by its module", fields).pipe(
      Effect.provide(Layer.merge(layer, LogLevels.layer(levels("info"))))
    )
    yield* loads.debug("held back by the program", fields)
    assert.strictEqual(made, 0)
    assert.deepStrictEqual(lines, [])
    yield* loads.debug("wanted", fields).pipe(
      Effect.provide(Layer.merge(layer, LogLevels.layer(levels("debug"))))
    )
    assert.strictEqual(made, 1)
    assert.deepStrictEqual(lines, ["Debug Loads wanted"])
  }))
