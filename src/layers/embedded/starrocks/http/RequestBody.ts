/** A request's body on its way to a load: asked for, bounded, and as broken as the faults want it. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type * as Http from "node:http"
import { taking } from "../body/BodyChunks.ts"
import type { Faults, TableName } from "../faults/Faults.ts"
import type { Exchange } from "./HttpReply.ts"

/** Bytes of a stalled body that are kept; beyond them its client can leave unnoticed until the stall is over. */
const aheadBytesMax = 64 * 1024 * 1024

/** The error of a connection that broke, as a socket reports it. */
const broken = (message: string): Error => Object.assign(new Error(message), { code: "ECONNRESET" })

const closed = (request: Http.IncomingMessage): Effect.Effect<void> =>
  Effect.callback((resume) => {
    const end = (): void => resume(Effect.void)
    if (request.destroyed) return end()
    request.once("close", end)
    return Effect.sync(() => request.off("close", end))
  })

/** Whoever sends on this connection hangs up. */
const hungUp = ({ socket }: Http.IncomingMessage): Effect.Effect<void> =>
  Effect.callback((resume) => {
    const end = (): void => resume(Effect.void)
    if (socket.destroyed) return end()
    socket.once("close", end)
    return Effect.sync(() => socket.off("close", end))
  })

/** A promise that may lose a race, and then fails unheard. */
const raced = <A>(promise: Promise<A>): Promise<A> => {
  promise.catch(() => undefined)
  return promise
}

const bounded = async function*(
  source: Http.IncomingMessage,
  bytesMax: number
): AsyncGenerator<Buffer, void, undefined> {
  let bytes = 0
  for await (const part of taking(source)) {
    bytes += part.length
    // A declared length was checked before; a body in chunks that grows too large is cut off, as libevent does it.
    if (bytes > bytesMax) throw broken(`the body is larger than ${bytesMax} bytes`)
    yield part
  }
}

const chunks = async function*(
  faults: Faults,
  table: TableName,
  source: Http.IncomingMessage,
  bytesMax: number,
  signal: AbortSignal
): AsyncIterable<Buffer> {
  const parts = bounded(source, bytesMax)
  const first = await parts.next()
  if (first.done === true) return
  yield first.value
  if (faults.strikes("reset-in-body", table)) throw broken("the connection was reset")
  const stalls = Effect.raceFirst(
    Effect.as(faults.hold("stall-in-body", table), "over"),
    Effect.as(hungUp(source), "gone")
  )
  const held = raced(Effect.runPromise(stalls, { signal }))
  // What arrives meanwhile is kept: a socket that nobody reads does not tell that its client has left.
  const ahead: Array<Buffer> = []
  let aheadBytes = 0
  let next = raced(parts.next())
  for (;;) {
    const part = await Promise.race([held, next])
    if (typeof part === "string") break
    if (part.done === true || aheadBytes > aheadBytesMax) break
    ahead.push(part.value)
    aheadBytes += part.value.length
    next = raced(parts.next())
  }
  if (await held === "gone") throw broken("the client hung up")
  yield* ahead
  for (let part = await next; part.done !== true; part = await parts.next()) yield part.value
}

/**
 * Says 100 Continue to a client that waits for it and gives the body, whose reading ends in an error when the
 * connection breaks. Faults: `slow-continue` before it, `reset-in-body` and `stall-in-body` after its first part.
 */
export const open = (
  faults: Faults,
  { request, response, waits }: Exchange,
  table: TableName,
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
