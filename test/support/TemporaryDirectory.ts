/** A directory for one test, deleted with everything in it when the scope closes. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"

/** Makes one; its name tells what it is for. */
export const make = (name: string): Effect.Effect<string, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.promise(() => mkdtemp(join(tmpdir(), `dbmazz-${name}-`))),
    (path) => Effect.promise(() => rm(path, { recursive: true, force: true }))
  )
