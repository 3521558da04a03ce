/** Functions over dates and moments. All moments are UTC. */
import { literal } from "../catalogue/Table.ts"
import { units } from "../syntax/Keywords.ts"
import { detail, unsupported } from "../syntax/SqlError.ts"
import {
  type Argument,
  asMoment,
  asText,
  constant,
  define,
  type Definition,
  type Definitions,
  integerOf,
  noSuchFunction,
  wordOf
} from "./Call.ts"

/** Formats that are words of their own instead of letters behind a percent sign. */
const wholeFormats: Readonly<Record<string, string>> = {
  yyyyMMdd: "%Y%m%d",
  "yyyy-MM-dd": "%Y-%m-%d",
  "yyyy-MM-dd HH:mm:ss": "%Y-%m-%d %H:%M:%S"
}

/** What the letters of a format are in DuckDB, where they are other ones or mean something else. */
const letters: Readonly<Record<string, string>> = {
  c: "%-m",
  e: "%-d",
  h: "%I",
  i: "%M",
  k: "%-H",
  l: "%-I",
  M: "%B",
  r: "%I:%M:%S %p",
  s: "%S",
  T: "%H:%M:%S",
  v: "%V",
  W: "%A",
  x: "%G",
  "%": "%%"
}

/** Letters that mean the same in DuckDB. */
const sameLetters = "abdfHIjmpSUwYy"

const formatOf = (value: Argument, what: string): string => {
  const written = constant(value, `the format of ${what}`)
  const whole = Object.hasOwn(wholeFormats, written) ? wholeFormats[written] : undefined
  if (whole !== undefined) return whole
  return written.replace(/%(.?)/gs, (_, letter: string) => {
    if (letter !== "" && sameLetters.includes(letter)) return `%${letter}`
    if (Object.hasOwn(letters, letter)) return letters[letter] ?? ""
    if (letter === "" || "DuVX".includes(letter)) throw unsupported(`%${letter} in the format of ${what}`)
    return letter
  })
}

/** Digits of the finest fraction of a second. */
const fractionDigits = 6

const moment = (digits: number): string => `main.endpoint_now(${10 ** (fractionDigits - digits)})`
const today = `cast(${moment(0)} as date)`
const timeOfDay = `strftime(${moment(0)}, '%H:%M:%S')`

const now = define(0, 1, (precision, _, __, count) => {
  const digits = count === 0 ? 0 : integerOf(precision)
  if (digits === undefined || digits > fractionDigits) throw detail("the precision of now() has to be 0 to 6")
  return moment(digits)
})
const currentDate = define(0, 0, () => today)
const currentTime = define(0, 0, () => timeOfDay)

/** Moments that are also written without parentheses. */
export const bareMoments: Readonly<Record<string, string>> = {
  current_timestamp: moment(0),
  localtime: moment(0),
  localtimestamp: moment(0),
  current_date: today,
  current_time: timeOfDay
}

const dateOf = (value: Argument): string => `cast(${asMoment(value)} as date)`
const part = (name: string): Definition => define(1, 1, (value) => `${name}(${asMoment(value)})`)
const day = part("day")
const date = define(1, 1, dateOf)

/** How a part of a moment is read, for functions and for EXTRACT. */
export const parts: Definitions = {
  year: part("year"),
  quarter: part("quarter"),
  month: part("month"),
  day,
  hour: part("hour"),
  minute: part("minute"),
  second: part("second")
}

/** Days from the year 0 to 1970. */
const daysBeforeEpoch = 719_528

/** Months in the units whose length the calendar decides. */
const monthsOf: Readonly<Record<string, number>> = { month: 1, quarter: 3, year: 12 }

const unitOf = (value: Argument, name: string): string => {
  const unit = wordOf(value)
  if (unit === "millisecond" || !units.includes(unit.toUpperCase())) throw noSuchFunction(name)
  return unit
}

const shifted = (sign: "+" | "-"): Definition =>
  // A number of days, where it is no interval.
  define(2, 2, (value, by) =>
    `(${asMoment(value)} ${sign} ${
      by.tokens[0]?.text.toUpperCase() === "INTERVAL" ? by.sql : `interval (${by.sql}) day`
    })`)

const shiftedBy = (sign: "+" | "-", unit: string): Definition =>
  define(2, 2, (value, count) => `(${asMoment(value)} ${sign} interval (${count.sql}) ${unit})`)

const shifts: Definitions = Object.fromEntries(
  ["year", "quarter", "month", "week", "day", "hour", "minute", "second"].flatMap((unit) => [
    [`${unit}s_add`, shiftedBy("+", unit)],
    [`${unit}s_sub`, shiftedBy("-", unit)]
  ])
)

const added = shifted("+")
const taken = shifted("-")

const week = define(1, 2, (value, mode, _, count) => {
  const wanted = count === 1 ? 0 : integerOf(mode)
  if (wanted === 0) return `cast(strftime(${asMoment(value)}, '%U') as integer)`
  if (wanted === 3) return `week(${asMoment(value)})`
  throw unsupported("a mode of week() other than 0 and 3")
})

/** The functions. */
export const timeFunctions: Definitions = {
  now,
  current_timestamp: now,
  localtimestamp: now,
  localtime: now,
  sysdate: now,
  utc_timestamp: now,
  curdate: currentDate,
  current_date: currentDate,
  curtime: currentTime,
  current_time: currentTime,
  utc_time: currentTime,
  ...parts,
  dayofmonth: day,
  dayofyear: part("dayofyear"),
  dayofweek: define(1, 1, (value) => `(dayofweek(${asMoment(value)}) + 1)`),
  weekday: define(1, 1, (value) => `(isodow(${asMoment(value)}) - 1)`),
  dayname: part("dayname"),
  monthname: part("monthname"),
  weekofyear: part("week"),
  week,
  last_day: define(1, 1, (value) => `last_day(${asMoment(value)})`),
  date,
  to_date: date,
  timestamp: define(1, 1, asMoment),
  to_days: define(1, 1, (value) => `(${dateOf(value)} - date '1970-01-01' + ${daysBeforeEpoch})`),
  datediff: define(2, 2, (left, right) => `(${dateOf(left)} - ${dateOf(right)})`),
  timestampdiff: define(3, 3, (unit, from, to) => {
    const name = unitOf(unit, "timestampdiff")
    const months = Object.hasOwn(monthsOf, name) ? monthsOf[name] : undefined
    return months === undefined
      ? `date_sub(${literal(name)}, ${asMoment(from)}, ${asMoment(to)})`
      : `(main.endpoint_months(${asMoment(from)}, ${asMoment(to)}) // ${months})`
  }),
  timestampadd: define(
    3,
    3,
    (unit, count, value) => `(${asMoment(value)} + interval (${count.sql}) ${unitOf(unit, "timestampadd")})`
  ),
  date_add: added,
  adddate: added,
  date_sub: taken,
  subdate: taken,
  ...shifts,
  date_trunc: define(2, 2, (unit, value) => {
    const name = constant(unit, "the unit of date_trunc").toLowerCase()
    if (!units.includes(name.toUpperCase())) throw noSuchFunction("date_trunc")
    return `date_trunc(${literal(name)}, ${asMoment(value)})`
  }),
  date_format: define(
    2,
    2,
    (value, format) => `strftime(${asMoment(value)}, ${literal(formatOf(format, "date_format"))})`
  ),
  str_to_date: define(2, 2, (value, format) => {
    const pattern = formatOf(format, "str_to_date")
    const parsed = `try_strptime(${asText(value)}, ${literal(pattern)})`
    return /%-?[HIMSpf]/.test(pattern) ? parsed : `cast(${parsed} as date)`
  }),
  unix_timestamp: define(
    0,
    1,
    (value, _, __, count) => `cast(epoch(${count === 0 ? moment(0) : asMoment(value)}) as bigint)`
  ),
  from_unixtime: define(
    1,
    2,
    (value, format, _, count) =>
      `strftime(make_timestamp((${value.sql})::bigint * 1000000), ${
        literal(count === 1 ? "%Y-%m-%d %H:%M:%S" : formatOf(format, "from_unixtime"))
      })`
  )
}
