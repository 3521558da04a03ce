/** What is known of one setting: its names everywhere it can be given, what it may hold, and what it means. */

/** What a setting may hold. */
export type Type =
  /**
   * `rule` says in words what `pattern` (a regular expression over the whole text) and `bytesMax` (in UTF-8) ask for; without
   * it they are for editors, and who reads the setting says what is wrong.
   */
  | { readonly kind: "text"; readonly pattern?: string; readonly bytesMax?: number; readonly rule?: string }
  | { readonly kind: "integer"; readonly least: number; readonly most: number }
  | { readonly kind: "choice"; readonly values: ReadonlyArray<string> }
  /** Comma separated in a variable or a flag, a list in the file. */
  | { readonly kind: "list" }
  | { readonly kind: "flag" }
  /** The path of a file. */
  | { readonly kind: "file" }

export interface Variable {
  /** The name, and the older or newer names of the same thing. Any may be set, but not to different values. */
  readonly names: readonly [string, ...ReadonlyArray<string>]
  /** Where the configuration file has it, as `section.key`. */
  readonly path: string
  readonly type: Type
  readonly meaning: string
  readonly unit?: string
  /** Undefined: the variable is required. */
  readonly fallback?: string
  readonly example: string
  /** Its value is never printed. */
  readonly secret?: boolean
}

export const TEXT = { kind: "text" } as const
export const LIST = { kind: "list" } as const
export const FLAG = { kind: "flag" } as const
export const FILE = { kind: "file" } as const
export const PORT_MAX = 65_535

/** A whole number between two bounds, both allowed. */
export const integer = (least: number, most: number) => ({ kind: "integer", least, most }) as const

export const choice = <const Values extends ReadonlyArray<string>>(...values: Values) =>
  ({ kind: "choice", values }) as const

/** The words for what a setting must be: "must be …". */
export const describeType = (type: Type): string => {
  switch (type.kind) {
    case "text":
      return "text"
    case "integer":
      return `a whole number from ${type.least} to ${type.most}`
    case "choice":
      return `one of ${type.values.join(", ")}`
    case "list":
      return "a list"
    case "flag":
      return "true or false"
    case "file":
      return "the path of a file"
  }
}

/** The command line's flag of a setting, by the key of its entry: `--flush-rows`. */
export const flagName = (key: string): string => `--${key.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`
