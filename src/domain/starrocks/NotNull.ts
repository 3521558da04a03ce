/** The statement that lets a StarRocks column be NULL. */
import * as Identifier from "../Identifier.ts"
import * as Widening from "../schema/Widening.ts"
import type { TargetColumn } from "../Table.ts"

/** ALTER TABLE for the column; `declared` is what is known of it: without that its type is left to the reader. */
export const lift = (table: Identifier.QualifiedName, column: string, declared: TargetColumn | undefined): string =>
  `ALTER TABLE ${Identifier.quoteSrTable(table)} MODIFY COLUMN ${Identifier.quoteSr(column)} ` +
  `${declared === undefined ? "…" : Widening.ddlOf(declared.type)} NULL`
