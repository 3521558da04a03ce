/** A flag that is a span of time with its unit: `500ms`, `10s`, `5m`. */
import * as Flag from "effect/cli/Flag"
import * as Duration from "effect/Duration"
import * as Option from "effect/Option"

const UNITS_MS = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 } as const
const FORM = /^(\d{1,9}(?:\.\d{1,3})?)(ms|s|m|h)$/
/** gRPC's intervals are unsigned 32-bit milliseconds, and timers stop at 31 bits of them. */
const MS_MAX = 24 * UNITS_MS.h

const isUnit = (text: string | undefined): text is keyof typeof UNITS_MS => text !== undefined && text in UNITS_MS

/** Reads `10s`; from 1 ms to 24 hours. */
const parse = (text: string): Option.Option<Duration.Duration> => {
  const [, amount, unit] = FORM.exec(text) ?? []
  const ms = isUnit(unit) ? Math.round(Number(amount) * UNITS_MS[unit]) : 0
  return ms >= 1 && ms <= MS_MAX ? Option.some(Duration.millis(ms)) : Option.none()
}

/** How long a command that waits for the job does so, unless told. */
export const WAIT_DEFAULT = Duration.minutes(1)

const base = (name: string): Flag.Flag<Duration.Duration> =>
  Flag.String(name).pipe(
    Flag.filterMap(parse, () => "a time with its unit, from 1ms to 24h, such as 500ms, 10s or 5m"),
    Flag.withMetavar("time")
  )

/** A flag that may be left out. */
export const optional = (name: string, description: string): Flag.Flag<Option.Option<Duration.Duration>> =>
  base(name).pipe(Flag.withDescription(description), Flag.optional)

/** A flag with a default. */
export const withDefault = (
  name: string,
  fallback: Duration.Duration,
  description: string
): Flag.Flag<Duration.Duration> =>
  base(name).pipe(
    Flag.withDescription(`${description}; default ${Duration.format(fallback)}`),
    Flag.withDefault(fallback)
  )
