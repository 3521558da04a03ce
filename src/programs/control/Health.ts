/** `dbmazz health`: one line, and an exit code for scripts; with `--wait` it waits until the job has come so far. */
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Data from "effect/Data"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as Operations from "../../domain/control/Operations.ts"
import { ControlChannel } from "../../layers/control/ControlChannel.ts"
import * as Answer from "./Answer.ts"
import * as Connection from "./Connection.ts"
import * as DurationFlag from "./DurationFlag.ts"
import * as Output from "./Output.ts"
import * as Quantity from "./Quantity.ts"
import { UsageError } from "./UsageError.ts"

/** The job did not come so far in time. Exit code 1. */
class WaitedInVain extends Data.TaggedError("WaitedInVain")<{
  readonly message: string
  readonly remediation: string
}> {}

/** In the order in which a job comes to them. */
const STAGES = ["init", "setup", "snapshot", "cdc"] as const
type Stage = typeof STAGES[number]

/** Pause between two looks: short beside the start of a job, long beside the cost of a look. */
const POLL_MS = 250

const nameOf = (stage: Operations.Stage): string => stage.replace(/^STAGE_/, "").toLowerCase()

const parseStage = (text: string): Option.Option<Stage> => {
  const name = text.toLowerCase().replace(/^stage_/, "")
  return Option.fromUndefinedOr(STAGES.find((stage) => stage === name))
}

const encode = Schema.encodeSync(Operations.HealthCheckResponse)

const describe = (health: Operations.HealthCheckResponse): ReadonlyArray<string> => [
  [health.status, nameOf(health.stage), Quantity.plain(health.stage_detail)].join("  ").trimEnd(),
  ...(health.error_detail === "" ? [] : [`  ${Quantity.plain(health.error_detail)}`])
]

const print = (health: Operations.HealthCheckResponse, json: boolean) =>
  Output.print(json ? [JSON.stringify(encode(health))] : describe(health))

const hasReached = (health: Operations.HealthCheckResponse, goal: Stage): boolean =>
  health.status === "SERVING" && STAGES.findIndex((stage) => stage === nameOf(health.stage)) >= STAGES.indexOf(goal)

/** The last thing that was seen of a job that is waited for. */
interface Seen {
  health: Operations.HealthCheckResponse | undefined
  words: string
}

/** Looks until the stage is reached. That nobody answers yet is no failure; that an answer can never come is one. */
const poll = Effect.fnUntraced(function*(goal: Stage, seen: Seen) {
  const channel = yield* ControlChannel
  while (true) {
    const look = yield* Effect.result(channel.check)
    if (Result.isSuccess(look)) {
      seen.health = look.success
      seen.words = describe(look.success).join(";")
      if (hasReached(look.success, goal)) return look.success
    } else if (look.failure.kind === "unreachable" || look.failure.kind === "late") {
      seen.words = look.failure.message
    } else {
      return yield* look.failure
    }
    yield* Effect.sleep(POLL_MS)
  }
})

const wait = Effect.fnUntraced(function*(goal: Stage, limit: Duration.Duration, json: boolean) {
  const seen: Seen = { health: undefined, words: "no answer" }
  const reached = yield* Effect.timeoutOption(poll(goal, seen), limit)
  if (Option.isSome(reached)) return yield* print(reached.value, json)
  if (seen.health !== undefined && json) yield* print(seen.health, json)
  return yield* new WaitedInVain({
    message: `not at stage ${goal} within ${Duration.format(limit)}; last: ${seen.words}`,
    remediation: "Look at the server's log, or give --wait-timeout more time."
  })
})

const look = Effect.fnUntraced(function*(json: boolean) {
  const health = yield* Effect.flatMap(ControlChannel, (channel) => channel.check)
  if (health.status !== "SERVING") process.exitCode = Answer.REFUSED_EXIT_CODE
  yield* print(health, json)
})

export const command = Command.make(
  "health",
  {
    ...Connection.flags,
    wait: Flag.String("wait").pipe(
      Flag.filterMap(parseStage, () => `one of ${STAGES.join(", ")}`),
      Flag.withMetavar("stage"),
      Flag.withDescription(`wait until it serves at this stage or a later one: ${STAGES.join(", ")}, or STAGE_CDC`),
      Flag.optional
    ),
    waitTimeout: DurationFlag.optional("wait-timeout", "how long --wait waits; default 1m")
  },
  Effect.fnUntraced(function*({ wait: goal, waitTimeout, ...values }) {
    if (Option.isNone(goal) && Option.isSome(waitTimeout)) {
      return yield* new UsageError({
        message: "--wait-timeout without --wait",
        remediation: "Give --wait cdc as well."
      })
    }
    yield* (Option.isSome(goal)
      ? wait(goal.value, Option.getOrElse(waitTimeout, () => DurationFlag.WAIT_DEFAULT), values.json)
      : look(values.json)).pipe(Effect.provide(Connection.layer(values)))
  })
).pipe(Command.withDescription("say whether the job is well; exit code 0 only when it serves"))
