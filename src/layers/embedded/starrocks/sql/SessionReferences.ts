/** What names, variables and constants mean in the statements of a session. */
import type { Catalogue } from "../catalogue/Catalogue.ts"
import * as TableOf from "../catalogue/Table.ts"
import { literal } from "../catalogue/Table.ts"
import { accessDenied } from "../syntax/SqlError.ts"
import type * as Users from "../users/Users.ts"
import type * as References from "./References.ts"
import type { SessionOwner } from "./SessionOwner.ts"
import * as Variables from "./Variables.ts"

export interface Session {
  readonly catalogue: Catalogue
  readonly owner: SessionOwner
  readonly access: ReturnType<Users.Users["access"]>
  readonly variables: Variables.Variables
  readonly database: string | undefined
}

/** For one statement: the session's database may be another one at the next. */
export const make = ({ access, catalogue, database, owner, variables }: Session): References.Context => {
  const identity = `'${owner.user}'@'${access.identity.host}'`
  return {
    database,
    hasDatabase: catalogue.hasDatabase,
    hasTable: (database, table) => catalogue.find(database, table) !== undefined,
    refusedRead: (database, table) =>
      access.may("SELECT", { kind: "TABLE", database, table }) ? undefined : accessDenied("SELECT", `TABLE ${table}`),
    isText: (database, table, column) => {
      const found = catalogue.find(database, table)
      return found === undefined ? undefined : TableOf.holdsText(found, column)
    },
    variable: (name) => {
      const value = variables.get(name)
      if (value === undefined) return name.startsWith("@@") ? undefined : "null"
      return /^\d{1,18}$/.test(value) ? value : literal(value)
    },
    constants: {
      database: database === undefined ? "null" : literal(database),
      schema: database === undefined ? "null" : literal(database),
      catalog: literal("default_catalog"),
      user: literal(identity),
      current_user: literal(identity),
      session_user: literal(identity),
      system_user: literal(identity),
      current_role: literal("NONE"),
      version: literal("8.0.33"),
      current_version: literal(Variables.currentVersion),
      connection_id: String(owner.id),
      last_query_id: literal(""),
      last_insert_id: "0"
    }
  }
}
