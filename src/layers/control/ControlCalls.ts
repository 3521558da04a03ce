/** Calls the operations within the process: gRPC, the JSON endpoints and `/rpc` all do what these do. */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Headers from "effect/http/Headers"
import * as Rpc from "effect/rpc/Rpc"
import type * as RpcGroup from "effect/rpc/RpcGroup"
import { RequestId } from "effect/rpc/RpcMessage"
import * as Stream from "effect/Stream"
import { type InvalidArgument, type MetricsResponse, Operations } from "../../domain/control/Operations.ts"

type Requests = RpcGroup.Rpcs<typeof Operations>
type Payload<Tag extends Requests["_tag"]> = Rpc.Payload<Extract<Requests, { readonly _tag: Tag }>>
type Success<Tag extends Requests["_tag"]> = Rpc.Success<Extract<Requests, { readonly _tag: Tag }>>
type Plain = Exclude<Requests["_tag"], "Stop" | "ReloadConfig" | "StreamMetrics">

/** Whoever implements the operations. */
export type Handlers = Rpc.ToHandler<Requests>

/** One method an operation. A stream is pulled only as fast as it is read, and ends with its reader. */
export type ControlCalls =
  & { readonly [Tag in Plain]: () => Effect.Effect<Success<Tag>> }
  & {
    readonly [Tag in "Stop" | "ReloadConfig"]: (payload: Payload<Tag>) => Effect.Effect<Success<Tag>>
  }
  & { readonly StreamMetrics: (payload: Payload<"StreamMetrics">) => Stream.Stream<MetricsResponse, InvalidArgument> }

/** A handler may answer later, by a deferred. */
const settled = <A>(answer: Effect.Effect<A | Deferred.Deferred<A>>): Effect.Effect<A> =>
  Effect.flatMap(
    answer,
    (value) => (Deferred.isDeferred<A, never>(value) ? Deferred.await(value) : Effect.succeed(value))
  )

/** The handlers in the context, as plain functions. */
export const make: Effect.Effect<ControlCalls, never, Handlers> = Effect.gen(function*() {
  const check = yield* Operations.accessHandler("Check")
  const pause = yield* Operations.accessHandler("Pause")
  const resume = yield* Operations.accessHandler("Resume")
  const drain = yield* Operations.accessHandler("DrainAndStop")
  const stop = yield* Operations.accessHandler("Stop")
  const reload = yield* Operations.accessHandler("ReloadConfig")
  const startSnapshot = yield* Operations.accessHandler("StartSnapshot")
  const pauseSnapshot = yield* Operations.accessHandler("PauseSnapshot")
  const resumeSnapshot = yield* Operations.accessHandler("ResumeSnapshot")
  const status = yield* Operations.accessHandler("GetStatus")
  const metrics = yield* Operations.accessHandler("StreamMetrics")
  let requests = 0
  /** What a handler may know of a request that did not come from a client of the group. */
  const options = () => {
    requests += 1
    return { client: new Rpc.ServerClient(requests), requestId: RequestId(requests), headers: Headers.empty }
  }
  return {
    Check: () => Effect.suspend(() => settled(check(undefined, options()))),
    Pause: () => Effect.suspend(() => settled(pause(undefined, options()))),
    Resume: () => Effect.suspend(() => settled(resume(undefined, options()))),
    DrainAndStop: () => Effect.suspend(() => settled(drain(undefined, options()))),
    Stop: (payload) => Effect.suspend(() => settled(stop(payload, options()))),
    ReloadConfig: (payload) => Effect.suspend(() => settled(reload(payload, options()))),
    StartSnapshot: () => Effect.suspend(() => settled(startSnapshot(undefined, options()))),
    PauseSnapshot: () => Effect.suspend(() => settled(pauseSnapshot(undefined, options()))),
    ResumeSnapshot: () => Effect.suspend(() => settled(resumeSnapshot(undefined, options()))),
    GetStatus: () => Effect.suspend(() => settled(status(undefined, options()))),
    StreamMetrics: (payload) =>
      Stream.suspend(() => {
        const samples = metrics(payload, options())
        return Effect.isEffect(samples) ? Stream.unwrap(Effect.map(samples, Stream.fromQueue)) : samples
      })
  }
})
