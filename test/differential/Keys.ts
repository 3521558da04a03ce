/** Kinds of primary keys, each with an endless row of values that are alike in ways that have been mistaken for equal. */

export interface KeyPart {
  readonly name: string
  readonly type: string
  readonly target: string
  /** The text of this part of the n-th key. */
  readonly of: (n: number) => string
}

/** In the order of the index; the columns of the source table stand in the reverse one. */
export type KeyKind = ReadonlyArray<KeyPart>

const TEXTS = ["", " ", "a", "A", "ä", "漢字", "o'clock", "\\N", "null", "🦀", "\"", "a,b", "a\tb", "\\"]
/** Parts whose texts joined are the same for several keys. */
const PAIRS = [["a", "bc"], ["ab", "c"], ["", "abc"], ["abc", ""], ["1:a", "b"], ["1", ":ab"], ["a,b", "c"], [
  "a",
  "b,c"
]]
/** The first whole number that a double does not hold beside its neighbour. */
const BEYOND_DOUBLE = 9_007_199_254_740_993n
const DIGITS_OF_UUID = 12
const DIGITS_OF_MICROSECONDS = 6

export const KINDS = {
  integer: [{ name: "id", type: "int", target: "INT", of: (n) => String(n * 7 - 20) }],
  bigint: [{ name: "id", type: "bigint", target: "BIGINT", of: (n) => String(BEYOND_DOUBLE + BigInt(n)) }],
  text: [{ name: "Schlüssel", type: "text", target: "VARCHAR(100)", of: (n) => TEXTS[n] ?? `k${n}` }],
  uuid: [{
    name: "uid",
    type: "uuid",
    target: "VARCHAR(36)",
    of: (n) => `0b5e55ed-0000-4000-a000-${String(n).padStart(DIGITS_OF_UUID, "0")}`
  }],
  instant: [{
    name: "at",
    type: "timestamptz",
    target: "DATETIME",
    of: (n) => `2024-03-31 01:59:59.${String(n).padStart(DIGITS_OF_MICROSECONDS, "0")}+00`
  }],
  numeric: [{ name: "no", type: "numeric(20)", target: "LARGEINT", of: (n) => String(10n ** 19n + BigInt(n)) }],
  numbers: [
    { name: "a", type: "int", target: "INT", of: (n) => String(n % 4) },
    { name: "b", type: "smallint", target: "SMALLINT", of: (n) => String(Math.floor(n / 4)) }
  ],
  texts: [
    { name: "first part", type: "varchar(20)", target: "VARCHAR(80)", of: (n) => PAIRS[n]?.[0] ?? "x" },
    { name: "名前", type: "text", target: "VARCHAR(100)", of: (n) => PAIRS[n]?.[1] ?? String(n) }
  ],
  mixed: [
    { name: "z", type: "text", target: "VARCHAR(40)", of: (n) => n % 2 === 0 ? "1" : "11" },
    { name: "day", type: "date", target: "DATE", of: (n) => `2024-02-${String(1 + n % 3).padStart(2, "0")}` },
    { name: "n", type: "bigint", target: "BIGINT", of: (n) => String(Math.floor(n / 6)) }
  ]
} as const satisfies Readonly<Record<string, KeyKind>>

export type KeyName = keyof typeof KINDS

export const NAMES = [
  "integer",
  "bigint",
  "text",
  "uuid",
  "instant",
  "numeric",
  "numbers",
  "texts",
  "mixed"
] as const satisfies ReadonlyArray<KeyName>

export const kind = (name: KeyName): KeyKind => KINDS[name]
