/** `dbmazz run`: the daemon. Replicates until it is told to stop, then loads and confirms what it has received. */
import * as Command from "effect/cli/Command"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import type { Settings } from "../domain/config/Settings.ts"
import * as Log from "../layers/Log.ts"
import * as Replication from "../streams/Replication.ts"
import * as Configuration from "./Configuration.ts"
import * as JobLayers from "./JobLayers.ts"
import * as Logging from "./Logging.ts"

const log = Log.module("Run")

/**
 * How long a stop may take in ms: orchestrators kill after 30 s or more. What is not confirmed by then is read again at
 * the next start.
 */
const DRAIN_MS_MAX = 25_000

/**
 * Runs the job until it fails or is interrupted. An interruption drains: reading stops, what was received is loaded,
 * stored and confirmed. `process.exitCode` says whether that ended in time.
 */
const replicate = Effect.fnUntraced(function*(settings: Settings) {
  const stop = yield* Deferred.make<void>()
  const job = yield* Effect.forkScoped(Replication.run(settings, stop))
  yield* Fiber.join(job).pipe(Effect.onInterrupt(() => drain(stop, job)))
}, Effect.scoped)

const drain = Effect.fnUntraced(function*<E>(stop: Deferred.Deferred<void>, job: Fiber.Fiber<void, E>) {
  yield* log.info("stopping: loading and confirming what was received")
  yield* Deferred.succeed(stop, undefined)
  const exit = yield* Effect.timeoutOption(Fiber.await(job), DRAIN_MS_MAX)
  const drained = Option.isSome(exit) && Exit.isSuccess(exit.value)
  process.exitCode = drained ? 0 : 1
  if (Option.isSome(exit) && Exit.isFailure(exit.value)) yield* log.warn("the drain failed", {}, exit.value.cause)
  yield* drained
    ? log.info("stopped; everything received is confirmed")
    : log.warn("stopped before everything was confirmed; the rest is read again at the next start")
})

export const command = Command.make(
  "run",
  Configuration.flags,
  Effect.fnUntraced(function*(flags) {
    const settings = yield* Configuration.settings(flags, process.env)
    yield* replicate(settings).pipe(
      Effect.provide(Layer.provideMerge(JobLayers.layer(settings), Logging.fromSettings(settings)))
    )
  })
).pipe(Command.withDescription("replicate until SIGTERM, then load and confirm what was received"))
