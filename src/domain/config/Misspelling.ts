/**
 * Variables of the environment that are nearly settings. The environment is everybody's, so what is not known there is no error;
 * but a setting whose name is mistyped would have its default without a word.
 */
import { distance } from "./KeySuggestion.ts"
import type { Environment } from "./Substitution.ts"
import { ENTRIES } from "./Variables.ts"

/** Longer names are not typing errors, and comparing them takes time. */
const NAME_CHARS_MAX = 64
/** Names of this length may have two wrong characters, shorter ones one: `HTTP_HOST` is not `HTTP_PORT`. */
const LONG_NAME_CHARS = 12

/** The settings, each with all its names. */
const SETTINGS: ReadonlyArray<ReadonlyArray<string>> = ENTRIES.map(([, { names, secret }]) =>
  secret === true ? [...names, ...names.map((name) => `${name}_FILE`)] : names
)
const KNOWN: ReadonlySet<string> = new Set(SETTINGS.flat())

/** Whether the letters of the shorter word stand in the longer one in their order, from the same first letter on: DB, DATABASE. */
const isAbbreviation = (one: string, other: string): boolean => {
  const [short, long] = one.length <= other.length ? [one, other] : [other, one]
  if (short[0] !== long[0]) return false
  let at = 0
  for (const letter of long) if (letter === short[at]) at += 1
  return at === short.length
}

/** `STARROCKS_PASSWORD` for `STARROCKS_PASS`: the first word of several is the same, the others are longer or shorter. */
const isLikelyWords = (one: string, other: string): boolean => {
  const [first, ...words] = one.split("_")
  const [otherFirst, ...others] = other.split("_")
  return first === otherFirst && words.length > 0 && words.length === others.length &&
    words.every((word, index) => isAbbreviation(word, others[index] ?? ""))
}

const isNear = (name: string, known: string): boolean => {
  const most = known.length < LONG_NAME_CHARS ? 1 : 2
  return Math.abs(name.length - known.length) <= most && distance(name, known) <= most || isLikelyWords(name, known)
}

/** One sentence for each variable that is set, is no setting, and is nearly one that is not set. Never with a value. */
export const find = (env: Environment): ReadonlyArray<string> => {
  const isSet = (name: string): boolean => (env[name] ?? "") !== ""
  const missing = SETTINGS.filter((names) => !names.some(isSet)).flat()
  return Object.keys(env).toSorted().flatMap((name) => {
    if (!isSet(name) || KNOWN.has(name) || name.length > NAME_CHARS_MAX) return []
    const meant = missing.find((known) => isNear(name, known))
    return meant === undefined ? [] : [`${name} is set, and is no setting of dbmazz: did you mean ${meant}?`]
  })
}
