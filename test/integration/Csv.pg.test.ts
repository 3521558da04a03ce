import { assert, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as DbmazzProcess from "../support/DbmazzProcess.ts"
import * as PostgresServer from "../support/PostgresServer.ts"
import { run } from "../support/PostgresServer.ts"
import * as Replica from "../support/Replica.ts"

/** Bytes of a document that an update leaves out when it did not change. */
const DOCUMENT_BYTES = 20_000
/** Bytes of a value whose hex digits are more than a field takes. */
const BINARY_BYTES = 600_000
/** What would break a field, or be taken for NULL. */
const TEXTS = [
  "a,b",
  "\"q\"\"",
  "l1\nl2\r\n",
  "\\",
  "\\\\N",
  "^\"^",
  "\ufeffx\ufeff",
  "\ufeff",
  "",
  " \t ",
  "NULL",
  "é🦀",
  "\",\"\n1"
]

/** Formats, rows and sizes of the loads of `docs`, as the log tells them. */
const loadsOf = (job: DbmazzProcess.DbmazzProcess) =>
  job.log().split("\n").filter((line) => line.includes("load acknowledged") && line.includes("docs")).map((line) => ({
    format: /"format":"(\w+)"/.exec(line)?.[1],
    rows: Number(/"rows":(\d+)/.exec(line)?.[1]),
    bytes: Number(/"bytes":(\d+)/.exec(line)?.[1])
  }))

layer(PostgresServer.layer(), { excludeTestServices: true })("Loads in CSV, on real servers", (it) => {
  it.effect("T37 T44 T56 T63 rows are equal whatever they hold, also where the format is changed between two runs", () =>
    Effect.gen(function*() {
      const replica = yield* Replica.start
      const environment = (format: string) =>
        replica.environment({
          TABLES: "docs",
          STREAM_LOAD_FORMAT: format,
          AUTO_CREATE_TABLES: "true",
          LOG_LEVEL: "info,StreamLoader=debug"
        })
      const started = (format: string) =>
        Effect.tap(DbmazzProcess.start(["run"], environment(format)), (job) => job.logged("\"replicating\""))
      /** Waits until so many live rows have this number. */
      const arrived = (n: number, rows: number) =>
        replica.query(`SELECT count(*) AS c FROM shop.docs WHERE n = ${n} AND dbmazz_is_deleted = false`).pipe(
          Effect.repeat({ schedule: PostgresServer.pollEvery, until: ([row]) => Number(row?.["c"]) === rows })
        )
      const equal = Effect.gen(function*() {
        const verify = yield* DbmazzProcess.start(["verify"], environment("json"))
        assert.strictEqual(yield* verify.exit, 0, verify.output())
      })
      yield* run(
        replica.source,
        `create table docs (id int primary key, n int, t text, doc text, raw bytea, at timestamptz, ok boolean, j jsonb);
         alter table docs alter doc set storage external`
      )
      const insert = (id: number, text: string | null) =>
        run(
          replica.source,
          `insert into docs values ($1, 1, $2, repeat('d', ${DOCUMENT_BYTES}), decode('00ff0a2c22', 'hex'), now(),
             $1 % 2 = 0, jsonb_build_object('t', $2::text))`,
          [id, text]
        )
      const job = yield* started("csv")
      yield* Effect.forEach(TEXTS, (text, id) => insert(id, text), { discard: true })
      yield* insert(TEXTS.length, null)
      const count = TEXTS.length + 1
      yield* arrived(1, count)
      assert.deepStrictEqual([...new Set(loadsOf(job).map(({ format }) => format))], ["csv"])

      // A load is visible before it is logged.
      const told = Effect.sync(() => loadsOf(job).reduce((sum, { rows }) => sum + rows, 0))
      yield* Effect.repeat(told, { schedule: PostgresServer.pollEvery, until: (rows) => rows === count })
      const before = loadsOf(job).length
      yield* run(
        replica.source,
        "update docs set n = 2; update docs set id = 100 where id = 0; delete from docs where id = 1"
      )
      yield* arrived(2, count - 1)
      yield* equal
      const updates = loadsOf(job).slice(before)
      assert.includeMembers(updates.map(({ format }) => format), ["csv"])
      assert.isBelow(
        updates.reduce((sum, { bytes }) => sum + bytes, 0),
        4 * DOCUMENT_BYTES,
        "documents are not sent again"
      )

      yield* insert(200, "\\N")
      yield* arrived(1, 1)
      yield* equal
      assert.strictEqual(loadsOf(job).at(-1)?.format, "json")

      yield* run(
        replica.source,
        `insert into docs (id, n, raw) values (300, 4, decode(repeat('00ff', ${BINARY_BYTES / 2}), 'hex'))`
      )
      yield* arrived(4, 1)
      yield* equal
      assert.strictEqual(loadsOf(job).at(-1)?.format, "json")
      yield* job.kill("SIGKILL")
      yield* job.exit

      const other = yield* started("json")
      yield* run(replica.source, "update docs set n = 3, t = t || ','")
      yield* arrived(3, count + 1)
      yield* equal
      assert.deepStrictEqual([...new Set(loadsOf(other).map(({ format }) => format))], ["json"])
    }))
})
