/** One run of a PostgreSQL server process: started until it is ready, ended until every one of its children is gone. */
import { type ChildProcess, spawn } from "node:child_process"
import * as fs from "node:fs/promises"
import * as path from "node:path"
import { setTimeout as delay } from "node:timers/promises"
import type { Binaries } from "./Binaries.ts"

export interface Postmaster {
  readonly pid: number
  /** Settles when the server and all its children have ended, whoever ended them. */
  readonly gone: Promise<void>
}

export interface StartOptions {
  readonly binaries: Binaries
  readonly dataDirectory: string
  readonly logFile: string
  readonly settings: Readonly<Record<string, string>>
  /** Removed by the guard after it has stopped the server of a process that died. */
  readonly temporaryDirectory: string | undefined
}

/** Crash recovery of a test's data takes a second or two. */
const READY_MS_MAX = 60_000
/** How often the server's own state file is read while it starts. */
const READY_POLL_MS = 10
/** A fast shutdown waits for walsenders whose client has stopped reading; after this the next signal is sent. */
const STOP_MS_MAX = 3_000
/** Line of postmaster.pid that holds the state, counted from 0 (LOCK_FILE_LINE_PM_STATUS − 1). */
const STATUS_LINE = 7

/** The messages are PostgreSQL's own, whatever the machine's language. */
const environment = (): NodeJS.ProcessEnv => ({ ...process.env, LC_ALL: "C", LANG: "C" })

/** Ten seconds for a fast shutdown, which ends by removing the lock file. `$0` pid, `$1` lock file, `$2` directory. */
const GUARD = `read _ && exit
kill -INT "$0" || exit
i=0
while [ -e "$1" ] && [ $i -lt 50 ]; do sleep 0.2; i=$((i + 1)); done
[ -e "$1" ] && kill -KILL "$0"
[ -z "$2" ] || rm -rf "$2"`

/**
 * A shell that waits for a line; when its input ends without one, this process has died without closing its scopes
 * (kill -9), and the shell stops the server in our place.
 */
const spawnGuard = (pid: number, options: StartOptions): () => void => {
  if (process.platform === "win32") return () => {}
  const lockFile = path.join(options.dataDirectory, "postmaster.pid")
  const guard = spawn("/bin/sh", ["-c", GUARD, String(pid), lockFile, options.temporaryDirectory ?? ""], {
    ...options.binaries.runAs,
    cwd: "/",
    detached: true,
    stdio: ["pipe", "ignore", "ignore"]
  })
  guard.on("error", () => {}) // a machine without a shell has no guard; the server is stopped by the scope all the same
  guard.stdin.on("error", () => {})
  guard.unref()
  return () => guard.stdin.end("done\n")
}

/**
 * Every process of the server inherits the fourth descriptor, so it ends when the last of them has gone; the exit of
 * the postmaster alone says nothing about its children.
 */
const whenGone = (child: ChildProcess): Promise<void> =>
  new Promise((resolve) => {
    const pipe = child.stdio[3]
    const ended = Promise.all([
      new Promise<void>((done) => child.once("exit", () => done())),
      new Promise<void>((done) => {
        if (pipe === null || pipe === undefined || !("resume" in pipe)) return done()
        pipe.once("close", () => done())
        pipe.resume()
      })
    ])
    void ended.then(() => resolve())
  })

const isReady = async (dataDirectory: string, pid: number): Promise<boolean> => {
  const text = await fs.readFile(path.join(dataDirectory, "postmaster.pid"), "utf8").catch(() => "")
  const lines = text.split("\n")
  return lines[0] === String(pid) && lines[STATUS_LINE]?.trim() === "ready"
}

/** Runs `initdb`; its output goes to the log file. Resolves to its exit status. */
export const initialise = async (
  binaries: Binaries,
  dataDirectory: string,
  logFile: string,
  args: ReadonlyArray<string>
): Promise<number | null> => {
  const log = await fs.open(logFile, "a")
  try {
    const child = spawn(binaries.initdb, ["--pgdata", dataDirectory, ...args], {
      ...binaries.runAs,
      cwd: "/",
      env: environment(),
      stdio: ["ignore", log.fd, log.fd]
    })
    return await new Promise((resolve, reject) => child.once("error", reject).once("exit", resolve))
  } finally {
    await log.close()
  }
}

/** Starts the server and waits until it accepts connections. Undefined when it ended instead: the log says why. */
export const start = async (options: StartOptions): Promise<Postmaster | undefined> => {
  const { binaries, dataDirectory, logFile } = options
  const settings = Object.entries(options.settings).flatMap(([name, value]) => ["-c", `${name}=${value}`])
  const log = await fs.open(logFile, "a")
  let child: ChildProcess
  let exited: Promise<void>
  try {
    // A session of its own: Ctrl-C in the terminal must reach us alone, so that we can drain before the server stops.
    child = spawn(binaries.postgres, ["-D", dataDirectory, ...settings], {
      ...binaries.runAs,
      cwd: "/",
      detached: true,
      env: environment(),
      stdio: ["ignore", log.fd, log.fd, "pipe"]
    })
    // Before anything is awaited: a server that refuses its settings may be gone before the next line runs.
    exited = whenGone(child)
    await new Promise((resolve, reject) => child.once("error", reject).once("spawn", () => resolve(undefined)))
  } finally {
    await log.close()
  }
  const pid = child.pid!
  const dismissGuard = spawnGuard(pid, options)
  let ended = false
  const gone = exited.then(() => {
    ended = true
    dismissGuard()
  })
  const postmaster: Postmaster = { pid, gone }
  const deadline = Date.now() + READY_MS_MAX
  while (!ended && Date.now() < deadline) {
    if (await isReady(dataDirectory, pid)) return postmaster
    await Promise.race([gone, delay(READY_POLL_MS)])
  }
  await end(postmaster, ["SIGKILL"])
  return undefined
}

const signal = (pid: number, name: NodeJS.Signals): void => {
  try {
    process.kill(pid, name)
  } catch {
    // it has ended already
  }
}

/** Sends the signals one after the other, each when the one before has not ended the server in time. */
export const end = async (
  postmaster: Postmaster,
  signals: ReadonlyArray<"SIGINT" | "SIGQUIT" | "SIGKILL">
): Promise<void> => {
  for (const name of signals) {
    signal(postmaster.pid, name)
    const timer = new AbortController()
    const timeout = delay(STOP_MS_MAX, "late", { signal: timer.signal }).catch(() => undefined)
    const outcome = await Promise.race([postmaster.gone, timeout])
    timer.abort()
    if (outcome !== "late") return
  }
}
