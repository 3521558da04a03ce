/** A program that is started again and again: at most one run at a time, and an end that nobody asked for is noticed. */
import * as Effect from "effect/Effect"
import * as Scope from "effect/Scope"
import * as Semaphore from "effect/Semaphore"
import * as fs from "node:fs"
import * as path from "node:path"
import * as DbmazzProcess from "../support/DbmazzProcess.ts"

export interface Program {
  /** The newest run, also when it has ended. */
  readonly current: () => DbmazzProcess.DbmazzProcess
  /** Starts a run when none is alive. */
  readonly ensure: Effect.Effect<void>
  /** Ends the run that is alive with this signal, waits for its end and gives the exit code or the signal's name. */
  readonly end: (signal: "SIGKILL" | "SIGTERM") => Effect.Effect<number | string>
  /** Ends it, leaves it down for this long, and starts it again; nothing else starts it in between. */
  readonly cycle: (
    signal: "SIGKILL" | "SIGTERM",
    downMs: number,
    ended: (exit: number | string) => Effect.Effect<void>
  ) => Effect.Effect<void>
  readonly signal: (signal: "SIGSTOP" | "SIGCONT") => Effect.Effect<void>
  readonly runs: () => number
  /** Writes what the runs have said so far into files of the directory. */
  readonly writeLogs: () => void
}

export interface Options {
  readonly name: string
  /** For the logs. */
  readonly directory: string
  /** Starts one run and waits until it is up, as far as that is to be waited for. */
  readonly launch: Effect.Effect<DbmazzProcess.DbmazzProcess, never, Scope.Scope>
  /** Called when a run ends that nobody has ended. */
  readonly onUnexpectedEnd: (exit: number | string) => void
}

/** Starts the first run; the last one is killed when the scope closes. */
export const make = Effect.fnUntraced(function*(options: Options): Effect.fn.Return<Program, never, Scope.Scope> {
  const scope = yield* Effect.scope
  const lock = yield* Semaphore.make(1)
  const runs: Array<DbmazzProcess.DbmazzProcess> = []
  const ended = new Set<DbmazzProcess.DbmazzProcess>()
  const asked = new Set<DbmazzProcess.DbmazzProcess>()

  const start = Effect.gen(function*() {
    const run = yield* Scope.provide(options.launch, scope)
    runs.push(run)
    yield* run.exit.pipe(
      Effect.tap((exit) =>
        Effect.sync(() => {
          ended.add(run)
          if (!asked.has(run)) options.onUnexpectedEnd(exit)
        })
      ),
      Effect.forkIn(scope)
    )
  })
  yield* start

  const current = (): DbmazzProcess.DbmazzProcess => {
    const run = runs.at(-1)
    if (run === undefined) throw new Error(`${options.name} was never started`)
    return run
  }
  const endNow = Effect.fnUntraced(function*(signal: "SIGKILL" | "SIGTERM") {
    const run = current()
    asked.add(run)
    yield* run.kill(signal)
    return yield* run.exit
  })

  // The last run's end is asked for by closing the scope.
  yield* Effect.addFinalizer(() => Effect.sync(() => asked.add(current())))

  return {
    current,
    ensure: lock.withPermit(Effect.suspend(() => ended.has(current()) ? start : Effect.void)),
    end: (signal) => lock.withPermit(endNow(signal)),
    cycle: (signal, downMs, onEnd) =>
      lock.withPermit(
        endNow(signal).pipe(Effect.flatMap(onEnd), Effect.andThen(Effect.sleep(downMs)), Effect.andThen(start))
      ),
    signal: (signal) => Effect.suspend(() => current().kill(signal)),
    runs: () => runs.length,
    writeLogs: () => {
      for (const [index, run] of runs.entries()) {
        fs.writeFileSync(path.join(options.directory, `${options.name}-${index + 1}.log`), run.log())
      }
    }
  }
})
