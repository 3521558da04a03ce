import { assert, it } from "@effect/vitest"
import * as Check from "../../src/programs/Check.ts"

const plan = (source: Partial<Check.Shown["source"]>): Check.Shown => ({
  source: { problems: [], steps: [], notes: [], warnings: [], ...source },
  target: { problems: [], steps: [] }
})

it("check shows warnings first, with and without problems", () => {
  const warnings = ["upgrade the server"]
  assert.deepStrictEqual(Check.report(plan({ warnings, notes: ["a note"] }), ["a setting is mistyped"]), [
    "warning: a setting is mistyped",
    "warning: upgrade the server",
    "note: a note",
    "both sides are ready; run would change nothing"
  ])
  const failed = Check.report(plan({ warnings, problems: [{ _tag: "PgTableNotFound", table: "public.t" }] }))
  assert.strictEqual(failed[0], "warning: upgrade the server")
  assert.match(failed[1] ?? "", /^problem: .*public\.t/)
  assert.strictEqual(failed.length, 3)
})
