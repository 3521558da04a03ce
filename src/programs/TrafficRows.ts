/** The rows that the traffic writes: seeded, so that a run can be repeated, and as varied as rows in the wild. */
import type { SeededRandom } from "../domain/SeededRandom.ts"

/** A column and how its values are made. They are sent as text and cast to `type`. */
export interface TrafficColumn {
  readonly name: string
  readonly type: string
  readonly value: (random: SeededRandom) => string | null
}

export const TABLE_NAMES = ["orders", "order_items", "toast_test"] as const
export type TableName = typeof TABLE_NAMES[number]

export interface TrafficTable {
  readonly name: TableName
  /** How often it is chosen, relative to the other tables. */
  readonly weight: number
  readonly columns: ReadonlyArray<TrafficColumn>
  /** What an update may set, each as often as it stands here. */
  readonly updates: readonly [ReadonlyArray<string>, ...ReadonlyArray<ReadonlyArray<string>>]
}

const WORDS = [
  "plain",
  "it's \"quoted\"",
  "back\\slash",
  "two\nlines\r\nand\ta tab",
  "{\"looks\": \"like json\"}",
  "comma, semicolon; percent % underscore _",
  "Grüße aus Köln",
  "日本語のメモ",
  "emoji 🦀👩‍👩‍👧 and a combining e\u0301",
  "right to left: שלום",
  "control \u0001\u001f\u007f characters",
  "\\N",
  "NULL",
  " spaces at both ends ",
  "\u2028 line separator",
  "<b>&amp;</b>"
] as const

const STATUSES = ["new", "paid", "packed", "shipped", "returned", "storniert – Rückläufer"] as const

/** Longest note, in repetitions of a word. */
const NOTE_WORDS_MAX = 40
/** 2020-01-01T00:00:00Z and the seconds of about ten years. */
const EPOCH_SECONDS = 1_577_836_800
const SPAN_SECONDS = 315_000_000
/** A document's base64 text is longer than 8 kB, and no compression makes it fit a page: it is stored out of line. */
const DOCUMENT_BYTES_MIN = 6_200
const DOCUMENT_BYTES_MAX = 12_000
const PAYLOAD_BYTES_MAX = 300

const text = (random: SeededRandom): string => {
  const word = random.pick(WORDS)
  if (random.chance(0.3)) return word
  return random.chance(0.05) ? `${word} `.repeat(random.between(1, NOTE_WORDS_MAX)) : `${word} ${random.below(100_000)}`
}

const nullable = (make: (random: SeededRandom) => string, nulls: number) => (random: SeededRandom): string | null =>
  random.chance(nulls) ? null : make(random)

const decimal = (random: SeededRandom, wholeMax: number): string =>
  `${random.chance(0.15) ? "-" : ""}${random.below(wholeMax)}.${String(random.below(100)).padStart(2, "0")}`

const micros = (random: SeededRandom): string => {
  const seconds = new Date((EPOCH_SECONDS + random.below(SPAN_SECONDS)) * 1000).toISOString().slice(0, 19)
  return random.chance(0.2) ? seconds : `${seconds}.${String(random.below(1_000_000)).padStart(6, "0")}`
}

/** Numbers here are ones that a 64-bit integer or a double holds exactly, as StarRocks keeps them in JSON. */
const json = (random: SeededRandom): string =>
  random.pick([
    "{}",
    "[]",
    "{\"big\": 9007199254740993, \"low\": -9223372036854775808, \"scaled\": 1.50}",
    JSON.stringify({
      color: random.pick(["red", "grün", "蓝"]),
      size: random.below(60),
      tags: [text(random), null, true]
    }),
    JSON.stringify({ nested: { deep: [random.below(10), [], {}, ""] }, empty: null, "key \"quoted\"": text(random) }),
    JSON.stringify([random.below(1000) / 8, -1.5, 0, false, text(random)]),
    JSON.stringify(text(random))
  ])

const uuid = (random: SeededRandom): string => {
  const hex = random.bytes(16).toString("hex")
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-")
}

const integer = (least: number, most: number) => (random: SeededRandom): string => String(random.between(least, most))

/** The demo's tables (demo/sql/postgres.sql) without their `id`. */
const TABLES: Readonly<Record<TableName, TrafficTable>> = {
  orders: {
    name: "orders",
    weight: 45,
    columns: [
      { name: "customer_id", type: "int", value: integer(-1_000, 2_000_000) },
      { name: "status", type: "text", value: (random) => random.pick(STATUSES) },
      {
        name: "total",
        type: "numeric",
        value: (random) => decimal(random, random.chance(0.02) ? 9_999_999_999 : 5_000)
      },
      { name: "note", type: "text", value: nullable((random) => random.chance(0.05) ? "" : text(random), 0.3) },
      { name: "paid", type: "boolean", value: (random) => String(random.chance(0.6)) },
      {
        name: "created_at",
        type: "timestamptz",
        value: (random) => micros(random) + random.pick(["Z", "+05:30", "-08"])
      },
      { name: "updated_at", type: "timestamp", value: micros }
    ],
    updates: [["status", "updated_at"], ["status", "paid", "updated_at"], ["total", "updated_at"], ["note"]]
  },
  order_items: {
    name: "order_items",
    weight: 45,
    columns: [
      { name: "order_id", type: "bigint", value: integer(1, 1_000_000) },
      {
        name: "sku",
        type: "text",
        value: (random) => `${random.pick(["SKU", "Größe", "型番"])}-${random.below(1_000_000)}`
      },
      { name: "quantity", type: "int", value: integer(-5, 100) },
      { name: "price", type: "numeric", value: (random) => decimal(random, 1_000) },
      { name: "attributes", type: "jsonb", value: nullable(json, 0.2) }
    ],
    updates: [["quantity"], ["quantity", "price"], ["attributes"]]
  },
  toast_test: {
    name: "toast_test",
    weight: 10,
    columns: [
      { name: "title", type: "text", value: text },
      {
        name: "document",
        type: "text",
        value: (random) => random.bytes(random.between(DOCUMENT_BYTES_MIN, DOCUMENT_BYTES_MAX)).toString("base64")
      },
      { name: "revision", type: "int", value: integer(1, 1_000_000) },
      { name: "digest", type: "uuid", value: uuid },
      {
        name: "payload",
        type: "bytea",
        value: nullable((random) => `\\x${random.bytes(random.below(PAYLOAD_BYTES_MAX)).toString("hex")}`, 0.2)
      }
    ],
    // Most updates leave the document alone, so it comes as "unchanged" in the new row.
    updates: [
      ["revision"],
      ["revision"],
      ["revision"],
      ["revision"],
      ["revision"],
      ["revision", "digest"],
      ["title", "revision"],
      ["payload"],
      ["document", "revision"]
    ]
  }
}

/** A table by weight. */
export const pickTable = (random: SeededRandom): TableName => {
  let at = random.below(TABLE_NAMES.reduce((sum, name) => sum + TABLES[name].weight, 0))
  return TABLE_NAMES.find((name) => (at -= TABLES[name].weight) < 0) ?? "orders"
}

const columnsOf = (table: TrafficTable, names: ReadonlyArray<string>): ReadonlyArray<TrafficColumn> =>
  names.flatMap((name) => table.columns.find((column) => column.name === name) ?? [])

/** One statement and its parameters: an array of text for the ids and for each column. */
export interface Statement {
  readonly sql: string
  readonly parameters: ReadonlyArray<ReadonlyArray<string | null>>
}

const casts = (columns: ReadonlyArray<TrafficColumn>): ReadonlyArray<string> =>
  columns.map((column) => `v.${column.name}::${column.type}`)

const unnest = (columns: ReadonlyArray<TrafficColumn>): string => {
  const names = ["id", ...columns.map((column) => column.name)]
  return `unnest(${names.map((_, index) => `$${index + 1}::text[]`).join(", ")}) as v (${names.join(", ")})`
}

const parametersOf = (
  columns: ReadonlyArray<TrafficColumn>,
  ids: ReadonlyArray<number | undefined>,
  random: SeededRandom
): ReadonlyArray<ReadonlyArray<string | null>> => [
  ids.map((id) => id === undefined ? null : String(id)),
  ...columns.map((column) => ids.map(() => column.value(random)))
]

/** Inserts a row for each id; undefined takes the next of the sequence. Returns the ids. */
export const insertRows = (
  name: TableName,
  ids: ReadonlyArray<number | undefined>,
  random: SeededRandom
): Statement => {
  const { columns } = TABLES[name]
  return {
    sql: `insert into ${name} (id, ${columns.map((column) => column.name).join(", ")})
      select coalesce(v.id::bigint, nextval(pg_get_serial_sequence('${name}', 'id'))), ${casts(columns).join(", ")}
        from ${unnest(columns)} returning id::text as id`,
    parameters: parametersOf(columns, ids, random)
  }
}

/** Updates the rows of these ids: the same columns in all of them, new values in each. Returns the ids. */
export const updateRows = (name: TableName, ids: ReadonlyArray<number>, random: SeededRandom): Statement => {
  const columns = columnsOf(TABLES[name], random.pick(TABLES[name].updates))
  const values = casts(columns)
  return {
    sql: `update ${name} as t set ${columns.map((column, index) => `${column.name} = ${values[index]}`).join(", ")}
        from ${unnest(columns)} where t.id = v.id::bigint returning t.id::text as id`,
    parameters: parametersOf(columns, ids, random)
  }
}
