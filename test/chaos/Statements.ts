/** What the sessions do to their tables: few keys, so that everything happens to the same rows again and again. */
import type { SeededRandom } from "../../src/domain/SeededRandom.ts"

export interface Statement {
  readonly sql: string
  readonly parameters: ReadonlyArray<string | number | ReadonlyArray<number>>
}

const KEYS = 250
const CODES = 60
const REGIONS = ["nord", "süd", "o'st", "West "] as const
/** Rows of one statement. */
const SOME_MAX = 6
/** Rows of a transaction that is larger than a batch, and the keys of each session's. */
const BULK_ROWS = 1_200
const BULK_KEYS = 2_000
const BULK_START = 100_000
/** Repetitions of 32 digits: more than 8 kB, so that a document is stored out of line. */
const DOC_PARTS = 280

const DOC = `(select string_agg(md5($2::text || n::text || part::text), '') from generate_series(1, ${DOC_PARTS}) part)`

const keys = (random: SeededRandom): ReadonlyArray<number> =>
  [...new Set(Array.from({ length: random.between(1, SOME_MAX) }, () => random.between(1, KEYS)))].toSorted((a, b) =>
    a - b
  )

const word = (random: SeededRandom): string => `w${random.below(1_000_000)}`

type Operation = (session: number, random: SeededRandom) => ReadonlyArray<Statement>

const insert: Operation = (_, random) => [{
  sql:
    `insert into things select n, $2::text || ' ß ' || n, n / 3.0, ${DOC} from unnest($1::bigint[]) n on conflict do nothing`,
  parameters: [keys(random), word(random)]
}]

/** Leaves an existing document alone. */
const upsert: Operation = (_, random) => [{
  sql: `insert into things select n, $2::text, null, ${DOC} from unnest($1::bigint[]) n
    on conflict (id) do update set label = excluded.label, amount = coalesce(things.amount, 0) + 0.01`,
  parameters: [keys(random), word(random)]
}]

const touch: Operation = (_, random) => [{
  sql: "update things set amount = $2::int / 100.0 where id = any($1::bigint[])",
  parameters: [keys(random), random.below(1_000_000)]
}]

const rewrite: Operation = (_, random) => [{
  sql: `update things set doc = (select ${DOC} from (select id as n) as row_of) where id = any($1::bigint[])`,
  parameters: [keys(random), word(random)]
}]

const empty: Operation = (_, random) => [{
  sql: "update things set doc = null, label = '' where id = any($1::bigint[])",
  parameters: [keys(random)]
}]

const remove: Operation = (_, random) => [{
  sql: "delete from things where id = any($1::bigint[])",
  parameters: [keys(random)]
}]

/** Another key, whose row is perhaps there: then nothing happens. */
const rekey: Operation = (_, random) => [{
  sql:
    "update things set id = $2, label = label || '>' where id = $1 and not exists (select from things where id = $2)",
  parameters: [random.between(1, KEYS), random.between(1, KEYS)]
}]

const swap: Operation = (session, random) => {
  const [a, b] = [random.between(1, KEYS), random.between(1, KEYS)]
  const aside = -1 - session
  return a === b ? [] : [
    { sql: "select from things where id in ($1, $2) order by id for update", parameters: [a, b] },
    { sql: "update things set id = $2 where id = $1", parameters: [a, aside] },
    { sql: "update things set id = $2 where id = $1", parameters: [b, a] },
    { sql: "update things set id = $2 where id = $1", parameters: [aside, b] }
  ]
}

/** The same key dies and lives again in one transaction. */
const revive: Operation = (_, random) => {
  const key = [random.between(1, KEYS)]
  return [
    { sql: "delete from things where id = any($1::bigint[])", parameters: [key] },
    {
      sql: `insert into things select n, 'again', 1, ${DOC} from unnest($1::bigint[]) n`,
      parameters: [key, word(random)]
    }
  ]
}

const bulk: Operation = (session, random) => {
  const first = BULK_START * (1 + (session % 10)) + random.below(BULK_KEYS)
  return [{
    sql: `insert into things select n, $2::text, n, null from generate_series($1::bigint, $1::bigint + ${
      BULK_ROWS - 1
    }) n
      on conflict (id) do update set label = excluded.label`,
    parameters: [first, word(random)]
  }]
}

const bulkRemove: Operation = (session, random) => {
  const first = BULK_START * (1 + (session % 10)) + random.below(BULK_KEYS)
  return [{
    sql: `delete from things where id between $1::bigint and $1::bigint + ${BULK_ROWS / 2}`,
    parameters: [first]
  }]
}

const region = (random: SeededRandom): string => random.pick(REGIONS)

const pairUpsert: Operation = (_, random) => [{
  sql: `insert into pairs values ($1, $2, jsonb_build_object('n', $2::int, 'w', $3::text), $3)
    on conflict (region, code) do update set payload = pairs.payload || jsonb_build_object('again', $3::text)`,
  parameters: [region(random), random.between(1, CODES), word(random)]
}]

const pairNote: Operation = (_, random) => [{
  sql: "update pairs set note = nullif($2::text, 'w0') where code % 7 = $1::int",
  parameters: [random.below(7), word(random)]
}]

const pairMove: Operation = (_, random) => [{
  sql: `update pairs set region = $3, code = $4 where region = $1 and code = $2
    and not exists (select from pairs where region = $3 and code = $4)`,
  parameters: [region(random), random.between(1, CODES), region(random), random.between(1, CODES)]
}]

const pairRemove: Operation = (_, random) => [{
  sql: "delete from pairs where region = $1 and code between $2 and $2 + 3",
  parameters: [region(random), random.between(1, CODES)]
}]

/** Each as often as it stands here. */
const OPERATIONS: readonly [Operation, ...ReadonlyArray<Operation>] = [
  insert,
  insert,
  insert,
  upsert,
  upsert,
  touch,
  touch,
  touch,
  rewrite,
  empty,
  remove,
  rekey,
  rekey,
  swap,
  swap,
  revive,
  pairUpsert,
  pairUpsert,
  pairUpsert,
  pairNote,
  pairMove,
  pairMove,
  pairRemove
]
const BULK_PROBABILITY = 0.015

/** The statements of one operation, to be run in a transaction. */
export const pick = (session: number, random: SeededRandom): ReadonlyArray<Statement> => {
  const operation = random.chance(BULK_PROBABILITY)
    ? random.pick([bulk, bulk, bulkRemove])
    : random.pick(OPERATIONS)
  return operation(session, random)
}
