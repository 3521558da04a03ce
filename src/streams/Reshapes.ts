/**
 * Changes of tables' shapes, between the loads before them and those after them. One that takes long must not hold the other
 * tables: its table is put aside, and its rows are read again when it is over.
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import type { Reshape } from "../domain/Change.ts"
import type { PermanentError } from "../domain/errors/PermanentError.ts"
import * as Policy from "../domain/errors/Policy.ts"
import { TransientError } from "../domain/errors/TransientError.ts"
import * as Identifier from "../domain/Identifier.ts"
import type { TableMapping } from "../domain/Table.ts"
import * as Log from "../layers/Log.ts"

const log = Log.module("Loads")

/**
 * How long the batch waits for one, in ms: a change of metadata alone takes less, one that rewrites the table minutes to
 * hours.
 */
const INLINE_MS_MAX = 2_000

/** Why the run begins anew, or ends. */
const again = (table: string, why: string): TransientError =>
  new TransientError({
    code: "SR_BUSY",
    message: `the rows of ${table} were left out while StarRocks changed its columns${why}`,
    remediation: "Nothing: dbmazz goes on from the checkpoint, and reads them again.",
    context: { table }
  })

export interface Reshapes {
  /** True when the rows of the new shape may be loaded; false: they are to be left out, as all later ones of the table. */
  readonly carryOut: (reshape: Reshape) => Effect.Effect<boolean, Policy.Failure>
  readonly isAside: (mapping: TableMapping) => boolean
  /** Tables that are put aside: nothing may be confirmed any more. */
  readonly count: () => number
  /** Fails when the run has to begin anew, because a table that was put aside is ready. Never succeeds. */
  readonly over: Effect.Effect<never, Policy.Failure>
  /** Fails when rows were left out. */
  readonly verdict: Effect.Effect<void, TransientError>
}

/** `onAside` is told of a table that is put aside, `onStopped` of one that cannot go on. All of it ends with the scope. */
export const make = Effect.fnUntraced(function*(
  evolve: (reshape: Reshape) => Effect.Effect<void, Policy.Failure>,
  onStopped: (mapping: TableMapping, error: PermanentError) => Effect.Effect<void, Policy.Failure>,
  onAside: (table: string) => Effect.Effect<void>
): Effect.fn.Return<Reshapes, never, Scope.Scope> {
  const scope = yield* Effect.scope
  const ending = yield* Deferred.make<never, Policy.Failure>()
  const aside = new Set<string>()

  const putAside = Effect.fnUntraced(function*(mapping: TableMapping, change: Fiber.Fiber<void, Policy.Failure>) {
    const table = Identifier.show(mapping.source)
    aside.add(table)
    yield* onAside(table)
    yield* log.warn(
      "a schema change takes long: the rows of its table are left out until it is over, the others go on",
      {
        table
      }
    )
    yield* Fiber.join(change).pipe(
      Effect.andThen(Effect.fail(again(table, ", which is over"))),
      Effect.catchTag(
        "PermanentError",
        (error) => Policy.isOfTable(error.code) ? onStopped(mapping, error) : Effect.fail(error)
      ),
      Effect.catch((failure) => Deferred.fail(ending, failure)),
      Effect.forkIn(scope)
    )
  })

  return {
    carryOut: Effect.fnUntraced(function*(reshape: Reshape) {
      const change = yield* Effect.forkIn(evolve(reshape), scope)
      const exit = yield* Effect.timeoutOption(Fiber.await(change), INLINE_MS_MAX)
      if (Option.isNone(exit)) {
        yield* putAside(reshape.mapping, change)
        return false
      }
      yield* exit.value
      return true
    }),
    isAside: (mapping) => aside.size > 0 && aside.has(Identifier.show(mapping.source)),
    count: () => aside.size,
    over: Deferred.await(ending),
    verdict: Effect.suspend(() => {
      const [table] = aside
      return table === undefined ? Effect.void : Effect.fail(again(table, ", which is not over yet"))
    })
  }
})
