/** Columns of random types and their values: those of the test of values, and documents too large for their row. */
import type { Prng } from "../simulation/Prng.ts"
import * as ValueCases from "../support/ValueCases.ts"

export interface Column {
  readonly name: string
  readonly type: string
  /** In a target that is not created by the product. */
  readonly target: string
}

/** A column, and one more SQL expression for it with each call. */
export interface Source {
  readonly column: Column
  /** Its values may be kept beside the row, and left out of a change. */
  readonly isLarge: boolean
  readonly next: (prng: Prng) => string
}

const NULL_SHARE = 0.12
const EDGE_SHARE = 0.4
const LARGE_SHARE = 0.5
/** 32 digits each that compression makes nothing of: more than 8 kB, which PostgreSQL keeps beside the row. */
const DIGESTS_LEAST = 270
const DIGESTS_MOST = 900

/** Types whose columns StarRocks can widen, what they become, and a value that did not fit before. */
const WIDER: Readonly<Record<string, readonly [type: string, value: string]>> = {
  smallint: ["int", "-2147483648"],
  int: ["bigint", "9007199254740993"],
  "varchar(10)": ["varchar(30)", "🦀".repeat(30)]
}

const WIDENABLE = ValueCases.TYPED.filter(({ type }) => Object.hasOwn(WIDER, type))
const WIDENABLE_SHARE = 0.15

const NAMES = ["c", "Größe", "名前", "select", "a \"quoted\" one", "UPPER"]

const literal = (text: string): string => `'${text.replaceAll("'", "''")}'`

const random = (prng: Prng) => (): number => prng.fraction()

const ofCase = (name: string, { edges, generate, target, type }: ValueCases.ValueCase): Source => ({
  column: { name, type, target },
  isLarge: false,
  next: (prng) => {
    if (prng.chance(NULL_SHARE)) return "null"
    const edge = prng.chance(EDGE_SHARE) ? edges[prng.int(0, Math.max(0, edges.length - 1))] : undefined
    return literal(edge ?? generate(random(prng)))
  }
})

/** Random digits that are the same for equal numbers. */
const digits = (prng: Prng): string =>
  `(select string_agg(md5((i * ${prng.int(1, 1_000_000)})::text), '') from generate_series(1, ${
    prng.int(DIGESTS_LEAST, DIGESTS_MOST)
  }) i)`

const LARGE: ReadonlyArray<readonly [type: string, target: string, of: (value: string) => string, empty: string]> = [
  ["text", "VARCHAR(1048576)", (value) => value, ""],
  ["jsonb", "JSON", (value) => `jsonb_build_object('d', ${value})`, "{}"],
  ["bytea", "VARBINARY", (value) => `decode(${value}, 'hex')`, ""],
  ["text[]", "JSON", (value) => `array[${value}, null, '']`, "{}"]
]

const ofLarge = (name: string, prng: Prng): Source => {
  const [type, target, of, empty] = LARGE[prng.chance(0.6) ? 0 : prng.int(1, LARGE.length - 1)]!
  return {
    column: { name, type, target },
    isLarge: true,
    next: (values) =>
      values.chance(LARGE_SHARE)
        ? of(digits(values))
        : values.chance(NULL_SHARE)
        ? "null"
        : values.chance(0.5)
        ? literal(empty)
        : of(`'${values.int(100_000, 999_999)}'`)
  }
}

/** Types whose defaults StarRocks has: rows that are there get no other ones. */
const DEFAULTED = /^(bool|smallint|int|bigint|real|double|float|numeric|decimal|text|varchar|char|date|timestamp)/

/** Whether rows that are there when the column is added have its default in StarRocks without being sent again. */
export const hasDefault = ({ type }: Column): boolean =>
  DEFAULTED.test(type) && !type.startsWith("interval") && !type.endsWith("]")

/** The column under another name. */
export const renamed = (source: Source, name: string): Source => ({ ...source, column: { ...source.column, name } })

/** The column with a larger type; undefined when StarRocks has none for it. */
export const widened = (source: Source): Source | undefined => {
  const wider = WIDER[source.column.type]
  return wider === undefined ? undefined : {
    ...source,
    column: { ...source.column, type: wider[0] },
    next: (prng) => prng.chance(EDGE_SHARE) ? literal(wider[1]) : source.next(prng)
  }
}

/** A name that no column of the table has had; `place` is a new one. */
export const nameAt = (prng: Prng, place: number): string => `${NAMES[prng.int(0, NAMES.length - 1)]}${place}`

/** One column; `created`: its target is created by the product, which chooses the type. */
export const make = (prng: Prng, place: number, created: boolean, large: boolean): Source => {
  const name = nameAt(prng, place)
  if (large) return ofLarge(name, prng)
  const cases = prng.chance(WIDENABLE_SHARE)
    ? WIDENABLE
    : created || prng.chance(0.7)
    ? ValueCases.TYPED
    : ValueCases.TEXTS
  return ofCase(name, cases[prng.int(0, cases.length - 1)]!)
}
