/** Server reflection, v1 and v1alpha: clients such as `buf curl` and grpcurl need no proto file. */
import type { handleBidiStreamingCall, Server, ServiceDefinition, UntypedServiceImplementation } from "@grpc/grpc-js"
import { ReflectionService } from "@grpc/reflection"
import * as GrpcProto from "./GrpcProto.ts"

type Talk = handleBidiStreamingCall<unknown, unknown>

/** Questions are not read while the answers to earlier ones wait for the client. */
const atClientsPace = (talk: Talk): Talk => (call) => {
  const write = call.write.bind(call)
  call.write = (answer: unknown): boolean => {
    const hasRoom = write(answer)
    if (!hasRoom) {
      call.pause()
      call.once("drain", () => call.resume())
    }
    return hasRoom
  }
  talk(call)
}

/** Adds both versions; they describe everything that the server serves, themselves included. */
export const serve = (server: Server): void => {
  const paced = (definition: ServiceDefinition, talks: UntypedServiceImplementation): void =>
    server.addService(
      definition,
      Object.fromEntries(Object.entries(talks).map(([name, talk]) => [name, atClientsPace(talk as Talk)]))
    )
  new ReflectionService(GrpcProto.everything()).addToServer({ addService: paced })
}
