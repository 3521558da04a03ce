/** An embedded StarRocks-compatible endpoint for one test, in a directory of its own, and how to reach it. */
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"
import type { SrAddress } from "../../src/domain/config/Settings.ts"
import * as EmbeddedStarRocks from "../../src/layers/embedded/EmbeddedStarRocks.ts"
import * as TemporaryDirectory from "./TemporaryDirectory.ts"

export interface StarRocksEndpoint extends EmbeddedStarRocks.Endpoint {
  readonly sink: SrAddress
}

const directory = TemporaryDirectory.make("starrocks")

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
