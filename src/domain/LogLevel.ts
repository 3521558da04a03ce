/** How much is logged: a level for everything, and levels of their own for single modules. */
import * as Result from "effect/Result"
import * as LogModule from "./LogModule.ts"

/** From the least severe to the most. */
export const LEVELS = ["trace", "debug", "info", "warn", "error"] as const
export type LogLevel = typeof LEVELS[number]

/** Nothing at all. */
export const OFF = "off"

/** The least severe level that is logged. */
export type Threshold = LogLevel | typeof OFF

export interface Levels {
  /** Of every module that has none of its own. */
  readonly default: Threshold
  readonly modules: ReadonlyMap<string, Threshold>
}

/** Stands for every module without a level of its own, and, as a level, for following it. */
const DEFAULT = "default"

const FALLBACK: Threshold = "info"

export const THRESHOLDS: ReadonlyArray<Threshold> = [...LEVELS, OFF]

const WORD = [...THRESHOLDS, "warning"].join("|").replaceAll(/[a-z]/g, (letter) => `[${letter}${letter.toUpperCase()}]`)
const ENTRY = `\\s*(?:[A-Za-z]\\w*\\s*=\\s*)?(?:${WORD})\\s*`
/** The form of what `parse` reads, for editors; the modules' names are not in it. */
export const PATTERN = `^${ENTRY}(?:,${ENTRY})*$`

/** What is written so, in whatever case; `warning` is `warn` too. */
const find = (name: string): Threshold | undefined => {
  const lower = name.toLowerCase()
  return THRESHOLDS.find((level) => level === (lower === "warning" ? "warn" : lower))
}

/** Whether a line of this module and level is wanted. */
export const isEnabled = (levels: Levels, module: LogModule.LogModule, level: LogLevel): boolean =>
  THRESHOLDS.indexOf(level) >= THRESHOLDS.indexOf(levels.modules.get(module) ?? levels.default)

const unknownLevel = (name: string): string => `'${name}' is no log level: use ${THRESHOLDS.join(", ")}`
const unknownModule = (name: string): string => `'${name}' is no module: use ${LogModule.MODULES.join(", ")}`

/**
 * The levels after `target` (a module, or `default`) was given `level` (a level, or `default`: the module follows the
 * others again). A failure says what is unknown and what is known.
 */
export const change = (levels: Levels, target: string, level: string): Result.Result<Levels, string> => {
  const known = find(level)
  if (target.toLowerCase() === DEFAULT) {
    return known === undefined ? Result.fail(unknownLevel(level)) : Result.succeed({ ...levels, default: known })
  }
  const module = LogModule.find(target)
  if (module === undefined) return Result.fail(unknownModule(target))
  const modules = new Map(levels.modules)
  if (known !== undefined) modules.set(module, known)
  else if (level.toLowerCase() === DEFAULT) modules.delete(module)
  else return Result.fail(unknownLevel(level))
  return Result.succeed({ ...levels, modules })
}

/** Reads `info,StreamLoader=debug`: levels apart by commas, one of them without a module. A failure names the part. */
export const parse = (text: string): Result.Result<Levels, string> => {
  let levels: Levels = { default: FALLBACK, modules: new Map() }
  let defaults = 0
  for (const part of text.split(",").map((each) => each.trim()).filter((each) => each !== "")) {
    const at = part.indexOf("=")
    const [target, level] = at < 0 ? [DEFAULT, part] : [part.slice(0, at).trim(), part.slice(at + 1).trim()]
    if (target.toLowerCase() === DEFAULT) defaults += 1
    const changed = change(levels, target, level)
    if (Result.isFailure(changed)) return changed
    levels = changed.success
  }
  return defaults > 1 ? Result.fail("gives the default level more than once") : Result.succeed(levels)
}

/** The form that `parse` reads. */
export const show = (levels: Levels): string =>
  [levels.default, ...[...levels.modules].map(([module, level]) => `${module}=${level}`)].join(",")
