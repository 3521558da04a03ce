/** Reads settings one by one and collects what is wrong, so that a person sees every problem at once. */
import * as Identifier from "../Identifier.ts"
import type { ConfigFile } from "./ConfigFile.ts"
import type { Environment } from "./Substitution.ts"
import { flagName, type Type, type Variable } from "./Variable.ts"
import { ENTRIES, type KeyOf, type VariableKey, VARIABLES } from "./Variables.ts"

/** Where settings come from: a flag wins over the environment, which wins over the file. */
export interface Input {
  readonly env: Environment
  /** An empty one is given too: it hides environment and file, so that the default holds. */
  readonly flags?: Readonly<Partial<Record<VariableKey, string>>>
  readonly file?: ConfigFile | undefined
  /** What went wrong before, by setting. */
  readonly faults?: ReadonlyArray<readonly [VariableKey, problem: string]>
}

/** What one source says of a setting. */
interface Given {
  readonly content: string | ReadonlyArray<string>
  /** What an error may show in its place. */
  readonly shown: string
  /** What an error calls it: the flag, the variables, or the place in the file. */
  readonly label: string
  readonly example: string
}

/** One decoding: `problems` grows, and what could not be read gets a value that only lets the reading go on. */
export class Reader {
  readonly problems: Array<string> = []
  readonly env: Environment
  readonly #input: Input
  readonly #faulty = new Set<VariableKey>()
  readonly #given = new Map<VariableKey, Given>()

  constructor(input: Input) {
    this.#input = input
    this.env = input.env
    this.problems.push(...input.file?.problems ?? [])
    for (const [key, problem] of input.faults ?? []) {
      this.#faulty.add(key)
      this.problems.push(problem)
    }
    for (const [key, variable] of ENTRIES) {
      const given = this.#fromFlag(key, variable) ?? this.#fromEnv(key, variable) ?? this.#fromFile(key, variable)
      if (given !== undefined) this.#given.set(key, given)
    }
  }

  #fromFlag(key: VariableKey, { example }: Variable): Given | undefined {
    const text = this.#input.flags?.[key]
    const label = flagName(key)
    return text === undefined ? undefined : { content: text, shown: text, label, example: `${label} ${example}` }
  }

  #fromEnv(key: VariableKey, { example, names }: Variable): Given | undefined {
    const set = names.filter((name) => (this.env[name] ?? "") !== "")
    const text = set.length === 0 ? undefined : this.env[set[0]!]
    if (text === undefined) return undefined
    const isOne = set.every((name) => this.env[name] === text)
    if (!isOne) this.problem(key, `${set.join(" and ")} are both set and differ`)
    return { content: text, shown: text, label: names.join(" or "), example: `${names[0]}=${example}` }
  }

  #fromFile(key: VariableKey, { example, path }: Variable): Given | undefined {
    if (this.#input.file?.broken.has(key) === true) this.#faulty.add(key)
    const value = this.#input.file?.values.get(key)
    if (value === undefined) return undefined
    const label = `${value.where}: ${path}`
    return { content: value.content, shown: value.written, label, example: `${path.split(".").at(-1)}: ${example}` }
  }

  /** Adds a problem, called what the person called it. */
  problem(key: VariableKey, what: string): void {
    const { example, names, path }: Variable = VARIABLES[key]
    const file = this.#input.file
    const given = this.#given.get(key) ?? {
      label: `${names.join(" or ")}${file === undefined ? "" : `, or ${path} in ${file.name}`}`,
      example: `${names[0]}=${example}`
    }
    this.#faulty.add(key)
    this.problems.push(`${given.label}: ${what}; example: ${given.example}`)
  }

  /** Whether nothing is wrong with these: only then they can be compared. */
  sound(...keys: ReadonlyArray<VariableKey>): boolean {
    return keys.every((key) => !this.#faulty.has(key))
  }

  /** Undefined when it is required and not given, or could not be read: the reader then has the problem. */
  text(key: VariableKey): string | undefined {
    if (this.#faulty.has(key)) return undefined
    const variable: Variable = VARIABLES[key]
    const content = this.#given.get(key)?.content ?? ""
    const given = typeof content === "string" ? content : content.join(",")
    const value = given === "" ? variable.fallback : given
    if (value === undefined) this.problem(key, `must be set (${variable.meaning})`)
    if (value !== undefined && value !== variable.fallback) this.#checkText(key, variable.type, value)
    return value
  }

  #checkText(key: VariableKey, type: Type, value: string): void {
    if (type.kind !== "text" || type.rule === undefined) return
    const fits = (type.pattern === undefined || new RegExp(type.pattern, "u").test(value)) &&
      (type.bytesMax === undefined || new TextEncoder().encode(value).length <= type.bytesMax)
    if (!fits) this.problem(key, type.rule)
  }

  #shown(key: VariableKey): string {
    return this.#given.get(key)?.shown ?? ""
  }

  /** Within the limits of the setting's type. */
  integer(key: KeyOf<"integer">): number {
    const { least, most } = VARIABLES[key].type
    const text = this.text(key)
    if (text === undefined) return least
    const value = /^[0-9]{1,15}$/.test(text) ? Number(text) : Number.NaN
    if (value >= least && value <= most) return value
    this.problem(key, `must be a whole number from ${least} to ${most}, not '${this.#shown(key)}'`)
    return least
  }

  flag(key: KeyOf<"flag">): boolean {
    return this.oneOf(key, ["true", "false"]) === "true"
  }

  /** One of the values, whatever its case. */
  oneOf<const A extends string>(key: VariableKey, allowed: ReadonlyArray<A>): A {
    const text = this.text(key)
    const found = allowed.find((value) => value === text?.toLowerCase())
    if (found === undefined && text !== undefined) {
      this.problem(key, `must be one of ${allowed.join(", ")}, not '${this.#shown(key)}'`)
    }
    return found ?? allowed[0]!
  }

  /** One of the values of the setting's type. */
  choice<Key extends KeyOf<"choice">>(key: Key): (typeof VARIABLES)[Key]["type"]["values"][number] {
    return this.oneOf<(typeof VARIABLES)[Key]["type"]["values"][number]>(key, VARIABLES[key].type.values)
  }

  /** The entries, trimmed; a comma inside double quotes does not part them. */
  list(key: KeyOf<"list">): ReadonlyArray<string> {
    const content = this.#given.get(key)?.content
    const entries = typeof content === "object" && this.sound(key) ? content : [this.text(key) ?? ""]
    return entries.flatMap(Identifier.splitList)
  }
}
