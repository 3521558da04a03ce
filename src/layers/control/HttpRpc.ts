/** The operations as they are, for dashboards and TypeScript programs: ndjson over HTTP, and over a websocket. */
import * as Effect from "effect/Effect"
import * as HttpServerRequest from "effect/http/HttpServerRequest"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import * as RpcSerialization from "effect/rpc/RpcSerialization"
import * as RpcServer from "effect/rpc/RpcServer"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { InvalidArgument, Operations } from "../../domain/control/Operations.ts"
import * as Log from "../Log.ts"
import type { ControlCalls } from "./ControlCalls.ts"
import { BODY_BYTES_MAX } from "./HttpGuard.ts"
import * as HttpReply from "./HttpReply.ts"
import type { Route } from "./HttpRoute.ts"

const log = Log.module("Control")

/** Streams of metrics on one connection: a dashboard shows one or two. */
export const STREAMS_PER_CLIENT_MAX = 16

/** Chunks of a stream that wait for a client that reads slowly; then the stream waits too. */
const CHUNKS_AHEAD_MAX = 2

const serialization = RpcSerialization.makeNdjson({ maxBufferSize: BODY_BYTES_MAX })

const isMessage = Schema.is(Schema.Union([
  Schema.TaggedStruct("Request", {
    id: Schema.Union([Schema.String, Schema.Int]),
    tag: Schema.String,
    payload: Schema.optionalKey(Schema.Unknown),
    headers: Schema.Array(Schema.Tuple([Schema.String, Schema.String]))
  }),
  Schema.Struct({ _tag: Schema.Literals(["Ping", "Eof"]) }),
  Schema.Struct({
    _tag: Schema.Literals(["Ack", "Interrupt"]),
    requestId: Schema.Union([Schema.String, Schema.Int])
  })
]))

const isLine = (line: string): boolean => {
  try {
    return isMessage(JSON.parse(line))
  } catch {
    return false
  }
}

/** What is wrong with a body; undefined when every line is a message of the protocol. */
const mistake = (body: string): string | undefined => {
  const lines = body.split("\n").map((line) => line.trim()).filter((line) => line !== "")
  if (lines.length === 0) return "the body is empty: send one JSON message a line"
  const wrong = lines.findIndex((line) => !isLine(line))
  return wrong < 0 ? undefined : `line ${wrong + 1} of the body is not a message of the protocol`
}

/** The operations, with no more than so many streams for each client. */
const bounded = (calls: ControlCalls) => {
  const streams = new Map<number, number>()
  const count = (client: number, by: number): number => {
    const now = (streams.get(client) ?? 0) + by
    if (now === 0) streams.delete(client)
    else streams.set(client, now)
    return now
  }
  return Operations.toLayer({
    Check: () => calls.Check(),
    Pause: () => calls.Pause(),
    Resume: () => calls.Resume(),
    DrainAndStop: () => calls.DrainAndStop(),
    Stop: (payload) => calls.Stop(payload),
    ReloadConfig: (payload) => calls.ReloadConfig(payload),
    StartSnapshot: () => calls.StartSnapshot(),
    PauseSnapshot: () => calls.PauseSnapshot(),
    ResumeSnapshot: () => calls.ResumeSnapshot(),
    GetStatus: () => calls.GetStatus(),
    StreamMetrics: (payload, { client }) =>
      Stream.unwrap(Effect.gen(function*() {
        const open = yield* Effect.acquireRelease(
          Effect.sync(() => count(client.id, 1)),
          () => Effect.sync(() => count(client.id, -1))
        )
        if (open <= STREAMS_PER_CLIENT_MAX) return calls.StreamMetrics(payload)
        const message = `more than ${STREAMS_PER_CLIENT_MAX} streams on one connection: close one first`
        return Stream.fail(new InvalidArgument({ message }))
      }))
  })
}

const OPTIONS = { disableTracing: true, disableFatalDefects: true, streamBufferSize: CHUNKS_AHEAD_MAX } as const

/** What ends a websocket is its client's: a broken connection, or what is no message. Handlers' defects are answers. */
const surviving = <R>(websocket: Effect.Effect<HttpServerResponse.HttpServerResponse, never, R>) =>
  Effect.catchDefect(
    websocket,
    (defect) =>
      Effect.as(log.debug("a websocket of the control plane was ended", () => ({ reason: String(defect) })), GONE)
  )

const GONE = HttpServerResponse.empty()

/** The two addresses; what they serve ends with the scope. */
export const make = (calls: ControlCalls): Effect.Effect<ReadonlyArray<Route>, never, Scope.Scope> =>
  Effect.gen(function*() {
    const http = yield* RpcServer.toHttpEffect(Operations, OPTIONS)
    const websocket = yield* RpcServer.toHttpEffectWebsocket(Operations, OPTIONS)
    const checked = Effect.gen(function*() {
      const request = yield* HttpServerRequest.HttpServerRequest
      const wrong = mistake(yield* request.text)
      return wrong === undefined ? yield* http : HttpReply.refuse(400, wrong)
    })
    const upgraded = Effect.gen(function*() {
      const request = yield* HttpServerRequest.HttpServerRequest
      if (request.headers["upgrade"]?.toLowerCase() === "websocket") return yield* surviving(websocket)
      return HttpReply.refuse(426, "open a websocket here", { upgrade: "websocket", connection: "Upgrade" })
    })
    return [
      { method: "POST", path: "/rpc", handle: checked },
      { method: "GET", path: "/rpc/ws", handle: upgraded }
    ] satisfies ReadonlyArray<Route>
  }).pipe(
    Effect.provideService(RpcSerialization.RpcSerialization, serialization),
    Effect.provide(bounded(calls))
  )
