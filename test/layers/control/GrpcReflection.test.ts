import { assert, describe, it } from "@effect/vitest"
import * as grpc from "@grpc/grpc-js"
import { loadFileDescriptorSetFromBuffer, loadSync } from "@grpc/proto-loader"
import * as Effect from "effect/Effect"
import { createRequire } from "node:module"
import * as path from "node:path"
import * as BufCurl from "../../support/BufCurl.ts"
import * as GrpcFrames from "../../support/GrpcFrames.ts"
import { ask, type Clients, drain, settled, start, until } from "../../support/GrpcStage.ts"

const SERVICES = [
  "dbmazz.CdcControlService",
  "dbmazz.CdcMetricsService",
  "dbmazz.CdcStatusService",
  "dbmazz.HealthService",
  "grpc.health.v1.Health",
  "grpc.reflection.v1.ServerReflection",
  "grpc.reflection.v1alpha.ServerReflection"
]
const METHODS = [
  "dbmazz.CdcControlService/DrainAndStop",
  "dbmazz.CdcControlService/Pause",
  "dbmazz.CdcControlService/PauseSnapshot",
  "dbmazz.CdcControlService/ReloadConfig",
  "dbmazz.CdcControlService/Resume",
  "dbmazz.CdcControlService/ResumeSnapshot",
  "dbmazz.CdcControlService/StartSnapshot",
  "dbmazz.CdcControlService/Stop",
  "dbmazz.CdcMetricsService/StreamMetrics",
  "dbmazz.CdcStatusService/GetStatus",
  "dbmazz.HealthService/Check",
  "grpc.health.v1.Health/Check",
  "grpc.health.v1.Health/Watch",
  "grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
  "grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo"
]
const VERSIONS = ["grpc-v1", "grpc-v1alpha"] as const

const lines = (text: string): ReadonlyArray<string> => text.trim().split("\n")

/** The answer as JSON, or a failure that shows what buf says. */
const json = (finished: BufCurl.Finished): unknown => {
  assert.strictEqual(finished.status, 0, finished.stderr)
  return JSON.parse(finished.stdout)
}

describe("reflection: a person with grpcurl or buf and no proto file stands before a closed door", () => {
  for (const version of VERSIONS) {
    it.live(`buf lists every service and method over ${version}`, () =>
      Effect.gen(function*() {
        const { port } = yield* start()
        const list = (flag: string) => BufCurl.curl([flag, "--reflect-protocol", version, `http://127.0.0.1:${port}`])
        assert.deepStrictEqual(lines((yield* list("--list-services")).stdout), SERVICES)
        const methods = yield* list("--list-methods")
        assert.strictEqual(methods.status, 0, methods.stderr)
        assert.deepStrictEqual(lines(methods.stdout), METHODS)
      }))
  }

  it.live("buf calls every rpc by reflection: field by field, 64-bit numbers as strings", () =>
    Effect.gen(function*() {
      const { asked, port } = yield* start()
      const call = (method: string, data: unknown) =>
        Effect.map(
          BufCurl.curl(["--emit-defaults", "-d", JSON.stringify(data), `http://127.0.0.1:${port}/${method}`]),
          json
        )
      assert.deepStrictEqual(yield* call("dbmazz.HealthService/Check", { service: "ignored" }), {
        status: "SERVING",
        stage: "STAGE_CDC",
        stageDetail: "Initializing",
        errorDetail: ""
      })
      assert.deepStrictEqual(yield* call("dbmazz.CdcStatusService/GetStatus", {}), {
        state: "PAUSED",
        currentLsn: "18446744073709551615",
        confirmedLsn: "97500059720",
        pendingEvents: "9007199254740993",
        slotName: "dbmazz_slot",
        tables: ["public.orders", "sales.\"Größe\""],
        snapshotActive: true,
        snapshotChunksTotal: "7",
        snapshotChunksDone: "3",
        snapshotRowsSynced: "123456789012",
        tableProgress: [{
          tableName: "public.orders",
          chunksTotal: "7",
          chunksDone: "3",
          rowsSynced: "18446744073709551615"
        }],
        snapshotPaused: true
      })
      const commands: ReadonlyArray<readonly [string, unknown]> = [
        ["Pause", {}],
        ["Resume", {}],
        ["DrainAndStop", {}],
        ["Stop", { skip_slot_cleanup: true }],
        ["ReloadConfig", { flush_size: "18446744073709551615", flush_interval_ms: 7, tables: ["a"] }],
        ["StartSnapshot", {}],
        ["PauseSnapshot", {}],
        ["ResumeSnapshot", {}]
      ]
      for (const [name, request] of commands) {
        assert.deepStrictEqual(
          yield* call(`dbmazz.CdcControlService/${name}`, request),
          { success: true, message: `${name} done` }
        )
      }
      assert.deepStrictEqual(asked.map(([name]) => name), commands.map(([name]) => name))
      assert.deepStrictEqual(asked[3]?.[1], { skip_slot_cleanup: true })
      assert.deepStrictEqual(asked[4]?.[1], {
        flush_size: 18_446_744_073_709_551_615n,
        flush_interval_ms: 7n,
        tables: ["a"]
      })
      assert.deepStrictEqual(yield* call("grpc.health.v1.Health/Check", {}), { status: "SERVING" })
    }), 60_000)

  it.live("buf streams metrics by reflection, and sees the refusal in v1's words", () =>
    Effect.gen(function*() {
      const { port, samples } = yield* start()
      const url = `http://127.0.0.1:${port}/dbmazz.CdcMetricsService/StreamMetrics`
      // The stream has no end of its own: buf is ended by its time limit, with what it got until then.
      const streamed = yield* BufCurl.curl(["--timeout", "2s", "-d", "{\"interval_ms\":100}", url])
      const [first, second] = streamed.stdout.split(/(?<=^\})\n/m).map((text): unknown => JSON.parse(text || "{}"))
      const sample = {
        eventsPerSecond: 1234.5,
        lagBytes: "18446744073709551615",
        lagEvents: "2",
        memoryBytes: "3",
        totalEventsProcessed: "9007199254740993",
        totalBatchesSent: "5",
        cpuMillicores: "6",
        replicationLagMs: "7"
      }
      assert.deepEqual(first, sample)
      assert.deepEqual(second, { timestamp: "1", ...sample })
      yield* until(() => samples.open === 0)
      const refused = yield* BufCurl.curl(["-d", "{}", url])
      assert.strictEqual(refused.status, grpc.status.INVALID_ARGUMENT << 3)
      assert.deepStrictEqual(JSON.parse(refused.stderr), {
        code: "invalid_argument",
        message: "interval_ms must be > 0"
      })
    }), 60_000)
})

interface Answer {
  readonly fileDescriptorResponse?: { readonly fileDescriptorProto: ReadonlyArray<Buffer> }
  readonly errorResponse?: { readonly errorCode: number; readonly errorMessage: string }
}

const require = createRequire(import.meta.url)

/** A client of the reflection service as the grpc project publishes it. */
const reflection = (version: "v1" | "v1alpha", port: number) => {
  const file = path.join(
    path.dirname(require.resolve("@grpc/reflection/package.json")),
    `build/proto/grpc/reflection/${version}/reflection.proto`
  )
  const service = loadSync(file)[`grpc.reflection.${version}.ServerReflection`] as grpc.ServiceDefinition
  const Client = grpc.makeClientConstructor(service, "")
  return new Client(`127.0.0.1:${port}`, grpc.credentials.createInsecure())
}

const talk = (client: grpc.Client): grpc.ClientDuplexStream<unknown, Answer> =>
  (client as unknown as { ServerReflectionInfo: () => grpc.ClientDuplexStream<unknown, Answer> }).ServerReflectionInfo()

const question = (client: grpc.Client, request: unknown): Effect.Effect<Answer> =>
  Effect.callback((resume) => {
    const stream = talk(client)
    stream.on("data", (answer: Answer) => resume(Effect.succeed(answer)))
    stream.on("error", (error) => resume(Effect.die(error)))
    stream.write(request)
    stream.end()
  })

/** A FileDescriptorSet: each file is field 1, length-delimited. */
const descriptorSet = (files: ReadonlyArray<Buffer>): Buffer =>
  Buffer.concat(files.flatMap((file) => {
    const length: Array<number> = []
    for (let rest = file.length;; rest >>>= 7) {
      length.push(rest > 127 ? (rest & 127) | 128 : rest)
      if (rest <= 127) return [Buffer.from([0x0a, ...length]), file]
    }
  }))

describe("reflection: a client made from the descriptors it serves does not understand the answers", () => {
  for (const version of ["v1", "v1alpha"] as const) {
    it.live(`a client made from ${version} descriptors calls a rpc and a stream`, () =>
      Effect.gen(function*() {
        const { port } = yield* start()
        const asker = yield* Effect.acquireRelease(
          Effect.sync(() => reflection(version, port)),
          (client) => Effect.sync(() => client.close())
        )
        const { fileDescriptorResponse } = yield* question(asker, { fileContainingSymbol: "dbmazz.CdcStatusService" })
        const definition = loadFileDescriptorSetFromBuffer(
          descriptorSet(fileDescriptorResponse?.fileDescriptorProto ?? []),
          { keepCase: true, longs: String, enums: String }
        )
        const make = (name: string) => {
          const Client = grpc.makeClientConstructor(definition[name] as grpc.ServiceDefinition, "")
          return new Client(`127.0.0.1:${port}`, grpc.credentials.createInsecure())
        }
        const state = make("dbmazz.CdcStatusService") as unknown as Clients["status"]
        const metrics = make("dbmazz.CdcMetricsService") as unknown as Clients["metrics"]
        yield* Effect.addFinalizer(() =>
          Effect.sync(() => {
            state.close()
            metrics.close()
          })
        )
        assert.deepInclude(yield* ask(state.GetStatus.bind(state, {})), {
          state: "PAUSED",
          current_lsn: "18446744073709551615"
        })
        const stream = metrics.StreamMetrics({ interval_ms: 5 })
        stream.once("data", () => stream.cancel())
        const { answers } = yield* drain(stream)
        assert.deepInclude(answers[0], { total_events_processed: "9007199254740993" })
      }))
  }

  it.live("a symbol that nobody knows is NOT_FOUND, and the stream goes on", () =>
    Effect.gen(function*() {
      const { port } = yield* start()
      const client = yield* Effect.acquireRelease(
        Effect.sync(() => reflection("v1", port)),
        (client) => Effect.sync(() => client.close())
      )
      const { errorResponse } = yield* question(client, { fileContainingSymbol: "no.Such" })
      assert.strictEqual(errorResponse?.errorCode, grpc.status.NOT_FOUND)
      assert.strictEqual(errorResponse?.errorMessage, "Symbol not found: no.Such")
    }))

  it.live("a client that asks on and on and reads nothing is not answered on and on", () =>
    Effect.gen(function*() {
      const { port } = yield* start()
      const client = yield* GrpcFrames.session(port)
      const stream = client.request({
        ...GrpcFrames.HEADERS,
        ":path": "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo"
      })
      stream.on("error", () => undefined)
      // Field 4, file_containing_symbol: the answer is a hundred times as long.
      const symbol = Buffer.from("dbmazz.CdcStatusService")
      const asked = GrpcFrames.frame(Buffer.concat([Buffer.from([0x22, symbol.length]), symbol]))
      const batch = Buffer.concat(Array.from({ length: 100 }, () => asked))
      const BATCHES = 500
      let taken = 0
      const next = (): void => {
        if (taken === BATCHES) return
        stream.write(batch, () => {
          taken += 1
          next()
        })
      }
      next()
      assert.isBelow(yield* settled(() => taken), BATCHES / 5)
      assert.isAbove(taken, 0)
    }))
})
