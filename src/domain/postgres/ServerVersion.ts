/** Which versions of PostgreSQL a job may run on. Pure, from `server_version_num`. */
import type { SetupReason } from "../errors/SetupReason.ts"

/** The major versions that the tests run on, without gaps. */
export const TESTED = { first: 14, last: 18 } as const
/** The first with everything that the setup asks for: `publish_via_partition_root` came with it. */
export const MAJOR_MIN = 13

/** `server_version_num` counts so many a major version, from 10 on. */
const NUMBERS_A_MAJOR = 10_000

const majorOf = (serverVersion: number): number => Math.floor(serverVersion / NUMBERS_A_MAJOR)

/** Why nothing can be replicated from this version; undefined: it can. */
export const problem = (serverVersion: number): SetupReason | undefined => {
  const major = majorOf(serverVersion)
  return major >= MAJOR_MIN ? undefined : { _tag: "PgVersionUnsupported", version: String(major) }
}

/** What a person should know about a version that is replicated from untested; undefined: nothing. */
export const warning = (serverVersion: number): string | undefined => {
  const major = majorOf(serverVersion)
  const tested = `dbmazz is tested on PostgreSQL ${TESTED.first} to ${TESTED.last}, and this server is ${major}`
  if (major < TESTED.first) {
    return `${tested}: it is past its end of life, and a start that is given up while its new slot waits for old ` +
      `transactions may leave that slot behind; upgrade the server`
  }
  return major > TESTED.last ? `${tested}: look for a newer dbmazz, and run dbmazz verify more often` : undefined
}
