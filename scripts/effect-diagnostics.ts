/**
 * Runs the Effect diagnostics (floating effects, missing `return yield*`, …) over every TypeScript file of the project.
 *
 * The checker exits 0 when a tsconfig lacks its plugin entry and it has checked nothing, so this script also counts:
 * fewer files checked than there are is a failure.
 */
import { spawnSync } from "node:child_process"
import * as fs from "node:fs"
import * as path from "node:path"

const root = path.join(import.meta.dirname, "..")

/** Each project and the folders whose files it must check. */
const projects = [
  { tsconfig: "tsconfig.json", folders: ["src", "test", "bench"] },
  { tsconfig: "scripts/tsconfig.json", folders: ["scripts"] }
]

const sourceCount = (folder: string): number => {
  const absolute = path.join(root, folder)
  if (!fs.existsSync(absolute)) return 0
  return fs.readdirSync(absolute, { recursive: true, encoding: "utf8" }).filter((name) => name.endsWith(".ts")).length
}

const check = (tsconfig: string, wanted: number): boolean => {
  const result = spawnSync(
    path.join(root, "node_modules/.bin/effect-tsgo"),
    ["diagnostics", "--strict", "--format", "text", "--project", tsconfig],
    { cwd: root, encoding: "utf8" }
  )
  process.stdout.write(result.stdout)
  process.stderr.write(result.stderr)
  const checked = Number(/Checked (\d+) files out of/.exec(result.stdout)?.[1] ?? 0)
  if (checked < wanted) {
    console.error(
      `${tsconfig}: ${checked} files were checked, but there are ${wanted}; see "plugins" and "include" there`
    )
    return false
  }
  return result.status === 0
}

const passed = projects.map(({ folders, tsconfig }) =>
  check(tsconfig, folders.reduce((sum, folder) => sum + sourceCount(folder), 0))
)
process.exitCode = passed.every((ok) => ok) ? 0 : 1
