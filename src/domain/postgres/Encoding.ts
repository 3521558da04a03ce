/**
 * What PostgreSQL can give as UTF8, which is what the replication connection asks for: pure, from the name of a database's
 * encoding and from what the server says of a value.
 */
import type { SetupReason } from "../errors/SetupReason.ts"
import * as Lsn from "../Lsn.ts"

/** An encoding that says nothing about its bytes: PostgreSQL hands them over as they are, and ends where they are no UTF8. */
const MEANINGLESS = "SQL_ASCII"

/** Why nothing can be replicated from a database in this encoding, by its name in `server_encoding`; undefined: it can. */
export const problem = (database: string, encoding: string): SetupReason | undefined =>
  encoding === MEANINGLESS ? { _tag: "PgEncodingUnfit", database, encoding } : undefined

/** The server has no way from the database's encoding to UTF8, and refuses the login for it. */
const NO_CONVERSION = /conversion between (\S+) and (\S+) is not supported/

/** The reason of a login that was refused so; `text` is the server's message. */
export const ofRefusal = (database: string, text: string): SetupReason => {
  const [, ...names] = NO_CONVERSION.exec(text) ?? []
  return { _tag: "PgEncodingUnfit", database, encoding: names.find((name) => name !== "UTF8") ?? "" }
}

/** What keeps a value from being sent, by SQLSTATE: the server's own words would show some of its bytes. */
const WHYS: ReadonlyMap<string, string> = new Map([
  ["22021", "its bytes are no text in UTF8"],
  ["22P05", "one of its characters has no equivalent in UTF8"]
])

/** The change that the server was at, as its context says: `slot "s", …, in the change callback, associated LSN 0/163B2F8`. */
const ASSOCIATED_LSN = /associated LSN ([0-9A-F]{1,8}\/[0-9A-F]{1,8})/

/** What ended replication at a value; `received` is the position up to which everything has come. */
export const unconvertible = (
  slot: string,
  sqlState: string,
  context: string,
  received: Lsn.Lsn
): SetupReason => ({
  _tag: "PgValueUnconvertible",
  name: slot,
  lsn: ASSOCIATED_LSN.exec(context)?.[1] ?? Lsn.format(received),
  why: `${WHYS.get(sqlState) ?? "an expression of the publication cannot be evaluated for it"} (SQLSTATE ${sqlState})`
})
