/** Where the job stands and what it has been told: the one place that the pipeline and the control plane share. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as SubscriptionRef from "effect/SubscriptionRef"
import type { FlushLimits, Settings } from "../domain/config/Settings.ts"
import type { QualifiedName } from "../domain/Identifier.ts"
import * as Lifecycle from "../domain/Lifecycle.ts"

/** The part of the configuration that can be changed while the job runs. */
export interface LiveSettings {
  readonly flush: FlushLimits
  readonly tables: ReadonlyArray<QualifiedName>
}

export class JobControl extends Context.Service<JobControl, {
  /** The one holder of the lifecycle; changed only through `report` and `command`. */
  readonly lifecycle: SubscriptionRef.SubscriptionRef<Lifecycle.Lifecycle>
  readonly live: SubscriptionRef.SubscriptionRef<LiveSettings>
  /** What the job has come to. */
  readonly report: (event: Lifecycle.Event) => Effect.Effect<void>
  /** What the job is told. Answers at once; the job follows. */
  readonly command: (command: Lifecycle.Command) => Effect.Effect<Lifecycle.Answer>
}>()("dbmazz/layers/JobControl") {
  static readonly layer = (settings: Settings): Layer.Layer<JobControl> =>
    Layer.effect(
      JobControl,
      Effect.gen(function*() {
        const lifecycle = yield* SubscriptionRef.make(Lifecycle.INITIAL)
        const live = yield* SubscriptionRef.make<LiveSettings>({ flush: settings.flush, tables: settings.tables })
        return {
          lifecycle,
          live,
          report: (event) => SubscriptionRef.update(lifecycle, (current) => Lifecycle.after(current, event)),
          command: (command) => SubscriptionRef.modify(lifecycle, (current) => Lifecycle.command(current, command))
        }
      })
    )
}
