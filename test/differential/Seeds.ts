/** Runs seeds on shared servers, several at a time, and stops at the first that fails. */
import * as Effect from "effect/Effect"
import * as Describe from "./Describe.ts"
import * as Generator from "./Generator.ts"
import * as Run from "./Run.ts"
import * as Shrink from "./Shrink.ts"
import * as Unsent from "./Unsent.ts"
import * as World from "./World.ts"

export interface Options {
  readonly from: number
  readonly seeds: number
  /** Runs that go on at the same time: each waits for servers most of its time. */
  readonly abreast: number
  /** A failing plan is told as it is, and not made smaller. */
  readonly brief?: boolean
}

/** `failure` undefined: all held. */
export interface Outcome {
  readonly done: number
  /** Plans with REPLICA_IDENTITY=keep. */
  readonly kept: number
  /** Those of them with a table that stopped where it may. */
  readonly unsent: number
  readonly failure: string | undefined
}

/** The servers end with the scope. */
export const run = Effect.fnUntraced(function*(options: Options) {
  const world = yield* World.make
  const end = options.from + options.seeds
  let next = options.from
  let done = 0
  let failure: string | undefined
  let kept = 0
  let unsent = 0
  const work = Effect.gen(function*() {
    const connections = yield* World.connect(world)
    while (next < end && failure === undefined) {
      const plan = Generator.fromSeed(next++)
      const finding = yield* Run.run(plan, world, connections)
      done += 1
      if (plan.identity === "keep") kept += 1
      if (finding?.kind === "unsent") {
        unsent += 1
        continue
      }
      if (finding === undefined || failure !== undefined) continue
      failure = Describe.headline(plan, finding)
      if (options.brief === true) continue
      const shrunk = yield* Shrink.shrink(plan, finding, (smaller) => Run.run(smaller, world, connections))
      failure = shrunk === undefined
        ? Describe.unrepeated(plan, finding)
        : Describe.failure(shrunk.plan, shrunk.finding, shrunk.runs)
    }
  })
  yield* Effect.all(Array.from({ length: options.abreast }, () => work), { concurrency: "unbounded", discard: true })
  failure ??= Unsent.tooMany(kept, unsent)
  return { done, kept, unsent, failure } satisfies Outcome
})
