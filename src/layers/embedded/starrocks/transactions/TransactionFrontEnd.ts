/**
 * Stream Load transactions on the FE's HTTP port: it sends begin, load and prepare on to the BE, ends what is prepared
 * itself, and runs transactions of several tables.
 */
import * as Effect from "effect/Effect"
import type { Catalogue } from "../catalogue/Catalogue.ts"
import * as FrontDoor from "../http/FrontDoor.ts"
import { drain, type Exchange, reset, send } from "../http/HttpReply.ts"
import type { LabelRecord, Labels } from "../load/Labels.ts"
import type { LoadAbandoned } from "../load/LoadEngine.ts"
import type { PreparedTransactions } from "./PreparedTransactions.ts"
import * as TransactionHeaders from "./TransactionHeaders.ts"
import { text } from "./TransactionHeaders.ts"
import * as TransactionReply from "./TransactionReply.ts"
import { type Operation, operations } from "./TransactionReply.ts"
import type { Transactions } from "./Transactions.ts"

/** What the operations work with. */
export interface Parts extends FrontDoor.Parts {
  readonly catalogue: Catalogue
  readonly labels: Labels
  readonly transactions: Transactions
  readonly prepared: PreparedTransactions
  /** Labels whose BE the FE remembers. */
  readonly coordinated: Set<string>
  readonly run: (effect: Effect.Effect<void>) => void
}

/** Labels whose BE the FE remembers at most: transaction_stream_load_coordinator_cache_capacity. */
const coordinatedMax = 4096

const json = { "Content-Type": "application/json" }
const answer = (exchange: Exchange, body: string): void => send(exchange, 200, body, json)
const fail = (exchange: Exchange, message: string, exception?: string): void =>
  answer(exchange, TransactionReply.failedByFrontEnd(message, exception))

/** A transaction as the headers name it. */
interface About {
  readonly label: string
  readonly database: string
  readonly table: string
  readonly user: string
}

const remember = ({ coordinated }: Parts, label: string): void => {
  coordinated.delete(label)
  coordinated.add(label)
  const [oldest] = coordinated
  if (coordinated.size > coordinatedMax && oldest !== undefined) coordinated.delete(oldest)
}

const toBackend = (parts: Parts, exchange: Exchange, about: About): void => {
  const { database, label } = about
  if (!parts.coordinated.has(label) && parts.labels.find(database, label) === undefined) {
    return fail(
      exchange,
      `Can't find the transaction with db [${database}] and label[${label}]. The possible reasons: ` +
        "1. FE leader is started or switched; 2. The transaction timeouts and is cleaned."
    )
  }
  FrontDoor.toBackend(parts, exchange, about)
}

const commitPrepared = (parts: Parts, exchange: Exchange, record: LabelRecord): Effect.Effect<void> =>
  parts.prepared.commit(record).pipe(
    Effect.map(() => {
      const [table = ""] = record.tables
      if (parts.faults.strikes("reset-after-commit", { database: record.database, table })) return reset(exchange)
      answer(exchange, TransactionReply.byFrontEnd(record.label, record.txnId))
    }),
    Effect.catchTag("LoadRefused", ({ outcome }) =>
      Effect.sync(() =>
        // Another commit of the same transaction was faster.
        record.state === "VISIBLE" ? committed(exchange, record) : fail(exchange, outcome.message)
      ))
  )

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
const ended = (parts: Parts, exchange: Exchange, operation: "commit" | "rollback", record: LabelRecord): boolean => {
  const { label, state, txnId } = record
  const commits = operation === "commit"
  switch (state) {
    case "PREPARE":
      return false
    case "PREPARED":
      parts.run(
        commits
          ? commitPrepared(parts, exchange, record)
          : parts.prepared.rollback(record).pipe(
            Effect.andThen(Effect.sync(() => answer(exchange, TransactionReply.byFrontEnd(label, txnId))))
          )
      )
      return true
    case "COMMITTED":
    case "VISIBLE":
      if (commits) committed(exchange, record)
      else fail(exchange, `Can not abort ${state} transaction ${txnId}, label is ${label}`)
      return true
    case "ABORTED":
      if (commits) fail(exchange, `Can not commit ${state} transaction ${txnId}, label is ${label}`)
      else aborted(exchange, record)
      return true
  }
}

const single = (parts: Parts, exchange: Exchange, operation: Operation, about: About): void => {
  const { database, label } = about
  if (!parts.catalogue.hasDatabase(database)) return fail(exchange, `Database[${database}] does not exist.`)
  if (operation === "begin") {
    if (parts.faults.strikes("no-backend", about)) return fail(exchange, "No backend alive.")
    remember(parts, label)
    return FrontDoor.toBackend(parts, exchange, about)
  }
  if (operation === "load" || operation === "prepare") return toBackend(parts, exchange, about)
  const record = parts.labels.find(database, label)
  if (record === undefined) return fail(exchange, `No transaction found by label ${label}`)
  if (!ended(parts, exchange, operation, record)) toBackend(parts, exchange, about)
}

const multiBegin = (parts: Parts, exchange: Exchange, about: About): void => {
  const times = TransactionHeaders.times(exchange.request.headers)
  if (times._tag === "Failure") return fail(exchange, times.failure)
  parts.run(
    parts.transactions.begin(about, undefined, times.success).pipe(
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

const multiLoad = (parts: Parts, exchange: Exchange, about: About): void => {
  const { database, label, table, user } = about
  if (parts.catalogue.find(database, table) === undefined) return fail(exchange, `unknown table "${database}.${table}"`)
  if (!parts.users.mayInsert(user, database, table)) {
    return fail(exchange, `Access denied; you need (at least one of) the INSERT privilege(s) on TABLE ${table}`)
  }
  if (!parts.transactions.announce(about, table)) return fail(exchange, `stream load task ${label} does not exist`)
  FrontDoor.toBackend(parts, exchange, about)
}

const multi = (parts: Parts, exchange: Exchange, operation: Operation, about: About): void => {
  const { database, label } = about
  const { transactions } = parts
  if (!parts.catalogue.hasDatabase(database)) return fail(exchange, `Database[${database}] does not exist.`)
  if (operation === "begin") return multiBegin(parts, exchange, about)
  if (operation === "load") return multiLoad(parts, exchange, about)
  const record = parts.labels.find(database, label)
  if (record === undefined) return fail(exchange, `stream load task ${label} does not exist`)
  if (operation !== "prepare" && ended(parts, exchange, operation, record)) return
  if (!transactions.isMulti(label)) return fail(exchange, `stream load task ${label} does not exist`)
  const seconds = TransactionHeaders.preparedTimeout(exchange.request.headers)
  if (seconds._tag === "Failure") return fail(exchange, seconds.failure)
  const address = { ...about, multi: true }
  const work: Effect.Effect<void, TransactionReply.TransactionRefused | LoadAbandoned> = operation === "rollback"
    ? transactions.rollback(address)
    : operation === "prepare"
    ? Effect.asVoid(transactions.prepare(address, seconds.success))
    : Effect.asVoid(transactions.commit(address))
  parts.run(
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
export const handle = (parts: Parts, exchange: Exchange, name: string): void => {
  const user = FrontDoor.authenticate(parts, exchange)
  if (user === undefined) return
  if (FrontDoor.follows(parts, exchange, (message) => fail(exchange, message))) return
  const { headers } = exchange.request
  const operation = operations.find((known) => known === name)
  if (operation === undefined) return fail(exchange, `Unknown transaction operation: ${name}`)
  const database = text(headers, "db")
  if (database === undefined) return fail(exchange, "No database selected.")
  const label = text(headers, "label")
  if (label === undefined) return fail(exchange, "Empty label.")
  for (const header of numeric) {
    const given = text(headers, header)
    if (given !== undefined && !/^[-+]?\d{1,18}$/.test(given)) {
      return fail(exchange, `For input string: "${given}"`, "java.lang.NumberFormatException")
    }
  }
  if (text(headers, "channel_num") !== undefined || text(headers, "channel_id") !== undefined) {
    return fail(exchange, "channel_num and channel_id are not supported by this endpoint")
  }
  if (text(headers, "source_type") !== undefined) {
    return fail(exchange, "source_type is not supported by this endpoint")
  }
  if (operation !== "load") drain(exchange.request)
  const about = { label, database, table: text(headers, "table") ?? "", user: user.user }
  const type = text(headers, "transaction_type")
  if (type === undefined) return single(parts, exchange, operation, about)
  if (type.toLowerCase() === "multi") return multi(parts, exchange, operation, about)
  fail(exchange, `transaction_type ${type} is not supported by this endpoint`)
}
