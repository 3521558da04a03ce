import { assert, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Settings from "../../src/domain/config/Settings.ts"
import * as Verify from "../../src/programs/Verify.ts"
import * as DbmazzProcess from "../support/DbmazzProcess.ts"
import * as PostgresServer from "../support/PostgresServer.ts"
import { run } from "../support/PostgresServer.ts"
import * as Replica from "../support/Replica.ts"

/** How long changes may take to arrive on a busy machine. */
const ARRIVAL_MS_MAX = 30_000

interface Case {
  /** Of the column `v` on either side. */
  readonly type: string
  readonly target: string
  /** SQL of a value that the column holds, and of one that it does not. */
  readonly fits: string
  readonly misfit: string
}

/** By table. The document is large: an UPDATE that does not change it leaves it out. */
const CASES: Readonly<Record<string, Case>> = {
  moments: { type: "timestamptz", target: "DATETIME NULL", fits: "'2024-01-02 03:04:05.6+00'", misfit: "'infinity'" },
  days: { type: "date", target: "DATE NOT NULL", fits: "'2024-02-29'", misfit: "'0044-03-15 BC'" },
  numbers: { type: "numeric", target: "DECIMAL(38,9) NULL", fits: "1.5", misfit: "'NaN'" },
  blobs: { type: "bytea", target: "VARBINARY(4) NULL", fits: "'\\x00ff'", misfit: "'\\x0001020304'" },
  documents: {
    type: "jsonb",
    target: "JSON NULL",
    fits: "jsonb_build_object('text', repeat('d', 20000), 'z', 1.50)",
    misfit: "'{\"n\": 1e400}'"
  }
}

/** By source table. */
const remediesOf = (log: string): ReadonlyMap<string, string> =>
  new Map(
    log.split("\n").filter((line) => line.includes("VALUE_UNREPRESENTABLE") && line.includes("\"column\":")).map(
      (line) => {
        const { remediation, table }: Record<string, string> = JSON.parse(line)
        return [table ?? "", remediation ?? ""]
      }
    )
  )

layer(PostgresServer.layer(), { excludeTestServices: true, timeout: "120 seconds" })(
  "A value that its column cannot hold",
  (it) => {
    it.effect("T40 T41 stops its table, and the statements of the remedy, run as they are, make it equal to its source", () =>
      Effect.gen(function*() {
        const replica = yield* Replica.start
        const { database } = replica.sink
        const sql = (statement: string) => run(replica.source, statement)
        for (const [name, { target, type }] of Object.entries(CASES)) {
          yield* sql(`create table ${name} (id bigint primary key, v ${type})`)
          yield* replica.query(
            `CREATE TABLE ${database}.${name} (id BIGINT NOT NULL, v ${target}) PRIMARY KEY (id) DISTRIBUTED BY HASH(id) ` +
              `PROPERTIES ("replication_num" = "1")`
          )
        }
        yield* sql("alter table documents alter v set storage external")
        const environment = replica.environment({ TABLES: Object.keys(CASES).join(","), RETRY_BASE_MS: "50" })
        const verified = Effect.suspend(() =>
          Verify.verify(Result.getOrThrow(Settings.fromEnv(environment)), ARRIVAL_MS_MAX)
        )
        const job = yield* DbmazzProcess.start(["run"], environment)
        yield* job.logged("\"replicating\"")
        for (const [name, { fits }] of Object.entries(CASES)) yield* sql(`insert into ${name} values (1, ${fits})`)
        assert.isTrue((yield* verified).equal)
        for (const [name, { misfit }] of Object.entries(CASES)) yield* sql(`insert into ${name} values (2, ${misfit})`)
        assert.strictEqual(yield* job.exit, 1)

        const remedies = remediesOf(job.log())
        assert.sameMembers([...remedies.keys()], Object.keys(CASES).map((name) => `public.${name}`))
        const updates: Array<string> = []
        for (const remedy of remedies.values()) {
          const statements = [...remedy.matchAll(/(?:ALTER TABLE|UPDATE) [^;]+;/g)].map(([statement]) => statement)
          assert.isNotEmpty(statements.filter((each) => each.startsWith("ALTER")), remedy)
          updates.push(...statements.filter((each) => each.startsWith("UPDATE")))
          for (const statement of statements.filter((each) => each.startsWith("ALTER"))) {
            yield* replica.query(statement)
            yield* replica.query(`SHOW ALTER TABLE COLUMN FROM ${database}`).pipe(
              Effect.repeat({
                schedule: PostgresServer.pollEvery,
                until: (jobs) => jobs.every((row) => row["State"] === "FINISHED")
              })
            )
          }
        }
        const again = yield* DbmazzProcess.start(["run"], environment)
        yield* again.logged("\"replicating\"")
        for (const update of updates) yield* sql(update)
        const { equal, tables } = yield* verified
        assert.deepStrictEqual(Object.values(tables).flatMap((table) => table.examples), [])
        assert.isTrue(equal)
        assert.deepStrictEqual(
          yield* replica.query(`SELECT v FROM ${database}.numbers ORDER BY id`),
          [{ v: "1.5" }, { v: "NaN" }]
        )
      }))
  }
)
