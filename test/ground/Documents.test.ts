import { assert, describe, it } from "@effect/vitest"
import * as fs from "node:fs"
import * as path from "node:path"

const ROOT = path.join(import.meta.dirname, "../..")
const read = (file: string): string => fs.readFileSync(path.join(ROOT, file), "utf8")
const below = (directory: string): ReadonlyArray<string> =>
  fs.readdirSync(path.join(ROOT, directory), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => path.relative(ROOT, path.join(entry.parentPath, entry.name)))

const TESTS = below("test").filter((file) => file.endsWith(".test.ts"))
const GUARANTEES = read("docs/guarantees.md")
const ROWS = GUARANTEES.split("\n").filter((line) => line.startsWith("|") && !/^\| (promise|-)/.test(line))
  .map((line) => line.slice(1, -1).split("|").map((cell) => cell.trim()))

/** Texts between marks that no test has lost yet: titles, invariants of the simulation, planted mistakes. */
const TITLES = [...below("test"), ...below("scripts")].filter((file) => file.endsWith(".ts")).map(read).join("\n")

/** The test files that a name or a path in backticks stands for. */
const filesOf = (name: string): ReadonlyArray<string> =>
  name.includes("/") ? TESTS.filter((file) => file === name) : TESTS.filter((file) => path.basename(file) === name)

/** `T50 to T53` and `38, 45, 46` as single ones, each as a title begins with it. */
const idsOf = (text: string): ReadonlyArray<string> =>
  [...text.matchAll(/\b(T?)(\d+)(?: to T(\d+))?/g)].flatMap(([, mark, first, last]) =>
    Array.from(
      { length: Number(last ?? first) - Number(first) + 1 },
      (_, at) => `${mark}${mark === "T" ? String(Number(first) + at).padStart(2, "0") : Number(first) + at}`
    )
  )

/** What is said beside the files: nothing that a number could be read from. */
const withoutQuotes = (text: string): string => text.replaceAll(/"[^"]*"/g, "").replaceAll(/decision \d+/g, "")

describe("docs/guarantees.md: a promise whose test is gone is one that nobody keeps", () => {
  it("each promise is there once and names what holds it", () => {
    assert.isAbove(ROWS.length, 40)
    const promises = ROWS.map(([promise]) => promise)
    assert.deepStrictEqual(promises.filter((promise, at) => promises.indexOf(promise) !== at), [])
    for (const cells of ROWS) {
      assert.strictEqual(cells.length, 2, cells.join("|"))
      assert.match(cells[1]!, /Simulation|Chaos|`[^`]*test[^`]*`|"[^"]+"/, cells[0]!)
    }
  })

  it("each test file that is named exists, and has the lessons and cases that are named with it in its titles", () => {
    for (const [promise, held] of ROWS) {
      const [, ...parts] = withoutQuotes(held!).split(/`([^`]+\.test\.ts)`/)
      for (let at = 0; at < parts.length; at += 2) {
        const files = filesOf(parts[at]!)
        assert.isAbove(files.length, 0, `${parts[at]} of: ${promise}`)
        const text = files.map(read).join("\n")
        for (const id of idsOf(parts[at + 1]!.split("`")[0]!)) {
          assert.match(text, new RegExp(`["\`(][^"\`]*\\b${id}\\b`), `${id} in ${parts[at]} of: ${promise}`)
        }
      }
    }
  })

  it("each folder, text in quotes and command that is named exists", () => {
    const { scripts } = JSON.parse(read("package.json")) as { scripts: Record<string, string> }
    for (const [, name] of GUARANTEES.matchAll(/`((?:test|docs|src)\/[^`]+)`/g)) {
      assert.isTrue(fs.existsSync(path.join(ROOT, name!)), name)
    }
    for (const [, name] of GUARANTEES.matchAll(/`npm run ([\w:]+)/g)) assert.property(scripts, name!)
    for (const [, quoted] of GUARANTEES.matchAll(/"([^"]+)"/g)) {
      if (quoted !== "Simulation" && quoted !== "Chaos") assert.include(TITLES, quoted!)
    }
  })
})

describe("docs/decisions: a decision that nobody finds is taken again, otherwise", () => {
  const decisions = fs.readdirSync(path.join(ROOT, "docs/decisions")).toSorted()

  it("they are numbered without a gap, each number once", () => {
    assert.deepStrictEqual(decisions.map((file) => Number(file.slice(0, 4))), decisions.map((_, at) => at + 1))
  })

  it("each is linked from a page, and every link of a page leads somewhere", () => {
    const pages = [
      "README.md",
      "CHANGELOG.md",
      "CONTRIBUTING.md",
      ...below("docs").filter((file) => file.endsWith(".md"))
    ]
    const linked = new Set<string>()
    for (const page of pages) {
      for (const [, target] of read(page).matchAll(/\]\(([^)\s]+)\)/g)) {
        if (/^(https?:|#)/.test(target!)) continue
        const file = path.join(path.dirname(page), target!.split("#")[0]!)
        assert.isTrue(fs.existsSync(path.join(ROOT, file)), `${page}: ${target}`)
        if (!page.startsWith("docs/decisions")) linked.add(path.basename(file))
      }
    }
    assert.deepStrictEqual(decisions.filter((file) => !linked.has(file)), [])
  })
})
