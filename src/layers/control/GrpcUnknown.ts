/**
 * Rpcs that do not exist, which strangers may not learn: grpc-js answers them before it asks an interceptor. Here they are
 * calls like every other, and `GrpcAdmission` answers them when it has seen the token.
 */
import type { Server } from "@grpc/grpc-js"

/** What an interceptor sees instead of the path; it is not one that a client can ask for. */
export const PATH = "unknown"

/** Never called, nor are its forms: the interceptor answers. */
const HANDLER = {
  type: "unary",
  path: PATH,
  func: (): void => undefined,
  serialize: (): Buffer => Buffer.alloc(0),
  deserialize: (): undefined => undefined
} as const

/** Makes the server show them to its interceptors. Throws when this version of grpc-js has no place for that. */
export const admit = (server: Server): void => {
  const find: unknown = Reflect.get(server, "_retrieveHandler")
  if (typeof find !== "function") throw new Error("this version of @grpc/grpc-js finds its handlers in another way")
  Reflect.set(server, "_retrieveHandler", (path: string): unknown => find.call(server, path) ?? HANDLER)
}
