/**
 * Is the replication connection alive? A silent one may be half-open (a router forgot it, the server's machine is gone) or
 * be well: a server that decodes WAL of other tables, or a large transaction, has nothing to say for minutes. Silence
 * alone proves nothing, so PostgreSQL is asked what our walsender does, over another connection.
 */

/** Silence that starts the questions, with a server that has no `wal_sender_timeout`, in ms. */
const SILENCE_MS_DEFAULT = 30_000
/** As a part of `wal_sender_timeout`: the server would give up on us no sooner than after the whole. */
const SILENCE_PER_TIMEOUT = 0.5
/** Below it, a busy machine would be asked all the time. */
const SILENCE_MS_MIN = 1_000
/** Above it, nobody wants to wait for a dead connection, whatever the server's timeout is. */
const SILENCE_MS_MAX = 60_000
/** Questions within one limit of silence. */
const LOOKS_PER_SILENCE = 4
/** The least time between two looks: an answer to a status message travels in less. */
const LOOK_EVERY_MS_MIN = 250
const LOOK_EVERY_MS_MAX = 5_000
/** Standby status messages within one `wal_sender_timeout`: two may be late or lost. */
const STATUS_PER_TIMEOUT = 4
/** Interval of status messages to a server whose `wal_sender_timeout` is 0 (off). */
const STATUS_EVERY_MS_DEFAULT = 10_000
const STATUS_EVERY_MS_MIN = 100
/** A server that answers no SQL for so long is taken for gone, and so is our connection to it. */
const UNREACHABLE_MS_MAX = 30_000
/**
 * So many looks in a row must find a waiting walsender: one that began to wait just before the first look has answered by
 * the second.
 */
const WAITING_LOOKS = 2

/** The server takes or refuses a START_REPLICATION at once; what is silent for this long is not going to, in ms. */
const START_MS_MAX = 30_000

/** A question to PostgreSQL that takes longer is no answer: the server has better things to do, or is gone. In ms. */
const ANSWER_MS_MAX = 5_000

export interface Limits {
  readonly startMsMax: number
  readonly answerMsMax: number
  readonly statusEveryMs: number
  readonly silenceMsMax: number
  readonly lookEveryMs: number
  readonly unreachableMsMax: number
}

const between = (least: number, value: number, most: number): number => Math.max(least, Math.min(value, most))

/** The limits that suit a server; 0 is a server that never gives up on a silent client. */
export const limits = (walSenderTimeoutMs: number): Limits => {
  const silenceMsMax = walSenderTimeoutMs === 0
    ? SILENCE_MS_DEFAULT
    : between(SILENCE_MS_MIN, walSenderTimeoutMs * SILENCE_PER_TIMEOUT, SILENCE_MS_MAX)
  return {
    startMsMax: START_MS_MAX,
    answerMsMax: ANSWER_MS_MAX,
    statusEveryMs: walSenderTimeoutMs === 0
      ? STATUS_EVERY_MS_DEFAULT
      : between(STATUS_EVERY_MS_MIN, walSenderTimeoutMs / STATUS_PER_TIMEOUT, STATUS_EVERY_MS_DEFAULT),
    silenceMsMax,
    lookEveryMs: between(LOOK_EVERY_MS_MIN, silenceMsMax / LOOKS_PER_SILENCE, LOOK_EVERY_MS_MAX),
    unreachableMsMax: UNREACHABLE_MS_MAX
  }
}

/**
 * What PostgreSQL says about our walsender:
 * - `Gone`: it has ended, or the slot is not there
 * - `Waiting`: for WAL, for us to read, or for a confirmation; it would answer a status message at once. `repliedAtMs` is
 *   our own clock in the last status message that reached it
 * - `Working`: it decodes, or reads WAL from disk
 * - `Unreadable`: the server answers, but not this question (too many connections, for one)
 * - `Unreachable`: the server does not answer
 */
export type Sight =
  | { readonly _tag: "Gone" }
  | { readonly _tag: "Waiting"; readonly event: string; readonly repliedAtMs: number | undefined }
  | { readonly _tag: "Working" }
  | { readonly _tag: "Unreadable"; readonly error: string }
  | { readonly _tag: "Unreachable"; readonly error: string }

/** What our end of the connection has noticed. */
export interface Hearing {
  /** For so long nothing has arrived although it was being read; 0 while reading is paused. */
  readonly silentMs: number
  /** For so long reading has been paused, because the pipeline is busy; 0 while it is not. */
  readonly pausedMs: number
}

/** What earlier looks have left; of one silence, not of the session. */
export interface Suspicion {
  readonly waitingLooks: number
  readonly unreachableSinceMs: number | undefined
}

export const CALM: Suspicion = { waitingLooks: 0, unreachableSinceMs: undefined }

export type Verdict =
  | { readonly _tag: "Alive"; readonly suspicion: Suspicion }
  | { readonly _tag: "Lost"; readonly why: string }

/** Whether it is time to ask PostgreSQL. A long pause is a reason too: the server may be gone, and nobody reads it. */
export const isSuspicious = (limit: Limits, hearing: Hearing): boolean =>
  hearing.silentMs >= limit.silenceMsMax || hearing.pausedMs >= limit.silenceMsMax

const seconds = (ms: number): string => `${Math.round(ms / 1000)} s`

const alive = (suspicion: Suspicion): Verdict => ({ _tag: "Alive", suspicion })

/** What one look means, after the looks before it. */
export const judge = (
  limit: Limits,
  hearing: Hearing,
  before: Suspicion,
  sight: Sight,
  nowMs: number
): Verdict => {
  switch (sight._tag) {
    case "Gone":
      return { _tag: "Lost", why: "PostgreSQL has no walsender for it any more" }
    case "Working":
    case "Unreadable":
      return alive(CALM)
    case "Unreachable": {
      const sinceMs = before.unreachableSinceMs ?? nowMs
      return nowMs - sinceMs >= limit.unreachableMsMax
        ? { _tag: "Lost", why: `PostgreSQL has answered nothing for ${seconds(nowMs - sinceMs)}: ${sight.error}` }
        : alive({ waitingLooks: 0, unreachableSinceMs: sinceMs })
    }
    case "Waiting": {
      // A role may see its own walsender without the time of its last reply (pg_read_all_stats shows it).
      const unheard = sight.repliedAtMs !== undefined && nowMs - sight.repliedAtMs >= limit.silenceMsMax
      // While we do not read, that the server waits is our doing; that our status messages do not arrive is not.
      if (hearing.silentMs === 0 && !unheard) return alive(CALM)
      const waitingLooks = before.waitingLooks + 1
      if (waitingLooks < WAITING_LOOKS) return alive({ waitingLooks, unreachableSinceMs: undefined })
      const heard = hearing.silentMs > 0
        ? `nothing has arrived for ${seconds(hearing.silentMs)}`
        : "our status messages do not arrive"
      return { _tag: "Lost", why: `it is half-open: the walsender waits (${sight.event}), yet ${heard}` }
    }
  }
}
