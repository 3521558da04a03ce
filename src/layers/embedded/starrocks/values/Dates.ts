/** Dates and times as the server reads and writes them: lenient about punctuation, deaf to zones and trailing words. */

/** A date with a time of day. */
export interface Moment {
  /** Days since 1970-01-01. */
  readonly days: number
  /** Microseconds since midnight. */
  readonly micros: number
}

const microsPerSecond = 1_000_000
/** Microseconds of a day. */
export const microsPerDay = 86_400 * microsPerSecond
const monthDays = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]

const leap = (year: number): boolean => year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0)

/** Days since 1970-01-01 of a proleptic Gregorian date. */
export const daysOf = (year: number, month: number, day: number): number => {
  // Years counted from March put the leap day last, so the days before a month are a linear formula.
  const shifted = month > 2 ? year : year - 1
  const era = Math.floor(shifted / 400)
  const yearOfEra = shifted - era * 400
  const dayOfYear = Math.floor((153 * (month > 2 ? month - 3 : month + 9) + 2) / 5) + day - 1
  const dayOfEra = yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfYear
  return era * 146_097 + dayOfEra - 719_468
}

const padded = (value: number, width: number): string => String(value).padStart(width, "0")

/** `YYYY-MM-DD`. */
export const formatDate = (days: number): string => {
  const shifted = days + 719_468
  const era = Math.floor(shifted / 146_097)
  const dayOfEra = shifted - era * 146_097
  const yearOfEra = Math.floor(
    (dayOfEra - Math.floor(dayOfEra / 1460) + Math.floor(dayOfEra / 36_524) - Math.floor(dayOfEra / 146_096)) / 365
  )
  const dayOfYear = dayOfEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100))
  const marchMonth = Math.floor((5 * dayOfYear + 2) / 153)
  const month = marchMonth < 10 ? marchMonth + 3 : marchMonth - 9
  const year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
  return `${padded(year, 4)}-${padded(month, 2)}-${padded(dayOfYear - Math.floor((153 * marchMonth + 2) / 5) + 1, 2)}`
}

/** `YYYY-MM-DD HH:MM:SS[.ffffff]`; the fraction appears only when there is one. */
export const formatDateTime = (micros: bigint): string => {
  const perDay = BigInt(microsPerDay)
  const ofDay = ((micros % perDay) + perDay) % perDay
  const days = Number((micros - ofDay) / perDay)
  const rest = Number(ofDay)
  const fraction = rest % microsPerSecond
  const seconds = (rest - fraction) / microsPerSecond
  const time = `${padded(Math.floor(seconds / 3600), 2)}:${padded(Math.floor(seconds / 60) % 60, 2)}:${
    padded(seconds % 60, 2)
  }`
  return `${formatDate(days)} ${time}${fraction === 0 ? "" : `.${padded(fraction, 6)}`}`
}

const isDigit = (code: number): boolean => code >= 48 && code <= 57

const moment = (
  year: number,
  month: number,
  day: number,
  time: readonly [number, number, number, number]
): Moment | undefined => {
  if (!(month >= 1 && month <= 12 && day >= 1)) return undefined
  if (day > (monthDays[month - 1] ?? 0) + (month === 2 && leap(year) ? 1 : 0)) return undefined
  const [hour, minute, second, fraction] = time
  if (hour > 23 || minute > 59 || second > 59) return undefined
  return {
    days: daysOf(year, month, day),
    micros: ((hour * 60 + minute) * 60 + second) * microsPerSecond + fraction
  }
}

const isSpace = (code: number): boolean => code === 32 || (code >= 9 && code <= 13)
const isPunctuation = (code: number): boolean =>
  (code >= 33 && code <= 47) || (code >= 58 && code <= 64) || (code >= 91 && code <= 96) || (code >= 123 && code <= 126)

const letterT = 84
const point = 46
/** Year, month, day, hour, minute, second, fraction. */
const fieldsMax = 7
const dayField = 2
const secondField = 5
/** The largest number a field may spell before it is known to be none. */
const fieldMax = 999_999

/** The digit groups of a date written in any of the ways the server reads; undefined when it is none of them. */
const fieldsOf = (text: string, from: number, to: number): ReadonlyArray<string> | undefined => {
  let lead = from
  while (lead < to && (isDigit(text.charCodeAt(lead)) || text.charCodeAt(lead) === letterT)) lead += 1
  // Digits alone, or digits up to a point, have places instead of separators.
  const compact = lead === to || text.charCodeAt(lead) === point
  const digits = lead - from
  let width = compact && digits !== 4 && digits !== 8 && digits < 14 ? 2 : 4
  const fields: Array<string> = []
  let at = from
  while (at < to && isDigit(text.charCodeAt(at)) && fields.length < fieldsMax) {
    const start = at
    const bounded = compact || fields.length === secondField + 1
    while (at < to && isDigit(text.charCodeAt(at)) && (!bounded || at - start < width)) at += 1
    const field = fields.length
    fields.push(text.slice(start, at))
    if (Number(fields[field]) > fieldMax) return undefined
    width = 2
    const code = text.charCodeAt(at)
    if (at >= to) break
    if (field === dayField && code === letterT) at += 1
    else if (field === secondField) {
      if (isDigit(code)) break
      if (code !== point) continue
      at += 1
      width = 6
    } else {
      for (; at < to && (isPunctuation(text.charCodeAt(at)) || isSpace(text.charCodeAt(at))); at++) {
        // White space only divides the date from the time.
        if (isSpace(text.charCodeAt(at)) && field !== dayField && field <= secondField) return undefined
      }
    }
  }
  return fields
}

const general = (text: string, from: number, to: number): Moment | undefined => {
  const fields = fieldsOf(text, from, to)
  if (fields === undefined || fields.length < 3) return undefined
  const [year = "", month, day, hour = "0", minute = "0", second = "0", fraction = ""] = fields
  const century = year.length === 2 ? (Number(year) < 70 ? 2000 : 1900) : 0
  const fullYear = century + Number(year)
  if (fullYear > 9999) return undefined
  const time = [Number(hour), Number(minute), Number(second), Number(fraction.padEnd(6, "0"))] as const
  return moment(fullYear, Number(month), Number(day), time)
}

const twoDigits = (text: string, at: number): number => {
  const tens = text.charCodeAt(at) - 48
  const ones = text.charCodeAt(at + 1) - 48
  return tens < 0 || tens > 9 || ones < 0 || ones > 9 ? Number.NaN : tens * 10 + ones
}

const fractionScale = [1_000_000, 100_000, 10_000, 1000, 100, 10, 1]

/** Microseconds of the fraction behind the seconds: up to six digits to the end of the text; NaN when it is none. */
const fractionAt = (text: string, at: number): number => {
  const digits = text.length - at - 1
  if (digits < 0) return 0
  if (digits > 6 || text.charCodeAt(at) !== point) return Number.NaN
  let value = 0
  for (let index = at + 1; index < text.length; index++) {
    const digit = text.charCodeAt(index) - 48
    if (digit < 0 || digit > 9) return Number.NaN
    value = value * 10 + digit
  }
  return value * (fractionScale[digits] ?? Number.NaN)
}

/** `YYYY-MM-DD HH:MM:SS[.ffffff]` exactly, which nearly every value is; undefined when it takes the long way. */
const common = (text: string): Moment | undefined => {
  const { length } = text
  if (length < 19 || length > 26) return undefined
  if (
    text.charCodeAt(4) !== 45 || text.charCodeAt(7) !== 45 || text.charCodeAt(13) !== 58 || text.charCodeAt(16) !== 58
  ) return undefined
  const between = text.charCodeAt(10)
  if (between !== 32 && between !== 84) return undefined
  const fraction = fractionAt(text, 19)
  const year = twoDigits(text, 0) * 100 + twoDigits(text, 2)
  const hour = twoDigits(text, 11)
  const minute = twoDigits(text, 14)
  const second = twoDigits(text, 17)
  if (Number.isNaN(year + hour + minute + second + fraction)) return undefined
  return moment(year, twoDigits(text, 5), twoDigits(text, 8), [hour, minute, second, fraction])
}

const dateLength = 10

/** `YYYY-MM-DD` with any two separators and nothing behind it that could be a time. */
const dateOnly = (text: string, from: number, to: number): Moment | undefined => {
  if (to - from < dateLength || isDigit(text.charCodeAt(from + 4)) || isDigit(text.charCodeAt(from + 7))) {
    return undefined
  }
  const behind = text.charCodeAt(from + dateLength)
  if (to - from > dateLength && (behind === letterT || isSpace(behind))) return undefined
  const year = twoDigits(text, from) * 100 + twoDigits(text, from + 2)
  const month = twoDigits(text, from + 5)
  const day = twoDigits(text, from + 8)
  return Number.isNaN(year + month + day) ? undefined : moment(year, month, day, [0, 0, 0, 0])
}

/**
 * Reads a date or a date with a time; undefined when it is none. Punctuation may be anything, a zone suffix and
 * trailing words are ignored, fraction digits after the sixth are cut, hour 24 and month or day 0 are no dates.
 */
export const parseDateTime = (text: string): Moment | undefined => {
  const quick = common(text)
  if (quick !== undefined) return quick
  let from = 0
  let to = text.length
  while (from < to && isSpace(text.charCodeAt(from))) from += 1
  while (to > from && isSpace(text.charCodeAt(to - 1))) to -= 1
  return dateOnly(text, from, to) ?? general(text, from, to)
}

/** Microseconds since 1970-01-01 00:00:00. */
export const microsOf = (value: Moment): bigint => {
  const micros = value.days * microsPerDay + value.micros
  return Number.isSafeInteger(micros)
    ? BigInt(micros)
    : BigInt(value.days) * BigInt(microsPerDay) + BigInt(value.micros)
}

/** A moment, in milliseconds since 1970, as SHOW statements write it, in UTC. */
export const time = (ms: number): string => formatDateTime(BigInt(ms) * 1000n).slice(0, 19)
