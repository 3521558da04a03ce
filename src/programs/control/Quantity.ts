/** Numbers as people read them. */

const KIB = 1024n
const BYTE_UNITS = ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"]
const SECOND_MS = 1_000n
const MINUTE_MS = 60n * SECOND_MS
const HOUR_MS = 60n * MINUTE_MS

/** `1.5 MiB`; exact below 1 KiB. */
export const bytes = (value: bigint): string => {
  let unit = 0
  let scale = 1n
  while (value >= scale * KIB && unit < BYTE_UNITS.length - 1) {
    unit += 1
    scale *= KIB
  }
  return unit === 0 ? `${value} B` : `${(Number((value * 10n) / scale) / 10).toFixed(1)} ${BYTE_UNITS[unit]}`
}

/** `850 ms`, `1.2 s`, `3 m 20 s`, `5 h 10 m`. */
export const span = (ms: bigint): string => {
  if (ms < SECOND_MS) return `${ms} ms`
  if (ms < MINUTE_MS) return `${(Number(ms / 100n) / 10).toFixed(1)} s`
  if (ms < HOUR_MS) return `${ms / MINUTE_MS} m ${(ms % MINUTE_MS) / SECOND_MS} s`
  return `${ms / HOUR_MS} h ${(ms % HOUR_MS) / MINUTE_MS} m`
}

/** `1,234,567`. */
export const count = (value: bigint | number): string => value.toLocaleString("en-US", { maximumFractionDigits: 0 })

/** Text from outside on one line, without anything that a terminal obeys. */
export const plain = (text: string): string => text.replaceAll(/[\p{Cc}\p{Cf}]+/gu, " ").trim()
