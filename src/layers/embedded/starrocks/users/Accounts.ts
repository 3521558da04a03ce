/** Users and their grants: in memory for every request, in the DuckDB file for the next start. */
import * as Effect from "effect/Effect"
import type { Session, Storage, StorageError } from "../catalogue/Storage.ts"
import { detail, type SqlError } from "../syntax/SqlError.ts"
import type { Secret } from "./NativePassword.ts"
import { type Grant, sameObject } from "./Privileges.ts"

/** A user as statements name it. */
export interface Identity {
  readonly name: string
  /** `%`, or an address, compared as text. */
  readonly host: string
}

/** A user. */
export interface Account extends Identity {
  readonly secret: Secret
  readonly grants: ReadonlyArray<Grant>
}

type Refusal = SqlError | StorageError

/** Users of an endpoint: each of them survives a restart. */
const accountsMax = 10_000
/** Grants of one user: a person writes some, a mistaken loop writes millions. */
const grantsMax = 10_000

/** The users beside the one the endpoint was started with. */
export interface Accounts {
  readonly all: () => ReadonlyArray<Account>
  readonly find: (identity: Identity) => Account | undefined
  /** The account a client from that address logs in with: the one of the address goes before the one of `%`. */
  readonly at: (name: string, address: string) => Account | undefined
  readonly create: (identity: Identity, secret: Secret) => Effect.Effect<void, Refusal>
  /** Replaces a password, or creates the account that holds it; new logins and requests need the new one at once. */
  readonly setSecret: (identity: Identity, secret: Secret) => Effect.Effect<void, Refusal>
  readonly drop: (identity: Identity) => Effect.Effect<void, Refusal>
  readonly grant: (identity: Identity, grants: ReadonlyArray<Grant>) => Effect.Effect<void, Refusal>
  readonly revoke: (identity: Identity, grants: ReadonlyArray<Grant>) => Effect.Effect<void, Refusal>
  /** Takes away what was granted on a dropped table, or on a dropped database and everything in it. */
  readonly forget: (database: string, table?: string) => Effect.Effect<void, StorageError>
  /** Lets grants on a table follow its new name. */
  readonly rename: (database: string, from: string, to: string) => Effect.Effect<void, StorageError>
}

const keyOf = (identity: Identity): string => JSON.stringify([identity.name, identity.host])

/** How messages write a user. */
export const written = (identity: Identity): string => `'${identity.name}'@'${identity.host}'`

const remove = (session: Session, schema: string, { host, name }: Identity) =>
  Effect.gen(function*() {
    yield* session.run(`delete from ${schema}.users where name = $1 and host = $2`, [name, host])
    yield* session.run(`delete from ${schema}.grants where name = $1 and host = $2`, [name, host])
  })

const save = (session: Session, schema: string, account: Account) =>
  Effect.gen(function*() {
    const named = [account.name, account.host]
    yield* remove(session, schema, account)
    yield* session.run(`insert into ${schema}.users values ($1, $2, $3)`, [...named, account.secret.toString("hex")])
    for (const grant of account.grants) {
      yield* session.run(`insert into ${schema}.grants values ($1, $2, $3, $4, $5, $6)`, [
        ...named,
        grant.kind,
        grant.database,
        grant.table,
        grant.privilege
      ])
    }
  })

const isKind = (text: string): text is Grant["kind"] =>
  text === "TABLE" || text === "DATABASE" || text === "CATALOG" || text === "SYSTEM"

/** Reads the accounts kept in a schema of the file. */
export const make = Effect.fnUntraced(function*(storage: Storage, schema: string) {
  const accounts = new Map<string, Account>()
  yield* storage.write((session) =>
    Effect.gen(function*() {
      yield* session.run(`create table if not exists ${schema}.users (name varchar, host varchar, secret varchar)`)
      yield* session.run(
        `create table if not exists ${schema}.grants (name varchar, host varchar, kind varchar, database varchar,
          granted_table varchar, privilege varchar)`
      )
      for (const [name, host, secret] of yield* session.run(`select name, host, secret from ${schema}.users`)) {
        const identity = { name: String(name), host: String(host) }
        accounts.set(keyOf(identity), { ...identity, secret: Buffer.from(String(secret), "hex"), grants: [] })
      }
      const rows = yield* session.run(
        `select name, host, kind, database, granted_table, privilege from ${schema}.grants`
      )
      for (const [name, host, kind, database, table, privilege] of rows) {
        const account = accounts.get(keyOf({ name: String(name), host: String(host) }))
        const known = String(kind)
        if (account === undefined || !isKind(known)) continue
        const grant = { kind: known, database: String(database), table: String(table), privilege: String(privilege) }
        accounts.set(keyOf(account), { ...account, grants: [...account.grants, grant] })
      }
    })
  )

  const put = (account: Account): Effect.Effect<void, Refusal> =>
    Effect.gen(function*() {
      if (!accounts.has(keyOf(account)) && accounts.size >= accountsMax) {
        return yield* detail(`this endpoint keeps at most ${accountsMax} users`)
      }
      if (account.grants.length > grantsMax) return yield* detail(`a user may have at most ${grantsMax} grants`)
      yield* storage.write((session) => save(session, schema, account))
      accounts.set(keyOf(account), account)
    })

  const changed = (
    identity: Identity,
    change: (account: Account) => Account
  ): Effect.Effect<void, Refusal> => {
    const account = accounts.get(keyOf(identity))
    return account === undefined ? Effect.fail(detail(`cannot find user ${written(identity)}!`)) : put(change(account))
  }

  const changeGrants = (change: (grants: ReadonlyArray<Grant>) => ReadonlyArray<Grant>) =>
    Effect.gen(function*() {
      const touched = [...accounts.values()].map((account) => ({ account, grants: change(account.grants) })).filter((
        next
      ) => next.grants !== next.account.grants)
      if (touched.length === 0) return
      yield* storage.write((session) =>
        Effect.forEach(touched, ({ account, grants }) => save(session, schema, { ...account, grants }), {
          discard: true
        })
      )
      for (const { account, grants } of touched) accounts.set(keyOf(account), { ...account, grants })
    })

  const made: Accounts = {
    all: () => [...accounts.values()],
    find: (identity) => accounts.get(keyOf(identity)),
    at: (name, address) =>
      accounts.get(keyOf({ name, host: address })) ??
        (address === "127.0.0.1" ? accounts.get(keyOf({ name, host: "localhost" })) : undefined) ??
        accounts.get(keyOf({ name, host: "%" })),
    create: (identity, secret) => put({ ...identity, secret, grants: [] }),
    setSecret: (identity, secret) => put({ grants: [], ...accounts.get(keyOf(identity)), ...identity, secret }),
    drop: (identity) =>
      storage.write((session) => remove(session, schema, identity)).pipe(
        Effect.tap(() => Effect.sync(() => accounts.delete(keyOf(identity)))),
        Effect.asVoid
      ),
    grant: (identity, grants) =>
      changed(identity, (account) => {
        const held = (grant: Grant): boolean =>
          account.grants.some((other) => sameObject(grant, other) && grant.privilege === other.privilege)
        return { ...account, grants: [...account.grants, ...grants.filter((grant) => !held(grant))] }
      }),
    revoke: (identity, grants) =>
      changed(identity, (account) => ({
        ...account,
        grants: account.grants.filter((held) =>
          !grants.some((grant) => sameObject(grant, held) && grant.privilege === held.privilege)
        )
      })),
    forget: (database, table) => {
      const gone = (grant: Grant): boolean =>
        grant.database === database && (table === undefined || grant.table === table)
      return changeGrants((grants) => grants.some(gone) ? grants.filter((grant) => !gone(grant)) : grants)
    },
    rename: (database, from, to) => {
      const moves = (grant: Grant): boolean => grant.database === database && grant.table === from
      return changeGrants((grants) =>
        grants.some(moves) ? grants.map((grant) => moves(grant) ? { ...grant, table: to } : grant) : grants
      )
    }
  }
  return made
})
