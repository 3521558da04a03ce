/** An embedded StarRocks-compatible endpoint for one test, in a directory of its own, and how to reach it. */
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"
import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import type { SrAddress } from "../../src/domain/config/Settings.ts"
import * as EmbeddedStarRocks from "../../src/layers/embedded/EmbeddedStarRocks.ts"

export interface StarRocksEndpoint extends EmbeddedStarRocks.Endpoint {
  readonly sink: SrAddress
}

const directory = Effect.acquireRelease(
  Effect.promise(() => mkdtemp(join(tmpdir(), "dbmazz-starrocks-"))),
  (path) => Effect.promise(() => rm(path, { recursive: true, force: true }))
)

/** Starts it with an empty database `shop`; it is gone when the scope closes. */
export const start: Effect.Effect<
  StarRocksEndpoint,
  EmbeddedStarRocks.EmbeddedStartError,
  Scope.Scope
> = Effect.gen(function*() {
  const dataDir = yield* directory
  const endpoint = yield* EmbeddedStarRocks.make({ dataDir, database: "shop" })
  const sink: SrAddress = {
    url: `http://${endpoint.host}:${endpoint.fePort}`,
    host: endpoint.host,
    sqlPort: endpoint.mysqlPort,
    database: "shop",
    user: "root",
    password: Redacted.make("")
  }
  return { ...endpoint, sink }
})
