/** The least severe level that is logged: one for all, and where wanted another for a module. */

export const LEVELS = ["trace", "debug", "info", "warn", "error"] as const
export type LogLevel = typeof LEVELS[number]

export interface LogLevels {
  readonly level: LogLevel
  /** By the name of the module's file. */
  readonly modules: ReadonlyMap<string, LogLevel>
}

export const DEFAULT: LogLevels = { level: "info", modules: new Map() }

const LEVEL = LEVELS.join("|").replaceAll(/[a-z]/g, (letter) => `[${letter}${letter.toUpperCase()}]`)
const ENTRY = `\\s*(?:[A-Za-z]\\w*\\s*=\\s*)?(?:${LEVEL})\\s*`
/** What `parse` accepts, for schemas. */
export const PATTERN = `^${ENTRY}(?:,${ENTRY})*$`
export const RULE = `must be a level (${LEVELS.join(", ")}), and after it, where wanted, Module=level, comma separated`

/** Reads `info,StreamLoader=debug`: the last entry for a module wins. Undefined when it is not that. */
export const parse = (text: string): LogLevels | undefined => {
  let { level } = DEFAULT
  const modules = new Map<string, LogLevel>()
  if (!new RegExp(PATTERN).test(text)) return undefined
  for (const entry of text.split(",")) {
    const [first, second] = entry.split("=").map((part) => part.trim())
    const found = LEVELS.find((one) => one === (second ?? first)?.toLowerCase())
    if (found === undefined) return undefined
    if (second === undefined) level = found
    else modules.set(first!, found)
  }
  return { level, modules }
}
