/** `dbmazz` as a process of its own, for tests that kill it. */
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"
import { type ChildProcess, spawn } from "node:child_process"
import * as path from "node:path"
import type { PgAddress, SrAddress } from "../../src/domain/config/Settings.ts"
import * as EmbeddedPostgres from "../../src/layers/embedded/EmbeddedPostgres.ts"
import * as ChildEnvironment from "./ChildEnvironment.ts"

export interface DbmazzProcess {
  readonly pid: number
  /** What it has written to standard error (the log) and standard output. */
  readonly log: () => string
  readonly output: () => string
  /** Waits for text in the log; the test's own timeout ends it. */
  readonly logged: (text: string) => Effect.Effect<void>
  readonly kill: (signal: NodeJS.Signals) => Effect.Effect<void>
  /** Exit code, or the signal's name; waits for the end. */
  readonly exit: Effect.Effect<number | string>
}

const MAIN = path.join(import.meta.dirname, "../../src/programs/Main.ts")

/** The environment of a job from this database into this endpoint. */
export const jobEnvironment = (
  source: PgAddress,
  sink: SrAddress,
  extra: Readonly<Record<string, string>> = {}
): Record<string, string> => ({
  DATABASE_URL: Redacted.value(EmbeddedPostgres.urlOf(source)),
  STARROCKS_URL: sink.url,
  STARROCKS_PORT: String(sink.sqlPort),
  STARROCKS_DB: sink.database,
  STARROCKS_USER: sink.user,
  STARROCKS_PASS: Redacted.value(sink.password),
  FLUSH_INTERVAL_MS: "100",
  // Without a control plane a job that waits for a person ends, and no two of them want the same port.
  GRPC_PORT: "0",
  HTTP_PORT: "0",
  ...extra
})

/** Starts `dbmazz <args>`; killed when the scope closes. */
export const start = (
  args: ReadonlyArray<string>,
  environment: Readonly<Record<string, string>>
): Effect.Effect<DbmazzProcess, never, Scope.Scope> =>
  Effect.map(
    Effect.acquireRelease(
      Effect.sync(() => spawnDbmazz(args, environment)),
      (running) => Effect.andThen(running.process.kill("SIGKILL"), running.process.exit)
    ),
    (running) => running.process
  )

const spawnDbmazz = (args: ReadonlyArray<string>, environment: Readonly<Record<string, string>>) => {
  const child = spawn(process.execPath, [MAIN, ...args], {
    env: { ...ChildEnvironment.own(), ...environment },
    stdio: ["ignore", "pipe", "pipe"]
  })
  const state = { log: "", output: "", waiting: new Set<() => void>() }
  child.stdout.on("data", (chunk: Buffer) => {
    state.output += chunk.toString("utf8")
  })
  child.stderr.on("data", (chunk: Buffer) => {
    state.log += chunk.toString("utf8")
    for (const look of state.waiting) look()
  })
  return { process: handle(child, state) }
}

const handle = (
  child: ChildProcess,
  state: { log: string; readonly output: string; readonly waiting: Set<() => void> }
): DbmazzProcess => ({
  pid: child.pid ?? 0,
  log: () => state.log,
  output: () => state.output,
  logged: (text) =>
    Effect.callback<void>((resume) => {
      const look = () => {
        if (!state.log.includes(text)) return
        state.waiting.delete(look)
        resume(Effect.void)
      }
      state.waiting.add(look)
      look()
      return Effect.sync(() => state.waiting.delete(look))
    }),
  kill: (signal) => Effect.sync(() => void child.kill(signal)),
  exit: Effect.callback<number | string>((resume) => {
    const ended = () => resume(Effect.succeed(child.exitCode ?? child.signalCode ?? "unknown"))
    if (child.exitCode !== null || child.signalCode !== null) ended()
    else child.once("close", ended)
  })
})
