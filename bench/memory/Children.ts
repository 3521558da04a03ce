/** The endpoint and the daemon as processes of their own, compiled and started as the product is. */
import { type ChildProcess, execFileSync, spawn } from "node:child_process"
import { cpSync } from "node:fs"
import * as path from "node:path"
import { createInterface } from "node:readline"

/** As the program itself is started (bin/dbmazz.js, Dockerfile, package.json). */
const NODE_FLAGS = "--max-semi-space-size=2"
const ROOT = path.join(import.meta.dirname, "../..")
const MAIN = path.join(ROOT, ".dbmazz/bench/src/programs/Main.js")

export interface Child {
  readonly pid: number
  /** Waits for a line that holds the text; rejects when the process ends without one. */
  readonly said: (text: string) => Promise<string>
  /** Ends it and waits for its end. */
  readonly end: (signal: "SIGKILL" | "SIGTERM") => Promise<void>
}

export interface Ports {
  readonly fePort: number
  readonly bePort: number
  readonly mysqlPort: number
}

/** Stripping types at the start costs memory of its own, so the children are compiled. */
export const build = (): void => {
  execFileSync(process.execPath, [path.join(ROOT, "node_modules/typescript/bin/tsc"), "-p", path.join(ROOT, "bench")], {
    stdio: "inherit"
  })
  // Where the compiled program looks for it.
  cpSync(path.join(ROOT, "proto"), path.join(ROOT, ".dbmazz/bench/proto"), { recursive: true })
}

/** Starts `dbmazz <args>`. */
export const start = (args: ReadonlyArray<string>, environment: Readonly<Record<string, string>>): Child => {
  const child: ChildProcess = spawn(process.execPath, [NODE_FLAGS, MAIN, ...args], {
    env: { PATH: process.env["PATH"], HOME: process.env["HOME"], ...environment },
    stdio: ["ignore", "pipe", "pipe"]
  })
  const lines: Array<string> = []
  const waiting = new Set<() => void>()
  let ended = false
  const gone = new Promise<void>((resolve) =>
    child.once("close", () => {
      ended = true
      for (const look of waiting) look()
      resolve()
    })
  )
  for (const output of [child.stdout, child.stderr]) {
    if (output === null) continue
    createInterface({ input: output }).on("line", (line) => {
      lines.push(line)
      for (const look of waiting) look()
    })
  }
  return {
    pid: child.pid ?? 0,
    said: (text) =>
      new Promise((resolve, reject) => {
        const look = (): void => {
          const found = lines.find((line) => line.includes(text))
          if (found === undefined && !ended) return
          waiting.delete(look)
          if (found === undefined) reject(new Error(`dbmazz ${args[0]} ended: ${lines.slice(-3).join("\n")}`))
          else resolve(found)
        }
        waiting.add(look)
        look()
      }),
    end: async (signal) => {
      child.kill(signal)
      await gone
    }
  }
}

/** The StarRocks-compatible endpoint on this data; ports of 0 are free ones. */
export const startEndpoint = async (
  data: string,
  database: string,
  ports: Ports
): Promise<{ readonly child: Child; readonly ports: Ports }> => {
  const child = start([
    "embedded-starrocks",
    `--data=${data}`,
    `--database=${database}`,
    `--fe-port=${ports.fePort}`,
    `--be-port=${ports.bePort}`,
    `--mysql-port=${ports.mysqlPort}`
  ], {})
  const ready: Ports = JSON.parse(await child.said("\"ready\""))
  return { child, ports: ready }
}
