/** A change of the configuration of a running job: what is asked for, whether it can be, and what the asker is told. Pure. */
import * as Result from "effect/Result"
import { VARIABLES } from "../config/Variables.ts"
import * as Identifier from "../Identifier.ts"
import type { Answer } from "../Lifecycle.ts"

/** The wire's request: zeros and an empty list mean no change. */
export interface Request {
  readonly flush_size: bigint
  readonly flush_interval_ms: bigint
  readonly tables: ReadonlyArray<string>
}

/** A request that can be tried; undefined: no change. */
export interface Reload {
  readonly rows: number | undefined
  readonly everyMs: number | undefined
  readonly tables: Tables | undefined
}

/** A change that both sides are looked at for. */
export interface OfTables extends Reload {
  readonly tables: Tables
}

export const isOfTables = (reload: Reload): reload is OfTables => reload.tables !== undefined

export interface Tables {
  readonly wanted: ReadonlyArray<Identifier.TableEntry>
  /** As they were spelled. */
  readonly names: ReadonlyArray<string>
}

const within = (name: string, value: bigint, most: number): Result.Result<number | undefined, string> => {
  if (value === 0n) return Result.succeed(undefined)
  return value >= 1n && value <= BigInt(most)
    ? Result.succeed(Number(value))
    : Result.fail(`${name} must be from 1 to ${most}, not ${value}`)
}

const tablesOf = (names: ReadonlyArray<string>): Result.Result<Tables | undefined, string> => {
  const trimmed = [...new Set(names.map((name) => name.trim()))]
  if (trimmed.length === 0) return Result.succeed(undefined)
  const wanted = new Map<string, Identifier.TableEntry>()
  for (const name of trimmed) {
    const table = Identifier.parseTable(name)
    if (table === undefined) return Result.fail(`'${name}' is not a table name`)
    wanted.set(JSON.stringify(table), table)
  }
  return Result.succeed({ wanted: [...wanted.values()], names: trimmed })
}

/** What is asked for; fails with what is wrong about it. */
export const parse = (request: Request): Result.Result<Reload, string> =>
  Result.gen(function*() {
    const reload: Reload = {
      rows: yield* within("flush_size", request.flush_size, VARIABLES.flushRows.type.most),
      everyMs: yield* within("flush_interval_ms", request.flush_interval_ms, VARIABLES.flushEveryMs.type.most),
      tables: yield* tablesOf(request.tables)
    }
    return reload
  })

export const refused = (why: string): Answer => ({
  success: false,
  message: `Configuration not reloaded, nothing was changed: ${why}`
})

const quoted = (names: ReadonlyArray<string>): string => `[${names.map((name) => JSON.stringify(name)).join(", ")}]`

const difference = (
  these: ReadonlyArray<Identifier.QualifiedName>,
  those: ReadonlyArray<Identifier.QualifiedName>
): ReadonlyArray<Identifier.QualifiedName> => {
  const names = new Set(those.map(Identifier.show))
  return these.filter((table) => !names.has(Identifier.show(table)))
}

/** Tables that joined, and those that are left out from now on. */
export interface Changes {
  readonly added: ReadonlyArray<Identifier.QualifiedName>
  readonly removed: ReadonlyArray<Identifier.QualifiedName>
}

export const UNCHANGED: Changes = { added: [], removed: [] }

export const changes = (
  before: ReadonlyArray<Identifier.QualifiedName>,
  after: ReadonlyArray<Identifier.QualifiedName>
): Changes => ({
  added: difference(after, before),
  removed: difference(before, after)
})

/** The change was made, and what it needs has failed. */
export const failedAfter = (why: string): Answer => ({
  success: false,
  message: `Configuration changed, and replication with it has not begun yet: ${why}`
})

/** A change of the tables that is forgotten unseen costs rows. */
const UNTIL_RESTART = "until the next start, which goes by TABLES"

/** What was changed, in v1's words; what follows for the tables is said behind them. */
export const done = (reload: Reload, { added, removed }: Changes): Answer => {
  const parts: Array<string> = []
  if (reload.rows !== undefined) parts.push(`flush_size=${reload.rows}`)
  if (reload.everyMs !== undefined) parts.push(`flush_interval_ms=${reload.everyMs}`)
  if (reload.tables !== undefined) parts.push(`tables=${quoted(reload.tables.names)}`)
  if (parts.length === 0) {
    return { success: false, message: "No configuration changes provided (use 0 to keep current values)" }
  }
  const notes = [
    ...(added.length === 0
      ? []
      : [`added ${quoted(added.map(Identifier.show))}: what changed before now is not replicated`]),
    ...(removed.length === 0 ? [] : [`removed ${quoted(removed.map(Identifier.show))}`])
  ]
  // Where v1's words are all there is to say they stay alone: clients compare them.
  const note = notes.length === 0 ? "" : ` (${notes.join("; ")}; ${UNTIL_RESTART})`
  return { success: true, message: `Configuration reloaded: ${parts.join(", ")}${note}` }
}
