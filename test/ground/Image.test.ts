import { assert, describe, it } from "@effect/vitest"
import { spawnSync } from "node:child_process"
import * as fs from "node:fs"
import * as path from "node:path"
import packageJson from "../../package.json" with { type: "json" }
import * as Dockerfile from "../../scripts/Dockerfile.ts"

const root = path.join(import.meta.dirname, "../..")
const read = (name: string): string => fs.readFileSync(path.join(root, name), "utf8")

const stages = Dockerfile.parse(read("Dockerfile"))
const final = stages.at(-1)
const copies = stages.flatMap((stage) => stage.steps.filter((step) => step._tag === "Copy"))
const fromContext = copies.filter((copy) => copy.from === undefined).flatMap((copy) => copy.sources)

/** `dist` is built, and an empty folder is not in a clone. */
const isPublishedFolder = (name: string): boolean => {
  if (name === "dist") return true
  const absolute = path.join(root, name)
  const isFolder = fs.statSync(absolute, { throwIfNoEntry: false })?.isDirectory() === true
  return isFolder && fs.readdirSync(absolute).length > 0
}

describe("the image", () => {
  it("can be built: every file it copies is in the repository and in the build context", () => {
    assert.isNotEmpty(fromContext)
    for (const source of fromContext) {
      assert.isTrue(fs.existsSync(path.join(root, source)), `${source} does not exist`)
      assert.isTrue(Dockerfile.inContext(read(".dockerignore"), source), `.dockerignore leaves ${source} out`)
    }
  })

  it("copies only from stages that come before", () => {
    for (const [index, stage] of stages.entries()) {
      const earlier = stages.slice(0, index).map((each) => each.name)
      for (const step of stage.steps) {
        if (step._tag === "Copy" && step.from !== undefined) assert.include(earlier, step.from)
      }
    }
  })

  it("does not run the daemon as root", () => {
    assert.strictEqual(final?.user, "node")
  })

  it("starts the daemon as process 1, so that it gets the signal on which it drains", () => {
    assert.deepStrictEqual(final?.entrypoint, ["node", "--max-semi-space-size=2", "bin/dbmazz.js"])
    assert.deepStrictEqual(final?.command, ["run"])
    assert.strictEqual(packageJson.bin.dbmazz, "bin/dbmazz.js")
  })

  it("is asked whether it lives, without a token, and opens both ports of the control plane", () => {
    assert.match(read("Dockerfile"), /^EXPOSE 50051 8080$/m)
    const check = /^HEALTHCHECK .*CMD (\[.+\])$/m.exec(read("Dockerfile"))?.[1] ?? "[]"
    const [program, flag, script]: ReadonlyArray<string> = JSON.parse(check)
    assert.deepStrictEqual([program, flag], ["node", "-e"])
    assert.include(script, "/healthz")
    // Nobody listens at port 1.
    const { status } = spawnSync(process.execPath, ["-e", script ?? ""], { env: { HTTP_PORT: "1" } })
    assert.strictEqual(status, 1)
  })

  it("holds every folder that the published package holds", () => {
    const targets = final?.steps.flatMap((step) => step._tag === "Copy" ? [step.target.replace(/^\.\//, "")] : []) ?? []
    for (const name of packageJson.files.filter(isPublishedFolder)) {
      assert.include(targets, name, `${name} is published but not in the image`)
    }
  })

  it("refuses a Dockerfile that it cannot check", () => {
    assert.throws(() => Dockerfile.parse("FROM scratch\nADD https://example.org/x /x"), /unknown instruction ADD/)
    assert.throws(() => Dockerfile.inContext("node_modules\n", "src"), /leave out everything/)
  })
})
