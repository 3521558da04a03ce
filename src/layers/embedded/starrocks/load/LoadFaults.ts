/** Faults of loads, plain or in a transaction: at each point of a load's way what can go wrong there. */
import type { Faults, TableName } from "../faults/Faults.ts"
import { type LoadRefused, refuse } from "./LoadRefusal.ts"

/** The reply of a commit whose outcome the BE does not know. */
export const unknownStatus =
  "Commit transaction fail cause rpc failed, Transaction status unknown, you can retry with same label."
/** The reply of a BE that shuts down. */
export const shuttingDown = "Service is shutting down, please retry later!"

/** Why a load whose rows are all there must not commit; undefined when it may. */
export const beforeCommit = (faults: Faults, table: TableName): LoadRefused | undefined => {
  if (faults.strikes("too-many-versions", table)) {
    return refuse(
      "Failed to load data into tablet 10023, because of too many versions, current/limit: 1001/1000. " +
        "You can reduce the loading job concurrency, or increase loading data batch size."
    )
  }
  if (faults.strikes("memory", table)) {
    return refuse("Memory of process exceed limit. Start execute plan fragment. Used: 1, Limit: 1.")
  }
  return faults.strikes("status-unknown", table) ? refuse(unknownStatus) : undefined
}
