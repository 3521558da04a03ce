/**
 * A slot that somebody else reads: after a crash it is the predecessor's walsender, which notices in time, so waiting is
 * right; after a mistake it is a second job, and no waiting helps. Who it is goes into the error either way.
 */
import * as SetupError from "../errors/SetupError.ts"
import { TransientError } from "../errors/TransientError.ts"

/** The session that reads the slot; what the role may not see is undefined. */
export interface Holder {
  readonly pid: number
  readonly applicationName: string | undefined
  /** `address:port`, or `local`. */
  readonly client: string | undefined
  /** Of `pg_stat_replication`: `catchup`, `streaming` and the like. */
  readonly state: string | undefined
  /** Age of the session. */
  readonly sinceMs: number | undefined
  /** For so long the server has heard nothing from its client. */
  readonly unheardMs: number | undefined
}

/** The least wait for a predecessor in ms: a process that was killed hard is noticed by TCP or by the timeout below. */
const TAKEOVER_MS_MIN = 60_000
/** After `wal_sender_timeout` the server ends a walsender whose client is gone; this is for it to get there. */
const TAKEOVER_MARGIN_MS = 15_000

/** How long a slot in use is waited for; `walSenderTimeoutMs` 0: the server never ends a silent walsender by itself. */
export const waitMsMax = (walSenderTimeoutMs: number): number =>
  Math.max(TAKEOVER_MS_MIN, walSenderTimeoutMs + TAKEOVER_MARGIN_MS)

const seconds = (ms: number): string => `${Math.round(ms / 1000)} s`

/** What is known of the holder besides its pid, for a person. */
const describe = (holder: Holder): string => {
  const { applicationName, client, sinceMs, state, unheardMs } = holder
  const parts = [
    applicationName === undefined || applicationName === "" ? "no application name" : applicationName,
    ...(client === undefined ? [] : [`from ${client}`]),
    ...(state === undefined ? [] : [state]),
    ...(sinceMs === undefined ? [] : [`connected for ${seconds(sinceMs)}`]),
    ...(unheardMs === undefined ? [] : [`last heard ${seconds(unheardMs)} ago`])
  ]
  return ` (${parts.join(", ")})`
}

/** The pid that the server's refusal names; empty when it names none. */
export const pidIn = (text: string): string => /active for PID (\d+)/i.exec(text)?.[1] ?? ""

/** The transient error of a slot in use by `pid`; `holder`, when it can be seen, says who that is. */
export const busy = (
  slot: string,
  host: string,
  pid: string,
  holder: Holder | undefined,
  walSenderTimeoutMs: number
): TransientError => {
  const found = holder === undefined ? pid : String(holder.pid)
  const who = `PID ${found === "" ? "unknown" : found}${holder === undefined ? "" : describe(holder)}`
  const waitMs = waitMsMax(walSenderTimeoutMs)
  return new TransientError({
    code: "PG_SLOT_BUSY",
    message: `replication slot '${slot}' is in use: it is active for ${who}`,
    remediation: `It is waited for, ${seconds(waitMs)} at most: a process that died is noticed by then. ` +
      `If it is another job, stop it; to end it now, run: SELECT pg_terminate_backend(active_pid) ` +
      `FROM pg_replication_slots WHERE slot_name = '${slot}';`,
    context: { slot, host, pid: found, holder: who, waitMsMax: String(waitMs) }
  })
}

/** The error after the slot has been in use for `elapsedMs` without a break: transient until its time is over. */
export const decide = (error: TransientError, elapsedMs: number): TransientError | SetupError.SetupError => {
  const waitMs = Number(error.context["waitMsMax"] ?? TAKEOVER_MS_MIN)
  if (elapsedMs < waitMs) return error
  const { holder = "", pid = "", slot = "" } = error.context
  return SetupError.make({ _tag: "PgSlotInUse", name: slot, holder, pid, waited: seconds(elapsedMs) })
}
