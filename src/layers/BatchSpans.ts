/** Which spans leave the process: one a batch, and within it one a load. The program has more, for its own stack traces. */
import * as Option from "effect/Option"
import * as Tracer from "effect/Tracer"

/** The functions whose calls are shown, and the names of their spans, which dashboards know. */
const BATCH = { called: "Loads.load", shown: "dbmazz.batch" }
const LOAD = { called: "StreamLoader.load", shown: "dbmazz.load" }

/**
 * Spans in a second that are shown, the first ones of it; a job has a few. While a collector does not answer they are kept
 * for some 20 s, so this bounds their memory too.
 */
export const SPANS_PER_SECOND_MAX = 200

const NANOSECONDS = 1_000_000_000n

const isBatch = (span: Tracer.AnySpan): boolean => span._tag === "Span" && span.name === BATCH.shown

/** The batch among those around a span. A job runs for months: what is around a batch would be one trace of all of them. */
const batchAround = (parent: Option.Option<Tracer.AnySpan>): Option.Option<Tracer.AnySpan> => {
  let around = Option.getOrUndefined(parent)
  while (around !== undefined && !isBatch(around)) {
    around = around._tag === "Span" ? Option.getOrUndefined(around.parent) : undefined
  }
  return Option.fromUndefinedOr(around)
}

/** The tracer for batches and loads; every other span stays in the process. */
export const only = (tracer: Tracer.Tracer): Tracer.Tracer => {
  let second = 0n
  let shown = 0
  const hasRoom = (startTime: bigint): boolean => {
    const now = startTime / NANOSECONDS
    if (now !== second) shown = 0
    second = now
    shown += 1
    return shown <= SPANS_PER_SECOND_MAX
  }
  return Tracer.make({
    span(options) {
      const isLoad = options.name === LOAD.called
      if ((!isLoad && options.name !== BATCH.called) || !hasRoom(options.startTime)) {
        return new Tracer.NativeSpan({ ...options, sampled: false })
      }
      const parent = isLoad ? batchAround(options.parent) : Option.none()
      const name = isLoad ? LOAD.shown : BATCH.shown
      return tracer.span({ ...options, name, parent, root: Option.isNone(parent), sampled: true })
    }
  })
}
