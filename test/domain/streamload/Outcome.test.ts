import { assert, describe, it } from "@effect/vitest"
import * as Outcome from "../../../src/domain/streamload/Outcome.ts"
import * as Rules from "../../../src/domain/streamload/Rules.ts"

const ROWS = 10

const answered = (httpStatus: number, body: string, bodySent = true): Outcome.Outcome =>
  Outcome.classify({ _tag: "Answered", httpStatus, body, bodySent }, ROWS)

const reply = (members: Record<string, unknown>): Outcome.Outcome => answered(200, JSON.stringify(members))
const fail = (message: string): Outcome.Outcome => reply({ TxnId: 7, Status: "Fail", Message: message })

/** Tag and code, which is what decides. */
const short = (outcome: Outcome.Outcome): string =>
  outcome._tag === "Loaded" || outcome._tag === "InUse" ? outcome._tag : `${outcome._tag} ${outcome.code}`

/** Every text of the contract's table, in its words, and the rule that must know it. */
const TEXTS: ReadonlyArray<readonly [rule: string, message: string, outcome: string]> = [
  ["unknown database", "unknown database, database=D", "Permanent SR_REJECTED_LOAD"],
  ["unknown table", "unknown table \"D.T\"", "Permanent SR_REJECTED_LOAD"],
  ["access denied", "Access denied for root@1.2.3.4", "Permanent SR_ACCESS_DENIED"],
  ["access denied", "no valid Basic authorization", "Permanent SR_ACCESS_DENIED"],
  ["access denied", "Need auth information.", "Permanent SR_ACCESS_DENIED"],
  ["label in use", "Label [L] has already been used.", "InUse"],
  ["label in use", "label [a_1] has already been used, relate to txn [5]", "InUse"],
  ["label malformed", "Label format error. regex: ^[-\\w]{1,128}$, label: a b", "Permanent SR_REJECTED_LOAD"],
  ["rows filtered", "too many filtered rows", "Permanent SR_REJECTED_ROWS"],
  ["no rows", "all partitions have no load data", "Permanent SR_REJECTED_LOAD"],
  ["column without default", "Column has no default value. column: req", "Permanent SR_REJECTED_LOAD"],
  ["partial update without key", "key column id not in partial update columns", "Permanent SR_REJECTED_LOAD"],
  [
    "partial update on another model",
    "Only primary key table support partial update",
    "Permanent SR_REJECTED_LOAD"
  ],
  ["merge condition", "Conditional update only support primary key table u", "Permanent SR_REJECTED_LOAD"],
  ["merge condition", "Merge condition column X does not exist. ", "Permanent SR_REJECTED_LOAD"],
  ["merge condition", "Merge condition column id should not be primary key!", "Permanent SR_REJECTED_LOAD"],
  ["unknown column reference", "unknown reference column, column=a, reference=b", "Permanent SR_REJECTED_LOAD"],
  ["unknown partition", "unknown partition p1 in table T", "Permanent SR_REJECTED_LOAD"],
  ["key too long", "primary key size exceed the limit.", "Permanent SR_REJECTED_ROWS"],
  ["header syntax", "Invalid timeout format", "Permanent SR_REJECTED_LOAD"],
  ["header syntax", "Invalid strict mode format. Must be bool type", "Permanent SR_REJECTED_LOAD"],
  ["header syntax", "Invalid partial update flag format. Must be bool type", "Permanent SR_REJECTED_LOAD"],
  ["header syntax", "unknown data format, format=xml", "Permanent SR_REJECTED_LOAD"],
  ["header syntax", "Can not specify both partitions and temporary partitions", "Permanent SR_REJECTED_LOAD"],
  [
    "header syntax",
    "Only one of http header content-encoding and compression can be set",
    "Permanent SR_REJECTED_LOAD"
  ],
  [
    "header syntax",
    "class com.starrocks.common.DdlException: There is no 100-continue header",
    "Permanent SR_REJECTED_LOAD"
  ],
  [
    "body too large",
    "body size 9 exceed limit: 8, Label:l. You can increase the limit by setting streaming_load_max_mb in be.conf.",
    "Permanent SR_REJECTED_LOAD"
  ],
  [
    "body too large",
    "The size of this batch exceed the max size [104857600]  of json type data  data [ 9 ]. Set ignore_json_size to " +
    "skip the check, although it may lead huge memory consuming.",
    "Permanent SR_REJECTED_LOAD"
  ],
  [
    "JSON shape",
    "The value is array type in json document stream, you can set strip_outer_array=true to parse each element",
    "Permanent SR_REJECTED_LOAD"
  ],
  ["JSON shape", "the value should be array type with strip_outer_array=true, value: {}", "Permanent SR_REJECTED_LOAD"],
  ["JSON shape", "illegal json started with h", "Permanent SR_REJECTED_LOAD"],
  ["JSON shape", "Unrecognized json format, stop json loader.", "Permanent SR_REJECTED_LOAD"],
  ["JSON shape", "Failed to parse string as json", "Permanent SR_REJECTED_LOAD"],
  ["no nodes", "No backend alive.", "Transient SR_UNAVAILABLE"],
  ["no nodes", "No backend or compute node alive.", "Transient SR_UNAVAILABLE"],
  ["leader moved", "current fe is not master", "Transient SR_UNAVAILABLE"],
  [
    "too many versions",
    "Failed to load data into tablet 10005, because of too many versions, current/limit: 1001/1000. You can reduce …",
    "Transient SR_TOO_MANY_VERSIONS"
  ],
  ["too many versions", "Too many versions. tablet_id: 10005, version_count: 1001", "Transient SR_TOO_MANY_VERSIONS"],
  ["lake compaction", "too large compaction score, partition 5", "Transient SR_TOO_MANY_VERSIONS"],
  ["lake compaction", "ingestion slowdown, delay commit", "Transient SR_TOO_MANY_VERSIONS"],
  ["memory", "Memory of process exceed limit. Used: 9, Limit: 8", "Transient SR_MEMORY"],
  ["memory", "Memory exceed limit. Used: 9, Limit: 8", "Transient SR_MEMORY"],
  ["memory", "Mem usage has exceed the limit of query", "Transient SR_MEMORY"],
  ["transaction timeout", "timeout by txn manager", "Transient SR_BUSY"],
  ["transaction timeout", "transaction is aborted by timeout 600 seconds.", "Transient SR_BUSY"],
  [
    "commit reply lost",
    "Commit transaction fail cause TTransportException, Transaction status unknown, you can retry with same label.",
    "Uncertain SR_REPLY_LOST"
  ],
  ["running transactions", "current running txns on db 10 is 1000, larger than limit 1000", "Transient SR_BUSY"],
  ["quota", "Database[D] data size exceeds quota[1 GB]", "Permanent SR_REJECTED_LOAD"],
  ["commit lock", "Lock wait timeout exceeded", "Transient SR_BUSY"],
  ["replica quorum", "success replica num 0 is less then quorum replica num 2", "Transient SR_UNAVAILABLE"],
  ["concurrency cap", "Stream Load exceed http cuncurrent limit 8, please try again later", "Transient SR_BUSY"],
  ["concurrency cap", "txn num exceeds stream_load_max_txn_num_per_be", "Transient SR_BUSY"],
  ["concurrency cap", "TXN_IN_PROCESSING: Transaction in processing", "Transient SR_BUSY"],
  ["shutdown", "Service is shutting down, please retry later!", "Transient SR_UNAVAILABLE"],
  ["body short", "receive body don't equal with body bytes", "Transient SR_REFUSED"],
  ["schema change", "Table [t]'s state is not NORMAL", "Transient SR_BUSY"],
  ["schema change", "tablet 10005 not found", "Transient SR_BUSY"]
]

describe("a refusal's text", () => {
  for (const [rule, message, expected] of TEXTS) {
    it(`'${message.slice(0, 60)}' gives ${expected}`, () => {
      assert.strictEqual(Rules.RULES.find((candidate) => candidate.text.test(`Fail: ${message}`))?.name, rule)
      assert.strictEqual(short(fail(message)), expected)
    })
  }

  it("no rule is left untested", () => {
    const tested = new Set(TEXTS.map(([rule]) => rule))
    assert.deepStrictEqual(Rules.RULES.map((rule) => rule.name).filter((name) => !tested.has(name)), [])
  })

  it("T66 a server with too many versions gets at least 30 s to compact them", () => {
    const outcome = fail("too many versions")
    assert.isTrue(outcome._tag === "Transient" && (outcome.retryAfterMs ?? 0) >= 30_000)
  })

  it("132 a text or a status that nobody knows stops the table after a few tries, not at once and not never", () => {
    for (const unknown of [fail("a text of the next version"), reply({ Status: "Half Success", Message: "?" })]) {
      assert.isTrue(unknown._tag === "Transient" && unknown.code === "SR_REFUSED")
      if (unknown._tag !== "Transient") continue
      assert.strictEqual(Outcome.afterTries(unknown, Rules.UNMATCHED_TRIES_MAX - 1)._tag, "Transient")
      const last = Outcome.afterTries(unknown, Rules.UNMATCHED_TRIES_MAX)
      assert.isTrue(last._tag === "Permanent" && last.code === "SR_REJECTED_LOAD")
    }
  })

  it("a body that arrived short is sent once more, then the table stops", () => {
    const outcome = fail("receive body don't equal with body bytes")
    assert.isTrue(outcome._tag === "Transient" && Outcome.afterTries(outcome, 1)._tag === "Transient")
    assert.isTrue(outcome._tag === "Transient" && Outcome.afterTries(outcome, 2)._tag === "Permanent")
  })

  it("a server that is away for long is never a reason to stop the table", () => {
    const outcome = fail("No backend alive.")
    assert.isTrue(outcome._tag === "Transient" && Outcome.afterTries(outcome, 1_000_000)._tag === "Transient")
  })

  it("rejected rows come with the address of the server's samples", () => {
    const outcome = reply({ Status: "Fail", Message: "too many filtered rows", ErrorURL: "http://be:8040/x?file=e" })
    assert.strictEqual(outcome._tag === "Permanent" && outcome.errorUrl, "http://be:8040/x?file=e")
  })
})

describe("an acceptance", () => {
  const accepted = (status: string, loaded: number | undefined, filtered = 0) =>
    reply({
      Status: status,
      Message: "OK",
      NumberFilteredRows: filtered,
      ...(loaded === undefined ? {} : { NumberLoadedRows: loaded })
    })

  it("counts only when every row of the batch was loaded", () => {
    assert.deepStrictEqual(accepted("Success", ROWS), { _tag: "Loaded", loadedRows: ROWS, visible: true })
  })

  it("48 T65 'Publish Timeout' is committed: the batch is not sent twice and is not taken for readable", () => {
    assert.deepStrictEqual(accepted("Publish Timeout", ROWS), { _tag: "Loaded", loadedRows: ROWS, visible: false })
  })

  it("T72 a success that misses rows stops the table instead of losing them", () => {
    for (const status of ["Success", "Publish Timeout"]) {
      assert.strictEqual(short(accepted(status, ROWS - 1)), "Permanent SR_ROWS_MISSING")
      assert.strictEqual(short(accepted(status, ROWS + 1)), "Permanent SR_ROWS_MISSING")
      assert.strictEqual(short(accepted(status, ROWS, 1)), "Permanent SR_ROWS_MISSING")
      assert.strictEqual(short(accepted(status, undefined)), "Permanent SR_ROWS_MISSING")
    }
  })
})

describe("a duplicate label", () => {
  const job = (existing: string | undefined) => {
    const outcome = reply({
      Status: "Label Already Exists",
      Message: "Label [l] has already been used.",
      ...(existing === undefined ? {} : { ExistingJobStatus: existing })
    })
    return outcome._tag === "InUse" ? outcome.job : outcome._tag
  }

  it("36 37 T63 says whether the first attempt is over, and 'unknown' for anything unheard of", () => {
    assert.strictEqual(job("FINISHED"), "finished")
    assert.strictEqual(job("RUNNING"), "running")
    assert.strictEqual(job("SOMETHING"), "unknown")
    assert.strictEqual(job(undefined), "unknown")
  })

  it("38 T64 answered as a plain failure is not taken for a success", () => {
    const outcome = fail("Label [l] has already been used.")
    assert.strictEqual(outcome._tag === "InUse" && outcome.job, "unknown")
  })
})

describe("HTTP around the reply", () => {
  it("6 7 a refused login stops the table: retrying it could lock the account", () => {
    assert.strictEqual(
      short(answered(401, `{"status":"FAILED","msg":"Access denied for u@h"}`, false)),
      "Permanent SR_ACCESS_DENIED"
    )
    assert.strictEqual(short(answered(403, "", false)), "Permanent SR_ACCESS_DENIED")
  })

  it("10 24 an address that is no StarRocks stops the table", () => {
    assert.strictEqual(short(answered(404, "Not Found", false)), "Permanent SR_REJECTED_LOAD")
    assert.strictEqual(short(answered(405, "", false)), "Permanent SR_REJECTED_LOAD")
  })

  it("8 11 a server error is uncertain as soon as the body may have arrived, and never a success", () => {
    for (const status of [500, 502, 503, 504]) {
      const success = `{"Status":"Success","NumberLoadedRows":${ROWS}}`
      assert.strictEqual(short(answered(status, success, true)), "Uncertain SR_UNAVAILABLE")
      assert.strictEqual(short(answered(status, success, false)), "Transient SR_UNAVAILABLE")
    }
    assert.strictEqual(short(answered(429, "", false)), "Transient SR_BUSY")
  })

  it("130 HTML with HTTP 200 is uncertain after the body, transient before it", () => {
    assert.strictEqual(short(answered(200, "<html>ok</html>", true)), "Uncertain SR_REPLY_UNREADABLE")
    assert.strictEqual(short(answered(200, "<html>ok</html>", false)), "Transient SR_REPLY_UNREADABLE")
  })

  it("a redirect that leads nowhere, and statuses nobody sends, never count as loaded", () => {
    assert.strictEqual(short(answered(307, "", false)), "Transient SR_UNAVAILABLE")
    assert.strictEqual(short(answered(204, "", true)), "Transient SR_REFUSED")
    assert.strictEqual(short(answered(400, "<html>", false)), "Transient SR_REFUSED")
  })

  it("45 46 a broken connection is uncertain only when a byte of the body was on its way", () => {
    const lost = (bodySent: boolean) => Outcome.classify({ _tag: "Lost", why: "ECONNRESET at be:8040", bodySent }, ROWS)
    assert.strictEqual(short(lost(true)), "Uncertain SR_REPLY_LOST")
    assert.strictEqual(short(lost(false)), "Transient SR_UNREACHABLE")
  })

  it("a request that HTTP cannot express stops the table instead of being tried for ever", () => {
    const unsendable = Outcome.classify({ _tag: "Unsendable", why: "ERR_INVALID_CHAR" }, ROWS)
    assert.strictEqual(short(unsendable), "Permanent SR_REJECTED_LOAD")
  })
})
