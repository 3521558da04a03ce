/** What a grant allows: pure decisions over lists of grants. */

/** What privileges are granted on. */
export type ObjectKind = "TABLE" | "DATABASE" | "CATALOG" | "SYSTEM"

/** One privilege on one object, or on all of a kind. */
export interface Grant {
  readonly kind: ObjectKind
  /** A database's name, or `*`; empty for CATALOG and SYSTEM. */
  readonly database: string
  /** A table's name, or `*`; empty for everything but TABLE. */
  readonly table: string
  readonly privilege: string
}

/** The privileges of each kind of object. */
export const privilegesOf: Readonly<Record<ObjectKind, ReadonlyArray<string>>> = {
  TABLE: ["DELETE", "DROP", "INSERT", "SELECT", "ALTER", "EXPORT", "UPDATE", "REFRESH"],
  DATABASE: [
    "CREATE TABLE",
    "DROP",
    "ALTER",
    "CREATE VIEW",
    "CREATE FUNCTION",
    "CREATE MATERIALIZED VIEW",
    "CREATE PIPE"
  ],
  CATALOG: ["USAGE", "CREATE DATABASE", "DROP", "ALTER"],
  SYSTEM: ["GRANT", "NODE", "OPERATE", "FILE", "PLUGIN", "REPOSITORY", "CREATE RESOURCE GROUP"]
}

/** An object somebody wants to do something with. */
export interface Target {
  readonly kind: ObjectKind
  readonly database?: string
  readonly table?: string
}

const covers = (granted: string, wanted: string | undefined): boolean => granted === "*" || granted === (wanted ?? "")

/** Whether the grants hold the privilege on the object. */
export const allows = (grants: ReadonlyArray<Grant>, privilege: string, target: Target): boolean =>
  grants.some((grant) =>
    grant.kind === target.kind && grant.privilege === privilege && covers(grant.database, target.database) &&
    covers(grant.table, target.table)
  )

/** Whether the grants hold anything on the object, or in it: enough to see that it is there. */
export const allowsAny = (grants: ReadonlyArray<Grant>, target: Target): boolean =>
  grants.some((grant) => {
    if (target.kind === "DATABASE") {
      return (grant.kind === "DATABASE" || grant.kind === "TABLE") && covers(grant.database, target.database)
    }
    return grant.kind === target.kind && covers(grant.database, target.database) && covers(grant.table, target.table)
  })

/** Whether two grants are about the same object. */
export const sameObject = (left: Grant, right: Grant): boolean =>
  left.kind === right.kind && left.database === right.database && left.table === right.table

/** The object of a grant as GRANT statements write it. */
export const objectText = (grant: Grant): string => {
  switch (grant.kind) {
    case "SYSTEM":
      return "SYSTEM"
    case "CATALOG":
      return "CATALOG default_catalog"
    case "DATABASE":
      return grant.database === "*" ? "ALL DATABASES" : `DATABASE ${grant.database}`
    case "TABLE":
      if (grant.table !== "*") return `TABLE ${grant.database}.${grant.table}`
      return grant.database === "*" ? "ALL TABLES IN ALL DATABASES" : `ALL TABLES IN DATABASE ${grant.database}`
  }
}
