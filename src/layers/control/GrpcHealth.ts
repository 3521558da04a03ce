/**
 * `grpc.health.v1.Health`: what load balancers and orchestrators ask of any gRPC server. It says of the whole server and
 * of each service of dbmazz what the operation `Check` says of the job.
 *
 * Not by grpc-health-check: that never forgets a name that somebody watched, and writes to a watcher that does not read.
 */
import { type Server, status } from "@grpc/grpc-js"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import * as SubscriptionRef from "effect/SubscriptionRef"
import type * as Operations from "../../domain/control/Operations.ts"
import { JobControl } from "../JobControl.ts"
import * as GrpcCalls from "./GrpcCalls.ts"
import * as GrpcProto from "./GrpcProto.ts"
import type { HealthHandlers } from "./proto/grpc/health/v1/Health.ts"
import type { HealthCheckResponse } from "./proto/grpc/health/v1/HealthCheckResponse.ts"

/** The empty name is the whole server. */
const KNOWN: ReadonlySet<string> = new Set(["", ...GrpcProto.OWN_SERVICES])

/** Names in texts are cut: they may be as long as a message. In characters. */
const NAME_LENGTH_MAX = 100

/** What is wrong with loads is no change of the lifecycle, and becomes serious with time: so it is looked at as well. */
const LOOK_EVERY = "1 second"

type Status = NonNullable<HealthCheckResponse["status"]>
const inForm = (status: Status): { readonly status: Status } => ({ status })

const unknownService = (name: string) =>
  new GrpcCalls.Refusal({
    code: status.NOT_FOUND,
    message: `there is no service '${name.slice(0, NAME_LENGTH_MAX)}'; known are '${[...KNOWN].join("', '")}'`
  })

/**
 * Adds the service. Watchers get the status at once, and each change of it: at once after one of the lifecycle, else within a
 * second.
 */
export const serve = Effect.fnUntraced(function*(
  server: Server,
  calls: GrpcCalls.Calls,
  check: Effect.Effect<Operations.HealthCheckResponse>
) {
  const { lifecycle } = yield* JobControl
  const current = Effect.map(check, (health) => health.status)
  const statuses = Stream.merge(
    SubscriptionRef.changes(lifecycle),
    Stream.fromSchedule(Schedule.spaced(LOOK_EVERY))
  ).pipe(
    // Only the last change counts for a watcher that is slow.
    Stream.buffer({ capacity: 1, strategy: "sliding" }),
    Stream.mapEffect(() => current),
    Stream.changes
  )
  // The protocol has it that the service may come to be known later, so the call stays open.
  const unknown = Stream.concat(Stream.make(inForm("SERVICE_UNKNOWN")), Stream.never)
  const handlers: HealthHandlers = {
    Check: calls.unary(
      "grpc.health.v1.Health/Check",
      ({ service }) => KNOWN.has(service) ? Effect.map(current, inForm) : Effect.fail(unknownService(service))
    ),
    Watch: calls.streaming(
      "grpc.health.v1.Health/Watch",
      ({ service }) => KNOWN.has(service) ? Stream.map(statuses, inForm) : unknown
    )
  }
  server.addService(GrpcProto.Health, handlers)
})
