import { assert, describe, it } from "@effect/vitest"
import * as grpc from "@grpc/grpc-js"
import * as Effect from "effect/Effect"
import { service as published } from "grpc-health-check"
import { HealthCheckResponse } from "../../../src/domain/control/Operations.ts"
import type { HealthClient } from "../../../src/layers/control/proto/grpc/health/v1/Health.ts"
import { ask, connect, drain, OPEN, start, until } from "../../support/GrpcStage.ts"

const KNOWN = [
  "",
  "dbmazz.HealthService",
  "dbmazz.CdcControlService",
  "dbmazz.CdcStatusService",
  "dbmazz.CdcMetricsService"
]

const broken = {
  _tag: "Failed",
  failure: { message: "no slot", remediation: "make one", waitsForOperator: true }
} as const

describe("grpc.health.v1: a load balancer sends its clients to a job that does not replicate, or to none", () => {
  it.live("Check answers for the whole server and each service, to a client of the published definition", () =>
    Effect.gen(function*() {
      const { job, port } = yield* start()
      const Client = grpc.makeClientConstructor(published, "")
      const probe = yield* Effect.acquireRelease(
        Effect.sync(() =>
          new Client(`127.0.0.1:${port}`, grpc.credentials.createInsecure()) as unknown as HealthClient
        ),
        (client) => Effect.sync(() => client.close())
      )
      for (const service of KNOWN) {
        assert.deepEqual(yield* ask(probe.check.bind(probe, { service })), { status: "SERVING" })
      }
      yield* job.report(broken)
      for (const service of KNOWN) {
        assert.deepEqual(yield* ask(probe.check.bind(probe, { service })), { status: "NOT_SERVING" })
      }
    }))

  it.live("Check of a name that nobody serves is NOT_FOUND and lists those that are, also for half a character", () =>
    Effect.gen(function*() {
      const { port } = yield* start()
      const { probe } = yield* connect(port)
      for (const service of ["nope", "\ud800", `${"x".repeat(99)}😀`]) {
        const error = yield* Effect.flip(ask(probe.Check.bind(probe, { service })))
        assert.strictEqual(error.code, grpc.status.NOT_FOUND)
        assert.include(error.details, "'dbmazz.CdcStatusService'")
      }
    }))

  it.live("Watch pushes the status at once and each change of it, and nothing when it stays", () =>
    Effect.gen(function*() {
      const { checks, job, port } = yield* start()
      const { probe } = yield* connect(port)
      const seen: Array<string> = []
      const watch = probe.Watch({ service: "dbmazz.CdcStatusService" })
      watch.on("data", ({ status }: { readonly status: string }) => seen.push(status))
      watch.on("error", () => undefined)
      yield* until(() => seen.length === 1)
      yield* job.command({ _tag: "Pause" })
      // The change was looked at.
      yield* until(() => checks.taken >= 2)
      yield* job.report(broken)
      yield* until(() => seen.length === 2)
      yield* job.report({ _tag: "Replicating" })
      yield* until(() => seen.length === 3)
      yield* job.command({ _tag: "Resume" })
      yield* job.report({ _tag: "Ended" })
      yield* until(() => seen.length === 4)
      assert.deepStrictEqual(seen, ["SERVING", "NOT_SERVING", "SERVING", "NOT_SERVING"])
      watch.cancel()
    }))

  it.live("Watch tells what is no change of the lifecycle too: loads that are retried for too long", () =>
    Effect.gen(function*() {
      let status: "SERVING" | "NOT_SERVING" = "SERVING"
      const { port } = yield* start(OPEN, {
        Check: () =>
          Effect.sync(() =>
            new HealthCheckResponse({ status, stage: "STAGE_CDC", stage_detail: "Replicating", error_detail: "" })
          )
      })
      const { probe } = yield* connect(port)
      const seen: Array<string> = []
      const watch = probe.Watch({ service: "" })
      watch.on("data", (answer: { readonly status: string }) => seen.push(answer.status))
      watch.on("error", () => undefined)
      yield* until(() => seen.length === 1)
      status = "NOT_SERVING"
      yield* until(() => seen.length === 2)
      assert.deepStrictEqual(seen, ["SERVING", "NOT_SERVING"])
      watch.cancel()
    }))

  it.live("Watch of a name that nobody serves says so and stays open", () =>
    Effect.gen(function*() {
      const { port } = yield* start()
      const { probe } = yield* connect(port)
      const watch = probe.Watch({ service: "nope" })
      watch.once("data", () => watch.cancel())
      const { answers, code } = yield* drain(watch)
      assert.deepEqual(answers, [{ status: "SERVICE_UNKNOWN" }])
      assert.strictEqual(code, grpc.status.CANCELLED)
    }))
})
