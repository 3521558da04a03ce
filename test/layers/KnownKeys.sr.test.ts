import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import { Batch } from "../../src/domain/Batch.ts"
import type { SrAddress } from "../../src/domain/config/Settings.ts"
import type { Origin } from "../../src/domain/Label.ts"
import type { LoadRequest } from "../../src/domain/Load.ts"
import * as Lsn from "../../src/domain/Lsn.ts"
import type { TableMapping } from "../../src/domain/Table.ts"
import * as KnownKeys from "../../src/layers/KnownKeys.ts"
import { StarRocksSql } from "../../src/layers/StarRocksSql.ts"
import { StreamLoadClient } from "../../src/layers/StreamLoadClient.ts"
import { StreamLoader } from "../../src/layers/StreamLoader.ts"
import * as Loads from "../../src/streams/Loads.ts"
import * as LoadsInFlight from "../support/LoadsInFlight.ts"
import * as Mappings from "../support/Mappings.ts"
import * as Bytes from "../support/PgoutputBytes.ts"
import { decodeAll } from "../support/Rows.ts"
import * as StarRocksEndpoint from "../support/StarRocksEndpoint.ts"

const ORIGIN: Origin = { systemIdentifier: "7", timeline: 1, database: "shop", slot: "s", run: "r" }
const LARGE = "x".repeat(5_000)
const AUDIT_DDL =
  "dbmazz_op_type TINYINT, dbmazz_is_deleted BOOLEAN, dbmazz_synced_at DATETIME, dbmazz_cdc_version BIGINT"

/** A key's columns: PostgreSQL's type and text, StarRocks' type. */
type KeyPart = readonly [oid: number, text: string, type: string]

/** Every form that a key's value has on its way there and back. */
const KEYS: ReadonlyArray<readonly [what: string, key: ReadonlyArray<KeyPart>]> = [
  ["a bigint", [[20, "-9007199254740993", "BIGINT"]]],
  ["a numeric in a BIGINT", [[1700, "9007199254740993", "BIGINT"]]],
  ["a numeric in a LARGEINT", [[1700, "-12345678901234567890123456789012345678", "LARGEINT"]]],
  ["a numeric in a VARCHAR", [[1700, "7.50", "VARCHAR(40)"]]],
  ["a boolean", [[16, "t", "BOOLEAN"]]],
  ["text that SQL and JSON escape", [[25, "it's \\ \"x\" `y`\n\t\u0001 日本😀 ", "VARCHAR(99)"]]],
  ["empty text", [[25, "", "VARCHAR(9)"]]],
  ["a uuid", [[2950, "0e37df36-f698-11e6-8dd4-cb9ced3df976", "VARCHAR(36)"]]],
  ["a date", [[1082, "2024-02-29", "DATE"]]],
  ["a timestamp", [[1114, "2024-02-29 23:59:59.1234", "DATETIME"]]],
  ["a timestamptz", [[1184, "2024-02-29 23:59:59+00", "DATETIME"]]],
  ["several columns", [[23, "42", "INT"], [25, "a', 'b", "VARCHAR(20)"], [1082, "1999-12-31", "DATE"]]]
]

const query = (statement: string) => StarRocksSql.use((sql) => sql.query(statement))

interface World {
  readonly sent: ReadonlyArray<LoadRequest>
  readonly warnings: ReadonlyArray<string>
  /** Whether it waited for what was loaded to be visible, each time it waited for what was begun before. */
  readonly settled: ReadonlyArray<boolean>
  /** Loads a batch of one transaction, committed at this position. */
  readonly load: (
    mapping: TableMapping,
    lsn: bigint,
    messages: ReadonlyArray<Buffer>
  ) => ReturnType<Loads.Loads["load"]>
}

/** The real loads and questions on an endpoint, by a user who may do this. */
const world = <A, E>(
  body: (world: World) => Effect.Effect<A, E, StarRocksSql | StreamLoader>,
  user?: string
) =>
  Effect.gen(function*() {
    const endpoint = yield* StarRocksEndpoint.start
    const own: SrAddress = user === undefined ? endpoint.sink : { ...endpoint.sink, user }
    const warnings: Array<string> = []
    const logger = Logger.make(({ logLevel, message }) => {
      if (logLevel === "Warn") warnings.push(String(Array.isArray(message) ? message[0] : message))
    })
    const loader = StreamLoader.layer({ baseMs: 1, maxMs: 20, maxElapsedMs: 0 }).pipe(
      Layer.provide([StreamLoadClient.layer(own), LoadsInFlight.layer()])
    )
    const sent: Array<LoadRequest> = []
    const settled: Array<boolean> = []
    return yield* Effect.gen(function*() {
      const real = yield* StreamLoader
      const seen = StreamLoader.of({
        ...real,
        settled: (at, visibly) => {
          settled.push(visibly)
          return real.settled(at, visibly)
        },
        load: (request) => {
          sent.push({ ...request, body: Uint8Array.from(request.body) })
          return real.load(request)
        }
      })
      const resolve = yield* Effect.provide(KnownKeys.make(ORIGIN), StarRocksSql.layer(own)).pipe(
        Effect.provideService(StreamLoader, seen)
      )
      const loads = yield* Loads.make({
        origin: ORIGIN,
        bytesMax: 1 << 24,
        tableCount: 99,
        truncate: () => Effect.void,
        schema: {
          exchangedAt: () => Lsn.ZERO,
          evolve: () => Effect.die(new Error("no table is changed here")),
          check: () => Effect.void,
          trustedAfter: () => Lsn.ZERO,
          current: (mapping) => mapping,
          changes: () => 0,
          look: ({ targetColumns }) => Effect.succeed(targetColumns)
        },
        resolve,
        onWaiting: () => Effect.void,
        onStopped: (stopped) => Effect.sync(() => void warnings.push(stopped.at(-1)?.error.code ?? ""))
      }).pipe(Effect.provideService(StreamLoader, seen))
      const load: World["load"] = (mapping, lsn, messages) => {
        const batch = new Batch()
        for (const change of decodeAll([mapping], [...messages.slice(0, 1), Bytes.begin(lsn), ...messages.slice(1)])) {
          batch.add(change)
        }
        return loads.load(batch)
      }
      return yield* body({ sent, warnings, settled, load })
    }).pipe(Effect.provide(Layer.mergeAll(StarRocksSql.layer(endpoint.sink), loader, Logger.layer([logger]))))
  }).pipe(Effect.scoped)

/** A table with this key, a small and a large column, in both shapes. */
const tableOf = (name: string, key: ReadonlyArray<KeyPart>, identity: "full" | "keep" = "full") => {
  const names = key.map((_, part) => `k${part}`)
  const mapping: TableMapping = {
    ...Mappings.mapping(name, names, {
      ...Object.fromEntries(key.map(([, , type], part) => [`k${part}`, type.toLowerCase()])),
      a: "varchar(20)",
      b: "varchar(99999)"
    }),
    target: { schema: "shop", name },
    identity
  }
  const relation = Bytes.relation(
    1,
    name,
    [
      ...key.map(([oid], part) => ({ name: `k${part}`, oid })),
      ...["a", "b"].map((column) => ({ name: column, oid: 25, key: identity === "full" }))
    ]
  )
  const ddl = `CREATE TABLE shop.${name} (${key.map(([, , type], part) => `k${part} ${type} NOT NULL`).join(", ")}, ` +
    `a VARCHAR(20), b VARCHAR(99999), ${AUDIT_DDL}) PRIMARY KEY (${names.join(", ")}) ` +
    `DISTRIBUTED BY HASH(${names.join(", ")}) PROPERTIES ("replication_num" = "1")`
  return { mapping, relation, ddl }
}

describe("Asking StarRocks which rows it has", () => {
  it.live("T37 finds a key of every type again, and leaves the large value of its row alone", () =>
    world(({ load, sent }) =>
      Effect.gen(function*() {
        for (const [index, [what, key]] of KEYS.entries()) {
          const name = `t${index}`
          const { ddl, mapping, relation } = tableOf(name, key)
          yield* query(ddl)
          const texts = key.map(([, text]) => text)
          yield* load(mapping, 10n, [relation, Bytes.insert(1, [...texts, "old", LARGE])])
          yield* load(mapping, 20n, [relation, Bytes.update(1, [...texts, "old", LARGE], [...texts, "new", undefined])])
          assert.deepStrictEqual(sent.slice(-2).map(({ partialUpdate }) => partialUpdate), [false, true], what)
          const rows = yield* query(`SELECT a, length(b) AS bytes, dbmazz_cdc_version AS v FROM shop.${name}`)
          assert.deepStrictEqual(rows.map((row) => ({ ...row })), [{ a: "new", bytes: "5000", v: "20" }], what)
        }
      })
    ))

  it.live("T39 a row that is older than the slot is sent whole, beside those that StarRocks has", () =>
    world(({ load, sent, settled }) =>
      Effect.gen(function*() {
        const { ddl, mapping, relation } = tableOf("t", [[20, "", "BIGINT"]])
        yield* query(ddl)
        const keys = Array.from({ length: 2_500 }, (_, index) => String(index))
        yield* load(mapping, 10n, [
          relation,
          ...keys.filter((key) => Number(key) % 2 === 0).map((key) => Bytes.insert(1, [key, "old", LARGE]))
        ])
        yield* load(mapping, 20n, [
          relation,
          ...keys.map((key) => Bytes.update(1, [key, "old", LARGE], [key, "new", undefined]))
        ])
        assert.deepStrictEqual(sent.slice(1).map(({ partialUpdate, rowCount }) => [partialUpdate, rowCount]), [
          [false, 1_250],
          [true, 1_250]
        ])
        const rows = yield* query("SELECT count(*) AS n FROM shop.t WHERE a = 'new' AND length(b) = 5000")
        assert.strictEqual(rows[0]?.["n"], "2500")
        // A truncation of a predecessor would otherwise come between the answer and the load.
        assert.deepStrictEqual(settled, [false])
      })
    ))

  it.live("a user who may not look: all values are sent again, which is said once; what cannot be sent stops its table", () =>
    world(({ load, sent, warnings }) =>
      Effect.gen(function*() {
        const { ddl, mapping, relation } = tableOf("t", [[20, "", "BIGINT"]])
        const keep = tableOf("kept", [[20, "", "BIGINT"]], "keep")
        yield* query(ddl)
        yield* query(keep.ddl)
        yield* query("CREATE USER writer IDENTIFIED BY ''")
        for (const name of ["t", "kept"]) yield* query(`GRANT INSERT ON TABLE shop.${name} TO USER writer`)
        yield* load(mapping, 10n, [relation, Bytes.insert(1, ["1", "old", LARGE])])
        for (const lsn of [20n, 30n]) {
          yield* load(mapping, lsn, [relation, Bytes.update(1, ["1", "old", LARGE], ["1", "new", undefined])])
        }
        assert.deepStrictEqual(sent.map(({ partialUpdate }) => partialUpdate), [false, false, false])
        assert.deepStrictEqual(warnings, ["StarRocks does not say which rows it has: unchanged values are sent again"])
        yield* load(keep.mapping, 40n, [keep.relation, Bytes.update(1, undefined, ["1", "new", undefined])])
        assert.strictEqual(warnings.at(-1), "SR_ACCESS_DENIED")
        assert.lengthOf(sent, 3)
      }), "writer"))

  it.live(
    "T57 with key-only old rows: a swap of keys, a delete, and a row that nobody has",
    () =>
      world(({ load, settled, warnings }) =>
        Effect.gen(function*() {
          const { ddl, mapping, relation } = tableOf("t", [[20, "", "BIGINT"]], "keep")
          yield* query(ddl)
          const old = (key: string): ReadonlyArray<Bytes.Cell> => [key, null, null]
          const stored = Effect.map(
            query("SELECT k0, a, length(b) AS n, dbmazz_is_deleted AS gone FROM shop.t ORDER BY k0"),
            (rows) => rows.map((row) => `${row["k0"]} ${row["a"]} ${row["n"]} ${row["gone"]}`)
          )
          const inserts = ["1", "2", "3"].map((key) => Bytes.insert(1, [key, `row ${key}`, LARGE + key]))
          yield* load(mapping, 10n, [relation, ...inserts])
          yield* load(mapping, 20n, [
            relation,
            Bytes.update(1, old("1"), ["9", "row 1", `${LARGE}swapped`], "K"),
            Bytes.update(1, old("2"), ["1", "row 2", `${LARGE}22`], "K"),
            Bytes.update(1, old("9"), ["2", "row 1", undefined], "K"),
            Bytes.remove(1, old("3"), "K"),
            Bytes.update(1, undefined, ["1", "row 2 (new)", undefined])
          ])
          const expected = ["1 row 2 (new) 5002 0", "2 row 1 5007 0", "3 row 3 5001 1", "9 row 1 5007 1"]
          assert.deepStrictEqual(yield* stored, expected)
          yield* load(mapping, 30n, [relation, Bytes.update(1, undefined, ["4", "older", undefined])])
          assert.deepStrictEqual(warnings.slice(-1), ["TOAST_VALUE_UNKNOWN"])
          assert.deepStrictEqual(yield* stored, expected)
          assert.deepStrictEqual(settled, [true])
        })
      ),
    20_000
  )
})
