/** A failure as fields of a log line: our errors with code and remedy, everything else without what it may quote of rows. */
import * as Cause from "effect/Cause"
import type { Fields } from "./LogLine.ts"
import * as Redaction from "./streamload/Redaction.ts"

/** Frames of a stack that are kept: they name the place, the rest is the runtime's. */
const FRAMES_MAX = 8
/** Errors within errors that are named. */
const CHAIN_MAX = 4

const property = (error: object, name: string): unknown => Reflect.get(error, name)

const text = (value: unknown): string | undefined =>
  typeof value === "string" ? value : typeof value === "number" ? String(value) : undefined

/** One of ours: its texts are written to hold neither a secret nor a row's value. */
const isOurs = (error: object): error is { readonly message: string; readonly remediation: string } =>
  typeof property(error, "message") === "string" && typeof property(error, "remediation") === "string"

const chain = (error: unknown): string => {
  const names: Array<string> = []
  let current: unknown = error
  while (current !== undefined && current !== null && names.length < CHAIN_MAX) {
    names.push(current instanceof Error ? `${current.name}: ${Redaction.redact(current.message)}` : typeof current)
    current = current instanceof Error ? current.cause : undefined
  }
  return names.join("; caused by ")
}

const stackOf = (error: unknown): string | undefined =>
  error instanceof Error
    ? error.stack?.split("\n").map((frame) => frame.trim()).filter((frame) => frame.startsWith("at ")).slice(
      0,
      FRAMES_MAX
    ).join(" ")
    : undefined

/**
 * `error` (what happened), and `code` and `remediation` when it is an error of ours; a `stack` otherwise. An error that is
 * not ours loses what it quotes: `"Jane"… is not valid JSON` holds a row's value.
 */
export const ofError = (error: unknown): Fields => {
  if (typeof error !== "object" || error === null) return { error: chain(error) }
  const code = text(property(error, "code")) ?? text(property(error, "sqlState"))
  return isOurs(error)
    ? { code, error: error.message, remediation: error.remediation }
    : { code, error: chain(error), stack: stackOf(error) }
}

/** The fields of what weighs most in the cause; an interruption alone is only named. */
export const fields = (cause: Cause.Cause<unknown>): Fields =>
  cause.reasons.length === 0
    ? {}
    : Cause.hasInterruptsOnly(cause)
    ? { error: "interrupted" }
    : ofError(Cause.squash(cause))
