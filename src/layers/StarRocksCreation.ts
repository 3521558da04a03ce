/** Creates databases and tables in StarRocks, and waits until they can be seen. */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as SetupError from "../domain/errors/SetupError.ts"
import type * as SrSqlError from "../domain/errors/SrSqlError.ts"
import { TransientError } from "../domain/errors/TransientError.ts"
import * as Identifier from "../domain/Identifier.ts"
import * as SetupStep from "../domain/starrocks/SetupStep.ts"
import * as Plan from "../domain/StarRocksSetup.ts"
import { targetName } from "../domain/TargetNames.ts"
import * as TargetTable from "../domain/TargetTable.ts"
import * as StarRocksCatalog from "./StarRocksCatalog.ts"
import * as StarRocksFailure from "./StarRocksFailure.ts"
import { StarRocksSql } from "./StarRocksSql.ts"

type Failure = StarRocksFailure.Failure

type Step = Exclude<SetupStep.Step, SetupStep.AddAuditColumns | SetupStep.AddColumns>

/** Between two looks at the catalogue, in ms: a front end that follows lags behind its leader by less than a second. */
const POLL_EVERY_MS = 200
/** How long a created table may stay unseen, in ms: a follower that lags for longer is not well. */
const VISIBLE_MS_MAX = 30_000

const DATABASE_EXISTS = 1007
const TABLE_EXISTS = 1050

/** Somebody created it between the server's look and its own step. */
const isThere = (error: SrSqlError.SrSqlError): boolean =>
  error.code === DATABASE_EXISTS || error.code === TABLE_EXISTS || /already exists/i.test(error.message)

/** Back ends that went away, or that are alive and have not reported their disks yet: each version has words of its own. */
const isShortOfNodes = (error: SrSqlError.SrSqlError): boolean =>
  /alive (?:node|backend|be\b)|enough host|available (?:backend|be\b)/i.test(error.message)

const noNodes = (why: string): TransientError =>
  new TransientError({
    code: "SR_UNAVAILABLE",
    message: `StarRocks has no place for new tables: ${why}`,
    remediation: "Look at SHOW BACKENDS; dbmazz run tries again by itself.",
    context: {}
  })

/**
 * How tables are to be created in this cluster. A user who may not see its nodes leaves the number of copies to StarRocks; a
 * cluster without a node that is alive is a `TransientError`.
 */
export const layout = Effect.fnUntraced(
  function*(buckets: number | undefined): Effect.fn.Return<TargetTable.Layout, Failure, StarRocksSql> {
    const nodes = yield* StarRocksCatalog.readNodes.pipe(Effect.mapError(StarRocksFailure.ofCatalogue))
    if (nodes.kind === "backEnds" && nodes.alive > 0) return { buckets, replicas: TargetTable.replicasFor(nodes.alive) }
    if (nodes.kind === "unknown" || nodes.alive > 0) return { buckets, replicas: undefined }
    return yield* noNodes("no back end is alive.")
  }
)

/** Runs the step's statement; what exists by now is left as it is. */
export const take = Effect.fnUntraced(function*(step: Step): Effect.fn.Return<void, Failure, StarRocksSql> {
  const { query } = yield* StarRocksSql
  const name = step._tag === "CreateDatabase" ? step.database : Identifier.show(step.table)
  yield* query(SetupStep.sql(step)).pipe(
    Effect.catchTag("SrSqlError", (error): Effect.Effect<unknown, Failure> => {
      if (isThere(error)) return Effect.void
      if (isShortOfNodes(error)) return Effect.fail(noNodes(error.message))
      return Effect.fail(SetupError.make({ _tag: "SrCreateFailed", name, error: `(${error.code}) ${error.message}` }))
    })
  )
})

/** The plan of tables that were created in one database, as they are found: somebody else's table of the same name is found out here. */
export const lookAgain = Effect.fnUntraced(function*(
  created: ReadonlyArray<SetupStep.CreateTable>
): Effect.fn.Return<Plan.Plan, Failure, StarRocksSql> {
  const deadline = (yield* Clock.currentTimeMillis) + VISIBLE_MS_MAX
  const sources = created.map((step) => step.source)
  const database = created[0]?.table.schema ?? ""
  const names = sources.map(targetName)
  while (true) {
    const facts = yield* StarRocksCatalog.readFacts(database, names).pipe(Effect.mapError(StarRocksFailure.ofCatalogue))
    // Another one that came first is not changed to fit.
    if (!Plan.isIncomplete(sources, facts)) return Plan.plan(sources, facts, undefined, "stop")
    if ((yield* Clock.currentTimeMillis) >= deadline) {
      return yield* new TransientError({
        code: "SR_BUSY",
        message: `Tables that were created in StarRocks database '${database}' cannot be seen yet.`,
        remediation: "Look at SHOW FRONTENDS for a follower that is behind; dbmazz tries again.",
        context: { database }
      })
    }
    yield* Effect.sleep(POLL_EVERY_MS)
  }
})
