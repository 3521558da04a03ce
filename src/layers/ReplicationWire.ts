/** What a replication connection stands on: the library and a timer, unless a simulation puts its own there. */
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { ClientConfig } from "pg"
import { LogicalReplicationService } from "pg-logical-replication"
import type { PgAddress } from "../domain/config/Settings.ts"
import * as PostgresSql from "./PostgresSql.ts"

export interface Wire {
  /** The library with its own acknowledgements switched off: it would acknowledge what it has merely received. */
  readonly service: (config: ClientConfig) => LogicalReplicationService
  /** Calls back after so many ms; gives what cancels that. */
  readonly after: (ms: number, act: () => void) => () => void
  /** SQL beside the replication connection, opened when first used, to ask about our walsender; absent: never asked. */
  readonly sql?: (address: PgAddress) => Effect.Effect<PostgresSql.PostgresSql["Service"], never, Scope.Scope>
}

const WATCH_APPLICATION_NAME = "dbmazz watch"

const live: Wire = {
  service: (config) => new LogicalReplicationService(config, { acknowledge: { auto: false, timeoutSeconds: 0 } }),
  after: (ms, act) => {
    const timer = setTimeout(act, ms)
    return () => clearTimeout(timer)
  },
  sql: (address) => PostgresSql.make(address, WATCH_APPLICATION_NAME)
}

export const ReplicationWire: Context.Reference<Wire> = Context.Reference("dbmazz/layers/ReplicationWire", {
  defaultValue: () => live
})
