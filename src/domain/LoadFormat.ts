/** The format of a load's body. */

/**
 * - `json`: JSON lines, one object a row
 * - `csv`: fields by their place, as the `columns` header names them; what CSV cannot say goes as JSON lines
 */
export const FORMATS = ["json", "csv"] as const
export type LoadFormat = typeof FORMATS[number]

/** It says every value in one way. */
export const DEFAULT: LoadFormat = "json"
