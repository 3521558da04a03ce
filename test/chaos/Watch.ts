/**
 * Looks at the promises while the faults happen: the slot's confirmed position is never past the checkpoint, the checkpoint
 * never goes back, and what lies before the checkpoint is in the sink.
 */
import * as Effect from "effect/Effect"
import * as fs from "node:fs"
import * as Positions from "./Positions.ts"
import type { Committed } from "./Sessions.ts"
import type { World } from "./World.ts"

const SAMPLE_MS = 100
/** A question to the sink costs it more than one to PostgreSQL. */
const SINK_EVERY_SAMPLES = 4
/** Holding checkpoints back slows the job down, so it is done now and then. */
const HELD_EVERY_SAMPLES = 7
const KIB = 1024

export interface Figures {
  samples: number
  sinkSamples: number
  residentBytesMax: number
  /** Transactions of the sessions that committed, and statements that PostgreSQL refused, by SQLSTATE. */
  committed: number
  readonly refusals: Map<string, number>
}

export const none = (): Figures => ({
  samples: 0,
  sinkSamples: 0,
  residentBytesMax: 0,
  committed: 0,
  refusals: new Map()
})

/** Undefined for a process that has ended. */
const residentBytes = (pid: number): number | undefined => {
  try {
    const found = /VmRSS:\s+(\d+) kB/.exec(fs.readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]
    return found === undefined ? undefined : Number(found) * KIB
  } catch {
    return undefined
  }
}

/** The newest transaction of each session that lies before this position. */
const newestBefore = (committed: ReadonlyArray<Committed>, position: bigint): ReadonlyArray<Committed> => {
  const newest = new Map<number, Committed>()
  for (const each of committed) if (each.position <= position) newest.set(each.session, each)
  return [...newest.values()]
}

/** Transactions that lie before the checkpoint and are not in the sink. */
const lostBefore = Effect.fnUntraced(function*(
  world: World,
  committed: ReadonlyArray<Committed>,
  checkpoint: bigint
) {
  const wanted = newestBefore(committed, checkpoint)
  if (wanted.length === 0) return []
  const rows = yield* world.starrocks.query(
    `SELECT session, seq FROM ${world.sink.database}.ledger WHERE ` +
      wanted.map(({ seq, session }) => `(session = ${session} AND seq = ${seq})`).join(" OR ")
  )
  const found = new Set(rows.map((row) => `${row["session"]}/${row["seq"]}`))
  return wanted.filter(({ seq, session }) => !found.has(`${session}/${seq}`))
})

/** Looks until it is interrupted; `committed` gives what is known to have been committed so far. */
export const run = Effect.fnUntraced(function*(
  world: World,
  committed: () => ReadonlyArray<Committed>,
  figures: Figures
) {
  let highest = 0n
  for (let sample = 0;; sample++) {
    yield* Effect.sleep(SAMPLE_MS)
    figures.residentBytesMax = Math.max(
      figures.residentBytesMax,
      residentBytes(world.dbmazz.current().pid) ?? 0
    )
    const positions = yield* sample % HELD_EVERY_SAMPLES === 0 ? Positions.readHeld(world) : Positions.read(world)
    if (positions === undefined) continue
    figures.samples += 1
    const { checkpoint, confirmed } = positions
    if (confirmed > checkpoint) world.violations.push(`confirmed ${confirmed} is past the checkpoint ${checkpoint}`)
    if (checkpoint < highest) world.violations.push(`the checkpoint went back from ${highest} to ${checkpoint}`)
    highest = checkpoint > highest ? checkpoint : highest
    if (sample % SINK_EVERY_SAMPLES !== 0) continue
    // A sink that is away has nothing to say.
    const lost = yield* lostBefore(world, committed(), checkpoint).pipe(Effect.orElseSucceed(() => undefined))
    if (lost === undefined) continue
    figures.sinkSamples += 1
    for (const { position, seq, session } of lost) {
      world.violations.push(
        `transaction ${session}/${seq} ends at or before ${position}, the checkpoint is ${checkpoint}, and it is not in the sink`
      )
    }
  }
})
