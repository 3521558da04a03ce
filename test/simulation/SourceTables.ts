/** The tables of a simulated job, as both catalogues describe them, and the values that its rows hold. */
import type { Prng } from "./Prng.ts"

/** A column's value as PostgreSQL's text. */
export type Cell = string | null
export type Row = ReadonlyArray<Cell>

export interface Column {
  readonly name: string
  readonly oid: number
  readonly typeName: string
  readonly starRocks: string
  readonly notNull: boolean
  /** A new value; the large ones are stored out of line, and left out of an update that does not change them. */
  readonly value: (prng: Prng, large: number) => Cell
  /** What a JSON reader gives for the text. */
  readonly json: (text: string) => unknown
  /** The column with each type that has room for its values, and for more; none: its type never changes. */
  readonly wider?: () => ReadonlyArray<Column>
}

/** A table as the catalogue has it at one moment; another version of it has the same `relationId`. */
export interface Table {
  readonly relationId: number
  readonly schema: string
  readonly name: string
  readonly columns: ReadonlyArray<Column>
  /** Positions of the primary key's columns. */
  readonly key: ReadonlyArray<number>
  /** The keys that rows may have, few, so that transactions meet on them. */
  readonly keys: readonly [Row, ...ReadonlyArray<Row>]
  /** Whether the job replicates it; the publication holds it in any case. */
  readonly wanted: boolean
  /** Names that columns had and have no more: the sink keeps what stood there. */
  readonly former?: ReadonlyArray<string>
  /** Positions of the columns that the publication's list for it names; undefined: it has no list. */
  readonly listed?: ReadonlyArray<number>
  /** It is not in the publication: what is done to it is not sent. */
  readonly isOut?: true
  /** How often its place in the publication was made anew. */
  readonly membership?: number
  /** How often a partition of it came or went. */
  readonly parted?: number
}

/** A value from this length on is stored out of line. Much less than PostgreSQL's 2 kB, to keep runs small. */
export const TOAST_CHARACTERS_MIN = 60

const NULL_SHARE = 0.15
const LARGE_SHARE = 0.4

const AWKWARD = [
  "",
  "a",
  "it's",
  "say \"hi\"",
  "^\"^,",
  "back\\slash",
  "line\nbreak",
  "\u0001",
  "ünï",
  "日本",
  "😀",
  "null"
] as const

/** Share of texts that CSV has for something else, and of those that are nothing but awkward. */
const LIKE_NULL_SHARE = 0.02
const PLAIN_SHARE = 0.1

const words = (prng: Prng): string => {
  if (prng.chance(LIKE_NULL_SHARE)) return "\\N"
  return prng.chance(PLAIN_SHARE) ? prng.pick(AWKWARD) : `${prng.pick(AWKWARD)}${prng.int(0, 999)}`
}
const same = (text: string): unknown => text
const nullable = (value: (prng: Prng, large: number) => string) => (prng: Prng, large: number): Cell =>
  prng.chance(NULL_SHARE) ? null : value(prng, large)

const TEXT_COLUMN = { oid: 25, typeName: "text", starRocks: "varchar(1048576)", notNull: false, json: same } as const
const text = (name: string): Column => ({ ...TEXT_COLUMN, name, value: nullable(words) })
const large = (name: string): Column => ({
  ...TEXT_COLUMN,
  name,
  value: nullable((prng, size) =>
    prng.chance(LARGE_SHARE)
      ? `${words(prng)}-`.repeat(Math.ceil(prng.int(TOAST_CHARACTERS_MIN, size) / 3))
      : words(prng)
  )
})
const INTEGERS = {
  21: { typeName: "smallint", starRocks: "smallint(6)", most: 9_999 },
  23: { typeName: "integer", starRocks: "int(11)", most: 2 ** 31 - 1 },
  20: { typeName: "bigint", starRocks: "bigint(20)", most: Number.MAX_SAFE_INTEGER }
} as const
const integer = (name: string, oid: keyof typeof INTEGERS, notNull: boolean): Column => {
  const { most, starRocks, typeName } = INTEGERS[oid]
  return {
    name,
    oid,
    typeName,
    starRocks,
    notNull,
    value: nullable((prng) => String(prng.int(-most, most))),
    json: Number
  }
}
/** A number that gets room, and becomes a text at last. */
const growing = (name: string, ...[oid, ...others]: ReadonlyArray<keyof typeof INTEGERS>): Column =>
  oid === undefined ? text(name) : {
    ...integer(name, oid, false),
    wider: () => [growing(name, ...others), ...growing(name, ...others).wider?.() ?? []]
  }
const boolean = (name: string): Column => ({
  name,
  oid: 16,
  typeName: "boolean",
  starRocks: "boolean",
  notNull: false,
  value: nullable((prng) => prng.pick(["t", "f"])),
  json: (cell) => cell === "t"
})
const json = (name: string): Column => ({
  name,
  oid: 3802,
  typeName: "jsonb",
  starRocks: "json",
  notNull: false,
  value: nullable((prng) => JSON.stringify({ n: prng.int(0, 99), t: prng.pick(AWKWARD) })),
  json: (cell) => JSON.parse(cell)
})

const ITEMS: Table = {
  relationId: 16_401,
  schema: "public",
  name: "items",
  columns: [integer("id", 20, true), text("name"), large("body"), growing("qty", 21, 23, 20), boolean("ok")],
  key: [0],
  keys: [["1"], ["2"], ["3"], ["-4"], ["1234567890123456"]],
  wanted: true
}

const PAIRS: Table = {
  relationId: 16_402,
  schema: "public",
  name: "pairs",
  columns: [text("v"), { ...text("b"), notNull: true }, integer("a", 23, true), json("doc"), growing("n", 21, 23, 20)],
  key: [2, 1],
  keys: [["1", "x"], ["1", "1x"], ["11", "x"], ["2", ""], ["2", "ü,\""]],
  wanted: true
}

const NOTES: Table = {
  relationId: 16_403,
  schema: "public",
  name: "notes",
  columns: [{ ...text("k"), notNull: true }, large("note"), growing("size", 21, 23, 20)],
  key: [0],
  keys: [["a"], ["A"], ["a "], ["日本"]],
  wanted: true
}

/** Published, of the same name as a wanted table, and nobody asked for it. */
const ARCHIVE: Table = { ...ITEMS, relationId: 16_404, schema: "archive", wanted: false }

export const ALL: readonly [Table, ...ReadonlyArray<Table>] = [ITEMS, PAIRS, NOTES, ARCHIVE]
export const WANTED: readonly [Table, ...ReadonlyArray<Table>] = [ITEMS, PAIRS, NOTES]

/** The table that has partitions, where there are any. */
export const PARTITIONED = ITEMS

/** A column of a target that was added or changed. */
export const targetColumn = (name: string, starRocks: string): Column => ({ ...text(name), starRocks })

/** The table after a nullable column was added to it. */
export const widened = (table: Table): Table => ({
  ...table,
  columns: [...table.columns, text(`added_${table.columns.length}`)]
})

/** The table after the column that holds large values got another name. */
export const renamed = (table: Table): Table | undefined => {
  const index = table.columns.findIndex(({ name }) => LARGE_NAME.test(name))
  const column = table.columns[index]
  if (column === undefined) return undefined
  const former = [...table.former ?? [], column.name]
  const name = column.name.replace(/\d*$/, String(former.length))
  return { ...table, former, columns: table.columns.with(index, { ...column, name }) }
}
const LARGE_NAME = /^(?:body|note)\d*$/

/** The table after the type of a column was widened; undefined: it has none that could be. */
export const retyped = (table: Table, prng: Prng): Table | undefined => {
  const index = table.columns.findIndex(({ wider }) => wider !== undefined)
  const [first, ...others] = table.columns[index]?.wider?.() ?? []
  return first === undefined
    ? undefined
    : { ...table, columns: table.columns.with(index, prng.pick([first, first, ...others])) }
}

/** The table with a list of columns in the publication, all but the one that holds large values. */
export const narrowed = (table: Table): Table | undefined => {
  const listed = [...table.columns.keys()].filter((index) => !LARGE_NAME.test(table.columns[index]?.name ?? ""))
  return listed.length === table.columns.length ? undefined : { ...whole(table), listed }
}

/** The table in the publication with all of its columns. */
export const whole = (table: Table): Table => {
  const { isOut: _, listed: __, ...rest } = table
  return placed(rest)
}

/** The table out of the publication. */
export const out = (table: Table): Table => ({ ...whole(table), isOut: true })

const placed = (table: Table): Table => ({ ...table, membership: (table.membership ?? 0) + 1 })

/** Whether all that is done to it is sent. */
export const isWhole = ({ isOut, listed }: Table): boolean => isOut === undefined && listed === undefined

/** The columns that are in the rows which are sent, and the row as it is sent. */
export const sentColumns = ({ columns, listed }: Table): ReadonlyArray<Column> =>
  listed === undefined ? columns : columns.filter((_, index) => listed.includes(index))
export const sentRow = ({ listed }: Table, row: Row): Row =>
  listed === undefined ? row : row.filter((_, index) => listed.includes(index))

/** The keys of the partition that comes and goes. */
export const partition = (table: Table): ReadonlyArray<Row> => {
  const { keys } = ALL.find(({ relationId }) => relationId === table.relationId) ?? table
  return keys.slice(1, 1 + Math.ceil(keys.length / 2))
}

/** The table without that partition, or with it again. */
export const repartitioned = (table: Table): Table | undefined => {
  const all = ALL.find(({ relationId }) => relationId === table.relationId)
  if (all === undefined) return undefined
  const [first, ...others] = all.keys.filter((key) => !partition(table).includes(key))
  if (first === undefined) return undefined
  const keys = isParted(table) ? all.keys : [first, ...others] as const
  return { ...table, keys, parted: (table.parted ?? 0) + 1 }
}

/** Whether its partition is a table of its own. */
export const isParted = ({ parted = 0 }: Table): boolean => parted % 2 === 1

/** A row of an earlier version of the table, as this version shows it: without a default, what was added is NULL. */
export const fitted = (table: Table, row: Row): Row =>
  row.length === table.columns.length ? row : table.columns.map((_, index) => row[index] ?? null)

/** `schema.name`. */
export const nameOf = (table: Table): string => `${table.schema}.${table.name}`

/** The key of a row as one text. */
export const keyOf = (table: Table, row: Row): string => keyName(table, table.key.map((index) => row[index] ?? null))

/** A key as one text. */
export const keyName = (table: Table, key: Row): string => `${nameOf(table)}:${JSON.stringify(key)}`

/** A row of this key; the other columns are new. */
export const rowOf = (table: Table, key: Row, prng: Prng, largest: number): Row =>
  table.columns.map((column, index) => {
    const part = table.key.indexOf(index)
    return part >= 0 ? key[part] ?? null : column.value(prng, largest)
  })

/** The row as a JSON reader would give it, by column. */
export const jsonOf = (table: Table, row: Row): Record<string, unknown> =>
  Object.fromEntries(table.columns.map((column, index) => {
    const cell = row[index] ?? null
    return [column.name, cell === null ? null : column.json(cell)]
  }))
