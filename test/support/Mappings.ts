/** Table mappings for tests that need no servers. */
import * as AuditColumns from "../../src/domain/AuditColumns.ts"
import type { TableMapping } from "../../src/domain/Table.ts"

/** A mapping of `public.<name>` to `d.<name>` with the given StarRocks types by column name. */
export const mapping = (
  name: string,
  key: ReadonlyArray<string>,
  types: Readonly<Record<string, string>>,
  schema = "public"
): TableMapping => ({
  source: { schema, name },
  target: { schema: "d", name },
  key,
  targetColumns: new Map(
    [...Object.entries(types), ...AuditColumns.NAMES.map((audit) => [audit, "bigint"] as const)].map((
      [column, type]
    ) => [
      column,
      { name: column, type, nullable: !key.includes(column) }
    ])
  )
})
