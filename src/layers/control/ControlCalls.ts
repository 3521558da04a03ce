/** Calls the operations within the process: what HTTP's JSON endpoints do is what every other client does. */
import * as Effect from "effect/Effect"
import type * as Rpc from "effect/rpc/Rpc"
import * as RpcClient from "effect/rpc/RpcClient"
import type * as RpcGroup from "effect/rpc/RpcGroup"
import * as RpcServer from "effect/rpc/RpcServer"
import type * as Scope from "effect/Scope"
import { Operations } from "../../domain/control/Operations.ts"

type Requests = RpcGroup.Rpcs<typeof Operations>

/** One method an operation. A stream is pulled only as fast as it is read. */
export type ControlCalls = RpcClient.RpcClient<Requests>

/** Everything in it is for one client, which is this process. */
const CLIENT_ID = 0

/** The handlers in the context, as a client; it ends with the scope. */
export const make: Effect.Effect<ControlCalls, never, Scope.Scope | Rpc.ToHandler<Requests>> = Effect.gen(function*() {
  let answer: ((response: Parameters<Client["write"]>[0]) => Effect.Effect<void>) | undefined = undefined
  const server = yield* RpcServer.makeNoSerialization(Operations, {
    disableTracing: true,
    disableFatalDefects: true,
    onFromServer: (response) => answer?.(response) ?? Effect.void
  })
  const client: Client = yield* RpcClient.makeNoSerialization(Operations, {
    supportsAck: true,
    disableTracing: true,
    onFromClient: ({ message }) => server.write(CLIENT_ID, message)
  })
  answer = client.write
  return client.client
})

type Client = Effect.Success<ReturnType<typeof RpcClient.makeNoSerialization<Requests, never>>>
