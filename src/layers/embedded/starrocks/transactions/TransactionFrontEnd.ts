/**
 * Stream Load transactions on the FE's HTTP port: it sends begin, load and prepare on to the BE, ends what is prepared
 * itself, and runs transactions of several tables.
 */
import * as Effect from "effect/Effect"
import type { Catalogue } from "../catalogue/Catalogue.ts"
import * as Admission from "../http/Admission.ts"
import * as FrontDoor from "../http/FrontDoor.ts"
import { drain, type Exchange, json, reset, send } from "../http/HttpReply.ts"
import { header } from "../http/RequestHeaders.ts"
import { BoundedMap } from "../load/BoundedMap.ts"
import type { LabelRecord, Labels } from "../load/Labels.ts"
import type { LoadAbandoned } from "../load/LoadRefusal.ts"
import type { PreparedTransactions } from "./PreparedTransactions.ts"
import * as TransactionHeaders from "./TransactionHeaders.ts"
import * as TransactionReply from "./TransactionReply.ts"
import { type Operation, operations } from "./TransactionReply.ts"
import type { Transactions } from "./Transactions.ts"

/** Labels whose BE the FE remembers at most: transaction_stream_load_coordinator_cache_capacity. */
const coordinatedMax = 4096

/** Labels whose BE the FE remembers; there is only one BE, so the label says it all. */
type Coordinated = BoundedMap<string, true>

/** The memory of an FE that has seen no label yet. */
export const coordinated = (): Coordinated => new BoundedMap(coordinatedMax)

/** What the operations work with. */
export interface Needs extends FrontDoor.Needs {
  readonly catalogue: Catalogue
  readonly labels: Labels
  readonly transactions: Transactions
  readonly prepared: PreparedTransactions
  /** Labels whose BE the FE remembers. */
  readonly coordinated: Coordinated
  readonly run: (effect: Effect.Effect<void>) => void
}

const answer = (exchange: Exchange, body: string): void => send(exchange, 200, body, json)
const fail = (exchange: Exchange, message: string, thrown?: string): void =>
  answer(exchange, TransactionReply.failedByFrontEnd(message, thrown))

/** A transaction as the headers name it. */
interface About {
  readonly label: string
  readonly database: string
  readonly table: string
  readonly user: string
}

const toBackend = (needs: Needs, exchange: Exchange, about: About): void => {
  const { database, label } = about
  if (!needs.coordinated.has(label) && needs.labels.find(database, label) === undefined) {
    return fail(
      exchange,
      `Can't find the transaction with db [${database}] and label[${label}]. The possible reasons: ` +
        "1. FE leader is started or switched; 2. The transaction timeouts and is cleaned."
    )
  }
  FrontDoor.toBackend(needs, exchange, about)
}

const commitPrepared = (needs: Needs, exchange: Exchange, record: LabelRecord): Effect.Effect<void> =>
  needs.prepared.commit(record).pipe(
    Effect.map(() => {
      const [table = ""] = record.tables
      if (needs.faults.strikes("reset-after-commit", { database: record.database, table })) return reset(exchange)
      answer(exchange, TransactionReply.byFrontEnd(record.label, record.txnId))
    }),
    Effect.catchTag("LoadRefused", ({ outcome }) =>
      Effect.sync(() => {
        // Another commit of the same transaction was faster, or a rollback.
        if (record.state === "VISIBLE") return committed(exchange, record)
        fail(exchange, record.state === "ABORTED" ? cannot("commit", record) : outcome.message)
      }))
  )

const rollbackPrepared = (needs: Needs, exchange: Exchange, record: LabelRecord): Effect.Effect<void> =>
  needs.prepared.rollback(record).pipe(
    Effect.map(() =>
      // A commit may have been faster.
      record.state === "ABORTED"
        ? answer(exchange, TransactionReply.byFrontEnd(record.label, record.txnId))
        : fail(exchange, cannot("abort", record))
    ),
    Effect.catch(({ message }) => Effect.sync(() => fail(exchange, `storage failed: ${message}`)))
  )

const cannot = (verb: "abort" | "commit", { label, state, txnId }: LabelRecord): string =>
  `Can not ${verb} ${state} transaction ${txnId}, label is ${label}`

const committed = (exchange: Exchange, { label, txnId }: LabelRecord): void =>
  answer(
    exchange,
    TransactionReply.byFrontEnd(label, txnId, `Transaction ${txnId} has already committed, label is ${label}`)
  )

const aborted = (exchange: Exchange, { label, txnId }: LabelRecord): void =>
  answer(
    exchange,
    TransactionReply.byFrontEnd(label, txnId, `Transaction ${txnId} has already aborted, label is ${label}`)
  )

/** Ends a transaction that is prepared or ended; false when the BE has to do it. */
const ended = (needs: Needs, exchange: Exchange, operation: "commit" | "rollback", record: LabelRecord): boolean => {
  const commits = operation === "commit"
  switch (record.state) {
    case "PREPARE":
      return false
    case "PREPARED":
      needs.run(commits ? commitPrepared(needs, exchange, record) : rollbackPrepared(needs, exchange, record))
      return true
    case "COMMITTED":
    case "VISIBLE":
      if (commits) committed(exchange, record)
      else fail(exchange, cannot("abort", record))
      return true
    case "ABORTED":
      if (commits) fail(exchange, cannot("commit", record))
      else aborted(exchange, record)
      return true
  }
}

const single = (needs: Needs, exchange: Exchange, operation: Operation, about: About): void => {
  const { database, label } = about
  if (!needs.catalogue.hasDatabase(database)) return fail(exchange, `Database[${database}] does not exist.`)
  if (operation === "begin") {
    if (needs.faults.strikes("no-backend", about)) return fail(exchange, "No backend alive.")
    needs.coordinated.set(label, true)
    return FrontDoor.toBackend(needs, exchange, about)
  }
  if (operation === "load" || operation === "prepare") return toBackend(needs, exchange, about)
  const record = needs.labels.find(database, label)
  if (record === undefined) return fail(exchange, `No transaction found by label ${label}`)
  if (!ended(needs, exchange, operation, record)) toBackend(needs, exchange, about)
}

const multiBegin = (needs: Needs, exchange: Exchange, about: About): void => {
  const times = TransactionHeaders.times(exchange.request.headers)
  if (times._tag === "Failure") return fail(exchange, times.failure)
  needs.run(
    needs.transactions.begin(about, undefined, times.success).pipe(
      Effect.match({
        onSuccess: ({ txnId }) => answer(exchange, TransactionReply.byFrontEnd(about.label, txnId)),
        onFailure: ({ existing, message, status }) =>
          status === "LABEL_ALREADY_EXISTS"
            ? answer(
              exchange,
              TransactionReply.heldByFrontEnd(
                message === "" ? `Label [${about.label}] has already been used.` : message,
                existing ?? "RUNNING"
              )
            )
            : fail(exchange, message)
      })
    )
  )
}

const multiLoad = (needs: Needs, exchange: Exchange, about: About): void => {
  const { database, label, table, user } = about
  if (needs.catalogue.find(database, table) === undefined) return fail(exchange, `unknown table "${database}.${table}"`)
  const missing = Admission.missingPrivilege(needs.users, user, about)
  if (missing !== undefined) return fail(exchange, missing)
  if (!needs.transactions.announce(about, table)) return fail(exchange, `stream load task ${label} does not exist`)
  FrontDoor.toBackend(needs, exchange, about)
}

const multi = (needs: Needs, exchange: Exchange, operation: Operation, about: About): void => {
  const { database, label } = about
  const { transactions } = needs
  if (!needs.catalogue.hasDatabase(database)) return fail(exchange, `Database[${database}] does not exist.`)
  if (operation === "begin") return multiBegin(needs, exchange, about)
  if (operation === "load") return multiLoad(needs, exchange, about)
  const record = needs.labels.find(database, label)
  if (record === undefined) return fail(exchange, `stream load task ${label} does not exist`)
  if (operation !== "prepare" && ended(needs, exchange, operation, record)) return
  if (!transactions.isMulti(label)) return fail(exchange, `stream load task ${label} does not exist`)
  const seconds = TransactionHeaders.preparedTimeout(exchange.request.headers)
  if (seconds._tag === "Failure") return fail(exchange, seconds.failure)
  const address = { ...about, multi: true }
  const work: Effect.Effect<void, TransactionReply.TransactionRefused | LoadAbandoned> = operation === "rollback"
    ? transactions.rollback(address)
    : operation === "prepare"
    ? Effect.asVoid(transactions.prepare(address, seconds.success))
    : Effect.asVoid(transactions.commit(address))
  needs.run(
    work.pipe(
      Effect.map(() => answer(exchange, TransactionReply.byFrontEnd(label, record.txnId))),
      Effect.catchTags({
        TransactionRefused: ({ message }) => Effect.sync(() => fail(exchange, message)),
        LoadAbandoned: () => Effect.sync(() => reset(exchange))
      })
    )
  )
}

const numeric = ["timeout", "prepared_timeout"] as const

/** Answers a request to `/api/transaction/{name}`. */
export const handle = (needs: Needs, exchange: Exchange, name: string): void => {
  const user = FrontDoor.authenticate(needs, exchange)
  if (user === undefined) return
  if (FrontDoor.follows(needs, exchange, (message) => fail(exchange, message))) return
  const { headers } = exchange.request
  const operation = operations.find((known) => known === name)
  if (operation === undefined) return fail(exchange, `Unknown transaction operation: ${name}`)
  const database = header(headers, "db")
  if (database === undefined) return fail(exchange, "No database selected.")
  const label = header(headers, "label")
  if (label === undefined) return fail(exchange, "Empty label.")
  for (const name of numeric) {
    const given = header(headers, name)
    if (given !== undefined && !/^[-+]?\d{1,18}$/.test(given)) {
      return fail(exchange, `For input string: "${given}"`, "java.lang.NumberFormatException")
    }
  }
  if (header(headers, "channel_num") !== undefined || header(headers, "channel_id") !== undefined) {
    return fail(exchange, "channel_num and channel_id are not supported by this endpoint")
  }
  if (header(headers, "source_type") !== undefined) {
    return fail(exchange, "source_type is not supported by this endpoint")
  }
  if (operation !== "load") drain(exchange.request)
  const about = { label, database, table: header(headers, "table") ?? "", user: user.user }
  const begun = operation === "begin" ? undefined : needs.labels.find(database, label)
  if (!FrontDoor.mayInsert(needs, exchange, user.user, database, begun?.tables ?? [])) return
  const type = header(headers, "transaction_type")
  if (type === undefined) return single(needs, exchange, operation, about)
  if (type.toLowerCase() === "multi") return multi(needs, exchange, operation, about)
  fail(exchange, `transaction_type ${type} is not supported by this endpoint`)
}
