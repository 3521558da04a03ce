/**
 * What a refusal of PostgreSQL, or a failure of the way to it, means: the one table from SQLSTATE and errno to a verdict.
 * The same code can mean different things while a session is being opened, on an SQL session, and on the replication
 * session, so the phase is part of the question.
 */

/** `connecting`: until the session is ready; `connected`: an SQL session; `replicating`: the replication session. */
export type Phase = "connecting" | "connected" | "replicating"

/**
 * - `Away`: the session has ended or none is given at the moment; connect again, for as long as it takes
 * - `Again`: the session lives, the same request may succeed in a moment
 * - `Login`: nobody is let in like this: password, pg_hba.conf, database, TLS
 * - `Encoding`: the server cannot give the texts of the database in UTF8
 * - `Forbidden`: the role lacks a right; never tried again by itself
 * - `SlotBusy`: another session reads the slot
 * - `SlotUnusable`: the slot was invalidated: WAL it needs is gone
 * - `SlotMissing`, `PublicationMissing`: it is not there (any more)
 * - `Unconvertible`: a value of the row that is to be sent next cannot be sent, now or later
 * - `Refused`: the request will be refused every time; a person has to change something
 * - `Unknown`: nobody has met this yet: tried a few times, then a person is asked
 */
export type Verdict =
  | "Away"
  | "Again"
  | "Login"
  | "Encoding"
  | "Forbidden"
  | "SlotBusy"
  | "SlotUnusable"
  | "SlotMissing"
  | "PublicationMissing"
  | "Unconvertible"
  | "Refused"
  | "Unknown"

/** How often in a row a failure that is in no table is tried: long enough for a hiccup, not for ever. */
export const UNKNOWN_TRIES_MAX = 8

type Row = readonly [connecting: Verdict, connected: Verdict, replicating: Verdict]

const always = (verdict: Verdict): Row => [verdict, verdict, verdict]

/** A code of five characters wins over its class of two. */
const STATES: ReadonlyMap<string, Row> = new Map<string, Row>([
  ["08", always("Away")], // connection_exception
  ["57P01", always("Away")], // admin_shutdown
  ["57P02", always("Away")], // crash_shutdown
  ["57P03", always("Away")], // cannot_connect_now
  ["57P05", always("Away")], // idle_session_timeout
  ["25P03", always("Away")], // idle_in_transaction_session_timeout
  ["25P04", always("Away")], // transaction_timeout, which ends the session
  ["57P04", ["Login", "Away", "Away"]], // database_dropped: the next login says so
  ["53300", always("Away")], // too_many_connections, also of walsenders
  ["53400", always("Refused")], // configuration_limit_exceeded: all slots are in use, which only a person can change
  ["53", ["Away", "Again", "Away"]], // insufficient_resources: memory, disk
  ["58", ["Away", "Again", "Away"]], // system_error: an I/O error, a missing file
  ["40001", ["Away", "Again", "Away"]], // serialization_failure
  ["40P01", ["Away", "Again", "Away"]], // deadlock_detected
  ["55P03", ["Away", "Again", "Away"]], // lock_not_available
  ["57014", ["Away", "Again", "Away"]], // query_canceled
  ["25006", ["Away", "Again", "Away"]], // read_only_sql_transaction, while a failover is under way
  ["28", always("Login")], // invalid_authorization_specification
  ["3D000", always("Login")], // invalid_catalog_name: no such database
  ["42501", ["Login", "Forbidden", "Forbidden"]], // insufficient_privilege
  ["55006", ["Away", "Again", "SlotBusy"]], // object_in_use
  ["55000", always("Refused")], // object_not_in_prerequisite_state; of a slot: see TEXTS
  ["0A", always("Refused")], // feature_not_supported
  ["22", ["Refused", "Refused", "Unconvertible"]], // data_exception
  ["22023", always("Refused")], // invalid_parameter_value, of START_REPLICATION
  ["23", always("Refused")], // integrity_constraint_violation
  ["25", always("Refused")], // invalid_transaction_state
  ["3F", always("Refused")], // invalid_schema_name
  ["42", always("Refused")], // syntax_error_or_access_rule_violation, undefined objects
  ["54", always("Refused")], // program_limit_exceeded
  ["55", always("Refused")], // the rest of object_not_in_prerequisite_state
  ["P0", always("Refused")], // an exception raised by a trigger or a function
  ["XX001", always("Refused")], // data_corrupted
  ["XX002", always("Refused")] // index_corrupted
])

/** Where one code stands for several causes, the server's words tell them apart. */
const TEXTS: ReadonlyArray<readonly [state: RegExp, phase: Phase, text: RegExp, verdict: Verdict]> = [
  [/^42704$/, "replicating", /replication slot/i, "SlotMissing"],
  [/^42704$/, "replicating", /publication/i, "PublicationMissing"],
  [/^55000$/, "replicating", /can no longer|cannot read from|invalidated/i, "SlotUnusable"],
  [/^58P01$/, "replicating", /WAL segment .* removed/i, "SlotUnusable"],
  [/^42501$/, "connecting", /wal ?sender|replication role/i, "Forbidden"],
  [/^0A000$/, "connecting", /conversion between \S+ and \S+ is not supported/, "Encoding"],
  // The catalogue was read while somebody dropped what it names.
  [/^XX000$/, "connected", /could not open relation with OID|cache lookup failed/i, "Again"],
  // A pooler in front of the server cannot carry replication; it says so with the code of a broken connection.
  [/^08P01$/, "connecting", /unsupported startup parameter/i, "Login"]
]

/** The verdict on a SQLSTATE; `text` is the server's message (set lc_messages to C where it is translated). */
export const ofSqlState = (sqlState: string, phase: Phase, text: string): Verdict => {
  for (const [state, when, words, verdict] of TEXTS) {
    if (when === phase && state.test(sqlState) && words.test(text)) return verdict
  }
  const row = STATES.get(sqlState) ?? STATES.get(sqlState.slice(0, 2))
  if (row === undefined) return "Unknown"
  return row[phase === "connecting" ? 0 : phase === "connected" ? 1 : 2]
}

/** Failures of names and sockets, of the machine's own limits among them: all of them pass. */
const NETWORK: ReadonlySet<string> = new Set([
  "ECONNREFUSED",
  "ECONNRESET",
  "ECONNABORTED",
  "EPIPE",
  "ETIMEDOUT",
  "EHOSTUNREACH",
  "EHOSTDOWN",
  "ENETUNREACH",
  "ENETDOWN",
  "ENETRESET",
  "ENOTFOUND",
  "EAI_AGAIN",
  "EADDRNOTAVAIL",
  "EMFILE",
  "ENFILE",
  "ENOBUFS",
  "ERR_STREAM_DESTROYED",
  "ERR_STREAM_WRITE_AFTER_END"
])

/** What `pg` says, without a code, when the socket ends or does not open in time. */
const CONNECTION_TEXT =
  /connection terminated|connection ended|timeout expired|timed? ?out|not queryable|client was closed/i

/** TLS and authentication: no waiting lets us in. */
const LOGIN_TEXT = /SSL|TLS|SASL|certificate|self.signed|authentication|password/i
const LOGIN_CODE = /^(ERR_TLS|ERR_SSL|CERT_|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO_|EPROTO$)/

/** The verdict on a failure that is not the server's answer: the socket's errno (may be empty) and the words with it. */
export const ofErrno = (errno: string, phase: Phase, text: string): Verdict => {
  if (NETWORK.has(errno) || CONNECTION_TEXT.test(text)) return "Away"
  if (phase !== "connecting") return "Away"
  return LOGIN_CODE.test(errno) || LOGIN_TEXT.test(text) ? "Login" : "Unknown"
}
