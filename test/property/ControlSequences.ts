/**
 * Random sequences of control calls, and the model that judges what a job answers: `Lifecycle.command` for single calls, and
 * for calls at the same time some order of them that explains every answer.
 */

import * as Lifecycle from "../../src/domain/Lifecycle.ts"
import type { SeededRandom } from "../../src/domain/SeededRandom.ts"

/** The configuration calls; `tables` are whole lists. */
export type Reload =
  | { readonly _tag: "Flush"; readonly rows: bigint; readonly everyMs: bigint }
  | { readonly _tag: "Tables"; readonly tables: ReadonlyArray<string> }
  /** Must be refused. */
  | { readonly _tag: "Wrong"; readonly rows: bigint; readonly tables: ReadonlyArray<string>; readonly says: string }

export type Call =
  | { readonly _tag: "Command"; readonly command: Lifecycle.Command }
  | { readonly _tag: "Reload"; readonly reload: Reload }
  | { readonly _tag: "Snapshot"; readonly which: "StartSnapshot" | "PauseSnapshot" | "ResumeSnapshot" }

export type Step =
  /** Several: at the same time. */
  | { readonly _tag: "Calls"; readonly calls: ReadonlyArray<Call> }
  | { readonly _tag: "SinkFault"; readonly kind: SinkFault; readonly count: number }
  | { readonly _tag: "ResetLink" }
  | { readonly _tag: "Traffic"; readonly transactions: number }

/** Each passes by itself after so many strikes. */
export const SINK_FAULTS = [
  "fe-error",
  "fe-reset",
  "no-backend",
  "be-reset",
  "reset-in-body",
  "reset-before-commit",
  "reset-after-commit",
  "publish-timeout"
] as const
export type SinkFault = typeof SINK_FAULTS[number]

/** Wanted at all times, and now and then. */
export const ALWAYS = "items"
export const SOMETIMES = "other"

const COMMANDS = {
  pause: { _tag: "Pause" },
  resume: { _tag: "Resume" },
  drain: { _tag: "DrainAndStop" },
  stop: { _tag: "Stop", skipSlotCleanup: true }
} as const

const wrong = (random: SeededRandom): Reload =>
  random.pick<Reload>([
    { _tag: "Wrong", rows: 10n ** 18n, tables: [], says: "flush_size must be from 1 to" },
    { _tag: "Wrong", rows: 7n, tables: [ALWAYS, "nowhere"], says: "Table 'public.nowhere' not found in PostgreSQL" },
    { _tag: "Wrong", rows: 0n, tables: ["a.b.c.d"], says: "is not a table name" },
    { _tag: "Wrong", rows: 0n, tables: [], says: "No configuration changes provided" }
  ])

const reload = (random: SeededRandom): Reload => {
  if (random.chance(0.3)) return wrong(random)
  if (random.chance(0.3)) {
    return { _tag: "Flush", rows: BigInt(random.between(1, 200)), everyMs: BigInt(random.between(10, 200)) }
  }
  return { _tag: "Tables", tables: random.chance(0.5) ? [ALWAYS, SOMETIMES] : [ALWAYS] }
}

const call = (random: SeededRandom, ends: boolean): Call => {
  if (ends && random.chance(0.3)) {
    return { _tag: "Command", command: random.chance(0.6) ? COMMANDS.drain : COMMANDS.stop }
  }
  if (random.chance(0.1)) {
    return { _tag: "Snapshot", which: random.pick(["StartSnapshot", "PauseSnapshot", "ResumeSnapshot"]) }
  }
  if (random.chance(0.45)) return { _tag: "Reload", reload: reload(random) }
  return { _tag: "Command", command: random.chance(0.5) ? COMMANDS.pause : COMMANDS.resume }
}

/** At most one call of a burst changes tables: of two, either could be the last. */
const burst = (random: SeededRandom): ReadonlyArray<Call> => {
  const calls = Array.from({ length: random.between(2, 5) }, () => call(random, true))
  let tables = 0
  return calls.filter((one) => one._tag !== "Reload" || one.reload._tag !== "Tables" || ++tables === 1)
}

const step = (random: SeededRandom): Step => {
  if (random.chance(0.12)) return { _tag: "SinkFault", kind: random.pick(SINK_FAULTS), count: random.between(1, 3) }
  if (random.chance(0.08)) return { _tag: "ResetLink" }
  if (random.chance(0.2)) return { _tag: "Traffic", transactions: random.between(1, 20) }
  return { _tag: "Calls", calls: random.chance(0.35) ? burst(random) : [call(random, random.chance(0.3))] }
}

/** A sequence; equal seeds give equal ones. */
export const sequence = (random: SeededRandom, length: number): ReadonlyArray<Step> =>
  Array.from({ length }, () => step(random))

/** States the job may be in. */
export type States = ReadonlySet<Lifecycle.State>

const FAILURE: Lifecycle.Failure = { message: "", remediation: "", waitsForOperator: false }

/** A drain may come to its end whenever it likes. */
const settled = (state: Lifecycle.State): ReadonlyArray<Lifecycle.State> =>
  state === "draining" ? ["draining", "stopped"] : [state]

/** The states after this answer; none: the model does not allow it. `failing`: there may be a failure at the moment. */
const after = (
  states: States,
  command: Lifecycle.Command,
  answer: Lifecycle.Answer,
  failing: boolean
): States => {
  const next = new Set<Lifecycle.State>()
  for (const before of [...states].flatMap(settled)) {
    for (const failure of failing ? [undefined, FAILURE] : [undefined]) {
      const current = { ...Lifecycle.INITIAL, state: before, failure }
      const [given, then] = Lifecycle.command(current, command)
      if (given.success !== answer.success || given.message !== answer.message) continue
      for (const state of settled(then.state)) next.add(state)
    }
  }
  return next
}

export interface Answered {
  readonly command: Lifecycle.Command
  readonly answer: Lifecycle.Answer
}

/** The same for commands given at the same time: all states to which an order leads that explains all answers. */
export const afterAll = (states: States, answered: ReadonlyArray<Answered>, failing: boolean): States => {
  if (states.size === 0 || answered.length === 0) return states
  const possible = new Set<Lifecycle.State>()
  answered.forEach(({ answer, command }, index) => {
    const others = answered.filter((_, other) => other !== index)
    for (const state of afterAll(after(states, command, answer, failing), others, failing)) possible.add(state)
  })
  return possible
}
