/** The program's replication job in this process, which can be drained, killed, and looked at. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Scope from "effect/Scope"
import type { Settings } from "../../src/domain/config/Settings.ts"
import { JobControl } from "../../src/layers/JobControl.ts"
import { Progress, type ProgressState } from "../../src/layers/Progress.ts"
import * as JobLayers from "../../src/programs/JobLayers.ts"
import * as Supervisor from "../../src/streams/Supervisor.ts"

export interface Job {
  readonly progress: Effect.Effect<ProgressState>
  /** Why it has ended by itself; undefined while it runs. */
  readonly ended: () => string | undefined
  /** Loads and confirms what was received, then ends; gives why that failed. */
  readonly drain: Effect.Effect<string | undefined>
  /** Ends in the middle of whatever it does. */
  readonly kill: Effect.Effect<void>
}

const textOf = (exit: Exit.Exit<unknown, unknown>): string | undefined =>
  Exit.isSuccess(exit) ? undefined : String(exit.cause)

/** Starts it; it ends with the scope at the latest. */
export const start = Effect.fnUntraced(function*(settings: Settings): Effect.fn.Return<Job, never, Scope.Scope> {
  const scope = yield* Scope.fork(yield* Effect.scope)
  const shared = yield* Layer.build(JobLayers.shared(settings)).pipe(Scope.provide(scope))
  const progress = Context.get(shared, Progress)
  const control = Context.get(shared, JobControl)
  // Without a control plane a job that cannot go on ends, and says why.
  const running = yield* Supervisor.run(settings, false).pipe(
    Effect.provide(
      JobLayers.job(settings).pipe(
        Layer.provideMerge(Layer.succeedContext(shared)),
        Layer.provideMerge(Logger.layer([]))
      )
    ),
    Effect.forkIn(scope)
  )
  return {
    progress: progress.get,
    ended: () => {
      const exit = running.pollUnsafe()
      return exit === undefined ? undefined : textOf(exit) ?? "it ended by itself"
    },
    drain: control.command({ _tag: "DrainAndStop" }).pipe(
      Effect.andThen(Fiber.await(running)),
      Effect.map(textOf),
      Effect.tap(() => Scope.close(scope, Exit.void))
    ),
    kill: Scope.close(scope, Exit.void)
  }
})
