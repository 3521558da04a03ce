import { readFileSync } from "node:fs"
import { stripTypeScriptTypes } from "node:module"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { assert, describe, it } from "vitest"
import { MUTANTS } from "../../scripts/simulate-mutant-list.ts"

const SOURCES = fileURLToPath(new URL("../../src", import.meta.url))

describe("the planted mistakes that the simulation must notice", () => {
  it("are still there to be planted: each text stands exactly once in its file, and the planted one can be read", () => {
    const lost = MUTANTS.flatMap(({ file, name, replace, search }) => {
      const source = readFileSync(join(SOURCES, file), "utf8")
      const times = source.split(search).length - 1
      if (times !== 1) return [`${name}: its text stands ${times} times in src/${file}`]
      try {
        stripTypeScriptTypes(source.replace(search, () => replace))
        return []
      } catch (error) {
        return [`${name}: src/${file} cannot be read with it: ${String(error)}`]
      }
    })
    assert.deepStrictEqual(lost, [])
  })

  it("have a name each", () => {
    assert.strictEqual(new Set(MUTANTS.map(({ name }) => name)).size, MUTANTS.length)
  })
})
