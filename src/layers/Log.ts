/** How a module logs: each line carries the module's name, and one that nobody wants costs a look at the level. */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as EffectLevel from "effect/LogLevel"
import * as References from "effect/References"
import type { LogLevel } from "../domain/LogLevel.ts"
import type { Fields } from "../domain/LogLine.ts"
import type { LogModule } from "../domain/LogModule.ts"
import { LogLevels } from "./LogLevels.ts"

/** The annotation under which the module's name travels. */
export const MODULE = "module"

/**
 * A message is a fixed text where it can be, and what varies is in the fields: so lines can be counted by message.
 * `failure` is a cause, or whatever was thrown; what it may quote of rows is cut (`LogCause`).
 */
type Write = (message: string, fields?: Fields, failure?: unknown) => Effect.Effect<void>
/** The fields are made only when the line is wanted. */
type WriteLazily = (message: string, fields: () => Fields) => Effect.Effect<void>

/** The lines of one module, by level. */
export interface Log {
  readonly trace: WriteLazily
  readonly debug: WriteLazily
  readonly info: Write
  readonly warn: Write
  readonly error: Write
}

const NAMES = { trace: "Trace", debug: "Debug", info: "Info", warn: "Warn", error: "Error" } as const

const write = (
  module: LogModule,
  level: LogLevel,
  message: string,
  fields: Fields | (() => Fields) | undefined,
  failure?: unknown
): Effect.Effect<void> =>
  Effect.withFiber((fiber) => {
    const name = NAMES[level]
    if (EffectLevel.isGreaterThan(fiber.getRef(References.MinimumLogLevel), name)) return Effect.void
    if (!fiber.getRef(LogLevels).isEnabled(module, level)) return Effect.void
    const made = typeof fields === "function" ? fields() : fields
    const cause = failure === undefined || Cause.isCause(failure) ? failure : Cause.die(failure)
    const parts = [message, made, cause].filter((part) => part !== undefined)
    return Effect.annotateLogs(Effect.logWithLevel(name)(...parts), MODULE, module)
  })

/** The log of one module; made once, at the top of its file. */
export const module = (name: LogModule): Log => ({
  trace: (message, fields) => write(name, "trace", message, fields),
  debug: (message, fields) => write(name, "debug", message, fields),
  info: (message, fields, failure) => write(name, "info", message, fields, failure),
  warn: (message, fields, failure) => write(name, "warn", message, fields, failure),
  error: (message, fields, failure) => write(name, "error", message, fields, failure)
})
