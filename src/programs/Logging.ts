/** How the program logs: to standard error, so that standard output stays for what a command prints. */
import * as GlobalFlag from "effect/cli/GlobalFlag"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import type * as LogLevel from "effect/LogLevel"
import * as Option from "effect/Option"
import * as References from "effect/References"
import type { Settings } from "../domain/config/Settings.ts"

const LEVELS = { trace: "Trace", debug: "Debug", info: "Info", warn: "Warn", error: "Error" } as const

const toStandardError = (format: "json" | "pretty") =>
  Logger.map(format === "json" ? Logger.formatJson : Logger.formatLogFmt, (line: string) => {
    process.stderr.write(`${line}\n`)
  })

/** Logs at this level and above in this form. */
export const layer = (level: LogLevel.LogLevel, format: "json" | "pretty"): Layer.Layer<never> =>
  Layer.merge(Logger.layer([toStandardError(format)]), Layer.succeed(References.MinimumLogLevel, level))

/** As the settings say; the command line's `--log-level` wins. */
export const fromSettings = (settings: Settings) =>
  Layer.unwrap(
    Effect.map(
      GlobalFlag.LogLevel,
      (flag) => layer(Option.getOrElse(flag, () => LEVELS[settings.log.level]), settings.log.format)
    )
  )
