/** `dbmazz run`: the daemon. Replicates until it is told to stop, then loads and confirms what it has received. */
import * as Command from "effect/cli/Command"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Misspelling from "../domain/config/Misspelling.ts"
import type { Settings } from "../domain/config/Settings.ts"
import { JobControl } from "../layers/JobControl.ts"
import * as Log from "../layers/Log.ts"
import * as Supervisor from "../streams/Supervisor.ts"
import * as Configuration from "./Configuration.ts"
import * as ControlPlane from "./ControlPlane.ts"
import * as JobLayers from "./JobLayers.ts"
import * as Logging from "./Logging.ts"

const log = Log.module("Run")

/**
 * How long a stop by signal may take in ms: orchestrators kill after 30 s or more. What is not confirmed by then is read
 * again at the next start. A drain over the control plane takes as long as it needs.
 */
const DRAIN_MS_MAX = 25_000

const job = (settings: Settings) =>
  Supervisor.run(settings, ControlPlane.isOn(settings.control)).pipe(Effect.provide(JobLayers.job(settings)))

/** Runs the job until it ends or is interrupted; an interruption drains. `process.exitCode` says whether that ended in time. */
const replicate = Effect.fnUntraced(function*(settings: Settings) {
  for (const misspelling of Misspelling.find(process.env)) yield* log.warn(misspelling)
  const running = yield* Effect.forkScoped(job(settings))
  yield* Fiber.join(running).pipe(Effect.onInterrupt(() => drain(running)))
  yield* log.info("stopped")
}, Effect.scoped)

const drain = Effect.fnUntraced(function*<E>(running: Fiber.Fiber<void, E>) {
  yield* log.info("stopping: loading and confirming what was received")
  yield* (yield* JobControl).command({ _tag: "DrainAndStop" })
  const exit = yield* Effect.timeoutOption(Fiber.await(running), DRAIN_MS_MAX)
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
    // The control plane listens before either side is spoken to.
    const served = Layer.provideMerge(ControlPlane.layer(settings), JobLayers.shared(settings))
    yield* replicate(settings).pipe(Effect.provide(Layer.provideMerge(served, Logging.fromSettings(settings))))
  })
).pipe(Command.withDescription("replicate until SIGTERM, then load and confirm what was received"))
