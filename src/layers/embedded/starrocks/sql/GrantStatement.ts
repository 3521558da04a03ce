/** Parses what names users and privileges: identities, passwords, GRANT and REVOKE in the new and the old spelling. */
import { detail, unsupported } from "../syntax/SqlError.ts"
import type { TokenCursor } from "../syntax/TokenCursor.ts"
import type { Identity } from "../users/Accounts.ts"
import * as NativePassword from "../users/NativePassword.ts"
import { type Grant, type ObjectKind, privilegesOf } from "../users/Privileges.ts"

/** `'u'@'h'`, `u@h` or `u`. */
export const identity = (cursor: TokenCursor): Identity => {
  const token = cursor.peek()
  if (token === undefined || token.kind === "symbol" || token.kind === "number") throw cursor.unexpected()
  cursor.at += 1
  const cut = token.kind === "word" ? token.text.indexOf("@") : -1
  const name = cut < 0 ? token.text : token.text.slice(0, cut)
  const next = cursor.peek()
  const joined = cut < 0 && next?.kind === "word" && next.text.startsWith("@")
  if (joined) cursor.at += 1
  const written = cut >= 0 ? token.text.slice(cut + 1) : joined ? next.text.slice(1) : "%"
  if (name === "") throw detail("the name of a user must not be empty")
  if (written !== "") return { name, host: written }
  const host = cursor.peek()
  if (host === undefined || host.kind === "symbol" || host.kind === "number") throw cursor.unexpected()
  cursor.at += 1
  return { name, host: host.text }
}

const hashed = (text: string): NativePassword.Secret => {
  const secret = NativePassword.parseHash(text)
  if (secret === undefined) throw detail("Password hash should be a 41-digit hexadecimal number")
  return secret
}

/** What follows IDENTIFIED. */
export const identified = (cursor: TokenCursor): NativePassword.Secret => {
  if (cursor.take("BY", "PASSWORD")) return hashed(cursor.text())
  if (cursor.take("BY")) return NativePassword.secretOf(cursor.text())
  cursor.need("WITH")
  const plugin = cursor.peek()?.kind === "text" ? cursor.text() : cursor.name()
  if (plugin.toLowerCase() !== "mysql_native_password") throw unsupported(`IDENTIFIED WITH ${plugin}`)
  if (cursor.take("BY")) return NativePassword.secretOf(cursor.text())
  if (cursor.take("AS")) return hashed(cursor.text())
  return NativePassword.secretOf("")
}

/** `PASSWORD('x')`, or the hash that it gives. */
export const passwordValue = (cursor: TokenCursor): NativePassword.Secret => {
  if (!cursor.take("PASSWORD", "(")) return hashed(cursor.text())
  const secret = NativePassword.secretOf(cursor.text())
  cursor.need(")")
  return secret
}

/** A GRANT or REVOKE statement. */
export interface GrantStatement {
  readonly identity: Identity
  readonly grants: ReadonlyArray<Grant>
}

const oldNames: Readonly<Record<string, ReadonlyArray<string>>> = {
  SELECT_PRIV: ["SELECT"],
  LOAD_PRIV: ["INSERT", "DELETE", "UPDATE"],
  ALTER_PRIV: ["ALTER"],
  CREATE_PRIV: ["CREATE TABLE"],
  DROP_PRIV: ["DROP"]
}

/** Words of one privilege, up to the comma or ON. */
const privilegeNames = (cursor: TokenCursor): ReadonlyArray<string> => {
  const words: Array<string> = []
  while (!cursor.done && !cursor.is("ON") && !cursor.is(",") && !cursor.is("TO") && !cursor.is("FROM")) {
    words.push(cursor.name().toUpperCase())
  }
  const name = words.join(" ")
  if (name === "") throw cursor.unexpected()
  if (name === "ALL PRIVILEGES") return ["ALL"]
  // Old statements granted CREATE on a database, and what it allowed there is creating tables.
  if (name === "CREATE") return ["CREATE TABLE"]
  return oldNames[name] ?? [name]
}

interface Scope {
  readonly kind: ObjectKind
  readonly database: string
  readonly table: string
}

const databaseList = (cursor: TokenCursor): ReadonlyArray<string> => {
  if (cursor.take("ALL", "DATABASES")) return ["*"]
  cursor.need("DATABASE")
  const found = [cursor.name()]
  while (cursor.take(",")) found.push(cursor.name())
  return found
}

/** `db.t`, `t`, `db.*` or `*.*`; the star forms stand for the tables and the database itself, as they did of old. */
const tableOrStar = (cursor: TokenCursor, current: string): ReadonlyArray<Scope> => {
  const first = cursor.take("*") ? "*" : cursor.name()
  if (!cursor.take(".")) {
    if (first === "*") throw cursor.unexpected()
    return [{ kind: "TABLE", database: current, table: first }]
  }
  const table = cursor.take("*") ? "*" : cursor.name()
  if (table !== "*") return [{ kind: "TABLE", database: first, table }]
  return [{ kind: "TABLE", database: first, table }, { kind: "DATABASE", database: first, table: "" }]
}

const scopes = (cursor: TokenCursor, current: string): ReadonlyArray<Scope> => {
  if (cursor.take("SYSTEM")) return [{ kind: "SYSTEM", database: "", table: "" }]
  if (cursor.take("CATALOG")) {
    const name = cursor.name()
    if (name !== "default_catalog") throw detail(`Unknown catalog '${name}'`)
    return [{ kind: "CATALOG", database: "", table: "" }]
  }
  if (cursor.take("ALL", "TABLES", "IN")) {
    return databaseList(cursor).map((database) => ({ kind: "TABLE", database, table: "*" }))
  }
  if (cursor.is("DATABASE") || cursor.is("ALL", "DATABASES")) {
    return databaseList(cursor).map((database) => ({ kind: "DATABASE", database, table: "" }))
  }
  for (
    const kind of [
      "ALL",
      "VIEW",
      "MATERIALIZED",
      "RESOURCE",
      "FUNCTION",
      "GLOBAL",
      "STORAGE",
      "PIPE",
      "USER",
      "WAREHOUSE"
    ]
  ) {
    if (cursor.is(kind)) throw unsupported(`GRANT and REVOKE ON ${kind}`)
  }
  cursor.take("TABLE")
  const found = [...tableOrStar(cursor, current)]
  while (cursor.take(",")) found.push(...tableOrStar(cursor, current))
  return found
}

const expanded = (names: ReadonlyArray<string>, places: ReadonlyArray<Scope>): ReadonlyArray<Grant> => {
  const found: Array<Grant> = []
  for (const name of names) {
    const known = places.filter(({ kind }) => name === "ALL" || privilegesOf[kind].includes(name))
    const place = places[0]
    if (known.length === 0) throw detail(`cant find action ${name} in object type ${place?.kind ?? ""}`)
    for (const scope of known) {
      const privileges = name === "ALL" ? privilegesOf[scope.kind] : [name]
      found.push(...privileges.map((privilege) => ({ ...scope, privilege })))
    }
  }
  return found
}

/** Parses what stands behind GRANT (`TO`) or REVOKE (`FROM`); `current` is the database of names without one. */
export const grantStatement = (cursor: TokenCursor, direction: "TO" | "FROM", current: string): GrantStatement => {
  const names = [...(cursor.peek()?.kind === "text" ? [cursor.text()] : privilegeNames(cursor))]
  while (cursor.take(",")) names.push(...privilegeNames(cursor))
  if (cursor.is(direction) || cursor.is("IMPERSONATE")) throw unsupported("GRANT and REVOKE of roles and IMPERSONATE")
  cursor.need("ON")
  const places = scopes(cursor, current)
  cursor.need(direction)
  if (cursor.take("ROLE")) throw unsupported("GRANT and REVOKE of a role's privileges")
  cursor.take("USER")
  const named = identity(cursor)
  if (cursor.is("WITH", "GRANT", "OPTION")) throw unsupported("WITH GRANT OPTION")
  if (!cursor.done) throw cursor.unexpected()
  return { identity: named, grants: expanded(names, places) }
}
