/** The statements about users: CREATE, ALTER and DROP USER, SET PASSWORD, GRANT, REVOKE, SHOW GRANTS, SHOW USERS. */
import * as Effect from "effect/Effect"
import type { StorageError } from "../catalogue/Storage.ts"
import { detail, type SqlError, unsupported } from "../syntax/SqlError.ts"
import type { TokenCursor } from "../syntax/TokenCursor.ts"
import { type Account, type Accounts, type Identity, written } from "../users/Accounts.ts"
import * as NativePassword from "../users/NativePassword.ts"
import { type Grant, objectText, sameObject } from "../users/Privileges.ts"
import type { Access, Users } from "../users/Users.ts"
import * as GrantStatement from "./GrantStatement.ts"
import type { Grid } from "./Grid.ts"

/** What the statements work with. */
export interface Context {
  readonly accounts: Accounts
  readonly users: Users
  readonly access: Access
  readonly database: string | undefined
}

type Done = Effect.Effect<void, SqlError | StorageError>

const isFirst = (context: Context, identity: Identity): boolean =>
  identity.name === context.users.administrator && identity.host === "%"

const needGrant = (context: Context): void => context.access.need("GRANT", { kind: "SYSTEM" })

const known = (context: Context, identity: Identity): boolean =>
  isFirst(context, identity) || context.accounts.find(identity) !== undefined

const missing = (identity: Identity): SqlError => detail(`cannot find user ${written(identity)}!`)

const isSelf = (context: Context, identity: Identity): boolean =>
  identity.name === context.access.identity.name && identity.host === context.access.identity.host

const end = (cursor: TokenCursor): void => {
  if (cursor.is("DEFAULT", "ROLE")) throw unsupported("DEFAULT ROLE")
  if (cursor.is("PROPERTIES")) throw unsupported("PROPERTIES of a user")
  if (!cursor.done) throw cursor.unexpected()
}

const createUser = (cursor: TokenCursor, context: Context): Done => {
  needGrant(context)
  const ifNotExists = cursor.take("IF", "NOT", "EXISTS")
  const identity = GrantStatement.identity(cursor)
  const secret = cursor.take("IDENTIFIED") ? GrantStatement.identified(cursor) : NativePassword.secretOf("")
  end(cursor)
  if (known(context, identity)) {
    if (ifNotExists) return Effect.void
    throw detail(`Operation CREATE USER failed for ${written(identity)} : user already exists`)
  }
  return context.accounts.create(identity, secret)
}

const alterUser = (cursor: TokenCursor, context: Context): Done => {
  const ifExists = cursor.take("IF", "EXISTS")
  const identity = GrantStatement.identity(cursor)
  if (!isSelf(context, identity)) needGrant(context)
  if (!cursor.take("IDENTIFIED")) throw unsupported("ALTER USER without IDENTIFIED")
  const secret = GrantStatement.identified(cursor)
  end(cursor)
  if (known(context, identity)) return context.accounts.setSecret(identity, secret)
  if (ifExists) return Effect.void
  throw missing(identity)
}

const dropUser = (cursor: TokenCursor, context: Context): Done => {
  needGrant(context)
  const ifExists = cursor.take("IF", "EXISTS")
  const identity = GrantStatement.identity(cursor)
  end(cursor)
  if (identity.name === context.users.administrator) throw detail(`cannot drop ${written(identity)}`)
  if (context.accounts.find(identity) !== undefined) return context.accounts.drop(identity)
  if (ifExists) return Effect.void
  throw detail(`Operation DROP USER failed for ${written(identity)} : user not exists`)
}

const setPassword = (cursor: TokenCursor, context: Context): Done => {
  const identity = cursor.take("FOR") ? GrantStatement.identity(cursor) : context.access.identity
  if (!isSelf(context, identity)) needGrant(context)
  cursor.need("=")
  const secret = GrantStatement.passwordValue(cursor)
  end(cursor)
  if (!known(context, identity)) throw missing(identity)
  return context.accounts.setSecret(identity, secret)
}

const granted = (cursor: TokenCursor, context: Context, direction: "TO" | "FROM"): Done => {
  needGrant(context)
  const statement = GrantStatement.grantStatement(cursor, direction, context.database ?? "")
  if (isFirst(context, statement.identity)) throw detail(`${written(statement.identity)} holds every privilege already`)
  return direction === "TO"
    ? context.accounts.grant(statement.identity, statement.grants)
    : context.accounts.revoke(statement.identity, statement.grants)
}

/** Runs a statement about users; undefined when it is another one. Refusals are thrown. */
export const run = (cursor: TokenCursor, context: Context): Done | undefined => {
  if (cursor.take("CREATE", "USER")) return createUser(cursor, context)
  if (cursor.take("ALTER", "USER")) return alterUser(cursor, context)
  if (cursor.take("DROP", "USER")) return dropUser(cursor, context)
  if (cursor.take("SET", "PASSWORD")) return setPassword(cursor, context)
  if (cursor.take("GRANT")) return granted(cursor, context, "TO")
  if (cursor.take("REVOKE")) return granted(cursor, context, "FROM")
  if (cursor.is("SET", "ROLE") || cursor.is("SET", "DEFAULT", "ROLE")) throw unsupported("SET ROLE")
  return undefined
}

const grantRows = (account: Account): ReadonlyArray<ReadonlyArray<string | null>> => {
  const objects: Array<Grant> = []
  for (const grant of account.grants) if (!objects.some((other) => sameObject(other, grant))) objects.push(grant)
  return objects.map((object) => {
    const privileges = account.grants.filter((grant) => sameObject(grant, object)).map((grant) => grant.privilege)
    return [
      written(account),
      object.kind === "SYSTEM" ? null : "default_catalog",
      `GRANT ${privileges.sort().join(", ")} ON ${objectText(object)} TO USER ${written(account)}`
    ]
  })
}

/** Answers SHOW GRANTS; the cursor stands behind GRANTS. */
export const showGrants = (cursor: TokenCursor, context: Context): Grid => {
  const identity = cursor.take("FOR") ? GrantStatement.identity(cursor) : context.access.identity
  if (!cursor.done) throw cursor.unexpected()
  if (!isSelf(context, identity)) needGrant(context)
  if (!known(context, identity)) throw missing(identity)
  const account = context.accounts.find(identity)
  return {
    columns: ["UserIdentity", "Catalog", "Grants"],
    rows: isFirst(context, identity)
      ? [[written(identity), null, `GRANT 'root' TO ${written(identity)}`]]
      : account === undefined
      ? []
      : grantRows(account)
  }
}

/** Answers SHOW USERS. */
export const showUsers = (cursor: TokenCursor, context: Context): Grid => {
  if (!cursor.done) throw cursor.unexpected()
  needGrant(context)
  const first = { name: context.users.administrator, host: "%" }
  const others = context.accounts.all().filter((account) => !isFirst(context, account))
  return { columns: ["User"], rows: [first, ...others].map((account) => [written(account)]) }
}
