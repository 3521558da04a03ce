/** The resident memory of a process over time: sampled from outside, so that looking costs it nothing. */
import { readFileSync } from "node:fs"

const SAMPLE_MS = 1_000
const KIB = 1024
const MB = 1e6
/** Characters of a curve on the terminal. */
const CURVE_WIDTH = 60
const BARS = "▁▂▃▄▅▆▇█"
export interface Sample {
  readonly second: number
  readonly residentMB: number
}

/** A measurement: all samples, and those of the time in which the load did not change, so that memory must be flat. */
export interface Measurement {
  readonly samples: ReadonlyArray<Sample>
  readonly steady: ReadonlyArray<Sample>
}

export interface Figures {
  readonly samples: number
  readonly firstMB: number
  readonly maxMB: number
  readonly lastMB: number
  /** How much the mean of the steady time's second half is above that of its first. */
  readonly growthMB: number
}

/** Undefined once the process has ended. */
const residentMB = (pid: number): number | undefined => {
  try {
    const found = /VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]
    return found === undefined ? undefined : Number(found) * KIB / MB
  } catch {
    return undefined
  }
}

/** Samples once a second until `stop`. */
export const watch = (pid: number): { readonly samples: ReadonlyArray<Sample>; readonly stop: () => void } => {
  const samples: Array<Sample> = []
  const startedAtMs = performance.now()
  const look = (): void => {
    const resident = residentMB(pid)
    if (resident === undefined) return
    samples.push({ second: Math.round((performance.now() - startedAtMs) / SAMPLE_MS), residentMB: resident })
  }
  look()
  const timer = setInterval(look, SAMPLE_MS)
  return { samples, stop: () => clearInterval(timer) }
}

/** What comes after the first half. */
export const secondHalf = (samples: ReadonlyArray<Sample>): ReadonlyArray<Sample> =>
  samples.slice(Math.floor(samples.length / 2))

const mean = (values: ReadonlyArray<number>): number =>
  values.reduce((sum, value) => sum + value, 0) / Math.max(1, values.length)

const round = (value: number): number => Math.round(value)

export const figures = ({ samples, steady }: Measurement): Figures => {
  const values = samples.map((sample) => sample.residentMB)
  const settled = steady.map((sample) => sample.residentMB)
  const half = Math.floor(settled.length / 2)
  return {
    samples: values.length,
    firstMB: round(values[0] ?? 0),
    maxMB: round(Math.max(...values)),
    lastMB: round(values.at(-1) ?? 0),
    growthMB: round(mean(settled.slice(half)) - mean(settled.slice(0, half)))
  }
}

/** One line of bars from 0 to the limit; each is the most of its share of the time. */
export const curve = (samples: ReadonlyArray<Sample>, limitMB: number): string => {
  const width = Math.min(CURVE_WIDTH, samples.length)
  return Array.from({ length: width }, (_, at) => {
    const part = samples.slice(
      Math.floor((at * samples.length) / width),
      Math.floor(((at + 1) * samples.length) / width)
    )
    const most = Math.max(...part.map((sample) => sample.residentMB))
    return BARS[Math.min(BARS.length - 1, Math.floor((most / limitMB) * BARS.length))]
  }).join("")
}
