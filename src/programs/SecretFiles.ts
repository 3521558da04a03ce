/** Secrets that a file holds, as Docker and Kubernetes mount them: `SINK_PASSWORD_FILE` names the file of `SINK_PASSWORD`. */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import type { Environment } from "../domain/config/Substitution.ts"
import { ENTRIES, type VariableKey } from "../domain/config/Variables.ts"
import * as BoundedFile from "./BoundedFile.ts"

/** No secret is longer; a wrong path may lead to anything. */
const FILE_BYTES_MAX = 64 * 1024

export interface SecretFiles {
  /** The environment with the files' texts under the names of the variables. */
  readonly env: Environment
  readonly faults: ReadonlyArray<readonly [VariableKey, problem: string]>
}

/** Text of the file without its last line break; the failure is the whole problem. */
const readSecret = Effect.fnUntraced(function*(name: string, path: string, set: string | undefined) {
  const variable = `${name}_FILE`
  const text = yield* BoundedFile.read(path, FILE_BYTES_MAX).pipe(
    Effect.mapError((why) => `${variable}: '${path}' ${why}; name a file that holds the value of ${name}`)
  )
  const secret = text.replace(/\r?\n$/, "")
  if (secret === "") return yield* Effect.fail(`${variable}: '${path}' is empty; write the value of ${name} to it`)
  if ((set ?? "") !== "" && set !== secret) {
    return yield* Effect.fail(`${name} and ${variable} are both set and differ; unset one of them`)
  }
  return secret
})

/** Reads the files that the environment names, but not for a setting of which `isGiven` says that a flag gives it. */
export const resolve = Effect.fnUntraced(function*(env: Environment, isGiven: (key: VariableKey) => boolean) {
  const resolved: Record<string, string | undefined> = { ...env }
  const faults: Array<readonly [VariableKey, string]> = []
  for (const [key, variable] of ENTRIES) {
    if (variable.secret !== true || isGiven(key)) continue
    for (const name of variable.names) {
      const path = env[`${name}_FILE`] ?? ""
      if (path === "") continue
      const secret = yield* Effect.result(readSecret(name, path, env[name]))
      if (Result.isSuccess(secret)) resolved[name] = secret.success
      else faults.push([key, secret.failure])
    }
  }
  return { env: resolved, faults } satisfies SecretFiles
})
