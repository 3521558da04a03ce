/** The seeded schedule of faults: asked at every step that can fail, and silent once the world is to heal. */
import { Prng } from "./Prng.ts"
import type { Trace } from "./Trace.ts"

/** What may go wrong, and how likely it is at each step of its kind, between 0 and 1. */
export const RATES = {
  "postgres: connection refused": 0.1,
  "postgres: replication connection lost": 0.012,
  "postgres: replication connection lost at a truncation": 0.15,
  "postgres: replication connection lost at a schema change": 0.1,
  "postgres: slot still active": 0.2,
  "postgres: server crash": 0.001,
  "postgres: peer hangs at the end": 0.1,
  "sql: lost before the statement": 0.02,
  "sql: lost after the statement": 0.03,
  "sql: statement late": 0.02,
  "starrocks sql: lost": 0.05,
  "starrocks sql: lost before the statement": 0.2,
  "starrocks sql: lost after the statement": 0.3,
  "starrocks sql: begins late": 0.3,
  "starrocks sql: refused": 0.15,
  "starrocks sql: slow": 0.25,
  "starrocks sql: schema change slow": 0.4,
  "starrocks sql: schema change cancelled": 0.1,
  "starrocks sql: catalogue late": 0.1,
  "http: refused": 0.04,
  "http: lost before the body": 0.04,
  "http: lost within the body": 0.03,
  "http: lost after the body": 0.05,
  "http: lost after the commit": 0.08,
  "http: proxy answers 502": 0.04,
  "frontend: answers itself": 0.02,
  "frontend: pauses": 0.01,
  "frontend: question lost": 0.1,
  "backend: refuses": 0.07,
  "backend: out of memory": 0.03,
  "backend: rollback lost": 0.3,
  "backend: status unknown": 0.05,
  "backend: publish timeout": 0.06,
  "backend: slow": 0.06,
  "backend: never finishes": 0.01,
  "starrocks: password changed": 0.0003,
  "job: killed": 0.002,
  "job: interrupted": 0.001,
  "job: stands still": 0.001,
  "job: cut off": 0.001,
  "job: absent at its load": 0.06,
  "job: absent at its retry": 0.8,
  "job: absent at its truncation": 0.12,
  "job: killed at its truncation": 0.1,
  "job: absent at its schema change": 0.25,
  "job: killed at its schema change": 0.1,
  "job: killed while a load is not seen": 0.25,
  "job: stopped": 0.0015
} as const
export type FaultKind = keyof typeof RATES
const isKind = (name: string): name is FaultKind => name in RATES
export const KINDS: ReadonlyArray<FaultKind> = Object.keys(RATES).filter(isKind)
const OFTEN = 8

export interface FaultPlan {
  /** Multiplies every rate. */
  readonly intensity: number
  /** Kinds that happen `OFTEN` times as likely in this run. */
  readonly often: ReadonlySet<FaultKind>
  /** Kinds that never happen in this run. */
  readonly without: ReadonlySet<FaultKind>
  /** Faults from this number on do not happen: a shrunk run has few. */
  readonly countMax: number
  /** Numbers of faults that do not happen. */
  readonly skipped: ReadonlySet<number>
}

/** Asked at every step that can fail. */
export interface FaultSource {
  readonly happens: (kind: FaultKind) => boolean
}

export class Faults implements FaultSource {
  readonly #prng: Prng
  readonly #plan: FaultPlan
  /** Of the kinds that happen at all. */
  readonly #rates: ReadonlyMap<FaultKind, number>
  readonly #trace: Trace
  #count = 0
  #healed = false

  constructor(seed: number, plan: FaultPlan, trace: Trace) {
    this.#prng = new Prng(seed, "faults")
    this.#plan = plan
    this.#rates = new Map(
      KINDS.filter((kind) => !plan.without.has(kind)).map((kind) => [
        kind,
        RATES[kind] * plan.intensity * (plan.often.has(kind) ? OFTEN : 1)
      ])
    )
    this.#trace = trace
  }

  /** Faults that happened or were skipped. */
  get count(): number {
    return this.#count
  }

  get healed(): boolean {
    return this.#healed
  }

  /** From here on nothing fails. */
  heal(): void {
    this.#healed = true
  }

  /** Whether this fault happens now. */
  happens(kind: FaultKind): boolean {
    if (this.#healed) return false
    const rate = this.#rates.get(kind)
    if (rate === undefined || !this.#prng.chance(rate)) return false
    const number = this.#count++
    if (number >= this.#plan.countMax || this.#plan.skipped.has(number)) return false
    this.#trace.add(`fault ${number}: ${kind}`)
    return true
  }
}
