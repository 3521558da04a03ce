/** What becomes of a table in StarRocks when the source's table is truncated. */

/**
 * - `soft-delete`: every live row is marked as deleted, as a DELETE of it is
 * - `truncate`: the StarRocks table is truncated
 * - `ignore`: the rows stay as they are
 * - `fail`: the table stops
 */
export const POLICIES = ["soft-delete", "truncate", "ignore", "fail"] as const
export type TruncatePolicy = typeof POLICIES[number]

/** A TRUNCATE is a DELETE of all rows, and deletes are soft. */
export const DEFAULT: TruncatePolicy = "soft-delete"
