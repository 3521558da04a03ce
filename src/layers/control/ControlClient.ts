/**
 * The typed client of a running job, for dashboards and TypeScript programs: one method an operation, over HTTP or a
 * websocket. `StreamMetrics` is a `Stream`; ending it ends it at the job too.
 */
import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import { WebSocket } from "@effect/platform-node/NodeWS"
import * as Context from "effect/Context"
import * as HttpClient from "effect/http/HttpClient"
import * as HttpClientRequest from "effect/http/HttpClientRequest"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as RpcClient from "effect/rpc/RpcClient"
import type * as RpcClientError from "effect/rpc/RpcClientError"
import type * as RpcGroup from "effect/rpc/RpcGroup"
import * as RpcSerialization from "effect/rpc/RpcSerialization"
import * as Socket from "effect/socket/Socket"
import { Operations, RELOAD_MS_MAX } from "../../domain/control/Operations.ts"

/** Until a request is answered or a websocket stands, in ms: what the slowest operation may take, and some for the way. */
const OPEN_MS_MAX = RELOAD_MS_MAX + 5_000

/** PEM text: who signed the job's certificate, and the client's own certificate when the job wants one. */
export interface ClientTls {
  readonly ca?: string
  readonly cert?: string
  readonly key?: string
}

export interface ClientOptions {
  /** Where the job's HTTP control plane listens: `http://127.0.0.1:8080`. */
  readonly url: string
  /** CONTROL_TOKEN of the job. */
  readonly token?: Redacted.Redacted<string>
  readonly tls?: ClientTls
  /** `http`, the default: a request for each operation. `websocket`: one connection for all, opened at the first. */
  readonly transport?: "http" | "websocket"
}

type Client = RpcClient.RpcClient<RpcGroup.Rpcs<typeof Operations>, RpcClientError.RpcClientError>

const headersOf = ({ token }: ClientOptions): Record<string, string> =>
  token === undefined ? {} : { authorization: `Bearer ${Redacted.value(token)}` }

const addressOf = ({ url }: ClientOptions, path: string): string => `${url.replace(/\/+$/, "")}${path}`

const http = (options: ClientOptions) =>
  RpcClient.layerProtocolHttp({
    url: addressOf(options, "/rpc"),
    transformClient: (client) => HttpClient.mapRequest(client, HttpClientRequest.setHeaders(headersOf(options)))
  }).pipe(
    Layer.provide(NodeHttpClient.layerNodeHttpOptions({ ...options.tls, keepAlive: true }))
  )

const websocket = (options: ClientOptions) => {
  const constructor = Layer.succeed(
    Socket.WebSocketConstructor,
    (url: string) => new WebSocket(url, { ...options.tls, headers: headersOf(options), handshakeTimeout: OPEN_MS_MAX })
  )
  return RpcClient.layerProtocolSocket().pipe(
    Layer.provide(Socket.layerWebSocket(addressOf(options, "/rpc/ws").replace(/^http/, "ws"))),
    Layer.provide(constructor)
  )
}

/** The operations of a job, for which `ControlClient.layer` says where it is. */
export class ControlClient extends Context.Service<ControlClient, Client>()("dbmazz/layers/control/ControlClient") {
  /**
   * A client of one job. Connects when an operation is called; an operation then fails with an `RpcClientError` when the
   * job is not there, or refuses the token.
   */
  static readonly layer = (options: ClientOptions): Layer.Layer<ControlClient> =>
    Layer.effect(ControlClient, RpcClient.make(Operations, { disableTracing: true })).pipe(
      Layer.provide(options.transport === "websocket" ? websocket(options) : http(options)),
      Layer.provide(RpcSerialization.layerNdjson)
    )
}
