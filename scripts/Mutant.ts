/** Where mistakes are planted, below `src`. */
export const SOURCE = {
  auditColumns: "domain/AuditColumns.ts",
  batch: "domain/Batch.ts",
  changeDecoder: "domain/ChangeDecoder.ts",
  knownRelations: "domain/KnownRelations.ts",
  label: "domain/Label.ts",
  tableLoads: "domain/TableLoads.ts",
  targetTruncation: "domain/TargetTruncation.ts",
  publicationChange: "domain/postgres/PublicationChange.ts",
  columnSet: "domain/rows/ColumnSet.ts",
  gaps: "domain/rows/Gaps.ts",
  merge: "domain/rows/Merge.ts",
  omission: "domain/rows/Omission.ts",
  rowWriter: "domain/rows/RowWriter.ts",
  trust: "domain/schema/Trust.ts",
  csvForm: "domain/values/CsvForm.ts",
  outcome: "domain/streamload/Outcome.ts",
  checkpointStore: "layers/CheckpointStore.ts",
  heartbeat: "layers/Heartbeat.ts",
  inFlightLoads: "layers/InFlightLoads.ts",
  loadAttempts: "layers/LoadAttempts.ts",
  loadFence: "layers/LoadFence.ts",
  postgresSetup: "layers/PostgresSetup.ts",
  replicationConnection: "layers/ReplicationConnection.ts",
  replicationSource: "layers/ReplicationSource.ts",
  schemaAttempt: "layers/SchemaAttempt.ts",
  streamLoader: "layers/StreamLoader.ts",
  tableCatalogue: "layers/TableCatalogue.ts",
  targetTruncate: "layers/TargetTruncate.ts",
  batches: "streams/Batches.ts",
  checkpoints: "streams/Checkpoints.ts",
  loads: "streams/Loads.ts",
  pipeline: "streams/Pipeline.ts",
  replication: "streams/Replication.ts",
  publicationWatch: "streams/PublicationWatch.ts",
  reshapes: "streams/Reshapes.ts"
} as const

/** A mistake to plant: `search` stands in the file exactly once. */
export interface Mutant {
  readonly name: string
  readonly file: typeof SOURCE[keyof typeof SOURCE]
  readonly search: string
  readonly replace: string
}
