/** System variables: what clients ask for when they connect, and may set for their session. */

/** The version the endpoint speaks for. Clients parse the leading numbers. */
export const currentVersion = "3.5.5 dbmazz-embedded"
/** `@@version_comment`. */
const versionComment = "StarRocks version 3.5.5 (embedded StarRocks-compatible endpoint of dbmazz)"

const initial: Readonly<Record<string, string>> = {
  auto_increment_increment: "1",
  autocommit: "1",
  catalog: "default_catalog",
  character_set_client: "utf8",
  character_set_connection: "utf8",
  character_set_database: "utf8",
  character_set_results: "utf8",
  character_set_server: "utf8",
  character_set_system: "utf8",
  collation_connection: "utf8_general_ci",
  collation_database: "utf8_general_ci",
  collation_server: "utf8_general_ci",
  enable_insert_strict: "1",
  exec_mem_limit: "2147483648",
  have_query_cache: "NO",
  have_profiling: "NO",
  init_connect: "",
  insert_max_filter_ratio: "0",
  insert_timeout: "14400",
  interactive_timeout: "3600",
  language: "/starrocks/share/english/",
  license: "Apache License 2.0",
  lower_case_table_names: "0",
  max_allowed_packet: "33554432",
  net_buffer_length: "16384",
  net_read_timeout: "60",
  net_write_timeout: "60",
  parallel_fragment_exec_instance_num: "1",
  performance_schema: "0",
  pipeline_dop: "0",
  query_cache_size: "1048576",
  query_cache_type: "0",
  query_mem_limit: "0",
  query_timeout: "300",
  session_track_schema: "0",
  session_track_system_variables: "",
  resource_group: "",
  sql_auto_is_null: "0",
  sql_mode: "ONLY_FULL_GROUP_BY",
  sql_quote_show_create: "1",
  sql_safe_updates: "0",
  sql_select_limit: "18446744073709551615",
  storage_engine: "olap",
  default_storage_engine: "olap",
  system_time_zone: "UTC",
  time_zone: "UTC",
  transaction_isolation: "READ-COMMITTED",
  transaction_read_only: "0",
  tx_isolation: "READ-COMMITTED",
  tx_read_only: "0",
  version: "8.0.33",
  version_comment: versionComment,
  wait_timeout: "28800",
  warehouse: "default_warehouse"
}

/** Variables a session may not set. */
const readOnly = new Set([
  "character_set_system",
  "have_query_cache",
  "language",
  "license",
  "lower_case_table_names",
  "performance_schema",
  "system_time_zone",
  "version",
  "version_comment"
])

/** User variables of one session: a client that makes up names for ever must not fill the memory. */
const userVariablesMax = 1024

/** Whether a system variable is one that nobody may set. */
export const isReadOnly = (name: string): boolean => readOnly.has(bare(name))

/** The variables of one session. */
export interface Variables {
  /** The value of `@@name`, `@@session.name` or `@name`; undefined when it is not there, or was never set. */
  readonly get: (written: string) => string | undefined
  /** Sets a system variable; false when there is none of that name, or none that may be set. */
  readonly set: (name: string, value: string) => boolean
  /** Sets a user variable; false when the session has too many. */
  readonly setUser: (name: string, value: string) => boolean
  readonly all: () => ReadonlyArray<readonly [name: string, value: string]>
}

const bare = (name: string): string => name.toLowerCase().replace(/^(session|global|local)\./, "")

/** Variables with their initial values. */
export const make = (): Variables => {
  const system = new Map(Object.entries(initial))
  const user = new Map<string, string>()
  return {
    get: (written) =>
      written.startsWith("@@") ? system.get(bare(written.slice(2))) : user.get(written.slice(1).toLowerCase()),
    set: (name, value) => {
      const known = bare(name)
      if (!system.has(known) || readOnly.has(known)) return false
      system.set(known, value)
      return true
    },
    setUser: (name, value) => {
      if (user.size >= userVariablesMax && !user.has(name.toLowerCase())) return false
      user.set(name.toLowerCase(), value)
      return true
    },
    all: () => [...system].sort(([left], [right]) => left < right ? -1 : 1)
  }
}
