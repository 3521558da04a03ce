/** The endpoint as a program of its own, for tests that kill it. */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import * as path from "node:path"
import { createInterface } from "node:readline"

const MAIN = path.join(import.meta.dirname, "../../src/programs/Main.ts")

const Ready = Schema.Struct({
  fePort: Schema.Int,
  bePort: Schema.Int,
  mysqlPort: Schema.Int,
  adminPort: Schema.Int
})

export interface EndpointProcess {
  readonly pid: number
  readonly fePort: number
  readonly bePort: number
  readonly mysqlPort: number
  readonly adminPort: number
  /** Ends it and waits until it is gone. */
  readonly end: (signal: "SIGKILL" | "SIGTERM") => Promise<void>
}

const end = async (child: ChildProcess, signal: "SIGKILL" | "SIGTERM"): Promise<void> => {
  if (child.exitCode !== null || child.signalCode !== null) return
  const exit = once(child, "exit")
  child.kill(signal)
  await exit
}

const ready = async (child: ChildProcess): Promise<EndpointProcess> => {
  if (child.stdout === null || child.pid === undefined) throw new Error("the endpoint could not be started")
  for await (const line of createInterface({ input: child.stdout })) {
    const ports = Schema.decodeUnknownSync(Ready)(JSON.parse(line))
    return { ...ports, pid: child.pid, end: (signal) => end(child, signal) }
  }
  throw new Error("the endpoint ended before it was ready")
}

/** Starts it on free ports with a database `d`; killed when the scope closes. */
export const start = (data: string): Effect.Effect<EndpointProcess, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.sync(() => {
      const ports = ["--fe-port", "0", "--be-port", "0", "--mysql-port", "0", "--admin-port", "0"]
      const child = spawn(
        process.execPath,
        [MAIN, "embedded-starrocks", ...ports, "--data", data, "--database", "d"],
        { stdio: ["ignore", "pipe", "inherit"] }
      )
      return child
    }),
    (child) => Effect.promise(() => end(child, "SIGKILL"))
  ).pipe(Effect.flatMap((child) => Effect.promise(() => ready(child))))
