/** `dbmazz drain`: loads, stores and confirms what was received, then ends the job; `--wait` waits for the end. */
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Data from "effect/Data"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import type { CdcState } from "../../domain/control/Operations.ts"
import { ControlChannel } from "../../layers/control/ControlChannel.ts"
import * as Answer from "./Answer.ts"
import * as Connection from "./Connection.ts"
import * as DurationFlag from "./DurationFlag.ts"
import { UsageError } from "./UsageError.ts"

/** The job is still there. Exit code 1. */
class StillThere extends Data.TaggedError("StillThere")<{
  readonly message: string
  readonly remediation: string
}> {}

/** Pause between two looks. */
const POLL_MS = 250

const isEnding = (state: CdcState): boolean => state === "DRAINING" || state === "STOPPED"

/**
 * Looks once: whether the job is still on its way to its end. A server that neither drains nor has stopped is a new one, which
 * a supervisor has started in the old one's place; one that does not answer in time may still be the old one.
 */
const look = Effect.gen(function*() {
  const status = yield* Effect.result(Effect.flatMap(ControlChannel, (channel) => channel.status))
  if (Result.isSuccess(status)) return isEnding(status.success.state) ? "ending" : "other"
  if (status.failure.kind === "unreachable") return "gone"
  return status.failure.kind === "late" ? "ending" : yield* status.failure
})

const waitForEnd = Effect.gen(function*() {
  while ((yield* look) === "ending") yield* Effect.sleep(POLL_MS)
})

const drain = Effect.fnUntraced(function*(limit: Option.Option<Duration.Duration>, json: boolean) {
  const channel = yield* ControlChannel
  const answer = yield* channel.drainAndStop
  yield* Answer.print(answer, json)
  if (Option.isNone(limit)) {
    if (!answer.success) process.exitCode = Answer.REFUSED_EXIT_CODE
    return
  }
  // Refused because it is on its way already: the end that is waited for still comes.
  if (!answer.success && (yield* look) === "other") {
    process.exitCode = Answer.REFUSED_EXIT_CODE
    return
  }
  if (Option.isSome(yield* Effect.timeoutOption(waitForEnd, limit.value))) return
  return yield* new StillThere({
    message: `the job has not ended within ${Duration.format(limit.value)}`,
    remediation:
      "Look at the server's log; dbmazz stop --keep-slot ends it at once, and the next start reads the rest again."
  })
})

export const command = Command.make(
  "drain",
  {
    ...Connection.flags,
    wait: Flag.Boolean("wait").pipe(
      Flag.withDefault(false),
      Flag.withDescription("wait until the server is gone; waits for an earlier drain as well")
    ),
    waitTimeout: DurationFlag.optional("wait-timeout", "how long --wait waits; default 1m")
  },
  Effect.fnUntraced(function*({ wait, waitTimeout, ...values }) {
    if (!wait && Option.isSome(waitTimeout)) {
      return yield* new UsageError({ message: "--wait-timeout without --wait", remediation: "Give --wait as well." })
    }
    const limit = wait ? Option.some(Option.getOrElse(waitTimeout, () => DurationFlag.WAIT_DEFAULT)) : Option.none()
    yield* drain(limit, values.json).pipe(Effect.provide(Connection.layer(values)))
  })
).pipe(Command.withDescription("load, store and confirm what was received, then end the job"))
