/** One address of the HTTP control plane. All of them are values in lists, so that 404 and 405 know what exists. */
import type * as Effect from "effect/Effect"
import type { HttpServerError } from "effect/http/HttpServerError"
import type { HttpServerRequest } from "effect/http/HttpServerRequest"
import type { HttpServerResponse } from "effect/http/HttpServerResponse"
import type * as Scope from "effect/Scope"

export interface Route {
  readonly method: "GET" | "POST" | "PUT"
  readonly path: `/${string}`
  readonly handle: Effect.Effect<HttpServerResponse, HttpServerError, HttpServerRequest | Scope.Scope>
}

/** The path of a request's target, as it was sent. */
export const pathOf = (url: string): string => url.split("?", 1)[0]!

/** The methods that exist at a path; none when the path does not exist. */
export const methodsAt = (routes: ReadonlyArray<Route>, path: string): ReadonlyArray<string> =>
  routes.filter((route) => route.path === path).flatMap(({ method }) => method === "GET" ? ["GET", "HEAD"] : [method])
