/**
 * `npm run chaos -- [--rounds N] [--seed S] [--keep-going]`: rounds of random faults on real processes. The same seed makes the same
 * schedule of faults; when each meets the traffic is up to the machine. Exit code 0 when every round went well; the last
 * line is a JSON object.
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as Effect from "effect/Effect"
import * as References from "effect/References"
import * as Chaos from "./Chaos.ts"
import type * as Round from "./Round.ts"

const ROUNDS_DEFAULT = 50
const SEEDS = 1_000_000
const MIB = 1024 * 1024
/** A person needs the pattern; the file beside the logs has the rest. */
const PROBLEMS_SHOWN = 20

const option = (name: string, fallback: number): number => {
  const at = process.argv.indexOf(name)
  return at < 0 ? fallback : Number(process.argv[at + 1])
}

const line = ({ caughtUpMs, equality, faults, problems, round, seconds }: Round.Outcome): string =>
  [
    `round ${String(round).padStart(3)}`,
    problems.length === 0 ? "equal" : "WRONG",
    `${seconds.toFixed(1).padStart(5)} s`,
    `caught up in ${(caughtUpMs / 1000).toFixed(1).padStart(4)} s`,
    `${equality.liveRows} live and ${equality.deletedRows} deleted rows`,
    faults.join(" + ")
  ].join("  ")

const byKind = (outcomes: ReadonlyArray<Round.Outcome>): Readonly<Record<string, number>> => {
  const counts = new Map<string, number>()
  for (const fault of outcomes.flatMap((outcome) => outcome.faults)) {
    const kind = fault.split(" ", 1)[0] ?? fault
    counts.set(kind, (counts.get(kind) ?? 0) + 1)
  }
  return Object.fromEntries([...counts].toSorted(([a], [b]) => a.localeCompare(b)))
}

const main = Effect.gen(function*() {
  const seed = option("--seed", 1 + Math.floor(Math.random() * SEEDS))
  const rounds = option("--rounds", ROUNDS_DEFAULT)
  console.log(`seed ${seed}, ${rounds} rounds`)
  const result = yield* Chaos.run({
    seed,
    rounds,
    keepGoing: process.argv.includes("--keep-going"),
    onRound: (outcome) => console.log(line(outcome))
  })
  if (result.problems.length > 0) {
    console.log(`\nwrong with seed ${seed}:`)
    for (const problem of result.problems.slice(0, PROBLEMS_SHOWN)) console.log(`  ${problem}`)
    console.log(`logs and data: ${result.directory}`)
    console.log(`the same schedule again: npm run chaos -- --seed ${seed} --rounds ${result.outcomes.length}`)
    process.exitCode = 1
  }
  console.log(JSON.stringify({
    test: "chaos",
    seed,
    rounds: result.outcomes.length,
    wrong: result.outcomes.filter((outcome) => outcome.problems.length > 0).length,
    seconds: Math.round(result.seconds),
    faults: byKind(result.outcomes),
    caughtUpMsMax: Math.max(...result.outcomes.map((outcome) => outcome.caughtUpMs)),
    liveRows: result.outcomes.at(-1)?.equality.liveRows,
    deletedRows: result.outcomes.at(-1)?.equality.deletedRows,
    committed: result.figures.committed,
    refusals: Object.fromEntries(result.figures.refusals),
    samples: result.figures.samples,
    sinkSamples: result.figures.sinkSamples,
    residentMBMax: Math.round(result.figures.residentBytesMax / MIB),
    dbmazzRuns: result.dbmazzRuns,
    endpointRuns: result.endpointRuns
  }))
})

// The traffic says each time that a server is away; that is the point here.
NodeRuntime.runMain(Effect.provideService(main, References.MinimumLogLevel, "Error"))
