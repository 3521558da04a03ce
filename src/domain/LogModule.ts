/** The parts of the program that log, by the names that log lines carry and that levels are set for. */

/** A part is named after its file; the embedded servers have one name each, whatever file of theirs speaks. */
export const MODULES = [
  "Changes",
  "Checkpoints",
  "Control",
  "Diversion",
  "EmbeddedStarRocks",
  "InFlightLoads",
  "KnownKeys",
  "Loads",
  "Log",
  "PostgresSetup",
  "Publication",
  "ReplicaIdentity",
  "Replication",
  "ReplicationSource",
  "ReplicationWatch",
  "Run",
  "Runtime",
  "SchemaEvolution",
  "Setup",
  "SlotCreation",
  "SlotHealth",
  "StarRocksCatalog",
  "StarRocksSetup",
  "StreamLoadClient",
  "StreamLoader",
  "Supervisor",
  "TargetTruncate",
  "Telemetry",
  "Traffic"
] as const
export type LogModule = typeof MODULES[number]

/** What libraries say by themselves. */
export const RUNTIME: LogModule = "Runtime"

/** The module of this name, in whatever case it is written. */
export const find = (name: string): LogModule | undefined =>
  MODULES.find((module) => module.toLowerCase() === name.toLowerCase())
