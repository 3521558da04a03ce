/** The key that was probably meant. */
import { ENTRIES } from "./Variables.ts"

/** Longer keys are not typing errors, and comparing them takes time. */
const KEY_CHARS_MAX = 64
/** So many characters may be wrong, and no more than a third of them. */
const DISTANCE_MAX = 3

/** Case and separators are what people get wrong first: `grpcPort`, `grpc-port`. */
const bare = (key: string): string => key.toLowerCase().replaceAll(/[^a-z0-9]/g, "")

/** How many characters must be added, left out or changed to make one of the other. */
export const distance = (one: string, other: string): number => {
  let row = Array.from({ length: other.length + 1 }, (_, index) => index)
  for (let index = 0; index < one.length; index += 1) {
    const next = [index + 1]
    for (let column = 1; column <= other.length; column += 1) {
      const change = row[column - 1]! + (one[index] === other[column - 1] ? 0 : 1)
      next.push(Math.min(change, row[column]! + 1, next[column - 1]! + 1))
    }
    row = next
  }
  return row[other.length]!
}

/** Every key and section of the file with what it may be called. */
const CALLED: ReadonlyArray<readonly [path: string, calls: ReadonlyArray<string>]> = [
  ...new Set(
    ENTRIES.flatMap(([, { path }]) => path.split(".").map((_, index, all) => all.slice(0, index + 1).join(".")))
  )
].map((path) => {
  const names = ENTRIES.find(([, variable]) => variable.path === path)?.[1].names ?? []
  return [path, [path.slice(path.lastIndexOf(".") + 1), path, ...names].map(bare)]
})

const sectionOf = (path: string): string => path.slice(0, Math.max(0, path.lastIndexOf(".")))

/** `; did you mean …?` for an unknown key of a section ("" is the whole file); empty when nothing is near. */
export const suggest = (section: string, key: string): string => {
  if (key.length > KEY_CHARS_MAX) return ""
  const meant = bare(key)
  const most = Math.min(DISTANCE_MAX, Math.floor(meant.length / 3))
  // A key of the same section wins over one that is as near elsewhere.
  const near = CALLED.flatMap(([path, calls]) => {
    const like = calls.filter((call) => Math.abs(call.length - meant.length) <= most)
    const apart = Math.min(...like.map((call) => distance(meant, call)))
    return apart <= most ? [{ path, rank: apart + (sectionOf(path) === section ? 0 : 0.5) }] : []
  }).toSorted((one, other) => one.rank - other.rank)[0]
  if (near === undefined) return ""
  const home = sectionOf(near.path)
  const name = near.path.slice(home === "" ? 0 : home.length + 1)
  if (home === section) return `; did you mean '${name}'?`
  return `; did you mean '${name}' ${home === "" ? "outside of every section" : `in section '${home}'`}?`
}
