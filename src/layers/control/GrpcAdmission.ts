/** What stands before every rpc of the gRPC server, reflection and health included: the token, and limits. */
import { ServerInterceptingCall, type ServerInterceptor, type ServerListener, status } from "@grpc/grpc-js"
import type * as Redacted from "effect/Redacted"
import * as BearerToken from "./BearerToken.ts"
import type { Connections } from "./Connections.ts"
import * as GrpcUnknown from "./GrpcUnknown.ts"

/** A client sends its request at once; whoever begins one and does not end it holds memory. In ms. */
export const REQUEST_MS_MAX = 5_000

const LATE = {
  code: status.DEADLINE_EXCEEDED,
  details: `the request was not complete ${REQUEST_MS_MAX} ms after it began`
}

const UNKNOWN = {
  code: status.UNIMPLEMENTED,
  details: "there is no such rpc; server reflection lists those that there are"
}

/** Without the token: UNAUTHENTICATED. An rpc that does not exist: UNIMPLEMENTED. One stream too many: RESOURCE_EXHAUSTED. A request that does not end: as above. */
export const interceptor = (
  token: Redacted.Redacted<string> | undefined,
  connections: Connections
): ServerInterceptor => {
  const isAuthorized = BearerToken.check(token)
  return (method, call) => {
    let release = (): void => undefined
    let timer: NodeJS.Timeout | undefined
    const listener: ServerListener = {
      onReceiveMetadata: (metadata, pass) => {
        const values = metadata.get("authorization")
        if (!isAuthorized(values.length === 1 ? String(values[0]) : undefined)) {
          return call.sendStatus({ code: status.UNAUTHENTICATED, details: BearerToken.REFUSED })
        }
        if (method.path === GrpcUnknown.PATH) return call.sendStatus(UNKNOWN)
        const begun = connections.begin(call.getConnectionInfo(), method.requestStream || method.responseStream)
        if (typeof begun === "string") {
          return call.sendStatus({ code: status.RESOURCE_EXHAUSTED, details: begun })
        }
        release = begun
        if (!method.requestStream) timer = setTimeout(() => call.sendStatus(LATE), REQUEST_MS_MAX).unref()
        pass(metadata)
      },
      onReceiveHalfClose: (pass) => {
        clearTimeout(timer)
        pass()
      },
      // Also after an answer: the end of every call.
      onCancel: () => {
        clearTimeout(timer)
        release()
      }
    }
    return new ServerInterceptingCall(call, { start: (next) => next(listener) })
  }
}
