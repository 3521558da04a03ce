/**
 * Timelines: a promoted standby starts a new one, so that what it writes is told from what its old primary may have
 * written after it. A timeline's history names each of its ancestors and the position where that one was left.
 */
import * as Result from "effect/Result"
import * as Lsn from "../Lsn.ts"

/** The ancestor timeline, and the position up to which it is part of the new one. */
export interface Switch {
  readonly timeline: number
  readonly at: Lsn.Lsn
}

const LINE = /^\s*(\d+)\s+([0-9A-F]+\/[0-9A-F]+)/i

/** Reads a timeline history file, oldest ancestor first; lines of another form are remarks. */
export const parse = (content: string): ReadonlyArray<Switch> =>
  content.split("\n").flatMap((line) => {
    const [, timeline = "", text = ""] = LINE.exec(line) ?? []
    const at = Lsn.fromText(text)
    return timeline === "" || Result.isFailure(at) ? [] : [{ timeline: Number(timeline), at: at.success }]
  })

/** Where this ancestor was left; undefined when it is none. */
export const endOf = (history: ReadonlyArray<Switch>, timeline: number): Lsn.Lsn | undefined =>
  history.find((each) => each.timeline === timeline)?.at
