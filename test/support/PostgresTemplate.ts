/**
 * Where the servers of a run begin: the first one of a run is made by `initdb`, all others with a copy of it, at a tenth
 * of the work. They therefore have one system identifier.
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { execFile } from "node:child_process"
import * as fs from "node:fs/promises"
import * as path from "node:path"
import { promisify } from "node:util"
import * as EmbeddedPostgres from "../../src/layers/embedded/EmbeddedPostgres.ts"
import * as RunDirectory from "./RunDirectory.ts"

const makeTemplate = Effect.fnUntraced(function*(directory: string, template: string, installation?: string) {
  const making = yield* Effect.promise(() => fs.mkdtemp(path.join(directory, "making-")))
  yield* Effect.scoped(EmbeddedPostgres.make({ directory: making, installation, settings: { fsync: "off" } }))
  yield* Effect.promise(async () => {
    await fs.rm(path.join(making, "postgres.log"))
    try {
      await fs.rename(making, template)
    } catch (error) {
      // Another worker was quicker; the one is as good as the other.
      if (!(error instanceof Error && "code" in error && error.code === "ENOTEMPTY")) throw error
      await fs.rm(making, { recursive: true })
    }
  })
})

/** A home of its own that is already initialised. */
const copyOfTemplate = Effect.fnUntraced(function*(directory: string, installation?: string) {
  const template = path.join(directory, "template")
  const exists = yield* Effect.promise(() => fs.access(template).then(() => true, () => false))
  if (!exists) yield* makeTemplate(directory, template, installation)
  return yield* Effect.acquireRelease(
    Effect.promise(async () => {
      const home = await fs.mkdtemp(path.join(directory, "home-"))
      // Keeps the owner and the permissions, which PostgreSQL insists on.
      await promisify(execFile)("cp", ["-a", `${template}/.`, home])
      return home
    }),
    (home) => Effect.promise(() => fs.rm(home, { recursive: true, force: true }))
  )
})

/** A server that is gone, with its data, when the scope closes. Outside a run of vitest `initdb` makes it. */
export const server = Effect.fnUntraced(function*(
  options: { readonly settings: Readonly<Record<string, string>>; readonly installation: string | undefined }
): Effect.fn.Return<EmbeddedPostgres.Server, EmbeddedPostgres.EmbeddedPostgresError, Scope.Scope> {
  const directory = RunDirectory.current()
  if (directory === undefined) return yield* EmbeddedPostgres.make(options)
  const home = yield* copyOfTemplate(directory, options.installation)
  const running = yield* EmbeddedPostgres.make({
    ...options,
    directory: home,
    settings: { fsync: "off", full_page_writes: "off", ...options.settings }
  })
  // Data that is about to be removed needs no checkpoint.
  yield* Effect.addFinalizer(() =>
    Effect.sync(() => {
      const pid = running.pid()
      try {
        if (pid !== undefined) process.kill(pid, "SIGQUIT")
      } catch {
        // it has ended already
      }
    })
  )
  return running
})
