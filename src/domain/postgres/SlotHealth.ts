/**
 * How a replication slot is doing: how much WAL the server keeps for it, how far we have confirmed, how much room is left
 * before the server takes the WAL away, and which transaction holds it back. Pure: what to say about it, and when to warn.
 */
import * as Lsn from "../Lsn.ts"
import * as OpenTransaction from "./OpenTransaction.ts"

export interface SlotHealth {
  readonly slot: string
  /** The end of the server's WAL. */
  readonly walEnd: Lsn.Lsn
  /** From here on the server keeps its WAL for the slot; undefined for a slot without (lost). */
  readonly restart: Lsn.Lsn | undefined
  readonly confirmed: Lsn.Lsn | undefined
  /** WAL the server keeps, from the restart point to its end. */
  readonly retainedBytes: number
  /** WAL that is not confirmed yet, of whatever tables. */
  readonly unconfirmedBytes: number
  /** WAL that may still be written before the slot is lost; undefined: without a limit (`max_slot_wal_keep_size` −1). */
  readonly safeWalBytes: number | undefined
  /** `reserved`, `extended`, `unreserved` or `lost`. */
  readonly walStatus: string | undefined
  readonly active: boolean
  /** Why it is unusable; undefined while it is usable. */
  readonly invalidation: string | undefined
  /** For so long nobody has read from it (17 and later). */
  readonly inactiveMs: number | undefined
  /** The oldest transaction that is open and has written: WAL from its start on is kept. */
  readonly oldest: OpenTransaction.OpenTransaction | undefined
}

/** With less room than this the slot may be lost within minutes on a busy server. */
export const SAFE_WAL_BYTES_MIN = 512 * 1024 * 1024
/** Retained WAL that grows by more than this while something stands still and nothing is in flight is no accident. */
const GROWTH_BYTES_MIN = 64 * 1024 * 1024
/** A writing transaction that is open for longer is worth a warning, in ms. */
const OLD_TRANSACTION_MS = 10 * 60 * 1000

const UNITS = ["B", "KiB", "MiB", "GiB", "TiB"]
const UNIT_STEP = 1024

/** Bytes for a person. */
const bytes = (count: number): string => {
  let value = count
  let unit = 0
  while (Math.abs(value) >= UNIT_STEP && unit < UNITS.length - 1) {
    value /= UNIT_STEP
    unit += 1
  }
  return `${unit === 0 ? value : value.toFixed(1)} ${UNITS[unit]}`
}

/** The state in one line. */
export const describe = (health: SlotHealth): string => {
  const { confirmed, invalidation, oldest, restart, retainedBytes, safeWalBytes, slot, unconfirmedBytes } = health
  const parts = [
    `slot '${slot}' keeps ${bytes(retainedBytes)} of WAL`,
    `${bytes(unconfirmedBytes)} not confirmed`,
    ...(confirmed === undefined ? [] : [`confirmed ${Lsn.format(confirmed)}`]),
    ...(restart === undefined ? [] : [`restart ${Lsn.format(restart)}`]),
    safeWalBytes === undefined ? "no limit" : `${bytes(safeWalBytes)} until it is lost`,
    ...(health.walStatus === undefined ? [] : [`WAL ${health.walStatus}`]),
    ...(health.active ? [] : ["not being read"]),
    ...(invalidation === undefined ? [] : [`invalidated: ${invalidation}`]),
    ...(oldest === undefined ? [] : [`oldest transaction ${OpenTransaction.describe(oldest)}`])
  ]
  return parts.join(", ")
}

/** The state now, and the one it is compared with. */
export interface Trend {
  /** The first look since which something stands still although nothing is in flight; see `since`. */
  readonly since: SlotHealth | undefined
  readonly now: SlotHealth
}

/**
 * What later looks are compared with: the first one since which the confirmed position or the restart point has not moved
 * while nothing was in flight. However slowly the WAL piles up, it is measured from there.
 */
export const since = (before: SlotHealth | undefined, now: SlotHealth, idle: boolean): SlotHealth => {
  const moved = before?.confirmed !== now.confirmed && before?.restart !== now.restart
  return before === undefined || moved || !idle ? now : before
}

const stalled = ({ now, since: before }: Trend): string | undefined => {
  if (before === undefined) return undefined
  const grown = now.retainedBytes - before.retainedBytes
  if (grown < GROWTH_BYTES_MIN) return undefined
  const why = before.confirmed === now.confirmed
    ? "nothing was confirmed, although nothing is in flight"
    : "the restart point stands still"
  const holder = now.oldest === undefined ? "" : `; it is held by ${OpenTransaction.describe(now.oldest)}`
  return `slot '${now.slot}' keeps ${bytes(grown)} more WAL than before: ${why}${holder}`
}

/** What a person should hear of; empty while all is well. Each text says what to run. */
export const warnings = (trend: Trend): ReadonlyArray<string> => {
  const { invalidation, oldest, safeWalBytes, slot, walStatus } = trend.now
  const texts: Array<string> = []
  if (invalidation !== undefined || walStatus === "lost") {
    texts.push(`slot '${slot}' is lost (${invalidation ?? "its WAL was removed"}): the tables must be loaded again`)
    return texts
  }
  if (walStatus === "unreserved" || (safeWalBytes !== undefined && safeWalBytes < SAFE_WAL_BYTES_MIN)) {
    texts.push(
      `slot '${slot}' will be lost after ${bytes(Math.max(0, safeWalBytes ?? 0))} more WAL; run: ` +
        `ALTER SYSTEM SET max_slot_wal_keep_size = '…'; SELECT pg_reload_conf();`
    )
  }
  const stall = stalled(trend)
  if (stall !== undefined) texts.push(stall)
  if (oldest?.ageMs !== undefined && oldest.ageMs >= OLD_TRANSACTION_MS) {
    texts.push(
      `an old transaction makes slot '${slot}' keep ${bytes(trend.now.retainedBytes)} of WAL: ` +
        `${OpenTransaction.describe(oldest)}; to end it, run: ${OpenTransaction.ending(oldest)}`
    )
  }
  return texts
}
