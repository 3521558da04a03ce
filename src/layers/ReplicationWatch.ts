/** Watches over a replication connection that has fallen silent; the decision is in `domain/postgres/Liveness`. */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import { TransientError } from "../domain/errors/TransientError.ts"
import * as Liveness from "../domain/postgres/Liveness.ts"
import * as Log from "./Log.ts"

const log = Log.module("ReplicationWatch")

/** The connection, as far as it is watched. */
export interface Watched {
  readonly pid: () => number | undefined
  readonly hearing: (nowMs: number) => Liveness.Hearing
  readonly abandon: (error: TransientError) => void
}

const lost = (host: string, slot: string, why: string): TransientError =>
  new TransientError({
    code: "PG_CONNECTION_LOST",
    message: `replication connection to ${host} was given up: ${why}`,
    remediation:
      "Nothing to do when it comes back: replication goes on from the checkpoint. If it happens often, look " +
      "for a firewall or load balancer between dbmazz and PostgreSQL that forgets idle connections.",
    context: { host, slot }
  })

/** Looks after the connection until it is given up or the fiber is interrupted. */
export const watch = Effect.fnUntraced(function*(
  connection: Watched,
  look: (pid: number) => Effect.Effect<Liveness.Sight>,
  limits: Liveness.Limits,
  place: { readonly host: string; readonly slot: string }
) {
  let suspicion = Liveness.CALM
  let told = false
  while (true) {
    yield* Effect.sleep(limits.lookEveryMs)
    const pid = connection.pid()
    if (pid === undefined || !Liveness.isSuspicious(limits, connection.hearing(yield* Clock.currentTimeMillis))) {
      suspicion = Liveness.CALM
      told = false
      continue
    }
    const sight = yield* look(pid)
    const nowMs = yield* Clock.currentTimeMillis
    const hearing = connection.hearing(nowMs)
    // Something has arrived while we asked.
    if (!Liveness.isSuspicious(limits, hearing)) continue
    const verdict = Liveness.judge(limits, hearing, suspicion, sight, nowMs)
    if (verdict._tag === "Lost") return connection.abandon(lost(place.host, place.slot, verdict.why))
    suspicion = verdict.suspicion
    if (!told && hearing.silentMs > 0) {
      told = true
      yield* log.info("PostgreSQL sends nothing; its walsender was looked at", { ...place, sight: sight._tag })
    }
  }
})
