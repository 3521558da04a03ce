/**
 * Which server a checkpoint belongs to. A position means something on one PostgreSQL system and one timeline only: on a
 * restored copy or a promoted standby the same number may stand for other changes, or for none.
 */
import type { SetupReason } from "../errors/SetupReason.ts"
import * as Lsn from "../Lsn.ts"
import type { Left } from "./PublicationChange.ts"
import * as Timeline from "./Timeline.ts"

export interface Identity {
  readonly systemIdentifier: string
  readonly timeline: number
}

/** The checkpoint's row; one that dbmazz v1 wrote has no identity. */
export interface Stored {
  readonly systemIdentifier: string | undefined
  readonly timeline: number | undefined
  /** How the tables were published when a run before looked last; undefined: nobody has looked. */
  readonly published?: Left | undefined
}

/** Whether the checkpoint table has the columns for it: `fixed` when they are missing and the role may not add them. */
export type Columns = "present" | "addable" | "fixed"

export interface Question {
  readonly slot: string
  readonly checkpoint: Lsn.Lsn
  readonly stored: Stored
  readonly server: Identity
  /** Of the server's timeline; undefined when it was not asked for or cannot be read. */
  readonly history: ReadonlyArray<Timeline.Switch> | undefined
}

/**
 * - `Same`: nothing to do
 * - `Store`: it is to be stored: a checkpoint without one, or a promotion that has provably lost nothing of ours
 * - `Refused`: rows may be missing or too many
 */
export type Verdict =
  | { readonly _tag: "Same" }
  | { readonly _tag: "Store" }
  | { readonly _tag: "Refused"; readonly reason: SetupReason }

/** Whether the history of the server's timeline is needed for an answer. */
export const needsHistory = (stored: Stored, server: Identity): boolean =>
  stored.systemIdentifier === server.systemIdentifier && stored.timeline !== undefined && server.timeline !== 0 &&
  stored.timeline !== server.timeline

const accept = (question: Question, lsn: Lsn.Lsn | undefined): string =>
  `UPDATE dbmazz_checkpoints SET ${lsn === undefined ? "" : `lsn = ${Lsn.toBigint(lsn)}, `}` +
  `timeline_id = ${question.server.timeline} WHERE slot_name = '${question.slot}';`

const timelineLost = (question: Question, stored: number): Verdict => {
  const { checkpoint, history, server, slot } = question
  const end = history === undefined ? undefined : Timeline.endOf(history, stored)
  if (end !== undefined && checkpoint <= end) return { _tag: "Store" }
  const why = end !== undefined
    ? `it left timeline ${stored} at ${Lsn.format(end)}, before the checkpoint`
    : history === undefined
    ? `the history of its timeline cannot be read`
    : `its history does not come from timeline ${stored}`
  const reason: SetupReason = {
    _tag: "PgTimelineLost",
    name: slot,
    checkpoint: Lsn.format(checkpoint),
    stored: String(stored),
    found: String(server.timeline),
    why,
    accept: accept(question, end)
  }
  return { _tag: "Refused", reason }
}

/** Whether a checkpoint may be gone on from on this server. */
export const judge = (question: Question): Verdict => {
  const { checkpoint, server, slot, stored } = question
  // A server that does not say who it is (no right to ask), or a hot standby: refused elsewhere, with the right words.
  if (server.systemIdentifier === "" || server.timeline === 0) return { _tag: "Same" }
  if (stored.systemIdentifier === undefined || stored.timeline === undefined) return { _tag: "Store" }
  if (stored.systemIdentifier !== server.systemIdentifier) {
    const reason: SetupReason = {
      _tag: "PgSystemChanged",
      name: slot,
      checkpoint: Lsn.format(checkpoint),
      stored: stored.systemIdentifier,
      found: server.systemIdentifier
    }
    return { _tag: "Refused", reason }
  }
  return stored.timeline === server.timeline ? { _tag: "Same" } : timelineLost(question, stored.timeline)
}
