/** A replication job in this process, under control, with a client of its operations. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Result from "effect/Result"
import * as RpcTest from "effect/rpc/RpcTest"
import * as Scope from "effect/Scope"
import * as SubscriptionRef from "effect/SubscriptionRef"
import * as Settings from "../../src/domain/config/Settings.ts"
import { type HealthCheckResponse, Operations } from "../../src/domain/control/Operations.ts"
import * as Handlers from "../../src/layers/control/Handlers.ts"
import { JobControl } from "../../src/layers/JobControl.ts"
import * as JobLayers from "../../src/programs/JobLayers.ts"
import * as Supervisor from "../../src/streams/Supervisor.ts"
import * as PostgresServer from "./PostgresServer.ts"

/** Starts the job; it ends with the scope at the latest. */
export const start = Effect.fnUntraced(function*(environment: Readonly<Record<string, string>>) {
  const settings = Result.getOrThrow(Settings.fromEnv(environment))
  const scope = yield* Scope.Scope
  const shared = yield* Layer.build(
    Layer.provideMerge(Handlers.layer(settings.slot), JobLayers.shared(settings))
  )
  const client = yield* RpcTest.makeClient(Operations).pipe(Effect.provide(shared))
  const running = yield* Effect.forkIn(
    Effect.provide(
      Supervisor.run(settings, true),
      Layer.provideMerge(JobLayers.job(settings), Layer.succeedContext(shared))
    ),
    scope
  )
  const until = (is: (health: HealthCheckResponse) => boolean) =>
    client.Check().pipe(Effect.repeat({ schedule: PostgresServer.pollEvery, until: is }))
  return {
    settings,
    client,
    lifecycle: SubscriptionRef.get(Context.get(shared, JobControl).lifecycle),
    /** Waits for an answer of `Check`. */
    until,
    replicating: until(({ stage, status }) => stage === "STAGE_CDC" && status === "SERVING"),
    /** Waits for the end: how it ended. */
    ended: Effect.map(Fiber.await(running), (exit): string => Exit.isSuccess(exit) ? "drained" : String(exit.cause)),
    isRunning: Effect.sync(() => running.pollUnsafe() === undefined)
  }
})
