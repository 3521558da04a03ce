/** Sets REPLICA IDENTITY FULL, and sees to it that partitions which come later get it. */
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import type { PgSqlError } from "../domain/errors/PgSqlError.ts"
import type { SetupError } from "../domain/errors/SetupError.ts"
import { TransientError } from "../domain/errors/TransientError.ts"
import * as Identifier from "../domain/Identifier.ts"
import * as ReplicaIdentity from "../domain/postgres/ReplicaIdentity.ts"
import * as SetupStep from "../domain/postgres/SetupStep.ts"
import { PARTITIONED_TABLE } from "../domain/postgres/SourceFacts.ts"
import * as Log from "./Log.ts"
import * as PostgresCatalog from "./PostgresCatalog.ts"
import * as PostgresFailure from "./PostgresFailure.ts"
import { PostgresSql } from "./PostgresSql.ts"
import * as TableCatalogue from "./TableCatalogue.ts"

type Failure = SetupError | TransientError

const log = Log.module("ReplicaIdentity")

/** While we wait for ACCESS EXCLUSIVE, everybody who comes later waits behind us: wait briefly, and more than once. */
const LOCK_MS_MAX = 2_000
const LOCK_ATTEMPTS_MAX = 3
/** Lets the traffic that queued behind us pass. */
const LOCK_PAUSE_MS = 1_000
const LOCK_NOT_AVAILABLE = "55P03"
const DEADLOCK = "40P01"

/** Between two looks at the partitions, in ms: what is changed in one before it is found costs values of deleted rows. */
const LOOK_EVERY_MS = 5_000

const lockTimedOut = (what: string, holders: string, context: Record<string, string>) =>
  new TransientError({
    code: "PG_LOCK_TIMEOUT",
    message: `${what} waited too long for ${holders === "" ? "transactions that have ended since" : holders}`,
    remediation: "Let the transactions named end, or end them: SELECT pg_terminate_backend(pid); dbmazz tries again.",
    context
  })

const isRefusedWith = (error: PgSqlError | Failure, sqlStates: ReadonlyArray<string>): boolean =>
  error._tag === "PgSqlError" && sqlStates.includes(error.sqlState)

/**
 * Gives a table REPLICA IDENTITY FULL. Fails with who holds its lock when that was waited for in vain, three times; what a
 * person must mend is a `SetupError`.
 */
export const setFull = Effect.fnUntraced(function*(
  name: Identifier.QualifiedName,
  oid: number
): Effect.fn.Return<void, Failure, PostgresSql> {
  const { query } = yield* PostgresSql
  const table = Identifier.show(name)
  const statement = SetupStep.sql({ _tag: "SetReplicaIdentityFull", table: name, oid })
  yield* query(`set local lock_timeout = ${LOCK_MS_MAX}; ${statement}`).pipe(
    // Asked at once after each attempt: only then are the holders those we waited for.
    Effect.catchIf(
      (error) => isRefusedWith(error, [LOCK_NOT_AVAILABLE, DEADLOCK]),
      () =>
        PostgresCatalog.lockHolders(oid).pipe(
          Effect.flatMap((holders) => lockTimedOut(`Setting REPLICA IDENTITY FULL on '${table}'`, holders, { table }))
        )
    ),
    Effect.retry({
      schedule: Schedule.spaced(LOCK_PAUSE_MS),
      times: LOCK_ATTEMPTS_MAX - 1,
      while: (error) => error._tag === "TransientError" && error.code === "PG_LOCK_TIMEOUT"
    }),
    Effect.catchTag(
      "PgSqlError",
      (error) =>
        Effect.fail(PostgresFailure.orReason(error, { _tag: "PgReplicaIdentityFailed", table, error: error.message }))
    )
  )
})

/** Gives the partitions that came since the last look FULL; one that cannot get it yet is tried again. */
const look = Effect.fnUntraced(function*(roots: ReadonlyArray<Identifier.QualifiedName>) {
  for (const table of yield* TableCatalogue.readTables(roots)) {
    for (const { name, oid } of table.kind === PARTITIONED_TABLE ? ReplicaIdentity.unset(table) : []) {
      yield* setFull(name, oid)
      yield* log.info("a new partition has REPLICA IDENTITY FULL from here on", { table: Identifier.show(name) })
    }
  }
})

/**
 * Looks for new partitions of these partitioned tables for as long as it runs, which has no end: PostgreSQL gives each of them
 * REPLICA IDENTITY DEFAULT. A failure is logged and tried again at the next look.
 */
export const watch = (
  roots: ReadonlyArray<Identifier.QualifiedName>,
  everyMs: number = LOOK_EVERY_MS
): Effect.Effect<never, never, PostgresSql> =>
  roots.length === 0 ? Effect.never : Effect.sleep(everyMs).pipe(
    Effect.andThen(look(roots)),
    Effect.catch((error) => {
      const remediation = error._tag === "PgSqlError" ? {} : { remediation: error.remediation }
      return log.warn("new partitions could not be looked for or altered", { error: error.message, ...remediation })
    }),
    Effect.forever
  )
