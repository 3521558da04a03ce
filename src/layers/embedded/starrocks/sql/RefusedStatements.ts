/** Statements that the server knows and this endpoint does not. */
import type { TokenCursor } from "../syntax/TokenCursor.ts"

const words = [
  "EXPLAIN",
  "ANALYZE",
  "KILL",
  "UPDATE",
  "DELETE",
  "LOAD",
  "EXPORT",
  "SUBMIT",
  "BACKUP",
  "RESTORE",
  "RECOVER",
  "REFRESH",
  "PREPARE",
  "EXECUTE",
  "DEALLOCATE",
  "CALL",
  "INSTALL",
  "UNINSTALL",
  "LOCK",
  "UNLOCK",
  "REPLACE",
  "MERGE",
  "ADMIN",
  "TRACE"
]

/** The word that such a statement begins with; undefined: it is none of them. */
export const find = (cursor: TokenCursor): string | undefined => words.find((word) => cursor.is(word))
