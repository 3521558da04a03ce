/** A control plane with fixed answers that a test may change: a real gRPC server made from the proto file. */
import * as grpc from "@grpc/grpc-js"
import * as protoLoader from "@grpc/proto-loader"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"
import * as fs from "node:fs"
import { fileURLToPath } from "node:url"

export type Operation =
  | "Check"
  | "GetStatus"
  | "Pause"
  | "Resume"
  | "DrainAndStop"
  | "Stop"
  | "ReloadConfig"
  | "StartSnapshot"
  | "PauseSnapshot"
  | "ResumeSnapshot"
  | "StreamMetrics"

/** One call as the server saw it. */
export interface Asked {
  readonly operation: Operation
  readonly request: object
  readonly authorization: ReadonlyArray<string>
}

type Metrics = grpc.ServerWritableStream<object, object>

export interface ControlServer {
  readonly port: number
  readonly address: string
  readonly asked: Array<Asked>
  /** What is answered from now on: a message, an error, or nothing at all. */
  readonly answers: Partial<Record<Operation, object | grpc.ServiceError | "silence">>
  /** What a metrics stream does once it is open. */
  metrics: (call: Metrics) => void
  /** Metrics streams that are open. */
  openStreams: number
  /** Closes the port and every connection, as the end of the process does. */
  readonly end: () => void
}

export interface Options {
  readonly token?: string
  /** Paths of PEM files; with `ca` clients need a certificate. */
  readonly tls?: { readonly cert: string; readonly key: string; readonly ca?: string }
  readonly host?: string
  readonly port?: number
}

export const HEALTHY = { status: "SERVING", stage: "STAGE_CDC", stage_detail: "Replicating", error_detail: "" }
const done = { success: true, message: "done" }

/** More than a double or a signed number can hold. */
export const UINT64_MAX = "18446744073709551615"

const PROTO = fileURLToPath(new URL("../../proto/dbmazz.proto", import.meta.url))

/** An error that gRPC sends as it is. */
export const status = (code: grpc.status, details: string): grpc.ServiceError =>
  Object.assign(new Error(details), { code, details, metadata: new grpc.Metadata() })

const credentialsOf = ({ tls }: Options): grpc.ServerCredentials =>
  tls === undefined ? grpc.ServerCredentials.createInsecure() : grpc.ServerCredentials.createSsl(
    tls.ca === undefined ? null : fs.readFileSync(tls.ca),
    [{ cert_chain: fs.readFileSync(tls.cert), private_key: fs.readFileSync(tls.key) }],
    tls.ca !== undefined
  )

class Programmed implements ControlServer {
  port = 0
  readonly host: string
  readonly asked: Array<Asked> = []
  readonly answers: ControlServer["answers"] = { Check: HEALTHY, GetStatus: {} }
  openStreams = 0
  readonly server = new grpc.Server()
  readonly token: string | undefined

  constructor(options: Options) {
    this.host = options.host ?? "127.0.0.1"
    this.token = options.token
    const definitions = protoLoader.loadSync(PROTO, { keepCase: true, longs: String, enums: String, defaults: true })
    for (const definition of Object.values(definitions)) {
      if ("format" in definition) continue
      const handlers = Object.keys(definition).map((operation) => [operation, this.handler(operation as Operation)])
      this.server.addService(definition, Object.fromEntries(handlers))
    }
  }

  metrics: (call: Metrics) => void = (call) => call.end()

  get address(): string {
    return `${this.host.includes(":") ? `[${this.host}]` : this.host}:${this.port}`
  }

  readonly end = (): void => this.server.forceShutdown()

  refusal(metadata: grpc.Metadata): grpc.ServiceError | undefined {
    if (this.token === undefined || metadata.get("authorization")[0] === `Bearer ${this.token}`) return undefined
    return status(grpc.status.UNAUTHENTICATED, "a bearer token is needed")
  }

  handler(operation: Operation): grpc.UntypedHandleCall {
    const note = (request: object, metadata: grpc.Metadata): grpc.ServiceError | undefined => {
      this.asked.push({ operation, request, authorization: metadata.get("authorization").map(String) })
      return this.refusal(metadata)
    }
    if (operation === "StreamMetrics") {
      return (call: Metrics) => {
        this.openStreams += 1
        call.once("close", () => {
          this.openStreams -= 1
        })
        const refusal = note(call.request, call.metadata)
        const answer = refusal ?? this.answers.StreamMetrics
        if (answer instanceof Error) call.emit("error", answer)
        else if (answer !== "silence") this.metrics(call)
      }
    }
    return (call: grpc.ServerUnaryCall<object, object>, callback: grpc.sendUnaryData<object>) => {
      const refusal = note(call.request, call.metadata)
      const answer = refusal ?? this.answers[operation] ?? done
      if (answer instanceof Error) callback(answer)
      else if (answer !== "silence") callback(null, answer)
    }
  }
}

/** Starts one; it ends with the scope. */
export const start = (options: Options = {}): Effect.Effect<ControlServer, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.callback<Programmed>((resume) => {
      const programmed = new Programmed(options)
      const { server } = programmed
      const wanted = `${programmed.host.includes(":") ? "[::1]" : programmed.host}:${options.port ?? 0}`
      server.bindAsync(wanted, credentialsOf(options), (error, port) => {
        programmed.port = port
        resume(error === null ? Effect.succeed(programmed) : Effect.die(error))
      })
    }),
    (programmed) => Effect.sync(() => programmed.end())
  )

/** Writes samples for as long as the client takes them, and gives how many were written. */
export const flood = (
  sample: (index: number) => object
): { readonly metrics: (call: Metrics) => void; written: number } => {
  const state = {
    written: 0,
    metrics: (call: Metrics) => {
      let isOpen = true
      const stop = (): void => {
        isOpen = false
      }
      call.once("cancelled", stop)
      const write = (): void => {
        while (isOpen && call.write(sample(state.written++))) { /* until the client's window is full */ }
        if (isOpen) call.once("drain", write)
      }
      write()
    }
  }
  return state
}

/** Waits until it holds; the test's own time limit ends it. */
export const until = (condition: () => boolean): Effect.Effect<void> =>
  Effect.sync(condition).pipe(
    Effect.repeat({ until: (holds) => holds, schedule: Schedule.spaced(5) }),
    Effect.asVoid
  )

/** One sample with every field filled. */
export const sample = (index: number) => ({
  timestamp: String(1_800_000_000 + index),
  events_per_second: 1234.5,
  lag_bytes: UINT64_MAX,
  lag_events: "2",
  memory_bytes: "104857600",
  total_events_processed: "9007199254740993",
  total_batches_sent: "5",
  cpu_millicores: "250",
  replication_lag_ms: "1500"
})
