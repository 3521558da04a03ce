/** `buf curl`, a gRPC client of other people: it learns messages and services by reflection alone. */
import * as Effect from "effect/Effect"
import { execFile } from "node:child_process"
import { createRequire } from "node:module"
import * as path from "node:path"

const BUF = path.join(path.dirname(createRequire(import.meta.url).resolve("@bufbuild/buf/package.json")), "bin/buf")
/** buf has no time limit of its own for streams. */
const MS_MAX = 20_000

export interface Finished {
  readonly status: number
  readonly stdout: string
  readonly stderr: string
}

const PLAIN = ["curl", "--protocol", "grpc", "--http2-prior-knowledge"]
const SECURE = ["curl", "--protocol", "grpc"]

/** Runs it with these flags; the last one is usually a URL. */
export const curl = (flags: ReadonlyArray<string>, isSecure = false): Effect.Effect<Finished> =>
  Effect.callback((resume) => {
    const child = execFile(
      BUF,
      [...(isSecure ? SECURE : PLAIN), ...flags],
      { timeout: MS_MAX },
      (error, stdout, stderr) => {
        resume(Effect.succeed({ status: error === null ? 0 : Number(error.code ?? -1), stdout, stderr }))
      }
    )
    return Effect.sync(() => child.kill())
  })
