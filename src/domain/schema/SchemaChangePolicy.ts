/** What becomes of the StarRocks table when the columns of the source's table change. */

/**
 * - `evolve`: columns are added, and columns that are too narrow are widened where StarRocks allows it
 * - `add`: columns are added
 * - `stop`: the table stops
 */
export const POLICIES = ["evolve", "add", "stop"] as const
export type SchemaChangePolicy = typeof POLICIES[number]

/** Neither adding nor widening takes a value away. */
export const DEFAULT: SchemaChangePolicy = "evolve"
