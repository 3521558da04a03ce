/** Runs effects and streams as the handlers of gRPC calls: cancelled with the client, at the client's pace. */
import {
  type handleServerStreamingCall,
  type handleUnaryCall,
  type ServerErrorResponse,
  type ServerWritableStream,
  status
} from "@grpc/grpc-js"
import * as Cause from "effect/Cause"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as FiberSet from "effect/FiberSet"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as Log from "../Log.ts"

const log = Log.module("Control")

/** What a client is told instead of an answer. */
export class Refusal extends Data.TaggedError("GrpcRefusal")<{ readonly code: status; readonly message: string }> {}

/** Nothing of the cause: it may hold what is not the client's business. It is in the log. */
const INTERNAL = new Refusal({ code: status.INTERNAL, message: "an error inside dbmazz: see its log" })
const ENDING = new Refusal({ code: status.UNAVAILABLE, message: "dbmazz is shutting down" })

/** grpc-js encodes the text as a URI, which throws on half of a surrogate pair. */
const toServiceError = ({ code, message }: Refusal): Partial<ServerErrorResponse> & Error =>
  Object.assign(new Error(message), { code, details: message.toWellFormed() })

export interface Calls {
  /** One answer to one request. */
  readonly unary: <I, O>(
    rpc: string,
    answer: (request: I) => Effect.Effect<O, Refusal>
  ) => handleUnaryCall<I, O>
  /**
   * Any number of answers to one request. The next one is asked for when the one before has been handed to the
   * connection, so a client that does not read is owed one answer, whatever the stream holds.
   */
  readonly streaming: <I, O>(
    rpc: string,
    answers: (request: I) => Stream.Stream<O, Refusal>
  ) => handleServerStreamingCall<I, O>
  /** Ends the streams, each with UNAVAILABLE; calls that owe one answer go on. */
  readonly endStreams: Effect.Effect<void>
}

const write = <I, O>(call: ServerWritableStream<I, O>, message: O): Effect.Effect<void> =>
  Effect.callback((resume) => {
    // An error here is the end of the connection, which cancels the call.
    call.write(message, () => resume(Effect.void))
  })

/** Its fibers end with the scope. A failure that is no `Refusal` is logged and told as INTERNAL. */
export const make: Effect.Effect<Calls, never, Scope.Scope> = Effect.gen(function*() {
  const run = yield* FiberSet.makeRuntime<never>()
  const streams = yield* FiberSet.make()
  const runStream = yield* FiberSet.runtime(streams)<never>()

  const refusalOf = (rpc: string, cause: Cause.Cause<Refusal>): Refusal => {
    const refusal = Cause.findErrorOption(cause)
    if (refusal._tag === "Some") return refusal.value
    if (Cause.hasInterruptsOnly(cause)) return ENDING
    run(log.error("a gRPC call failed", { rpc }, cause))
    return INTERNAL
  }

  const unary = <I, O>(rpc: string, answer: (request: I) => Effect.Effect<O, Refusal>): handleUnaryCall<I, O> =>
  (
    call,
    respond
  ) => {
    const fiber = run(Effect.suspend(() => answer(call.request)))
    call.once("cancelled", () => fiber.interruptUnsafe())
    fiber.addObserver((exit) => {
      if (Exit.isSuccess(exit)) return respond(null, exit.value)
      respond(toServiceError(refusalOf(rpc, exit.cause)))
    })
  }

  const streaming =
    <I, O>(rpc: string, answers: (request: I) => Stream.Stream<O, Refusal>): handleServerStreamingCall<I, O> =>
    (call) => {
      const fiber = runStream(
        Stream.suspend(() => answers(call.request)).pipe(Stream.runForEach((message) => write(call, message)))
      )
      call.once("cancelled", () => fiber.interruptUnsafe())
      fiber.addObserver((exit) => {
        if (Exit.isSuccess(exit)) return call.end()
        const error = toServiceError(refusalOf(rpc, exit.cause))
        // A call that was cancelled is destroyed, and nobody listens to its errors any more.
        if (!call.cancelled) call.emit("error", error)
      })
    }

  return { unary, streaming, endStreams: FiberSet.clear(streams) }
})
