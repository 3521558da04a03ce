/**
 * Where a job stands, and what may follow: one pure state machine. The stage says how far the job has come, the state
 * what it has been told to do. The texts are those of dbmazz v1, which clients compare.
 */

import type * as Identifier from "./Identifier.ts"

/** How far the job has come; the names are those of the v1 API. */
export type Stage = "init" | "setup" | "snapshot" | "cdc"

/** What the job has been told. */
export type State = "running" | "paused" | "draining" | "stopped"

/** Why nothing, or not everything, is replicated at the moment. */
export interface Failure {
  readonly message: string
  /** What to do about it, in one line. */
  readonly remediation: string
  /** Nothing goes on by itself: the job looks again only now and then, or when it is told to resume. */
  readonly waitsForOperator: boolean
}

/** What a try to replicate set out with: whoever was told otherwise since begins anew. */
export interface Attempt {
  readonly tables: ReadonlyArray<Identifier.TableEntry>
  /** `Lifecycle.resumes` at that moment. */
  readonly resumes: number
  /** That moment, in ms since 1970. */
  readonly atMs: number
}

export interface Lifecycle {
  readonly stage: Stage
  readonly detail: string
  readonly state: State
  readonly failure: Failure | undefined
  /** The slot is to be dropped at the end: `Stop` without `skip_slot_cleanup`. */
  readonly dropSlot: boolean
  /** Grows each time replication begins. */
  readonly beginnings: number
  /** Grows with every `Resume` in spite of a failure: whoever waits for a person begins again. A pause that ends is none. */
  readonly resumes: number
  /** The last try; undefined before the first. */
  readonly attempt: Attempt | undefined
}

export const INITIAL: Lifecycle = {
  stage: "init",
  detail: "Initializing",
  state: "running",
  failure: undefined,
  dropSlot: false,
  beginnings: 0,
  resumes: 0,
  attempt: undefined
}

/** The steps of a setup, in their order. */
export const STEPS = { setup: "Running automatic setup", replication: "Starting replication stream" } as const

const REPLICATING = "Replicating"
const SETUP_FAILED = "Setup failed"

/** What the job itself reports. */
export type Event =
  /** Everything begins with these tables, from the checkpoint. */
  | { readonly _tag: "Attempt"; readonly tables: ReadonlyArray<Identifier.TableEntry>; readonly atMs: number }
  | { readonly _tag: "Step"; readonly detail: string }
  | { readonly _tag: "Replicating" }
  | { readonly _tag: "Failed"; readonly failure: Failure }
  /** A table is left out from here on, while the others are replicated. */
  | { readonly _tag: "TableStopped"; readonly failure: Failure }
  | { readonly _tag: "Ended" }

/** After an event. A failure stays until replication runs: another try alone has not mended it. */
export const after = (current: Lifecycle, event: Event): Lifecycle => {
  if (current.state === "stopped") return current
  switch (event._tag) {
    case "Attempt":
      return { ...current, attempt: { tables: event.tables, resumes: current.resumes, atMs: event.atMs } }
    case "Step":
      return current.failure === undefined ? { ...current, stage: "setup", detail: event.detail } : current
    case "Replicating":
      return {
        ...current,
        stage: "cdc",
        detail: REPLICATING,
        failure: undefined,
        beginnings: current.beginnings + 1
      }
    case "Failed":
      return { ...current, stage: "setup", detail: SETUP_FAILED, failure: event.failure }
    case "TableStopped":
      return { ...current, failure: event.failure }
    case "Ended":
      return { ...current, state: "stopped" }
  }
}

export type Command =
  | { readonly _tag: "Pause" }
  | { readonly _tag: "Resume" }
  | { readonly _tag: "DrainAndStop" }
  | { readonly _tag: "Stop"; readonly skipSlotCleanup: boolean }

/** What a command's sender is told. */
export interface Answer {
  readonly success: boolean
  readonly message: string
}

const TITLES: Readonly<Record<State, string>> = {
  running: "Running",
  paused: "Paused",
  draining: "Draining",
  stopped: "Stopped"
}

const yes = (message: string): Answer => ({ success: true, message })
const no = (message: string): Answer => ({ success: false, message })

type Outcome = readonly [Answer, Lifecycle]

const pause = (current: Lifecycle): Outcome => {
  switch (current.state) {
    case "running":
      return [yes("CDC paused successfully"), { ...current, state: "paused" }]
    case "paused":
      return [no("CDC is already paused"), current]
    default:
      return [no(`Cannot pause CDC in state: ${TITLES[current.state]}`), current]
  }
}

const resume = (current: Lifecycle): Outcome => {
  const resumes = current.failure === undefined ? current.resumes : current.resumes + 1
  const resumed: Lifecycle = { ...current, state: "running", resumes }
  switch (current.state) {
    case "paused":
      return [yes("CDC resumed successfully"), resumed]
    case "running":
      return current.failure === undefined
        ? [no("CDC is already running"), current]
        : [yes("CDC resumed successfully"), resumed]
    default:
      return [no(`Cannot resume CDC in state: ${TITLES[current.state]}`), current]
  }
}

const drain = (current: Lifecycle): Outcome => {
  switch (current.state) {
    case "draining":
      return [no("CDC is already draining"), current]
    case "stopped":
      return [no("CDC is already stopped"), current]
    default:
      return [yes("CDC is draining and will stop"), { ...current, state: "draining" }]
  }
}

const stop = (current: Lifecycle, skipSlotCleanup: boolean): Outcome => {
  if (current.state === "stopped") return [no("CDC is already stopped"), current]
  const how = skipSlotCleanup ? "slot preserved for restart" : "slot will be cleaned up"
  return [yes(`CDC stopped (${how})`), { ...current, state: "stopped", dropSlot: !skipSlotCleanup }]
}

/** The answer to a command, and what follows from it. */
export const command = (current: Lifecycle, command: Command): Outcome => {
  switch (command._tag) {
    case "Pause":
      return pause(current)
    case "Resume":
      return resume(current)
    case "DrainAndStop":
      return drain(current)
    case "Stop":
      return stop(current, command.skipSlotCleanup)
  }
}
