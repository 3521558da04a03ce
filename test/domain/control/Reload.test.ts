import { assert, describe, it } from "@effect/vitest"
import * as Result from "effect/Result"
import * as Reload from "../../../src/domain/control/Reload.ts"
import * as Identifier from "../../../src/domain/Identifier.ts"

const NOTHING: Reload.Request = { flush_size: 0n, flush_interval_ms: 0n, tables: [] }
const parse = (request: Partial<Reload.Request>) => Reload.parse({ ...NOTHING, ...request })
const parsed = (request: Partial<Reload.Request>) => Result.getOrThrow(parse(request))
const A = { schema: "public", name: "a" }
const B = { schema: "public", name: "b" }
const C = { schema: "sales", name: "c" }

describe("Reload", () => {
  it("says in v1's words what was changed, and only that", () => {
    const message = (request: Partial<Reload.Request>, changes = Reload.UNCHANGED) =>
      Reload.done(parsed(request), changes).message
    assert.strictEqual(message({ flush_size: 5n }), "Configuration reloaded: flush_size=5")
    assert.strictEqual(
      message({ flush_size: 5n, flush_interval_ms: 100n, tables: ["a", "b"] }),
      "Configuration reloaded: flush_size=5, flush_interval_ms=100, tables=[\"a\", \"b\"]"
    )
    assert.strictEqual(
      message({ tables: ["a", "sales.c"] }, Reload.changes([A, B], [A, C])),
      "Configuration reloaded: tables=[\"a\", \"sales.c\"] (added [\"sales.c\"]: what changed before now is not replicated; " +
        "removed [\"public.b\"]; until the next start, which goes by TABLES)"
    )
    assert.deepStrictEqual(Reload.done(parsed({}), Reload.UNCHANGED), {
      success: false,
      message: "No configuration changes provided (use 0 to keep current values)"
    })
  })

  it("refuses what no batch can be, and what is no table, before anything is changed", () => {
    for (
      const [request, why] of [
        [{ flush_size: 10_000_001n }, "flush_size must be from 1 to 10000000, not 10000001"],
        [{ flush_interval_ms: 2n ** 64n - 1n }, "flush_interval_ms must be from 1 to 3600000"],
        [{ tables: ["a", ""] }, "'' is not a table name"],
        [{ tables: ["a.b.c"] }, "'a.b.c' is not a table name"]
      ] as const
    ) {
      const result = parse(request)
      assert.isTrue(Result.isFailure(result))
      if (Result.isFailure(result)) assert.include(result.failure, why)
    }
  })

  it("takes a table once, however often and however it is spelled", () => {
    const { tables } = parsed({ tables: ["a", " a", "public.a", "\"a\""] })
    assert.deepStrictEqual(tables?.wanted.map(Identifier.show), ["public.a"])
  })
})
