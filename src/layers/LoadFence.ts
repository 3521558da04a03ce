/**
 * Keeps the loads of a table in order beyond one program's life: none is sent while an older one, of this program or of one
 * that was killed, may still commit.
 */
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import { PermanentError } from "../domain/errors/PermanentError.ts"
import * as Identifier from "../domain/Identifier.ts"
import type { LoadRequest, LoadResult } from "../domain/Load.ts"
import type * as Outcome from "../domain/streamload/Outcome.ts"
import type * as Reply from "../domain/streamload/Reply.ts"
import * as Target from "../domain/streamload/Target.ts"
import { BODY_START_MS_MAX } from "./Heartbeat.ts"
import { InFlightLoads, type LeftLoad } from "./InFlightLoads.ts"
import * as LoadAttempts from "./LoadAttempts.ts"
import { StreamLoadClient } from "./StreamLoadClient.ts"

/** So long after its label was stored a load of another program may still begin, in ms; and some for clocks. */
export const BEGIN_MS = BODY_START_MS_MAX + 2_000

/** A wait for another load's end is told this often, in ms: most are over before. */
const TELL_EVERY_MS = 10_000

/** A load without a result. Until then it may begin, once more perhaps; one of our own began when we were there, or never. */
interface AbandonedLoad extends LeftLoad {
  readonly beginsUntilMs: number
}

/** What is remembered of an interrupted load is its label. */
const NO_BODY = new Uint8Array(0)

/** Whether a load of which this is known can no longer commit, and, for who reads the table, no longer become visible. */
const isOver = (answer: Reply.LabelAnswer, mayNotBegin: boolean, mayNotRun: boolean, visibly: boolean): boolean => {
  if (answer._tag === "Unanswered") return mayNotRun
  switch (answer.state) {
    case "VISIBLE":
      return true
    case "COMMITTED":
      return !visibly
    // What was aborted may be sent again under its label, as long as its program may begin.
    case "ABORTED":
    case "UNKNOWN":
      return mayNotBegin
    case "PREPARE":
    case "PREPARED":
      return false
  }
}

const isRefusedForRows = <E>(exit: Exit.Exit<LoadResult, E | PermanentError>): boolean =>
  Exit.isFailure(exit) && Cause.findErrorOption(exit.cause).pipe(
    Option.exists((error) => error instanceof PermanentError && error.code === "SR_REJECTED_ROWS")
  )

/** `attempts` waits and tells as for a load that is sent again. */
export const make = Effect.fnUntraced(function*(attempts: Effect.Success<ReturnType<typeof LoadAttempts.make>>) {
  const client = yield* StreamLoadClient
  const inFlight = yield* InFlightLoads

  /** Loads that ended without a result after they may have been sent, by table: StarRocks may still be committing them. */
  const abandoned = new Map<string, AbandonedLoad>()
  /** The last load of each table that came to its result, here or, as far as the store knows, in another program. */
  const finished = new Map<string, Pick<LoadResult, "label" | "visible">>()
  /** The label of each table's last load that was refused for its rows: nothing of it is left. */
  const refused = new Map<string, string>()
  let learntFor: string | undefined = undefined

  /** What programs before this run left, ours included, is read from the store once a run: another may have had the slot. */
  const learnOfPredecessors = (run: string) =>
    Effect.suspend(() =>
      learntFor === run ? Effect.void : Effect.map(inFlight.left, (left) => {
        learntFor = run
        for (const [table, load] of left) {
          const ours = [finished.get(table)?.label, abandoned.get(table)?.label, refused.get(table)].includes(
            load.label
          )
          if (ours) continue
          if (load.isLoaded === true) finished.set(table, { label: load.label, visible: false })
          else abandoned.set(table, { ...load, beginsUntilMs: load.sinceMs + BEGIN_MS })
        }
      })
    )

  /**
   * A load of older rows that commits after a newer one would win: wait until the older one is over. One that runs is waited
   * for, because StarRocks ends it at its timeout; a sink that cannot be asked for labels (a back end's address) is waited out.
   */
  const settleAbandoned = Effect.fnUntraced(function*(table: string, next: LoadRequest, visibly: boolean) {
    const left = abandoned.get(table)
    if (left === undefined || left.label === next.label) return
    const older: LoadRequest = { ...next, label: left.label, body: NO_BODY }
    const overMs = left.sinceMs + Target.LOAD_TIMEOUT_SECONDS * 1000
    let toldMs = yield* Clock.currentTimeMillis
    let silences = 0
    for (let looks = 1;; looks++) {
      const answer = yield* client.labelState(next.target.schema, left.label)
      const nowMs = yield* Clock.currentTimeMillis
      if (isOver(answer, nowMs >= left.beginsUntilMs, nowMs >= overMs, visibly)) break
      const why = `an earlier load of the table is awaited: ${answer._tag === "Known" ? answer.state : answer.why}`
      const failure: Outcome.Transient = { _tag: "Transient", code: "SR_LABEL_UNSETTLED", why }
      silences = answer._tag === "Known" ? 0 : silences + 1
      if (silences > 0) yield* attempts.wait(older, silences, failure)
      else {
        if (nowMs - toldMs >= TELL_EVERY_MS) {
          toldMs = nowMs
          yield* attempts.tell(older, looks, failure, LoadAttempts.POLL_EVERY_MS)
        }
        yield* Effect.sleep(LoadAttempts.POLL_EVERY_MS)
      }
    }
    abandoned.delete(table)
  })

  /** Waits until nothing older of the table can commit or, for what reads rows, become visible. */
  const passed = Effect.fnUntraced(function*(request: LoadRequest, readsRows: boolean) {
    const table = Identifier.show(request.target)
    yield* learnOfPredecessors(request.run)
    const before = finished.get(table)
    if (readsRows && before?.visible === false && !abandoned.has(table)) {
      const sinceMs = yield* Clock.currentTimeMillis
      abandoned.set(table, { label: before.label, sinceMs, beginsUntilMs: sinceMs })
    }
    yield* settleAbandoned(table, request, readsRows)
  })

  /**
   * Keeps what is known of the end of `sending`. Without a result nobody knows for `beginMs` whether it still begins; what
   * was refused for its rows is over.
   */
  const kept = <E, R>(request: LoadRequest, sending: Effect.Effect<LoadResult, E, R>, beginMs: number) => {
    const table = Identifier.show(request.target)
    return Effect.onExit(sending, (exit) =>
      Effect.map(Clock.currentTimeMillis, (sinceMs) => {
        if (Exit.isSuccess(exit)) {
          abandoned.delete(table)
          finished.set(table, exit.value)
        } else if (isRefusedForRows(exit)) {
          abandoned.delete(table)
          refused.set(table, request.label)
        } else abandoned.set(table, { label: request.label, sinceMs, beginsUntilMs: sinceMs + beginMs })
      }))
  }

  return { passed, kept }
})
