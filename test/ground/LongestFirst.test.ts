import { assert, describe, it } from "@effect/vitest"
import * as fs from "node:fs"
import * as path from "node:path"
import type { TestSpecification, Vitest } from "vitest/node"
import LongestFirst, { LONGEST } from "../support/LongestFirst.ts"

const TESTS = path.join(import.meta.dirname, "..")
const fileOf = (name: string): string => path.join(TESTS, `${name}.test.ts`)

describe("the order of test files", () => {
  it("names files that are there: another one would start late, and the whole run would wait for it", () => {
    assert.deepStrictEqual(LONGEST.filter((name) => !fs.existsSync(fileOf(name))), [])
  })

  it("begins with the longest, whatever vitest's own guess", async () => {
    const project = { name: "p", config: { isolate: true, sequence: { groupOrder: 0 } } }
    const names = ["ground/Package", LONGEST[1]!, "ground/Image", LONGEST[0]!]
    const specifications = names.map((name) => ({ moduleId: fileOf(name), project }) as unknown as TestSpecification)
    const context = { cache: { getTestSpecificationResult: () => undefined } } as unknown as Vitest
    const sorted = await new LongestFirst(context).sort(specifications)
    assert.deepStrictEqual(sorted.slice(0, 2).map(({ moduleId }) => moduleId), [LONGEST[0]!, LONGEST[1]!].map(fileOf))
    assert.strictEqual(sorted.length, names.length)
  })
})
