/** What every request passes before it is heard, and what becomes of one that fails. */
import * as ByteSize from "effect/ByteSize"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as HttpIncomingMessage from "effect/http/HttpIncomingMessage"
import { type HttpServerError, isHttpServerError } from "effect/http/HttpServerError"
import * as HttpServerRequest from "effect/http/HttpServerRequest"
import type { HttpServerResponse } from "effect/http/HttpServerResponse"
import type { ControlSettings } from "../../domain/config/ControlSettings.ts"
import * as Log from "../Log.ts"
import * as BearerToken from "./BearerToken.ts"
import * as HttpReply from "./HttpReply.ts"
import * as HttpRoute from "./HttpRoute.ts"

const log = Log.module("Control")

/** Bytes of a request's body: a list of a few thousand tables fits, and nothing else is longer than a line. */
export const BODY_BYTES_MAX = 256 * 1024

/** The one path for which no token is asked: a container's liveness probe has none. */
export const OPEN_PATH = "/healthz"

/** What a program sends. A web page can send the types of forms, and text, to any address without being asked. */
const POST_TYPES = /^application\/(json|x-ndjson|ndjson)\s*(;|$)/i

type Request = HttpServerRequest.HttpServerRequest
type Response = HttpServerResponse

const unauthorized = HttpReply.refuse(401, BearerToken.REFUSED, { "www-authenticate": "Bearer realm=\"dbmazz\"" })

const foreign = HttpReply.refuse(
  403,
  "the request comes from a web page, and without CONTROL_TOKEN a page on any site could send it; set CONTROL_TOKEN and " +
    "send it, or call from a program"
)

/** Why a request is not heard; undefined when it is. */
const refusal = (
  control: ControlSettings,
  isAllowed: (authorization: string | undefined) => boolean
) =>
(request: Request): Response | undefined => {
  if (HttpRoute.pathOf(request.url) !== OPEN_PATH && !isAllowed(request.headers["authorization"])) return unauthorized
  // Browsers add the header to every request that changes something and to every websocket. A page does not know the token.
  if (control.token === undefined && request.headers["origin"] !== undefined) return foreign
  const type = request.headers["content-type"]
  if (request.method !== "GET" && type !== undefined && !POST_TYPES.test(type)) {
    return HttpReply.refuse(415, "send the body as application/json", { accept: "application/json" })
  }
  return undefined
}

/** What a request that could not be served is told. */
const failed = (routes: ReadonlyArray<HttpRoute.Route>, request: Request, error: HttpServerError): Response => {
  const reason = error.reason
  switch (reason._tag) {
    case "RouteNotFound": {
      const path = HttpRoute.pathOf(request.url)
      const methods = HttpRoute.methodsAt(routes, path)
      return methods.length === 0
        ? HttpReply.refuse(404, "there is nothing at this path")
        : HttpReply.refuse(405, `use ${methods.join(" or ")}`, { allow: methods.join(", ") })
    }
    case "RequestParseError":
      return reason.reason === "BodyTooLarge"
        ? HttpReply.refuse(413, `the body has more than ${BODY_BYTES_MAX} bytes`)
        : HttpReply.refuse(400, "the request cannot be read")
    default:
      return HttpReply.refuse(500, "the answer could not be made")
  }
}

/** Answers a request that could not be served; what is no failure of HTTP is a defect. */
export const answered = (routes: ReadonlyArray<HttpRoute.Route>) =>
  Effect.catch((error: unknown) =>
    Effect.flatMap(
      HttpServerRequest.HttpServerRequest,
      (request) => isHttpServerError(error) ? Effect.succeed(failed(routes, request, error)) : Effect.die(error)
    )
  )

const defect = (request: Request, cause: Cause.Cause<never>) =>
  Effect.as(
    log.error("a request to the control plane failed", {
      method: request.method,
      path: HttpRoute.pathOf(request.url)
    }, cause),
    HttpReply.refuse(500, "the control plane has a defect; its log says which")
  )

/**
 * Lets through what may be heard, within the limits, and answers every failure: nothing that a client sends ends more than
 * its own request. A defect is logged, and its client learns only that there was one.
 */
export const guard = (control: ControlSettings, routes: ReadonlyArray<HttpRoute.Route>) => {
  const refused = refusal(control, BearerToken.check(control.token))
  return <R>(app: Effect.Effect<Response, unknown, R>) =>
    Effect.flatMap(HttpServerRequest.HttpServerRequest, (request) => {
      const answer = refused(request)
      if (answer !== undefined) return Effect.succeed(answer)
      return app.pipe(
        Effect.provideService(HttpIncomingMessage.MaxBodySize, ByteSize.bytes(BODY_BYTES_MAX)),
        answered(routes),
        Effect.catchCauseIf((cause) => !Cause.hasInterrupts(cause), (cause) => defect(request, cause))
      )
    })
}
