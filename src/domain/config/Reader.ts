/** Reads variables one by one and collects what is wrong, so that a person sees every problem at once. */
import { type Variable, type VariableKey, VARIABLES } from "./Variables.ts"

/** PostgreSQL's limit for names (NAMEDATALEN − 1), in bytes. */
const NAME_BYTES_MAX = 63
export const PORT_MAX = 65_535

/** One decoding: `problems` grows, and what could not be read gets a value that only lets the reading go on. */
export class Reader {
  readonly problems: Array<string> = []
  readonly env: Readonly<Record<string, string | undefined>>
  constructor(env: Readonly<Record<string, string | undefined>>) {
    this.env = env
  }

  problem(key: VariableKey, what: string): void {
    const variable: Variable = VARIABLES[key]
    this.problems.push(`${variable.names.join(" or ")}: ${what}; example: ${variable.names[0]}=${variable.example}`)
  }

  text(key: VariableKey): string | undefined {
    const variable: Variable = VARIABLES[key]
    const set = variable.names.filter((name) => (this.env[name] ?? "") !== "")
    const values = new Set(set.map((name) => this.env[name]))
    if (values.size > 1) {
      this.problem(key, `${set.join(" and ")} are both set and differ`)
      return undefined
    }
    const value = set.length > 0 ? this.env[set[0]!] : variable.fallback
    if (value === undefined) this.problem(key, `must be set (${variable.meaning})`)
    return value
  }

  integer(key: VariableKey, least: number, most: number): number {
    const text = this.text(key)
    if (text === undefined) return least
    const value = /^[0-9]{1,15}$/.test(text) ? Number(text) : Number.NaN
    if (value >= least && value <= most) return value
    this.problem(key, `must be a whole number from ${least} to ${most}, not '${text}'`)
    return least
  }

  flag(key: VariableKey): boolean {
    return this.oneOf(key, ["true", "false"]) === "true"
  }

  oneOf<const A extends string>(key: VariableKey, allowed: ReadonlyArray<A>): A {
    const text = this.text(key)?.toLowerCase()
    const found = allowed.find((value) => value === text)
    if (found === undefined) this.problem(key, `must be one of ${allowed.join(", ")}, not '${text ?? ""}'`)
    return found ?? allowed[0]!
  }

  name(key: VariableKey, pattern: RegExp, rule: string): string {
    const text = this.text(key) ?? ""
    if (!pattern.test(text) || new TextEncoder().encode(text).length > NAME_BYTES_MAX) this.problem(key, rule)
    return text
  }
}
