/** Whether a relation of the catalogue is a table whose rows are replicated. */
import type { SetupReason } from "../errors/SetupReason.ts"
import { key, ORDINARY_TABLE, PARTITIONED_TABLE, type TableFacts } from "./SourceFacts.ts"

const KINDS: ReadonlyMap<string, string> = new Map([
  ["v", "view"],
  ["m", "materialized view"],
  ["f", "foreign table"],
  ["i", "index"],
  ["I", "partitioned index"],
  ["S", "sequence"],
  ["c", "composite type"]
])
const PERSISTENCES: ReadonlyMap<string, string> = new Map([["u", "unlogged table"], ["t", "temporary table"]])

/** Why rows of this relation never reach the WAL under a name of their own; undefined: they do. */
const kindOf = ({ kind, persistence }: Pick<TableFacts, "kind" | "persistence">): string | undefined =>
  kind === ORDINARY_TABLE || kind === PARTITIONED_TABLE
    ? PERSISTENCES.get(persistence)
    : KINDS.get(kind) ?? `relation of kind '${kind}'`

/** Empty: it is a table, or a partitioned one of such tables. */
export const problems = (table: TableFacts): ReadonlyArray<SetupReason> => {
  const kind = kindOf(table)
  if (kind !== undefined) return [{ _tag: "PgTableKind", table: key(table), kind }]
  return (table.partitions ?? []).flatMap((part): ReadonlyArray<SetupReason> => {
    const partKind = kindOf(part)
    return partKind === undefined
      ? []
      : [{
        _tag: "PgTableKind",
        table: key(table),
        kind: `partitioned table with the ${partKind} '${key(part)}' in it`
      }]
  })
}
