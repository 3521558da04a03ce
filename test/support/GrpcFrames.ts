/** gRPC by hand over HTTP/2: for what no client library would send. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as http2 from "node:http2"

/** A message with the prefix that gRPC puts before it: not compressed, and its length, right or wrong. */
export const frame = (message: Buffer, length = message.length, flag = 0): Buffer => {
  const prefix = Buffer.alloc(5)
  prefix.writeUInt8(flag, 0)
  prefix.writeUInt32BE(length, 1)
  return Buffer.concat([prefix, message])
}

export const HEADERS = { ":method": "POST", "content-type": "application/grpc", te: "trailers" } as const

/** A connection, closed with the scope. Its errors are for the caller of a request to see. */
export const session = (
  port: number,
  host = "127.0.0.1"
): Effect.Effect<http2.ClientHttp2Session, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.sync(() => {
      const opened = http2.connect(`http://${host}:${port}`)
      opened.on("error", () => undefined)
      return opened
    }),
    (opened) => Effect.sync(() => opened.destroy())
  )

export interface Ended {
  readonly httpStatus: number | undefined
  readonly grpcStatus: number | undefined
  readonly message: string
  /** Undefined: the stream was not reset. */
  readonly error: string | undefined
}

/** Sends the bytes and ends the request; gives how the server ended it. */
export const send = (
  client: http2.ClientHttp2Session,
  path: string,
  body: Buffer | undefined,
  headers: http2.OutgoingHttpHeaders = {}
): Effect.Effect<Ended> =>
  Effect.callback((resume) => {
    const stream = client.request({ ...HEADERS, ":path": path, ...headers })
    let seen: http2.IncomingHttpHeaders = {}
    let error: string | undefined
    stream.on("response", (received) => {
      seen = { ...seen, ...received }
    })
    stream.on("trailers", (received) => {
      seen = { ...seen, ...received }
    })
    stream.on("error", (cause) => {
      error = cause.message
    })
    stream.on("data", () => undefined)
    stream.on("close", () => {
      const { ":status": httpStatus, "grpc-message": message, "grpc-status": grpcStatus } = seen
      resume(Effect.succeed({
        httpStatus: httpStatus === undefined ? undefined : Number(httpStatus),
        grpcStatus: grpcStatus === undefined ? undefined : Number(grpcStatus),
        message: String(message ?? ""),
        error
      }))
    })
    if (body === undefined) return
    stream.end(body)
  })
