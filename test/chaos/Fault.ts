/** What can go wrong in a round: plain data, so that a schedule can be drawn, printed and repeated. */
import * as Data from "effect/Data"

/** The connections that lead through a proxy. `sql` is StarRocks's MySQL port; the front end redirects to `backEnd`. */
export const WIRES = ["postgres", "frontEnd", "backEnd", "sql"] as const
export type WireName = typeof WIRES[number]

export type Fault = Data.TaggedEnum<{
  /** kill -9, and started again after `downMs`, as a supervisor would. */
  DbmazzKilled: { readonly downMs: number }
  /** SIGSTOP for longer than `wal_sender_timeout`, then SIGCONT. */
  DbmazzPaused: { readonly ms: number }
  /** SIGTERM under load: drains, exits, and is started again after `downMs`. */
  DbmazzTerminated: { readonly downMs: number }
  /** Another one with the same slot, stopped again after `ms`. */
  DbmazzSecond: { readonly ms: number }
  /** Immediate shutdown (no checkpoint, no goodbye) and start: crash recovery. */
  PostgresRestarted: { readonly downMs: number }
  WalsenderTerminated: {}
  /** kill -9, and started again on the same data and ports after `downMs`. */
  EndpointKilled: { readonly downMs: number }
  EndpointPaused: { readonly ms: number }
  WireReset: { readonly wire: WireName }
  /** Nothing passes for `ms`, then what was held passes. */
  WirePartitioned: { readonly wire: WireName; readonly ms: number }
  /** Nothing passes for `ms`, then the connections are reset: each side has believed the other alive. */
  WireHalfOpen: { readonly wire: WireName; readonly ms: number }
  WireRefused: { readonly wire: WireName; readonly ms: number }
  WireThrottled: { readonly wire: WireName; readonly bytesPerSecond: number; readonly ms: number }
  WireDelayed: { readonly wire: WireName; readonly delayMs: number; readonly ms: number }
  /** The server's direction ends, the other goes on for `ms`. */
  WireHalfClosed: { readonly wire: WireName; readonly ms: number }
  /** The peers of the open connections are never heard of again; new connections work. */
  WireVanished: { readonly wire: WireName }
}>
export const Fault = Data.taggedEnum<Fault>()

/** What a fault works on; two faults at once work on two of these. */
export const targetOf = (fault: Fault): string => {
  switch (fault._tag) {
    case "DbmazzKilled":
    case "DbmazzPaused":
    case "DbmazzTerminated":
      return "dbmazz"
    case "DbmazzSecond":
      return "second dbmazz"
    case "PostgresRestarted":
    case "WalsenderTerminated":
      return "PostgreSQL"
    case "EndpointKilled":
    case "EndpointPaused":
      return "endpoint"
    default:
      return `wire ${fault.wire}`
  }
}

/** One line: the fault with its parameters. */
export const show = (fault: Fault): string => {
  const { _tag, ...parameters } = fault
  return [_tag, ...Object.entries(parameters).map(([name, value]) => `${name}=${value}`)].join(" ")
}
