import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { Batch } from "../../src/domain/Batch.ts"
import { PermanentError } from "../../src/domain/errors/PermanentError.ts"
import * as Lsn from "../../src/domain/Lsn.ts"
import { StreamLoader } from "../../src/layers/StreamLoader.ts"
import * as Loads from "../../src/streams/Loads.ts"
import { mapping } from "../support/Mappings.ts"
import * as Bytes from "../support/PgoutputBytes.ts"
import { decodeAll, ORIGIN } from "../support/Rows.ts"

describe("Loads of a table that stops for a row that the sink refuses", () => {
  it.effect("T73 name the row by its key when those before it are there, and a delete of such a row goes without its values", () =>
    Effect.gen(function*() {
      const loaded: Array<string> = []
      const refusal = new PermanentError({ code: "SR_REJECTED_ROWS", message: "m", remediation: "r", context: {} })
      const loader = StreamLoader.of({
        operate: () => Effect.die(new Error("nothing is done in SQL")),
        settled: () => Effect.void,
        load: ({ body, label, rowCount: loadedRows }) =>
          Effect.suspend(() => {
            const text = Buffer.from(body).toString()
            if (text.includes("\"v\":\"bad\"")) return Effect.fail(refusal)
            loaded.push(...Array.from(text.matchAll(/"id":(\d+)/g), ([, id]) => id!))
            return Effect.succeed({ label, loadedRows, visible: true, alreadyLoaded: false, attempts: 1 })
          })
      })
      const table = mapping("a", ["id"], { id: "bigint(20)", v: "string" })
      const rows = Array.from({ length: 9 }, (_, id) => Bytes.insert(1, [String(id), id === 6 ? "bad" : "x"]))
      const messages = [Bytes.remove(1, ["10", "bad"]), ...rows, Bytes.insert(1, ["11", "bad"])]
      const batch = new Batch()
      const relation = Bytes.relation(1, "a", [{ name: "id", oid: 20 }, { name: "v", oid: 25 }])
      for (const change of decodeAll([table], [relation, Bytes.begin(5n), ...messages, Bytes.commit(5n, 9n)])) {
        batch.add(change)
      }
      const loads = yield* Loads.make({
        origin: ORIGIN,
        bytesMax: 1 << 20,
        tableCount: 2,
        truncate: () => Effect.void,
        resolve: () => Effect.void,
        schema: {
          evolve: () => Effect.die(new Error("no table is changed here")),
          check: () => Effect.void,
          trustedAfter: () => Lsn.ZERO,
          exchangedAt: () => Lsn.ZERO,
          current: (before) => before,
          changes: () => 0,
          look: () => Effect.die(new Error("no value is NULL here"))
        },
        onStopped: () => Effect.void,
        onWaiting: () => Effect.void
      }).pipe(Effect.provideService(StreamLoader, loader))
      assert.isFalse((yield* loads.load(batch)).complete)
      assert.deepStrictEqual(loaded, ["10", "0", "1", "2", "3", "4", "5"])
      const { context, message } = yield* Effect.flip(loads.verdict).pipe(
        Effect.filterOrFail((error): error is PermanentError => error._tag === "PermanentError")
      )
      assert.deepInclude(context, { table: "public.a", key: "id=6", lsn: "0/5" })
      assert.include(message, "the row id=6 of public.a, committed at 0/5, was refused: m")
    }))
})
