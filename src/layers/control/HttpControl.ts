/**
 * The HTTP control plane: probes, Prometheus, the JSON endpoints of dbmazz v2 and v1, and the operations themselves at
 * `/rpc` and `/rpc/ws`. It says nothing across origins and knows no cookies.
 */
import * as Effect from "effect/Effect"
import * as HttpRouter from "effect/http/HttpRouter"
import * as HttpServer from "effect/http/HttpServer"
import * as Layer from "effect/Layer"
import type { ControlSettings } from "../../domain/config/ControlSettings.ts"
import type { SetupError } from "../../domain/errors/SetupError.ts"
import type { JobControl } from "../JobControl.ts"
import { LogLevels } from "../LogLevels.ts"
import * as ControlCalls from "./ControlCalls.ts"
import * as HttpApi from "./HttpApi.ts"
import * as HttpGuard from "./HttpGuard.ts"
import * as HttpListener from "./HttpListener.ts"
import * as HttpLogLevels from "./HttpLogLevels.ts"
import * as HttpProbes from "./HttpProbes.ts"
import * as HttpRpc from "./HttpRpc.ts"
import * as MetricHistory from "./MetricHistory.ts"

/**
 * Listens on `host:httpPort`; port 0 is any free one, which `HttpServer` in the output names: that `HTTP_PORT=0` means no
 * HTTP is for the caller to see to. Fails with a `SetupError` when the address cannot be opened or a certificate cannot be
 * read. Needs the handlers of `Operations`. Every request but `GET /healthz` needs the token, when there is one.
 */
export const layer = (
  control: ControlSettings
): Layer.Layer<HttpServer.HttpServer, SetupError, JobControl | ControlCalls.Handlers> =>
  Layer.unwrap(Effect.gen(function*() {
    const calls = yield* ControlCalls.make
    const history = yield* MetricHistory.make(calls)
    const routes = [
      ...(yield* HttpProbes.make(calls)),
      ...HttpApi.routes(calls, history),
      ...HttpLogLevels.routes(yield* LogLevels),
      ...(yield* HttpRpc.make(calls))
    ]
    const router = yield* HttpRouter.make
    const answered = HttpGuard.answered(routes)
    for (const { handle, method, path } of routes) yield* router.add(method, path, answered(handle))
    const guard = HttpGuard.guard(control, routes)
    return HttpListener.serve(control, HttpServer.serve(guard(router.asHttpEffect())))
  }))
