/** `${NAME}` and `${NAME:-default}` in the values of the configuration file. */

export type Environment = Readonly<Record<string, string | undefined>>

export interface Substituted {
  readonly text: string
  /** Whether a variable's value or a default is in it. */
  readonly replaced: boolean
  /** What is wrong, never with a value in it; `text` is then of no use. */
  readonly problems: ReadonlyArray<string>
}

/** What all values of a file may grow to, in characters: a reference of 4 characters can stand for 128 KiB. */
const CHARS_MAX = 4 * 1024 * 1024

const MARK = /\$\$\{|\$\{([^}]*)\}|\$\{/g
const REFERENCE = /^([A-Za-z_][A-Za-z0-9_]*)(?::-([^]*))?$/

/**
 * Makes the function that puts the environment's values into texts. A variable that is not set is a problem, unless a default
 * stands in (also for an empty one, as in a shell). `$${` stands for `${`. What was put in is not looked at again.
 */
export const make = (env: Environment): (text: string) => Substituted => {
  let charsLeft = CHARS_MAX
  return (text) => {
    const problems: Array<string> = []
    let replaced = false
    const resolve = (reference: string | undefined): string => {
      const [, name, fallback] = REFERENCE.exec(reference ?? "") ?? []
      if (name === undefined) {
        problems.push("holds a ${ that starts neither ${NAME} nor ${NAME:-default}; write $${ for a plain ${")
        return ""
      }
      replaced = true
      const value = env[name]
      if (value === undefined && fallback === undefined) {
        problems.push(`\${${name}} is not set in the environment; set ${name}, or write \${${name}:-default}`)
      }
      const resolved = fallback !== undefined && (value ?? "") === "" ? fallback : value ?? ""
      charsLeft -= resolved.length
      if (charsLeft >= 0) return resolved
      problems.push(`is too long: the values of the file hold more than ${CHARS_MAX} characters`)
      return ""
    }
    const result = text.replaceAll(MARK, (mark, reference?: string) => mark === "$${" ? "${" : resolve(reference))
    return { text: result, replaced, problems: [...new Set(problems)] }
  }
}
