/**
 * What a back end's error log says about the rows that it filtered. A line holds the reason and the row itself; only the
 * reason is read, and of it nothing that may be a value.
 */
import * as Redaction from "./Redaction.ts"

export interface Reason {
  readonly text: string
  /** The target column, where the reason names one. */
  readonly column?: string
}

/** Texts of known reasons, matched where no value can stand: mostly at the end of a reason. */
const KNOWN: ReadonlyArray<readonly [pattern: RegExp, text: (groups: ReadonlyArray<string>) => string]> = [
  // Of a field of CSV. It goes first: the value that stands at its end may read like any of the others.
  [
    /^The field \(name = (.+?), pos = \d+\) is out of range\. Type: ([\w(), ]+?), Value length: (\d+), Value: /,
    ([column, type, bytes]) => `a value of ${bytes} bytes is out of range for '${column}', whose type is ${type}`
  ],
  [
    /\(length=(\d+)\) is too long\. The max length of '([^']+)' is (\d+)\W*$/,
    ([bytes, column, max]) => `a string of ${bytes} bytes is too long, the max length of '${column}' is ${max}`
  ],
  [
    /Value length is beyond the capacity\. column=([^,]+), capacity=(\d+)\W*$/,
    ([column, max]) => `a value is longer than the capacity of '${column}', ${max}`
  ],
  [
    /is out of range\. The type of '([^']+)' is ([\w(), ]+)\W*$/,
    ([column, type]) => `a value is out of range for '${column}', whose type is ${type}`
  ],
  [/^Value is overflow\. column=([^,]+), value=/i, ([column]) => `a value overflows '${column}'`],
  [/^NULL value in non-nullable column '([^']+)'\W*$/i, ([column]) => `NULL value in non-nullable column '${column}'`]
]

const COLUMN = /'([^']+)'/

const LINE = /^Error: (.*)$/m

/** The first reason in the log; undefined when it holds none. */
export const first = (log: string): Reason | undefined => {
  const said = LINE.exec(log)?.[1]?.split(". Row: ")[0]?.trim()
  if (said === undefined || said === "") return undefined
  for (const [pattern, write] of KNOWN) {
    const groups = pattern.exec(said)?.slice(1)
    if (groups === undefined) continue
    const text = write(groups)
    const column = COLUMN.exec(text)?.[1]
    return column === undefined ? { text } : { text, column }
  }
  return { text: Redaction.redact(said) }
}
