import { assert, describe, it } from "@effect/vitest"
import { spawnSync } from "node:child_process"
import * as fs from "node:fs"
import * as path from "node:path"

const root = path.join(import.meta.dirname, "../../..")

describe("docs/commands.md", () => {
  it("says what the commands' own help says", () => {
    const script = path.join(root, "scripts/commands-docs.ts")
    const { status, stderr } = spawnSync(process.execPath, [script, "--check"], { cwd: root, encoding: "utf8" })
    assert.strictEqual(status, 0, stderr)
  })

  it("lists every exit code", () => {
    const page = fs.readFileSync(path.join(root, "docs/commands.md"), "utf8")
    const codes = [...page.matchAll(/^\| (\d+) +\|/gm)].map(([, code]) => Number(code))
    assert.deepStrictEqual(codes, [0, 1, 2, 69, 77, 130])
  })
})
