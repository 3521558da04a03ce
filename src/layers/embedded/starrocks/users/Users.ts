/**
 * Who may log in and do what. The user the endpoint was started with may do everything; the others live in the
 * catalogue. A password that this first user was given with SET PASSWORD goes before the one the endpoint was started with.
 */
import * as Redacted from "effect/Redacted"
import type { Catalogue } from "../catalogue/Catalogue.ts"
import { accessDenied } from "../syntax/SqlError.ts"
import type { Account, Identity } from "./Accounts.ts"
import * as NativePassword from "./NativePassword.ts"
import { allows, allowsAny, type Grant, type Target } from "./Privileges.ts"

/** What one user may do; asked anew each time, so that GRANT and REVOKE take effect at once. */
export interface Access {
  readonly identity: Identity
  /** Whether this is the user the endpoint was started with. */
  readonly administrator: boolean
  readonly grants: () => ReadonlyArray<Grant>
  /** Whether the user holds the privilege; a missing object is allowed, so that its own error is seen. */
  readonly may: (privilege: string, target: Target) => boolean
  /** Whether the user may know that the object is there. */
  readonly sees: (target: Target) => boolean
  /** Throws error 5203 when the user does not hold the privilege. */
  readonly need: (privilege: string, target: Target) => void
}

/** The users of an endpoint. */
export interface Users {
  /** The name of the user the endpoint was started with. */
  readonly administrator: string
  /** Whether the password, in clear, is the user's. */
  readonly verify: (user: string, password: string) => boolean
  /** Whether the answer to a mysql_native_password challenge proves the password of the user at that address. */
  readonly verifyNative: (user: string, address: string, challenge: Buffer, answer: Buffer) => boolean
  /** Whether the user may load into a table; everybody may into one that does not exist, and then meets that error. */
  readonly mayInsert: (user: string, database: string, table: string) => boolean
  /** What a user who logged in from an address may do. */
  readonly access: (user: string, address: string) => Access
}

/** Where clients of the HTTP ports come from: the endpoint listens on the loopback address only. */
const loopback = "127.0.0.1"

const nameOf = (target: Target): string =>
  target.kind === "TABLE"
    ? ` ${target.table ?? ""}`
    : target.kind === "DATABASE"
    ? ` ${target.database ?? ""}`
    : target.kind === "CATALOG"
    ? " default_catalog"
    : ""

/** The users that the catalogue keeps, and the first one by the name and the password given. */
export const make = (catalogue: Catalogue, name: string, password: Redacted.Redacted): Users => {
  const first = NativePassword.secretOf(Redacted.value(password))

  const account = (user: string, address: string): Account | undefined => catalogue.accounts.at(user, address)

  const secret = (user: string, address: string): NativePassword.Secret | undefined =>
    account(user, address)?.secret ?? (user === name ? first : undefined)

  const missing = (target: Target): boolean => {
    if (target.database === undefined) return false
    if (!catalogue.hasDatabase(target.database)) return true
    return target.table !== undefined && catalogue.find(target.database, target.table) === undefined
  }

  const access = (user: string, address: string): Access => {
    const administrator = user === name
    const grants = (): ReadonlyArray<Grant> => account(user, address)?.grants ?? []
    const may: Access["may"] = (privilege, target) =>
      administrator || missing(target) || allows(grants(), privilege, target)
    const sees: Access["sees"] = (target) => administrator || allowsAny(grants(), target)
    return {
      identity: { name: user, host: account(user, address)?.host ?? "%" },
      administrator,
      grants,
      may,
      sees,
      need: (privilege, target) => {
        const granted = privilege === "ANY" ? missing(target) || sees(target) : may(privilege, target)
        if (!granted) throw accessDenied(privilege, `${target.kind}${nameOf(target)}`)
      }
    }
  }

  return {
    administrator: name,
    verify: (user, given) => {
      const known = secret(user, loopback)
      return known !== undefined && NativePassword.matches(known, given)
    },
    verifyNative: (user, address, challenge, answer) => {
      const known = secret(user, address)
      return known !== undefined && NativePassword.proves(known, challenge, answer)
    },
    mayInsert: (user, database, table) => access(user, loopback).may("INSERT", { kind: "TABLE", database, table }),
    access
  }
}
