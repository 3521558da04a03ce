/** Where the job stands and what it has been told: the one place that the pipeline and the control plane share. */
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Queue from "effect/Queue"
import * as Result from "effect/Result"
import * as Stream from "effect/Stream"
import * as SubscriptionRef from "effect/SubscriptionRef"
import type { FlushLimits, Settings } from "../domain/config/Settings.ts"
import { RELOAD_MS_MAX } from "../domain/control/Operations.ts"
import * as Reload from "../domain/control/Reload.ts"
import * as Identifier from "../domain/Identifier.ts"
import * as Lifecycle from "../domain/Lifecycle.ts"
import * as Lsn from "../domain/Lsn.ts"

/** The part of the configuration that can be changed while the job runs. */
export interface LiveSettings {
  readonly flush: FlushLimits
  readonly tables: ReadonlyArray<Identifier.TableEntry>
  /** The tables as they were spelled, for people. */
  readonly names: ReadonlyArray<string>
  /** Tables that joined while the job ran, by `schema.name`, and from which position on their rows are wanted. */
  readonly joined: ReadonlyMap<string, Lsn.Lsn>
}

/** A change that must be looked at on both sides before it is made; `reply` is to be done with the answer. */
export interface ReloadRequest {
  readonly reload: Reload.OfTables
  readonly reply: Deferred.Deferred<Lifecycle.Answer>
}

/** Requests that wait for those before them: who sends more has a script that runs wild. */
const REQUESTS_MAX = 8
const UNANSWERED: Lifecycle.Answer = {
  success: false,
  message: "The tables are not changed yet, and the databases do not answer; GetStatus shows the tables once they are"
}
const ENDING = "the job is about to end"

export class JobControl extends Context.Service<JobControl, {
  /** The one holder of the lifecycle; changed only through `report` and `command`. */
  readonly lifecycle: SubscriptionRef.SubscriptionRef<Lifecycle.Lifecycle>
  readonly live: SubscriptionRef.SubscriptionRef<LiveSettings>
  /** What the job has come to. */
  readonly report: (event: Lifecycle.Event) => Effect.Effect<void>
  /** What the job is told. Answers at once; the job follows. */
  readonly command: (command: Lifecycle.Command) => Effect.Effect<Lifecycle.Answer>
  /** Changes the configuration, all of it or nothing. Flush limits take effect from the next batch. */
  readonly reload: (request: Reload.Request) => Effect.Effect<Lifecycle.Answer>
  /** Changes of the tables, to be carried out one after the other. */
  readonly reloads: Queue.Dequeue<ReloadRequest>
}>()("dbmazz/layers/JobControl") {
  static readonly layer = (settings: Settings): Layer.Layer<JobControl> =>
    Layer.effect(
      JobControl,
      Effect.gen(function*() {
        const lifecycle = yield* SubscriptionRef.make(Lifecycle.INITIAL)
        const live = yield* SubscriptionRef.make<LiveSettings>({
          flush: settings.flush,
          tables: settings.tables,
          names: settings.tableNames,
          joined: new Map()
        })
        const reloads = yield* Queue.bounded<ReloadRequest>(REQUESTS_MAX)

        // Who asked is not left waiting for a job that ends first.
        const ending = SubscriptionRef.changes(lifecycle).pipe(
          Stream.filter(({ state }) => isEnding(state)),
          Stream.runHead,
          Effect.as(Reload.refused(ENDING))
        )

        const looked = Effect.fnUntraced(function*(reload: Reload.OfTables) {
          const reply = yield* Deferred.make<Lifecycle.Answer>()
          if (!Queue.offerUnsafe(reloads, { reload, reply })) {
            return Reload.refused(`${REQUESTS_MAX} changes are waiting already`)
          }
          return yield* Effect.timeoutOrElse(Effect.raceFirst(Deferred.await(reply), ending), {
            duration: RELOAD_MS_MAX,
            orElse: () => Effect.succeed(UNANSWERED)
          })
        })

        return {
          lifecycle,
          live,
          reloads,
          report: (event) => SubscriptionRef.update(lifecycle, (current) => Lifecycle.after(current, event)),
          command: (command) => SubscriptionRef.modify(lifecycle, (current) => Lifecycle.command(current, command)),
          reload: Effect.fnUntraced(function*(request: Reload.Request) {
            const { state } = yield* SubscriptionRef.get(lifecycle)
            if (isEnding(state)) return Reload.refused(ENDING)
            const reload = Reload.parse(request)
            if (Result.isFailure(reload)) return Reload.refused(reload.failure)
            if (Reload.isOfTables(reload.success)) return yield* looked(reload.success)
            yield* SubscriptionRef.update(live, (current) => apply(current, reload.success, [], Lsn.ZERO))
            return Reload.done(reload.success, Reload.UNCHANGED)
          })
        }
      })
    )
}

const isEnding = (state: Lifecycle.State): boolean => state === "draining" || state === "stopped"

/** The change made; `joining` tables are wanted `from` there on. */
export const apply = (
  current: LiveSettings,
  reload: Reload.Reload,
  joining: ReadonlyArray<Identifier.QualifiedName>,
  from: Lsn.Lsn
): LiveSettings => ({
  joined: new Map([...current.joined, ...joining.map((table) => [Identifier.show(table), from] as const)]),
  flush: {
    ...current.flush,
    rows: reload.rows ?? current.flush.rows,
    everyMs: reload.everyMs ?? current.flush.everyMs
  },
  tables: reload.tables?.wanted ?? current.tables,
  names: reload.tables?.names ?? current.names
})
