/** What is logged at the moment, by module; changed while the program runs. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as LogLevel from "../domain/LogLevel.ts"
import type { LogModule } from "../domain/LogModule.ts"

/** A change of levels that names what does not exist; the message lists what does. */
export class LogLevelInvalid extends Schema.TaggedError<LogLevelInvalid>()("LogLevelInvalid", {
  message: Schema.String
}) {}

export interface Service {
  readonly current: Effect.Effect<LogLevel.Levels>
  /**
   * Gives `target`, a module or `default`, a level from now on; the level `default` lets a module follow the others again.
   * Gives the levels that hold now.
   */
  readonly set: (target: string, level: string) => Effect.Effect<LogLevel.Levels, LogLevelInvalid>
  /** Whether a line of this module and level is wanted; asked before anything of it is made. */
  readonly isEnabled: (module: LogModule, level: LogLevel.LogLevel) => boolean
}

const make = (start: LogLevel.Levels): Service => {
  let levels = start
  return {
    current: Effect.sync(() => levels),
    set: (target, level) =>
      Effect.suspend(() =>
        Result.match(LogLevel.change(levels, target, level), {
          onFailure: (message) => Effect.fail(new LogLevelInvalid({ message })),
          onSuccess: (changed) => {
            levels = changed
            return Effect.succeed(changed)
          }
        })
      ),
    isEnabled: (module, level) => LogLevel.isEnabled(levels, module, level)
  }
}

/** Without a layer nothing is held back here: Effect's own minimum decides. */
export const LogLevels: Context.Reference<Service> = Context.Reference<Service>("dbmazz/layers/LogLevels", {
  defaultValue: () => make({ default: "trace", modules: new Map() })
})

/** Starts with these levels. */
export const layer = (levels: LogLevel.Levels): Layer.Layer<never> => Layer.sync(LogLevels, () => make(levels))
