import { assert, describe, it } from "@effect/vitest"
import { spawnSync } from "node:child_process"
import * as fs from "node:fs"
import * as path from "node:path"
import packageJson from "../../package.json" with { type: "json" }

const root = path.join(import.meta.dirname, "../..")

interface Locked {
  readonly resolved?: string
  readonly hasInstallScript?: boolean
  readonly optionalDependencies?: Readonly<Record<string, string>>
}

const lock: { readonly packages: Readonly<Record<string, Locked>> } = JSON.parse(
  fs.readFileSync(path.join(root, "package-lock.json"), "utf8")
)
const locked = Object.entries(lock.packages)
const nameOf = (location: string): string => location.slice(location.lastIndexOf("node_modules/") + 13)
const names = new Set(locked.map(([location]) => nameOf(location)))

describe("an installation", () => {
  it("gets the versions that were tested: every direct dependency is exact", () => {
    const { dependencies, devDependencies, optionalDependencies } = packageJson
    for (const [name, version] of Object.entries({ ...dependencies, ...devDependencies, ...optionalDependencies })) {
      assert.match(version, /^\d+\.\d+\.\d+(-[\w.]+)?$/, name)
    }
  })

  it("works on every platform: the lock file holds the optional packages of all of them, or `npm ci` refuses it", () => {
    for (const [location, { optionalDependencies }] of locked) {
      for (const name of Object.keys(optionalDependencies ?? {})) {
        assert.isTrue(names.has(name), `${location} needs ${name}, which is not in package-lock.json`)
      }
    }
  })

  it("works with any registry: the lock file names none", () => {
    assert.deepStrictEqual(
      locked.filter(([, { resolved }]) => resolved !== undefined).map(([location]) => location),
      []
    )
  })

  it("is not stopped by an install script that nobody has looked at", () => {
    const scripted = locked.filter(([, { hasInstallScript }]) => hasInstallScript === true)
    assert.isNotEmpty(scripted)
    for (const [location] of scripted) assert.property(packageJson.allowScripts, nameOf(location))
  })
})

describe("the dbmazz command", () => {
  const startOn = (version: string) =>
    spawnSync(process.execPath, [
      "--import",
      `data:text/javascript,Object.defineProperty(process,"versions",{value:{node:"${version}"}})`,
      path.join(root, packageJson.bin.dbmazz),
      "--help"
    ], { encoding: "utf8" })

  it.each(["20.20.2", "22.18.0"])("says in one line that Node.js %s is too old", (version) => {
    const { status, stderr, stdout } = startOn(version)
    assert.strictEqual(status, 78)
    assert.strictEqual(stdout, "")
    assert.match(stderr, /^dbmazz needs Node\.js 22\.19 or newer; this is v[^\n]+\n$/)
    assert.strictEqual(packageJson.engines.node, ">=22.19")
  })

  it.each(["22.19.0", "23.0.0", "24.21.0"])("does not refuse Node.js %s", (version) => {
    assert.notInclude(startOn(version).stderr, "dbmazz needs Node.js")
  })
})
