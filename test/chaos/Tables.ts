/**
 * The tables of the chaos: two that several sessions fight over, a ledger with one row a transaction, and the demo's,
 * which have the types. Triggers bury every row that is deleted or loses its key, with its last values: the sink keeps
 * those rows, marked as deleted, so they are compared as well.
 */
import * as Effect from "effect/Effect"
import * as fs from "node:fs/promises"
import type { PgAddress } from "../../src/domain/config/Settings.ts"
import type { StarRocksSql } from "../../src/layers/StarRocksSql.ts"
import { run } from "../support/PostgresServer.ts"

interface Table {
  readonly name: string
  readonly key: ReadonlyArray<string>
}

export const TABLES: ReadonlyArray<Table> = [
  { name: "things", key: ["id"] },
  { name: "pairs", key: ["region", "code"] },
  { name: "ledger", key: ["session", "seq"] },
  { name: "orders", key: ["id"] },
  { name: "order_items", key: ["id"] },
  { name: "toast_test", key: ["id"] }
]

const SOURCE_SQL = `
  create table things (id bigint primary key, label text, amount numeric(12, 2), doc text);
  create table pairs (region text, code int, payload jsonb, note text, primary key (region, code));
  create table ledger (session int, seq bigint, note text, primary key (session, seq));`

const TARGET_SQL = [
  `CREATE TABLE things (id BIGINT NOT NULL, label STRING NULL, amount DECIMAL(12, 2) NULL, doc STRING NULL)
   PRIMARY KEY (id) DISTRIBUTED BY HASH(id) PROPERTIES ("replication_num" = "1")`,
  `CREATE TABLE pairs (region VARCHAR(40) NOT NULL, code INT NOT NULL, payload JSON NULL, note STRING NULL)
   PRIMARY KEY (region, code) DISTRIBUTED BY HASH(region, code) PROPERTIES ("replication_num" = "1")`,
  `CREATE TABLE ledger (session INT NOT NULL, seq BIGINT NOT NULL, note STRING NULL)
   PRIMARY KEY (session, seq) DISTRIBUTED BY HASH(session, seq) PROPERTIES ("replication_num" = "1")`
]

/** Schema of the buried rows, and of the views that leave out the keys that live again. */
const GRAVES = "graves"
export const BURIED = "buried"

const BURY_SQL = `
  create schema ${GRAVES};
  create schema ${BURIED};
  create function ${GRAVES}.bury() returns trigger language plpgsql as $$
  begin
    execute format('insert into ${GRAVES}.%I select ($1).* on conflict (%s) do update set %s',
      tg_table_name, tg_argv[0], tg_argv[1]) using old;
    return null;
  end $$;`

const burial = (table: Table, columns: ReadonlyArray<string>): string => {
  const key = table.key.join(", ")
  const values = columns.map((column) => `${column} = excluded.${column}`).join(", ")
  const moved = table.key.map((column) => `old.${column} is distinct from new.${column}`).join(" or ")
  const call = `execute function ${GRAVES}.bury('${key}', '${values}')`
  return `
    create table ${GRAVES}.${table.name} (like public.${table.name}, primary key (${key}));
    create trigger bury_deleted after delete on public.${table.name} for each row ${call};
    create trigger bury_moved after update on public.${table.name} for each row when (${moved}) ${call};
    create view ${BURIED}.${table.name} as select * from ${GRAVES}.${table.name} g
      where not exists (select from public.${table.name} t where ${
    table.key.map((column) => `t.${column} = g.${column}`).join(" and ")
  });`
}

const demoSql = (name: string) =>
  Effect.promise(() => fs.readFile(new URL(`../../demo/sql/${name}.sql`, import.meta.url), "utf8"))

/** Creates all tables in the source. */
export const createSources = Effect.fnUntraced(function*(source: PgAddress) {
  yield* run(source, SOURCE_SQL)
  yield* run(source, yield* demoSql("postgres"))
  yield* run(source, BURY_SQL)
  for (const table of TABLES) {
    const columns = yield* run(
      source,
      `select attname::text as name from pg_attribute
        where attrelid = 'public.${table.name}'::regclass and attnum > 0 and not attisdropped`
    )
    yield* run(source, burial(table, columns.map((column) => String(column["name"]))))
  }
})

/** Creates all tables in the sink. */
export const createTargets = Effect.fnUntraced(function*(sql: StarRocksSql["Service"], database: string) {
  yield* sql.query(`USE ${database}`)
  const demo = (yield* demoSql("starrocks")).split(/;\s*$/m).filter((statement) => statement.trim() !== "")
  for (const statement of [...TARGET_SQL, ...demo]) yield* sql.query(statement)
})
