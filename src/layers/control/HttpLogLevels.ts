/** What is logged, seen and changed over HTTP while the job runs. */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as LogLevel from "../../domain/LogLevel.ts"
import * as Log from "../Log.ts"
import type { Service } from "../LogLevels.ts"
import * as HttpInput from "./HttpInput.ts"
import * as HttpReply from "./HttpReply.ts"
import type { Route } from "./HttpRoute.ts"

const log = Log.module("Log")

const PATH = "/api/v1/log-level"

/** Without a module the level is that of every module that has none of its own. */
const Change = Schema.Struct({ module: Schema.optionalKey(Schema.String), level: Schema.String })

const shown = (levels: LogLevel.Levels) =>
  HttpReply.json(200, { default: levels.default, modules: Object.fromEntries(levels.modules) })

const change = (levels: Service) =>
  Effect.gen(function*() {
    const { level, module = "default" } = yield* HttpInput.body(Change)
    const changed = yield* levels.set(module, level)
    yield* log.info("log levels changed", { levels: LogLevel.show(changed) })
    return shown(changed)
  }).pipe(Effect.catchTag(
    ["BadRequest", "LogLevelInvalid"],
    ({ message }) => Effect.succeed(HttpReply.refuse(400, message))
  ))

/** `GET` answers the levels that hold, `PUT` changes one and answers what then holds. Lasts until the process ends. */
export const routes = (levels: Service): ReadonlyArray<Route> => [
  { method: "GET", path: PATH, handle: Effect.map(levels.current, shown) },
  { method: "PUT", path: PATH, handle: change(levels) }
]
