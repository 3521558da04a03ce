/** What machines ask: is it alive, does it replicate, how does it do. */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as PrometheusMetrics from "effect/observability/PrometheusMetrics"
import * as SubscriptionRef from "effect/SubscriptionRef"
import { JobControl } from "../JobControl.ts"
import type { ControlCalls } from "./ControlCalls.ts"
import * as HttpApi from "./HttpApi.ts"
import { OPEN_PATH } from "./HttpGuard.ts"
import * as HttpReply from "./HttpReply.ts"
import type { Route } from "./HttpRoute.ts"

/** The text format of Prometheus. */
const PROMETHEUS_TYPE = "text/plain; version=0.0.4; charset=utf-8"

/** Asks nothing of the job, so that it answers whatever becomes of it. */
const alive = ({ lifecycle }: JobControl["Service"], startedMs: number) =>
  Effect.zipWith(
    SubscriptionRef.get(lifecycle),
    Clock.currentTimeMillis,
    ({ stage }, nowMs) =>
      HttpReply.json(200, { status: "ok", stage, uptime_secs: Math.floor((nowMs - startedMs) / 1000) })
  )

const ready = (calls: ControlCalls) =>
  Effect.map(calls.Check(), ({ error_detail, stage, stage_detail, status }) => {
    const isReady = status === "SERVING" && stage === "STAGE_CDC"
    return HttpReply.json(isReady ? 200 : 503, {
      ready: isReady,
      stage: HttpApi.stageName(stage),
      stage_detail,
      ...(isReady ? {} : { reason: error_detail === "" ? `not replicating yet: ${stage_detail}` : error_detail })
    })
  })

const metrics = Effect.map(PrometheusMetrics.format(), (body) => HttpReply.text(body, PROMETHEUS_TYPE))

/** The uptime counts from here on. */
export const make = (calls: ControlCalls): Effect.Effect<ReadonlyArray<Route>, never, JobControl> =>
  Effect.zipWith(JobControl, Clock.currentTimeMillis, (job, nowMs): ReadonlyArray<Route> => [
    { method: "GET", path: OPEN_PATH, handle: alive(job, nowMs) },
    { method: "GET", path: "/readyz", handle: ready(calls) },
    { method: "GET", path: "/metrics", handle: metrics },
    { method: "GET", path: "/metrics/prometheus", handle: metrics }
  ])
