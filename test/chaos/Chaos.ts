/** Rounds of random faults on real processes, until the wanted number has passed or, unless told to go on, one has failed. */
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as fs from "node:fs/promises"
import * as os from "node:os"
import * as path from "node:path"
import * as Round from "./Round.ts"
import { rounds } from "./Schedule.ts"
import * as Watch from "./Watch.ts"
import * as World from "./World.ts"

export interface Options {
  readonly seed: number
  readonly rounds: number
  /** Goes on after a round that failed, to find what else fails. */
  readonly keepGoing?: boolean
  /** Called after each round. */
  readonly onRound?: (outcome: Round.Outcome) => void
}

export interface Result {
  readonly outcomes: ReadonlyArray<Round.Outcome>
  /** Each with its round; empty when all went well. */
  readonly problems: ReadonlyArray<string>
  readonly figures: Watch.Figures
  readonly dbmazzRuns: number
  readonly endpointRuns: number
  readonly seconds: number
  /** Logs and data; undefined when all went well, and they are gone. */
  readonly directory: string | undefined
}

const PROBLEMS_FILE = "problems.txt"

/** The logs must not hold the source's password. */
const leaked = (world: World.World): ReadonlyArray<string> =>
  world.dbmazz.current().log().includes(Redacted.value(world.source.password))
    ? ["the log of dbmazz holds the password"]
    : []

const runRounds = Effect.fnUntraced(function*(directory: string, options: Options) {
  const startedAtMs = performance.now()
  const world = yield* World.make(directory)
  const figures = Watch.none()
  const outcomes: Array<Round.Outcome> = []
  const problems: Array<string> = []
  yield* Effect.addFinalizer(() =>
    Effect.sync(() => {
      world.dbmazz.writeLogs()
      world.endpoint.writeLogs()
    })
  )
  for (const plan of rounds(options.seed)) {
    if (plan.round > options.rounds || (problems.length > 0 && options.keepGoing !== true)) break
    const outcome = yield* Round.run(world, plan, options.seed, figures)
    outcomes.push(outcome)
    problems.push(...[...outcome.problems, ...leaked(world)].map((problem) => `round ${plan.round}: ${problem}`))
    options.onRound?.(outcome)
  }
  return {
    outcomes,
    problems,
    figures,
    dbmazzRuns: world.dbmazz.runs(),
    endpointRuns: world.endpoint.runs(),
    seconds: (performance.now() - startedAtMs) / 1000
  }
}, Effect.scoped)

/** Runs the rounds; keeps the logs and the data of a run with a round that failed. */
export const run = Effect.fnUntraced(function*(options: Options): Effect.fn.Return<Result> {
  const directory = yield* Effect.promise(() => fs.mkdtemp(path.join(os.tmpdir(), "dbmazz-chaos-")))
  const result = yield* runRounds(directory, options).pipe(
    Effect.tapCause(() => Effect.logError(`the chaos broke off; its logs and data are in ${directory}`))
  )
  const failed = result.problems.length > 0
  if (failed) yield* Effect.promise(() => fs.writeFile(path.join(directory, PROBLEMS_FILE), result.problems.join("\n")))
  else yield* Effect.promise(() => fs.rm(directory, { recursive: true, force: true }))
  return { ...result, directory: failed ? directory : undefined }
})
