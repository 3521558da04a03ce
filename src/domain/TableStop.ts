/** What ends one table while the others go on: what was received of it can no longer be carried over. */
import { PermanentError } from "./errors/PermanentError.ts"
import * as Identifier from "./Identifier.ts"
import * as Lsn from "./Lsn.ts"
import type { Relation } from "./pgoutput/Message.ts"
import type { TableMapping } from "./Table.ts"

/** Its name belongs to another table now, or it has another name. */
export const renamed = (mapping: TableMapping, relation: Relation): PermanentError => {
  const table = Identifier.show(mapping.source)
  const now = Identifier.show({ schema: relation.schema, name: relation.name })
  return new PermanentError({
    code: "SCHEMA_CHANGED",
    message: table === now
      ? `another table is now called ${table}: the one that was replicated was dropped or renamed`
      : `table ${table} is now called ${now}`,
    remediation: `Rename it back, after which nothing that was written to it is lost; or set TABLES to what is to be ` +
      `replicated and reload ${Identifier.quoteSrTable(mapping.target)}; then run dbmazz resume, or start again.`,
    context: { table, now }
  })
}

/** It was truncated, which its policy does not carry over. */
export const truncated = (mapping: TableMapping, lsn: Lsn.Lsn): PermanentError => {
  const table = Identifier.show(mapping.source)
  return new PermanentError({
    code: "TRUNCATE_UNSUPPORTED",
    message: `table ${table} was truncated by the transaction committed at ${
      Lsn.format(lsn)
    }, and TRUNCATE_POLICY=fail stops a table there`,
    remediation:
      `Set TRUNCATE_POLICY to soft-delete, truncate or ignore and start again: replication goes on where it ` +
      `stopped, and the truncation is carried over, or left out, in its place.`,
    context: { table, lsn: Lsn.format(lsn) }
  })
}

/** Its old rows hold less than its mapping needs. */
export const notFull = (relation: Relation, kind: string, lsn: Lsn.Lsn): PermanentError => {
  const table = Identifier.quotePgTable({ schema: relation.schema, name: relation.name })
  return new PermanentError({
    code: "REPLICA_IDENTITY_NOT_FULL",
    message: `at ${Lsn.format(lsn)}: ${kind} on ${table} carries only the key of the old row`,
    remediation: `Run: ALTER TABLE ${table} REPLICA IDENTITY FULL; then set REPLICA_IDENTITY=keep and start again: ` +
      `replication goes on where it stopped, with what such old rows bring. Set it back when that is caught up with.`,
    context: { table, lsn: Lsn.format(lsn) }
  })
}

/** Its old rows do not say which row they were. */
export const keyOutsideIdentity = (mapping: TableMapping): PermanentError => {
  const table = Identifier.quotePgTable(mapping.source)
  return new PermanentError({
    code: "REPLICA_IDENTITY_NOT_FULL",
    message: `the replica identity of ${table} does not hold its key (${mapping.key.join(", ")}): a row that gets ` +
      `another key, or is deleted, could not be told`,
    remediation:
      `Run: ALTER TABLE ${table} REPLICA IDENTITY DEFAULT (or FULL); then reload the table: changes that were ` +
      `made meanwhile do not name their row.`,
    context: { table }
  })
}
