/** How long to wait before the same load is sent again: exponential, jittered, never less than the server asks for. */
import type { RetryLimits } from "../config/Settings.ts"

/** Longest wait in ms when the server asks for patience: past it, more waiting only delays the recovery. */
export const PATIENCE_MS_MAX = 240_000

/** How much of a wait is at random: waits are spread so that many tables do not come back at once. */
const JITTER = 0.5
const PATIENCE_JITTER = 0.2

/** Doublings beyond this change nothing: every limit is reached long before. */
const DOUBLINGS_MAX = 30

/**
 * The wait in ms after the `failures`-th failure in a row (from 1). `retryAfterMs` is a least wait that doubles too;
 * `random` is in [0, 1).
 */
export const delayMs = (
  limits: RetryLimits,
  failures: number,
  retryAfterMs: number | undefined,
  random: number
): number => {
  const doubled = 2 ** Math.min(Math.max(failures - 1, 0), DOUBLINGS_MAX)
  const wait = Math.min(limits.baseMs * doubled, limits.maxMs) * (1 - JITTER * random)
  if (retryAfterMs === undefined) return Math.round(wait)
  const patience = Math.min(retryAfterMs * doubled, Math.max(PATIENCE_MS_MAX, retryAfterMs))
  return Math.round(Math.max(wait, patience * (1 + PATIENCE_JITTER * random)))
}
