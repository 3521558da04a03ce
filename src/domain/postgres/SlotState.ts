/**
 * Whether a slot can be gone on with. What is decoded starts at its restart point, which lies before everything that is
 * still to be sent; what is sent starts at the later of its confirmed position and the one asked for. So a slot that is
 * confirmed up to the checkpoint, or to less, loses nothing, and one that is confirmed past it has lost what is between.
 */
import type { SetupReason } from "../errors/SetupReason.ts"
import * as Lsn from "../Lsn.ts"

export interface SlotFacts {
  /** Undefined for a physical slot. */
  readonly plugin: string | undefined
  readonly database: string | undefined
  /** It belongs to one session. */
  readonly temporary: boolean
  /** The process that reads from it at the moment. */
  readonly activePid: number | undefined
  /** `reserved`, `extended`, `unreserved` (in danger, yet whole) or `lost` (13 and later). */
  readonly walStatus: string | undefined
  /** Why it was invalidated (17 and later; before, only `walStatus` says that it was); undefined while it is usable. */
  readonly invalidation: string | undefined
  readonly confirmed: Lsn.Lsn | undefined
}

export interface Question {
  readonly name: string
  readonly database: string
  readonly slot: SlotFacts | undefined
  readonly checkpoint: Lsn.Lsn | undefined
  /** The end of the server's WAL. */
  readonly walEnd: Lsn.Lsn
}

export const PLUGIN = "pgoutput"

/** What is wrong with the slot, in relation to the checkpoint; undefined when nothing is. */
export const problem = (question: Question): SetupReason | undefined => {
  const { checkpoint, database, name, slot, walEnd } = question
  if (slot === undefined) {
    return checkpoint === undefined ? undefined : { _tag: "PgSlotMissing", name, checkpoint: Lsn.format(checkpoint) }
  }
  if (slot.plugin !== PLUGIN) return { _tag: "PgSlotNotLogical", name, plugin: slot.plugin ?? "none (physical slot)" }
  if (slot.database !== database) {
    return { _tag: "PgSlotOtherDatabase", name, slotDatabase: slot.database ?? "", database }
  }
  if (slot.temporary) return { _tag: "PgSlotTemporary", name }
  if (slot.walStatus === "lost" || slot.invalidation !== undefined) {
    return { _tag: "PgSlotInvalidated", name, walStatus: slot.invalidation ?? "lost" }
  }
  if (slot.confirmed === undefined) {
    return { _tag: "PgSlotFailed", name, error: "it has no confirmed position; its creation has not finished" }
  }
  if (checkpoint === undefined) return undefined
  if (slot.confirmed > checkpoint) {
    const positions = { checkpoint: Lsn.format(checkpoint), confirmed: Lsn.format(slot.confirmed) }
    return { _tag: "PgSlotAhead", name, ...positions }
  }
  if (checkpoint > walEnd) {
    // A restored or rewound server: what it writes next would be taken for what was loaded already.
    const error = `the checkpoint ${Lsn.format(checkpoint)} lies after the end of the server's WAL, ` +
      `${Lsn.format(walEnd)}: it was made on another server, or before a restore`
    return { _tag: "PgSlotFailed", name, error }
  }
  return undefined
}
