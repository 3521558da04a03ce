/** A request's body on its way to a load: asked for, bounded, and as broken as the faults want it. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type * as Http from "node:http"
import type { Faults, TableOf } from "../faults/Faults.ts"
import type { Exchange } from "./HttpReply.ts"

/** Why a body is not accepted when its declared length says that it is too large. */
export const tooLarge = (length: number, limit: number): string =>
  `body size ${length} exceed limit: ${limit}, ` +
  "You can increase the limit by setting streaming_load_max_mb in be.conf."

/** The error of a connection that broke, as a socket reports it. */
const broken = (message: string): Error => Object.assign(new Error(message), { code: "ECONNRESET" })

const closed = (request: Http.IncomingMessage): Effect.Effect<void> =>
  Effect.callback((resume) => {
    const end = (): void => resume(Effect.void)
    if (request.destroyed) return end()
    request.once("close", end)
    return Effect.sync(() => request.off("close", end))
  })

const chunks = async function*(
  faults: Faults,
  table: TableOf,
  source: Http.IncomingMessage,
  bytesMax: number,
  signal: AbortSignal
): AsyncIterable<Buffer> {
  let bytes = 0
  let first = true
  // Not `for await`: that would destroy the request, and with it the way back to the client, when it ends early.
  const parts: AsyncIterator<Buffer> = source[Symbol.asyncIterator]()
  for (;;) {
    const part = await parts.next()
    if (part.done === true) return
    bytes += part.value.length
    // A declared length was checked before; a body in chunks that grows too large is cut off, as libevent does it.
    if (bytes > bytesMax) throw broken(`the body is larger than ${bytesMax} bytes`)
    yield part.value
    if (!first) continue
    first = false
    if (faults.strikes("reset-in-body", table)) throw broken("the connection was reset")
    await Effect.runPromise(faults.hold("stall-in-body", table), { signal })
  }
}

/**
 * Says 100 Continue to a client that waits for it and gives the body, whose reading ends in an error when the
 * connection breaks. Faults: `slow-continue` before it, `reset-in-body` and `stall-in-body` after its first part.
 */
export const open = (
  faults: Faults,
  { request, response, waits }: Exchange,
  table: TableOf,
  bytesMax: number
): Effect.Effect<AsyncIterable<Buffer>, never, Scope.Scope> =>
  Effect.gen(function*() {
    const stopped = yield* Effect.abortSignal
    if (waits) {
      yield* Effect.raceFirst(faults.hold("slow-continue", table), closed(request))
      response.writeContinue()
    }
    return chunks(faults, table, request, bytesMax, stopped)
  })
