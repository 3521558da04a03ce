import { assert, describe, it } from "@effect/vitest"
import * as PostgresPackages from "../../../scripts/PostgresPackages.ts"
import * as SetupError from "../../../src/domain/errors/SetupError.ts"
import * as ServerVersion from "../../../src/domain/postgres/ServerVersion.ts"

describe("A server that nobody has tried is told before its first row, not found out by it", () => {
  it("what is called tested is what the tests run on", () => {
    const { first, last } = ServerVersion.TESTED
    const majors = Array.from({ length: last - first + 1 }, (_, at) => first + at)
    assert.deepStrictEqual([...PostgresPackages.VERSIONS.keys()], majors)
  })

  it.each([140_000, 150_018, 180_004])("%i is tested: no problem, no warning", (version) => {
    assert.isUndefined(ServerVersion.problem(version))
    assert.isUndefined(ServerVersion.warning(version))
  })

  it.each([
    [130_000, "this server is 13: it is past its end of life"],
    [139_999, "upgrade the server"],
    [190_000, "this server is 19: look for a newer dbmazz"]
  ])("%i is replicated from, with a warning", (version, text) => {
    assert.isUndefined(ServerVersion.problem(version))
    assert.include(ServerVersion.warning(version) ?? "", "tested on PostgreSQL 14 to 18")
    assert.include(ServerVersion.warning(version) ?? "", text)
  })

  it.each([[129_999, "12"], [100_023, "10"], [90_624, "9"]])("%i is refused, with what to run", (version, major) => {
    const problem = ServerVersion.problem(version)!
    assert.deepStrictEqual(problem, { _tag: "PgVersionUnsupported", version: major })
    assert.include(SetupError.describe(problem), `since PostgreSQL ${ServerVersion.MAJOR_MIN}`)
    assert.include(SetupError.remedy(problem), "pg_upgrade")
  })
})
