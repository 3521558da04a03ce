/** What becomes of a row that cannot be written to StarRocks. */

/**
 * - `stop`: its table stops, and the slot keeps everything from there on
 * - `divert`: it is kept in PostgreSQL, in `dbmazz_rejected_rows`, and the table goes on without it
 */
export const POLICIES = ["stop", "divert"] as const
export type RejectedRowPolicy = typeof POLICIES[number]
export const DEFAULT: RejectedRowPolicy = "stop"

/** Whether a diverted row is kept with its values, or with its key alone. */
export const VALUES = ["redact", "keep"] as const
export type RejectedRowValues = typeof VALUES[number]
export const VALUES_DEFAULT: RejectedRowValues = "redact"

/**
 * Rows of one table that may be diverted within an hour, unless set: more of them are no bad rows but a target that does not
 * fit, and each costs StarRocks some twenty loads to find.
 */
export const PER_HOUR_MAX_DEFAULT = 100

export interface RejectedRowSettings {
  readonly policy: RejectedRowPolicy
  readonly values: RejectedRowValues
  /** Of one table; one more stops it. */
  readonly perHourMax: number
}
