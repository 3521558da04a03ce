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

/** Reads digit groups from left to right. */
class Groups {
  readonly text: string
  at: number
  constructor(text: string) {
    this.text = text
    this.at = 0
    while (this.at < text.length && text.charCodeAt(this.at) <= 32) this.at += 1
  }
  digits(max: number): string {
    const start = this.at
    while (this.at < this.text.length && this.at - start < max && isDigit(this.text.charCodeAt(this.at))) this.at += 1
    return this.text.slice(start, this.at)
  }
  /** Skips one separator; a letter other than T ends the date. */
  separator(): boolean {
    const code = this.text.charCodeAt(this.at)
    if (Number.isNaN(code) || isDigit(code)) return false
    const letter = (code >= 65 && code <= 90) || (code >= 97 && code <= 122)
    if (letter && code !== 84) return false
    this.at += 1
    return true
  }
}

const fullYear = (digits: string): number => {
  const value = Number(digits)
  if (digits.length === 4) return value
  return value < 70 ? 2000 + value : 1900 + value
}

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

const fractionOf = (groups: Groups): number => {
  if (groups.text.charAt(groups.at) !== ".") return 0
  groups.at += 1
  return Number(groups.digits(6).padEnd(6, "0"))
}

const timeOf = (groups: Groups): readonly [number, number, number, number] => {
  const hour = groups.digits(2)
  if (hour === "") return [0, 0, 0, 0]
  const minute = groups.separator() ? groups.digits(2) : ""
  const second = minute !== "" && groups.separator() ? groups.digits(2) : ""
  return [Number(hour), Number(minute), Number(second), second === "" ? 0 : fractionOf(groups)]
}

const compact = (first: string, groups: Groups): Moment | undefined => {
  const yearDigits = first.length === 8 || first.length === 14 ? 4 : 2
  const pair = (index: number): number => Number(first.slice(yearDigits + 2 * index, yearDigits + 2 * index + 2))
  const year = fullYear(first.slice(0, yearDigits))
  if (first.length > 8) return moment(year, pair(0), pair(1), [pair(2), pair(3), pair(4), fractionOf(groups)])
  return moment(year, pair(0), pair(1), groups.separator() ? timeOf(groups) : [0, 0, 0, 0])
}

const twoDigits = (text: string, at: number): number => {
  const tens = text.charCodeAt(at) - 48
  const ones = text.charCodeAt(at + 1) - 48
  return tens < 0 || tens > 9 || ones < 0 || ones > 9 ? Number.NaN : tens * 10 + ones
}

/** `YYYY-MM-DD HH:MM:SS[.ffffff]` exactly, which nearly every value is; undefined when it takes the long way. */
const common = (text: string): Moment | undefined => {
  const { length } = text
  if (length !== 19 && length !== 26) return undefined
  if (
    text.charCodeAt(4) !== 45 || text.charCodeAt(7) !== 45 || text.charCodeAt(13) !== 58 || text.charCodeAt(16) !== 58
  ) return undefined
  const between = text.charCodeAt(10)
  if (between !== 32 && between !== 84) return undefined
  const fraction = length === 19
    ? 0
    : text.charCodeAt(19) === 46
    ? twoDigits(text, 20) * 10_000 + twoDigits(text, 22) * 100 + twoDigits(text, 24)
    : Number.NaN
  const year = twoDigits(text, 0) * 100 + twoDigits(text, 2)
  const hour = twoDigits(text, 11)
  const minute = twoDigits(text, 14)
  const second = twoDigits(text, 17)
  if (Number.isNaN(year + hour + minute + second + fraction)) return undefined
  return moment(year, twoDigits(text, 5), twoDigits(text, 8), [hour, minute, second, fraction])
}

/**
 * Reads a date or a date with a time; undefined when it is none. Punctuation may be anything, a zone suffix and
 * trailing words are ignored, fraction digits after the sixth are cut, hour 24 and month or day 0 are no dates.
 */
export const parseDateTime = (text: string): Moment | undefined => {
  const quick = common(text)
  if (quick !== undefined) return quick
  const groups = new Groups(text)
  const first = groups.digits(15)
  if (first.length === 8 || first.length === 14 || first.length === 6 || first.length === 12) {
    return compact(first, groups)
  }
  if (first.length !== 4 && first.length !== 2) return undefined
  if (!groups.separator()) return undefined
  const month = groups.digits(2)
  if (month === "" || !groups.separator()) return undefined
  const day = groups.digits(2)
  if (day === "" || isDigit(text.charCodeAt(groups.at))) return undefined
  const time = groups.separator() ? timeOf(groups) : [0, 0, 0, 0] as const
  return moment(fullYear(first), Number(month), Number(day), time)
}

/** Microseconds since 1970-01-01 00:00:00. */
export const microsOf = (value: Moment): bigint => {
  const micros = value.days * microsPerDay + value.micros
  return Number.isSafeInteger(micros)
    ? BigInt(micros)
    : BigInt(value.days) * BigInt(microsPerDay) + BigInt(value.micros)
}
