/**
 * Every stable error code with what it means and what a person does about it: the source of docs/errors.md. The errors
 * themselves are more exact, because they know table, position and host.
 */
import * as Record from "effect/Record"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { PermanentCode } from "./PermanentError.ts"
import * as Policy from "./Policy.ts"
import * as SetupError from "./SetupError.ts"
import { SetupReason } from "./SetupReason.ts"
import { TransientCode } from "./TransientError.ts"

export interface Entry {
  readonly code: string
  readonly kind: "setup" | "transient" | "permanent"
  readonly meaning: string
  readonly whatToDo: string
  /** What dbmazz does by itself. */
  readonly consequence: string
}

interface Text {
  readonly meaning: string
  readonly whatToDo: string
}

const TRANSIENT: { readonly [Code in TransientCode]: Text } = {
  PG_UNREACHABLE: {
    meaning: "PostgreSQL takes no connection: it is down, starting, full, or the network is in the way.",
    whatToDo: "Check that the server runs, `max_connections`, and the network."
  },
  PG_CONNECTION_LOST: {
    meaning: "A connection to PostgreSQL that stood was lost.",
    whatToDo: "Nothing, when it comes back; else look at the server's log."
  },
  PG_SLOT_BUSY: {
    meaning: "Another walsender holds the replication slot, usually one of a predecessor that has not ended yet.",
    whatToDo: "Stop the other process, or end its backend with `pg_terminate_backend`."
  },
  PG_LOCK_TIMEOUT: {
    meaning: "A statement of the setup waited too long for a lock.",
    whatToDo: "Look at `pg_stat_activity` for the transaction that holds it."
  },
  PG_SQL_FAILED: {
    meaning: "PostgreSQL refused a statement for a reason that may pass (deadlock, disk, resources).",
    whatToDo: "Look at the server's log when it stays."
  },
  SR_UNREACHABLE: {
    meaning: "StarRocks takes no connection.",
    whatToDo: "Check STARROCKS_URL and that a front end is alive."
  },
  SR_SQL_FAILED: {
    meaning: "StarRocks refused a statement for a reason that may pass.",
    whatToDo: "Look at the front end's log when it stays."
  },
  SR_UNAVAILABLE: {
    meaning: "StarRocks answers, and cannot take loads: no back end alive, a leader election, a shutdown.",
    whatToDo: "Run `SHOW BACKENDS;` and `SHOW FRONTENDS;`."
  },
  SR_REPLY_LOST: {
    meaning:
      "The connection broke after the load was on its way. Its label's state decides, then the same load is sent.",
    whatToDo: "Nothing."
  },
  SR_REPLY_UNREADABLE: {
    meaning: "Something that is not StarRocks answered, a proxy for example.",
    whatToDo: "Point STARROCKS_URL at a front end, or mend the proxy."
  },
  SR_LABEL_UNSETTLED: {
    meaning: "A load's outcome is not known yet and its label's state cannot be read or still runs.",
    whatToDo: "Use a front end's address (8030): back ends do not know label states."
  },
  SR_TOO_MANY_VERSIONS: {
    meaning: "Compaction does not keep up with the loads. dbmazz waits at least 30 s, and longer each time.",
    whatToDo: "Raise FLUSH_INTERVAL_MS, or look at the back end's compaction."
  },
  SR_MEMORY: {
    meaning: "A back end is over its memory limit.",
    whatToDo: "Give it memory, or lower FLUSH_BYTES."
  },
  SR_BUSY: {
    meaning: "StarRocks is at a limit of running loads, in a schema change, or timed the load out.",
    whatToDo: "Look at `SHOW PROC '/transactions/<db>/running';` when it stays."
  },
  SR_REFUSED: {
    meaning: "A refusal that dbmazz does not know. It is tried a few times, then the table stops.",
    whatToDo: "Read the message; report it."
  }
}

const PERMANENT: { readonly [Code in PermanentCode]: Text } = {
  WAL_MALFORMED: {
    meaning: "A message of the replication stream is not what the protocol says.",
    whatToDo: "Keep the slot and report it with the server's version."
  },
  WAL_RELATION_UNKNOWN: {
    meaning: "A row belongs to a relation that was never announced.",
    whatToDo: "Keep the slot and report it."
  },
  WAL_ORDER_BROKEN: {
    meaning: "Messages arrived in an order the protocol does not have.",
    whatToDo: "Keep the slot and report it."
  },
  SCHEMA_CHANGED: {
    meaning: "The source table's columns no longer fit the StarRocks table, and it could or may not be changed.",
    whatToDo: "Run the ALTER TABLE that the remedy names, then start again."
  },
  REPLICA_IDENTITY_NOT_FULL: {
    meaning: "An UPDATE or DELETE carries only the key of the old row.",
    whatToDo: "ALTER TABLE … REPLICA IDENTITY FULL, and reload the table."
  },
  VALUE_UNREPRESENTABLE: {
    meaning:
      "A value has no form in the StarRocks column (NaN, infinity, too many digits, too long, NULL where none may be), or a row's key is too long.",
    whatToDo:
      "Run the statements that the remedy names, which give the column a type that holds the value, then start again; or set the policy of such values (docs/type-mapping.md), or ON_REJECTED_ROW=divert (docs/rejected-rows.md)."
  },
  TOAST_VALUE_UNKNOWN: {
    meaning:
      "PostgreSQL leaves a large value out because it did not change, and StarRocks does not have the row, or has it under " +
      "the key that it had before.",
    whatToDo: "Copy the row that the message names into StarRocks, then start again; or use REPLICA IDENTITY FULL."
  },
  TRUNCATE_UNSUPPORTED: {
    meaning: "The source table was truncated, and TRUNCATE_POLICY=fail stops a table there.",
    whatToDo: "Set TRUNCATE_POLICY to what shall be done, and start again."
  },
  ROW_TOO_LARGE: {
    meaning: "A row is larger than a load may be.",
    whatToDo: "Make the row smaller, or take the table out."
  },
  SR_REJECTED_ROWS: {
    meaning: "StarRocks filtered rows: a value does not fit its column.",
    whatToDo: "Widen the column, then start again; or set ON_REJECTED_ROW=divert (docs/rejected-rows.md)."
  },
  SR_REJECTED_LOAD: {
    meaning:
      "StarRocks will never take the load: table or database gone, columns changed, a column NOT NULL of which the rows do " +
      "not bring a value, wrong address.",
    whatToDo: "Restore what the message names, or run the statement that it has, then start again."
  },
  SR_ACCESS_DENIED: {
    meaning: "StarRocks refused user, password or privilege.",
    whatToDo: "GRANT on the table what the message names, or correct user and password."
  },
  SR_ROWS_MISSING: {
    meaning: "StarRocks committed fewer rows than it was sent.",
    whatToDo: "Run `dbmazz verify` and look for load filters."
  },
  SR_RETRIES_EXHAUSTED: {
    meaning: "A failure that time could have mended lasted longer than RETRY_MAX_ELAPSED_MS.",
    whatToDo: "Mend what the message says, or raise the limit, then start again."
  },
  PG_TABLE_UNPUBLISHED: {
    meaning:
      "A table was dropped, renamed or taken out of the publication, while the job ran or while it did not, or its rows were " +
      "given a condition there, or the publication's options were set and may have been others in between: what changed in it " +
      "since the moment that the message names may be missing.",
    whatToDo:
      "Put it back, `dbmazz resume`, and write the rows of that time again; `dbmazz verify` names what differs. Where " +
      "options were only written again as they were, `dbmazz resume` is all."
  },
  PG_PUBLICATION_CHANGED: {
    meaning:
      "The publication was dropped while the job ran, or does not publish every operation any more: what changed " +
      "since the moment that the message names may be missing.",
    whatToDo: "Mend it, `dbmazz resume`, and write the rows of that time again; `dbmazz verify` names what differs."
  },
  PG_SLOT_KEPT: {
    meaning: "A stop was to drop the replication slot and could not: it is still there and keeps WAL.",
    whatToDo: "Run what the message says once PostgreSQL can be reached and nobody reads from the slot."
  },
  PG_REFUSED: {
    meaning: "PostgreSQL refused something for a reason that dbmazz does not know, several times in a row.",
    whatToDo: "Read the message; report it."
  }
}

/** The codes of failed setups. */
export const SETUP_CODES = Record.keys(SetupReason.cases)
type SetupCode = typeof SETUP_CODES[number]

const decodeReason = Schema.decodeUnknownResult(SetupReason)

/** A setup reason with `<noun>` for each of its nouns, to show its texts by. */
export const setupExample = (code: SetupCode): SetupReason => {
  const nouns = Object.keys(SetupReason.cases[code].fields).filter((name) => name !== "_tag")
  const texts = decodeReason({ _tag: code, ...Object.fromEntries(nouns.map((noun) => [noun, `<${noun}>`])) })
  return Result.getOrElse(texts, () =>
    // The only other shape of a noun is a list.
    Result.getOrThrow(decodeReason({ _tag: code, ...Object.fromEntries(nouns.map((noun) => [noun, [`<${noun}>`]])) })))
}

/** All codes, in the order of their kinds. */
export const entries = (): ReadonlyArray<Entry> => [
  ...SETUP_CODES.map((code): Entry => {
    const reason = setupExample(code)
    return {
      code,
      kind: "setup",
      meaning: SetupError.describe(reason),
      whatToDo: SetupError.remedy(reason),
      consequence: "waits for a person; nothing is changed and the slot stays"
    }
  }),
  ...TransientCode.literals.map((code): Entry => ({
    code,
    kind: "transient",
    ...TRANSIENT[code],
    consequence: "retries, jittered and ever slower, for RETRY_MAX_ELAPSED_MS (default: for ever)"
  })),
  ...PermanentCode.literals.map((code): Entry => ({
    code,
    kind: "permanent",
    ...PERMANENT[code],
    consequence: Policy.isOfTable(code)
      ? "stops the table; the others go on, and the slot keeps everything from there on"
      : "stops the pipeline; the slot keeps everything from there on"
  }))
]
