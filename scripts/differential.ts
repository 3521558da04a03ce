/**
 * `npm run differential -- [--seeds N] [--from S] [--seed S] [--abreast N] [--brief]`: random transactions on
 * PostgreSQL against the whole program, every cell compared. Without `--from` it begins at a seed drawn from the clock, so
 * that every run tries new plans, and prints it. Stops at the first seed that fails, makes its plan smaller and
 * prints it; with `--brief` it only says which. `--seed` runs one, and prints its plan in any case. `POSTGRES_INSTALLATION` chooses another server.
 */
import * as Effect from "effect/Effect"
import { parseArgs } from "node:util"
import * as Describe from "../test/differential/Describe.ts"
import * as Generator from "../test/differential/Generator.ts"
import * as Seeds from "../test/differential/Seeds.ts"
import * as World from "../test/differential/World.ts"
import * as PostgresServer from "../test/support/PostgresServer.ts"

const SEEDS_DEFAULT = 200
/** Seeds that are drawn from the clock, in ms, are below this: short enough to be typed. */
const SEED_END = 1_000_000_000
/** Enough that the waits of one run are another's work. */
const ABREAST_DEFAULT = 6

const main = async (): Promise<void> => {
  const { values } = parseArgs({
    options: {
      seeds: { type: "string", default: String(SEEDS_DEFAULT) },
      from: { type: "string" },
      seed: { type: "string" },
      abreast: { type: "string", default: String(ABREAST_DEFAULT) },
      brief: { type: "boolean", default: false }
    }
  })
  const one = values.seed !== undefined
  const from = Number(values.seed ?? values.from ?? Date.now() % SEED_END)
  if (one) console.log(Describe.plan(Generator.fromSeed(from)))
  else console.log(`seeds from ${from}: again with --from ${from}`)
  const startedAt = Date.now()
  const { done, failure, kept, unsent } = await Effect.runPromise(
    Seeds.run({
      from,
      seeds: one ? 1 : Number(values.seeds),
      abreast: one ? 1 : Number(values.abreast),
      brief: values.brief
    }).pipe(Effect.scoped, Effect.provide(PostgresServer.layer(World.SERVER_SETTINGS)))
  )
  if (failure !== undefined) console.error(failure)
  const seconds = ((Date.now() - startedAt) / 1000).toFixed(1)
  console.log(
    `${done} seeds from ${from}, ${seconds} s: ${failure === undefined ? "source and sink are equal" : "DIFFERENT"}` +
      `; ${kept} keep their replica identity, in ${unsent} of those a table stopped for a value that was not sent`
  )
  process.exitCode = failure === undefined ? 0 : 1
}

await main()
