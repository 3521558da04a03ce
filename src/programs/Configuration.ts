/** Settings for the commands that work on a job: the file, the environment laid over it, the flags over both. */
import * as Flag from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Misspelling from "../domain/config/Misspelling.ts"
import * as Settings from "../domain/config/Settings.ts"
import type { Environment } from "../domain/config/Substitution.ts"
import { describeType, flagName, type Variable } from "../domain/config/Variable.ts"
import { ENTRIES, type VariableKey } from "../domain/config/Variables.ts"
import * as SetupError from "../domain/errors/SetupError.ts"
import * as BoundedFile from "./BoundedFile.ts"
import * as SecretFiles from "./SecretFiles.ts"

const FILE_VARIABLE = "DBMAZZ_CONFIG"
/** Thousands of tables fit; a larger file is another one. */
const FILE_BYTES_MAX = 256 * 1024

const describeDefault = ({ fallback }: Variable): string =>
  fallback === undefined ? "; required" : fallback === "" ? "" : `; default ${fallback}`

const describe = (variable: Variable): string =>
  [
    variable.meaning,
    variable.unit === undefined ? "" : ` (${variable.unit})`,
    variable.type.kind === "integer" ? `; ${describeType(variable.type)}` : "",
    describeDefault(variable),
    `; from ${variable.names.join(" or ")}, in the file ${variable.path}`,
    variable.secret === true
      ? `; a flag is seen in the list of processes: rather set ${variable.names[0]}_FILE to a file that holds the value`
      : ""
  ].join("")

const flag = (name: string, description: string) =>
  Flag.String(name.slice("--".length)).pipe(Flag.optional, Flag.withDescription(description))

/**
 * `--config`, and one flag a setting; a flag that is given wins over environment and file. `--log-level` every command
 * has already.
 */
export const flags = Object.fromEntries([
  [
    "config",
    flag("--config", `YAML file with settings; from ${FILE_VARIABLE}; docs/dbmazz.example.yaml shows all of them`)
  ] as const,
  ...ENTRIES.filter(([key]) => key !== "logLevel").map(([key, variable]) =>
    [key, flag(flagName(key), describe(variable))] as const
  )
])

/** What the flags gave, by setting; and under `config` the file. */
export type FlagValues = Readonly<Record<string, Option.Option<string>>>

const readFile = Effect.fnUntraced(function*(name: string, env: Environment) {
  // The parser takes long to load, and most jobs have no file.
  const ConfigFile = yield* Effect.promise(() => import("../domain/config/ConfigFile.ts"))
  return yield* BoundedFile.read(name, FILE_BYTES_MAX).pipe(
    Effect.match({
      onSuccess: (text) => ConfigFile.decode(name, text, env),
      onFailure: (why) =>
        ConfigFile.unreadable(name, [`${name}: ${why}; --config or ${FILE_VARIABLE} names the configuration file`])
    })
  )
})

/** Decodes the settings; a failure is one `SetupError` that lists every problem. */
export const settings: (
  values: FlagValues,
  environment: Environment
) => Effect.Effect<Settings.Settings, SetupError.SetupError> = Effect.fnUntraced(function*(values, environment) {
  const given: Partial<Record<VariableKey, string>> = {}
  for (const [key] of ENTRIES) {
    const value = values[key]
    if (value !== undefined && Option.isSome(value)) given[key] = value.value
  }
  const { env, faults } = yield* SecretFiles.resolve(environment, (key) => given[key] !== undefined)
  const name = Option.getOrUndefined(values["config"] ?? Option.none()) ?? env[FILE_VARIABLE] ?? ""
  const file = name === "" ? undefined : yield* readFile(name, env)
  return yield* Effect.fromResult(Settings.decode({ env, flags: given, file, faults })).pipe(
    Effect.mapError((problems) =>
      SetupError.make({ _tag: "ConfigurationInvalid", problems: [...problems, ...Misspelling.find(environment)] })
    )
  )
})
