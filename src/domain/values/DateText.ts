/** Dates and times in PostgreSQL's ISO form: `2024-02-29`, `2024-02-29 01:02:03.5+00`, `0044-03-15 BC`, `-infinity`. */

const CHAR_0 = 0x30
const CHAR_9 = 0x39
const CHAR_C = 0x43
const CHAR_MINUS = 0x2d
const CHAR_PLUS = 0x2b
const CHAR_Y = 0x79
const YEAR_DIGITS = 4

/** Length of `+00`, which a session in UTC appends to every timestamptz. */
export const UTC_OFFSET_BYTES = 3

const isDigit = (byte: number | undefined): boolean => byte !== undefined && byte >= CHAR_0 && byte <= CHAR_9

/** An ISO date of the years 1 to 9999: four digits, a minus, and no ` BC` at the end. */
export const isCommonEra = (bytes: Uint8Array, start: number, end: number): boolean =>
  end - start > YEAR_DIGITS && isDigit(bytes[start]) && bytes[start + YEAR_DIGITS] === CHAR_MINUS &&
  isDigit(bytes[end - 1])

/** Whether the zone at this position is `+00`. */
export const isUtc = (bytes: Uint8Array, at: number): boolean =>
  bytes[at] === CHAR_PLUS && bytes[at + 1] === CHAR_0 && bytes[at + 2] === CHAR_0

/** Whether a text without `+00` at its end is an infinity or a year BC. */
export const isOutside = (bytes: Uint8Array, end: number): boolean =>
  bytes[end - 1] === CHAR_C || bytes[end - 1] === CHAR_Y

/** The first or the last moment that both databases hold, for a text that is before or after it; or its day. */
export const nearest = (bytes: Uint8Array, start: number, end: number, day: boolean): string => {
  const isEarly = bytes[start] === CHAR_MINUS || bytes[end - 1] === CHAR_C
  const moment = isEarly ? "0001-01-01 00:00:00" : "9999-12-31 23:59:59.999999"
  return day ? moment.slice(0, "0001-01-01".length) : moment
}
