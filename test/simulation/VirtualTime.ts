/**
 * Time that passes only when somebody takes the next event: fibers' sleeps, the network, both servers and the faults
 * share one queue, so that one seed has one order of events. `TestClock` knows fibers only, and watches itself with a
 * timer of the machine.
 */

export interface Event {
  readonly atMs: number
  readonly order: number
  readonly act: () => void
  cancelled: boolean
}

/** 2026-01-01: any fixed day does. */
const START_MS = Date.UTC(2026, 0, 1)

export class VirtualTime {
  /** A binary heap, earliest first; equal times in the order in which they were asked for. */
  readonly #heap: Array<Event> = []
  #nowMs = START_MS
  #order = 0

  get nowMs(): number {
    return this.#nowMs
  }

  /** Milliseconds since the simulation began. */
  get elapsedMs(): number {
    return this.#nowMs - START_MS
  }

  /** Calls back later; gives what cancels that. */
  after(ms: number, act: () => void): () => void {
    const event: Event = { atMs: this.#nowMs + Math.max(0, ms), order: this.#order++, act, cancelled: false }
    this.#push(event)
    return () => {
      event.cancelled = true
    }
  }

  /** Goes to the next event and runs it; false when there is none. */
  next(): boolean {
    while (true) {
      const event = this.#pop()
      if (event === undefined) return false
      if (event.cancelled) continue
      this.#nowMs = event.atMs
      event.act()
      return true
    }
  }

  #push(event: Event): void {
    const heap = this.#heap
    let at = heap.length
    heap.push(event)
    while (at > 0) {
      const above = (at - 1) >> 1
      const parent = heap[above]
      if (parent === undefined || !isBefore(event, parent)) break
      heap[at] = parent
      at = above
    }
    heap[at] = event
  }

  #pop(): Event | undefined {
    const heap = this.#heap
    const first = heap[0]
    const last = heap.pop()
    if (first === undefined || last === undefined || heap.length === 0) return first
    let at = 0
    while (true) {
      let below = 2 * at + 1
      let child = heap[below]
      const right = heap[below + 1]
      if (child === undefined) break
      if (right !== undefined && isBefore(right, child)) {
        below += 1
        child = right
      }
      if (!isBefore(child, last)) break
      heap[at] = child
      at = below
    }
    heap[at] = last
    return first
  }
}

const isBefore = (a: Event, b: Event): boolean => a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order)
