/** How the program logs: to standard error, so that standard output stays for what a command prints. */
import * as GlobalFlag from "effect/cli/GlobalFlag"
import * as Effect from "effect/Effect"
import * as Formatter from "effect/Formatter"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import type * as EffectLevel from "effect/LogLevel"
import * as Option from "effect/Option"
import * as References from "effect/References"
import type { Settings } from "../domain/config/Settings.ts"
import * as LogCause from "../domain/LogCause.ts"
import { type Levels, type LogLevel, OFF, type Threshold } from "../domain/LogLevel.ts"
import * as LogLine from "../domain/LogLine.ts"
import * as LogModule from "../domain/LogModule.ts"
import * as Log from "../layers/Log.ts"
import * as LogLevels from "../layers/LogLevels.ts"
import { LogWriter } from "../layers/LogWriter.ts"

export type Format = "json" | "pretty"

/** How long the end of the program waits for the reader of its last lines, in ms: a reader that reads needs far less. */
const FLUSH_MS_MAX = 1_000

const NAMES: Readonly<Record<EffectLevel.LogLevel, LogLevel>> = {
  All: "trace",
  Trace: "trace",
  Debug: "debug",
  Info: "info",
  Warn: "warn",
  Error: "error",
  Fatal: "error",
  None: "error"
}

/** What `--log-level` says, in our words. */
export const threshold = (flag: EffectLevel.LogLevel): Threshold => flag === "None" ? OFF : NAMES[flag]

const isFields = (part: unknown): part is Readonly<Record<string, unknown>> =>
  typeof part === "object" && part !== null && Object.getPrototypeOf(part) === Object.prototype

const isItem = (item: unknown): item is string | number => typeof item === "string" || typeof item === "number"

/** Our own lines hold nothing but values; what a library hands over is formatted, secrets stay hidden. */
const toValue = (value: unknown): LogLine.Value => {
  switch (typeof value) {
    case "string":
    case "number":
    case "boolean":
    case "bigint":
    case "undefined":
      return value
    default:
      if (value === null || (Array.isArray(value) && value.every(isItem))) return value
      return Formatter.formatJson(value)
  }
}

const toFields = (part: Readonly<Record<string, unknown>>): LogLine.Fields =>
  Object.fromEntries(Object.entries(part).map(([name, value]) => [name, toValue(value)]))

const moduleOf = (annotation: unknown): LogModule.LogModule =>
  (typeof annotation === "string" ? LogModule.find(annotation) : undefined) ?? LogModule.RUNTIME

/** The line of one call: texts make the message, objects and the cause the fields. */
const toLine = (options: Logger.Options<unknown>): LogLine.LogLine => {
  const { module, ...annotations } = options.fiber.getRef(References.CurrentLogAnnotations)
  const texts: Array<string> = []
  let fields: LogLine.Fields = toFields(annotations)
  for (const part of Array.isArray(options.message) ? options.message : [options.message]) {
    if (isFields(part)) fields = { ...fields, ...toFields(part) }
    else if (part instanceof Error) fields = { ...fields, ...LogCause.ofError(part) }
    else texts.push(String(toValue(part)))
  }
  return {
    date: options.date,
    level: NAMES[options.logLevel],
    module: moduleOf(module),
    message: texts.join(" "),
    fields: { ...fields, ...LogCause.fields(options.cause) }
  }
}

/** Colours for a terminal, unless its user does not want them (https://no-color.org). */
const isColoured = (): boolean => process.stderr.isTTY && (process.env["NO_COLOR"] ?? "") === ""

const formatter = (format: Format): (line: LogLine.LogLine) => string => {
  if (format === "json") return LogLine.json
  const coloured = isColoured()
  return (line) => LogLine.pretty(line, coloured)
}

const notice = (format: (line: LogLine.LogLine) => string) => (dropped: number): string =>
  format({
    date: new Date(),
    level: "warn",
    module: "Log",
    message: "lines were dropped because standard error was not read",
    fields: { dropped }
  })

/** One writer a process, kept to its end: a reader that goes away late must not end the process either. */
let standardError: LogWriter | undefined

/** Logs in this form what these levels let through, and gives `LogLevels` to change them. */
export const layer = (levels: Levels, format: Format): Layer.Layer<never> =>
  Layer.unwrap(Effect.gen(function*() {
    const toText = formatter(format)
    standardError ??= new LogWriter(process.stderr, notice(toText))
    const writer = standardError
    yield* Effect.addFinalizer(() => writer.flush(FLUSH_MS_MAX))
    const { isEnabled } = yield* LogLevels.LogLevels
    const logger = Logger.make<unknown, void>((options) => {
      const module = moduleOf(options.fiber.getRef(References.CurrentLogAnnotations)[Log.MODULE])
      if (isEnabled(module, NAMES[options.logLevel])) writer.write(toText(toLine(options)))
    })
    return Layer.merge(Logger.layer([logger]), Layer.succeed(References.MinimumLogLevel, "All"))
  })).pipe(Layer.provideMerge(LogLevels.layer(levels)))

/** As the settings say; the command line's `--log-level` wins over the level of everything, not over a module's own. */
export const fromSettings = (settings: Settings) =>
  Layer.unwrap(
    Effect.map(GlobalFlag.LogLevel, (flag) => {
      const { format, level, modules } = settings.log
      return layer({ default: Option.match(flag, { onNone: () => level, onSome: threshold }), modules }, format)
    })
  )
