import { assert, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { ContractServer, external, newLabel, type Shape, tColumns } from "./ContractServer.ts"
import { type Exchanged, http, type Request } from "./WireHttp.ts"

const live = { excludeTestServices: true } as const

/** Redirects a client follows: from a follower to the leader, from there to the BE, and one to spare. */
const hopsMax = 3

interface Call extends Partial<Request> {
  readonly at?: "fe" | "be"
}

type Reply = Readonly<Record<string, unknown>>

const isReply = (value: unknown): value is Reply => typeof value === "object" && value !== null

const replyOf = (exchanged: Exchanged): Reply => {
  const value: unknown = exchanged.body === "" ? {} : JSON.parse(exchanged.body)
  return isReply(value) ? value : {}
}

/** An operation as a client performs it: headers and credentials are sent again to wherever it is redirected. */
const exchange = (
  server: Shape,
  operation: string,
  { at = "fe", headers, ...options }: Call
): Effect.Effect<Exchanged & { readonly hops: number }> =>
  Effect.promise(async () => {
    const request: Request = {
      method: operation === "load" ? "PUT" : "POST",
      path: `/api/transaction/${operation}`,
      expect: operation === "load",
      ...options,
      headers: { authorization: server.authorization, db: server.database, format: "json", ...headers }
    }
    let host = server.host
    let port = at === "fe" ? server.fePort : server.bePort
    for (let hops = 0;; hops++) {
      const answer = await http(host, port, request)
      if (answer.status !== 307 || hops === hopsMax) return { ...answer, hops }
      const target = new URL(answer.headers["location"] ?? "")
      host = target.hostname
      port = Number(target.port)
    }
  })

const call = (server: Shape, operation: string, options: Call): Effect.Effect<Reply> =>
  Effect.map(exchange(server, operation, options), replyOf)

const count = (server: Shape, table: string) =>
  Effect.map(server.sql(`SELECT count(*) AS c FROM ${table}`), ([row]) => Number(row?.["c"]))

/** Asks for a label's state until it is the wanted one. */
const until = (server: Shape, label: string, wanted: string) =>
  server.labelState(label).pipe(Effect.repeat({ until: (answer) => answer["state"] === wanted }))

/** A begun transaction on a fresh table. */
const begun = Effect.fnUntraced(function*(server: Shape, extra: Readonly<Record<string, string>> = {}) {
  const table = yield* server.table(tColumns)
  const label = newLabel()
  const headers = { label, table }
  const begin = yield* call(server, "begin", { headers: { ...headers, ...extra } })
  assert.strictEqual(begin["Status"], "OK")
  return { table, label, headers, begin }
})

layer(ContractServer.layer, live)("Stream Load transactions", (it) => {
  it.effect("names in headers are UTF-8, whatever their last byte looks like in Latin-1", () =>
    Effect.gen(function*() {
      const server = yield* ContractServer
      // The last byte of à is 0xA0, a space without a break in Latin-1.
      const table = `voilà_${Date.now()}_à`
      yield* server.sql(
        `CREATE TABLE ${server.database}.\`${table}\` (${tColumns}) PRIMARY KEY (id) DISTRIBUTED BY HASH(id) ` +
          "PROPERTIES (\"replication_num\" = \"1\")"
      )
      const headers = { label: newLabel(), table }
      for (const operation of ["begin", "load", "prepare", "commit"]) {
        const body = operation === "load" ? "{\"id\":1}" : ""
        const reply = yield* call(server, operation, { headers, body })
        assert.strictEqual(reply["Status"], "OK", `${operation}: ${String(reply["Message"])}`)
      }
      assert.lengthOf(yield* server.sql(`SELECT id FROM \`${table}\``), 1)
    }))

  it.effect("104: begin, two loads, prepare and commit: one TxnId, nothing visible before the commit", () =>
    Effect.gen(function*() {
      const server = yield* ContractServer
      const { begin, headers, label, table } = yield* begun(server)
      assert.deepStrictEqual(Object.keys(begin), ["Status", "Message", "Label", "TxnId", "BeginTxnTimeMs"])
      assert.strictEqual((yield* server.labelState(label))["state"], "PREPARE")
      const first = yield* call(server, "load", { headers, body: "{\"id\":1}{\"id\":2}" })
      assert.deepStrictEqual(Object.keys(first), [
        "Status",
        "Message",
        "Label",
        "TxnId",
        "LoadBytes",
        "StreamLoadPlanTimeMs",
        "ReceivedDataTimeMs"
      ])
      assert.strictEqual(first["LoadBytes"], 16)
      const second = yield* call(server, "load", { headers, body: "{\"id\":2,\"n\":7}" })
      assert.strictEqual(second["LoadBytes"], 14)
      const prepare = yield* call(server, "prepare", { headers: { label } })
      assert.deepStrictEqual(Object.keys(prepare), [
        "Status",
        "Message",
        "Label",
        "TxnId",
        "NumberTotalRows",
        "NumberLoadedRows",
        "NumberFilteredRows",
        "NumberUnselectedRows",
        "LoadBytes",
        "LoadTimeMs",
        "StreamLoadPlanTimeMs",
        "ReceivedDataTimeMs",
        "WriteDataTimeMs",
        "CommitAndPublishTimeMs"
      ])
      assert.deepInclude(prepare, { Status: "OK", NumberTotalRows: 3, NumberLoadedRows: 3, LoadBytes: 30 })
      assert.strictEqual((yield* server.labelState(label))["state"], "PREPARED")
      assert.strictEqual(yield* count(server, table), 0)
      const commit = yield* call(server, "commit", { headers: { label } })
      assert.deepStrictEqual(commit, { Status: "OK", TxnId: begin["TxnId"], Message: "", Label: label })
      assert.deepStrictEqual([first["TxnId"], second["TxnId"], prepare["TxnId"]], Array(3).fill(begin["TxnId"]))
      assert.strictEqual((yield* server.labelState(label))["state"], "VISIBLE")
      const rows = yield* server.sql(`SELECT id, n FROM ${table} ORDER BY id`)
      assert.deepStrictEqual(rows.map((row) => [String(row["id"]), row["n"]]), [["1", null], ["2", 7]])
    }))

  it.effect("104: a transaction commits without prepare, on the BE, with PUT or POST", () =>
    Effect.gen(function*() {
      const server = yield* ContractServer
      const table = yield* server.table(tColumns)
      const label = newLabel()
      const headers = { label, table }
      assert.strictEqual((yield* call(server, "begin", { headers, at: "be", method: "PUT" }))["Status"], "OK")
      assert.strictEqual((yield* call(server, "load", { headers, at: "be", body: "{\"id\":1}" }))["Status"], "OK")
      const commit = yield* exchange(server, "commit", { headers, method: "PUT" })
      assert.strictEqual(commit.hops, 1)
      assert.deepInclude(replyOf(commit), { Status: "OK", Label: label, NumberLoadedRows: 1 })
      assert.strictEqual(yield* count(server, table), 1)
    }))

  it.effect("105: a second commit is OK and says that it was committed already", () =>
    Effect.gen(function*() {
      const server = yield* ContractServer
      const { begin, headers, label, table } = yield* begun(server)
      yield* call(server, "load", { headers, body: "{\"id\":1}" })
      yield* call(server, "commit", { headers })
      const again = yield* call(server, "commit", { headers })
      assert.strictEqual(again["Status"], "OK")
      assert.strictEqual(
        again["Message"],
        `Transaction ${String(begin["TxnId"])} has already committed, label is ${label}`
      )
      assert.strictEqual(yield* count(server, table), 1)
      // The BE itself has forgotten it.
      assert.strictEqual((yield* call(server, "commit", { headers, at: "be" }))["Status"], "TXN_NOT_EXISTS")
      const rollback = yield* call(server, "rollback", { headers })
      assert.strictEqual(rollback["Status"], "FAILED")
      assert.include(String(rollback["Message"]), "Can not abort VISIBLE transaction")
    }))

  it.effect("106: after a rollback, prepared or not, nothing is loaded and the label is free", () =>
    Effect.gen(function*() {
      const server = yield* ContractServer
      const { headers, label, table } = yield* begun(server)
      yield* call(server, "load", { headers, body: "{\"id\":1}" })
      yield* call(server, "prepare", { headers })
      assert.strictEqual((yield* call(server, "rollback", { headers }))["Status"], "OK")
      assert.strictEqual((yield* server.labelState(label))["state"], "ABORTED")
      assert.strictEqual((yield* call(server, "rollback", { headers }))["Status"], "OK")
      const commit = yield* call(server, "commit", { headers })
      assert.strictEqual(commit["Status"], "FAILED")
      assert.include(String(commit["Message"]), "Can not commit ABORTED transaction")
      assert.strictEqual((yield* call(server, "begin", { headers }))["Status"], "OK")
      yield* call(server, "load", { headers, body: "{\"id\":2}" })
      const rollback = yield* exchange(server, "rollback", { headers })
      assert.strictEqual(rollback.hops, 1)
      assert.deepStrictEqual(replyOf(rollback), { Status: "OK", Message: "", Label: label })
      assert.strictEqual((yield* call(server, "begin", { headers }))["Status"], "OK")
      yield* call(server, "load", { headers, body: "{\"id\":3}" })
      assert.strictEqual((yield* call(server, "commit", { headers }))["Status"], "OK")
      const rows = yield* server.sql(`SELECT id FROM ${table}`)
      assert.deepStrictEqual(rows.map((row) => String(row["id"])), ["3"])
    }))

  it.effect("107: a load into a transaction that does not exist is TXN_NOT_EXISTS, or the FE cannot route it", () =>
    Effect.gen(function*() {
      const server = yield* ContractServer
      const table = yield* server.table(tColumns)
      const label = newLabel()
      const headers = { label, table }
      const load = yield* exchange(server, "load", { headers, at: "be", body: "{\"id\":1}" })
      assert.isFalse(load.continued)
      assert.strictEqual(load.status, 200)
      assert.deepStrictEqual(replyOf(load), {
        Status: "TXN_NOT_EXISTS",
        Message: `Transaction with label ${label} not exists`
      })
      for (const operation of ["prepare", "commit", "rollback"]) {
        const reply = yield* call(server, operation, { headers, at: "be" })
        assert.deepStrictEqual(reply, {
          Status: "TXN_NOT_EXISTS",
          Message: `transaction with label ${label} not exists`
        })
      }
      const routed = yield* call(server, "load", { headers, body: "{\"id\":1}" })
      assert.strictEqual(routed["Status"], "FAILED")
      const commit = yield* call(server, "commit", { headers })
      assert.strictEqual(commit["Status"], "FAILED")
      assert.include(String(commit["Message"]), "No transaction found")
    }))

  it.effect("108: while one request works on a transaction another one is TXN_IN_PROCESSING", () =>
    Effect.gen(function*() {
      const server = yield* ContractServer
      const { headers, label, table } = yield* begun(server)
      const during: Array<Reply> = []
      const load = yield* call(server, "load", {
        headers,
        body: "{\"id\":1}",
        beforeEnd: Effect.gen(function*() {
          during.push(yield* call(server, "load", { headers, body: "{\"id\":2}" }))
          during.push(yield* call(server, "prepare", { headers }))
          during.push(yield* call(server, "commit", { headers }))
        })
      })
      assert.strictEqual(load["Status"], "OK")
      assert.deepStrictEqual(during.map((reply) => reply["Status"]), Array(3).fill("TXN_IN_PROCESSING"))
      assert.deepStrictEqual(Object.keys(during[0] ?? {}), ["Status", "Label", "Message"])
      assert.strictEqual(during[0]?.["Label"], label)
      assert.strictEqual((yield* call(server, "commit", { headers }))["Status"], "OK")
      assert.strictEqual(yield* count(server, table), 1)
    }))

  it.effect("110: a commit after the prepared timeout fails", () =>
    Effect.gen(function*() {
      const server = yield* ContractServer
      const { headers, label, table } = yield* begun(server)
      yield* call(server, "load", { headers, body: "{\"id\":1}" })
      assert.strictEqual(
        (yield* call(server, "prepare", { headers: { ...headers, prepared_timeout: "1" } }))["Status"],
        "OK"
      )
      yield* until(server, label, "ABORTED")
      const commit = yield* call(server, "commit", { headers })
      assert.strictEqual(commit["Status"], "FAILED")
      assert.match(String(commit["Message"]), /Can not commit ABORTED|No transaction found/)
      assert.strictEqual(yield* count(server, table), 0)
    }), 90_000)

  it.effect("111: a blank label or database is refused before anything else", () =>
    Effect.gen(function*() {
      const server = yield* ContractServer
      const table = yield* server.table(tColumns)
      const noLabel = yield* call(server, "begin", { headers: { table } })
      assert.strictEqual(noLabel["Status"], "FAILED")
      assert.include(String(noLabel["Message"]), "Empty label.")
      const blank = yield* call(server, "begin", { headers: { table, label: "  " } })
      assert.include(String(blank["Message"]), "Empty label.")
      const noDatabase = yield* call(server, "begin", { headers: { table, label: newLabel(), db: undefined } })
      assert.strictEqual(noDatabase["Status"], "FAILED")
      assert.include(String(noDatabase["Message"]), "No database selected.")
      assert.strictEqual(
        (yield* call(server, "begin", { headers: { table }, at: "be" }))["Status"],
        "INVALID_ARGUMENT"
      )
      const unknown = yield* call(server, "begin", { headers: { table, label: newLabel(), db: "nodb" } })
      assert.strictEqual(unknown["Status"], "FAILED")
    }))

  it.effect("credentials: the FE answers 401, the BE says so in its reply", () =>
    Effect.gen(function*() {
      const server = yield* ContractServer
      const table = yield* server.table(tColumns)
      const headers = { label: newLabel(), table }
      const missing = yield* exchange(server, "begin", { headers: { ...headers, authorization: undefined } })
      assert.strictEqual(missing.status, 401)
      assert.match(missing.headers["www-authenticate"] ?? "", /^Basic/)
      assert.include(missing.body, "\"status\":\"FAILED\"")
      const atBe = yield* call(server, "begin", { headers: { ...headers, authorization: undefined }, at: "be" })
      assert.deepInclude(atBe, { Status: "INTERNAL_ERROR", Message: "no valid Basic authorization" })
      const authorization = `Basic ${Buffer.from("root:wrong").toString("base64")}`
      const wrong = yield* call(server, "begin", { headers: { ...headers, authorization }, at: "be" })
      assert.include(String(wrong["Message"]), "Access denied")
    }))

  it.effect("a begin that the server refuses holds no label", () =>
    Effect.gen(function*() {
      const server = yield* ContractServer
      const table = yield* server.table(tColumns)
      const label = newLabel()
      const unknown = yield* call(server, "begin", { headers: { label, table: "nope" } })
      assert.strictEqual(unknown["Status"], "ANALYSIS_ERROR")
      assert.include(String(unknown["Message"]), "unknown table")
      const bad = yield* call(server, "begin", { headers: { label, table, timeout: "abc" }, at: "be" })
      assert.deepStrictEqual(bad, { Status: "INVALID_ARGUMENT", Message: "Invalid timeout format" })
      assert.strictEqual(
        (yield* call(server, "begin", { headers: { label, table, timeout: "x" } }))["Status"],
        "FAILED"
      )
      assert.strictEqual((yield* server.labelState(label))["state"], "UNKNOWN")
      const malformed = yield* call(server, "begin", { headers: { label: "a b", table } })
      assert.include(String(malformed["Message"]), "Label format error")
    }))

  it.effect("begin on a label that is held is LABEL_ALREADY_EXISTS [?: while the BE holds it, without a state]", () =>
    Effect.gen(function*() {
      const server = yield* ContractServer
      const { headers, label } = yield* begun(server)
      const live = yield* call(server, "begin", { headers })
      assert.deepStrictEqual(Object.entries(live), [
        ["Status", "LABEL_ALREADY_EXISTS"],
        ["ExistingJobStatus", ""],
        ["Message", ""]
      ])
      yield* call(server, "load", { headers, body: "{\"id\":1}" })
      yield* call(server, "prepare", { headers })
      assert.deepInclude(yield* call(server, "begin", { headers }), {
        Status: "LABEL_ALREADY_EXISTS",
        ExistingJobStatus: "RUNNING"
      })
      yield* call(server, "commit", { headers })
      const held = yield* call(server, "begin", { headers })
      assert.deepInclude(held, { Status: "LABEL_ALREADY_EXISTS", ExistingJobStatus: "FINISHED" })
      assert.include(String(held["Message"]), `[${label}] has already been used`)
      // A plain load meets the same label.
      assert.strictEqual(
        (yield* server.load({ table: headers.table, rows: [{ id: 1 }], headers: { label } }))["Status"],
        "Label Already Exists"
      )
    }))

  it.effect("another database or table than the begin's is INVALID_ARGUMENT and ends nothing", () =>
    Effect.gen(function*() {
      const server = yield* ContractServer
      const { headers, label, table } = yield* begun(server)
      const other = yield* server.table(tColumns)
      const wrongTable = yield* call(server, "load", { headers: { label, table: other }, body: "{\"id\":1}" })
      assert.deepStrictEqual(wrongTable, {
        Status: "INVALID_ARGUMENT",
        Message: `Request table ${other} not equal transaction table ${table}`
      })
      const wrong = { label, table, db: "information_schema" }
      for (const operation of ["load", "prepare", "commit", "rollback"]) {
        const reply = yield* call(server, operation, {
          headers: wrong,
          at: "be",
          body: operation === "load" ? "{}" : ""
        })
        assert.strictEqual(reply["Status"], "INVALID_ARGUMENT")
      }
      yield* call(server, "load", { headers, body: "{\"id\":1}" })
      assert.strictEqual((yield* call(server, "commit", { headers }))["Status"], "OK")
    }))

  it.effect("loads of a transaction have to agree in their parameters", () =>
    Effect.gen(function*() {
      const server = yield* ContractServer
      const { headers, label } = yield* begun(server)
      assert.strictEqual((yield* call(server, "load", { headers, body: "{\"id\":1}" }))["Status"], "OK")
      const changed = yield* call(server, "load", { headers: { ...headers, columns: "id,n" }, body: "{\"id\":2}" })
      assert.deepStrictEqual(changed, { Status: "INTERNAL_ERROR", Message: "load request not equal last." })
      assert.strictEqual((yield* server.labelState(label))["state"], "ABORTED")
    }))

  it.effect("prepare and commit without any data fail and end the transaction", () =>
    Effect.gen(function*() {
      const server = yield* ContractServer
      for (const operation of ["prepare", "commit"]) {
        const { headers, label } = yield* begun(server)
        const reply = yield* call(server, operation, { headers })
        assert.strictEqual(reply["Status"], "INTERNAL_ERROR")
        assert.match(String(reply["Message"]), /^transaction .* hasn't send any data yet$/)
        assert.strictEqual((yield* server.labelState(label))["state"], "ABORTED")
      }
    }))

  it.effect("the 100 MB of JSON are counted over all loads of a transaction", () =>
    Effect.gen(function*() {
      const server = yield* ContractServer
      const { headers, label } = yield* begun(server)
      assert.strictEqual((yield* call(server, "load", { headers, body: "{\"id\":1}" }))["Status"], "OK")
      const refused = yield* exchange(server, "load", {
        headers: { ...headers, "content-length": "104857600" },
        body: "{\"id\":2}"
      })
      assert.isFalse(refused.continued)
      assert.strictEqual(replyOf(refused)["Status"], "INTERNAL_ERROR")
      assert.match(String(replyOf(refused)["Message"]), /The size of this batch exceed the max size.*\[ 104857608 \]/)
      assert.strictEqual((yield* server.labelState(label))["state"], "ABORTED")
    }))

  it.effect("rows that cannot be loaded fail the prepare, with the error log, and end the transaction", () =>
    Effect.gen(function*() {
      const server = yield* ContractServer
      const { headers, label, table } = yield* begun(server)
      const strict = { ...headers, strict_mode: "true" }
      assert.strictEqual((yield* call(server, "load", { headers: strict, body: "{\"id\":\"x\"}" }))["Status"], "OK")
      const prepare = yield* call(server, "prepare", { headers })
      assert.deepInclude(prepare, { Status: "INTERNAL_ERROR", Message: "too many filtered rows" })
      assert.match(String(prepare["ErrorURL"]), /_load_error_log\?file=/)
      assert.strictEqual((yield* server.labelState(label))["state"], "ABORTED")
      yield* call(server, "begin", { headers })
      yield* call(server, "load", { headers, body: "{\"id\":1}" })
      yield* call(server, "load", { headers, body: "{\"id\":" })
      assert.strictEqual((yield* call(server, "commit", { headers }))["Status"], "INTERNAL_ERROR")
      assert.strictEqual(yield* count(server, table), 0)
    }))

  it.effect("a load whose client hangs up ends the transaction [?: so this endpoint]", () =>
    Effect.gen(function*() {
      const server = yield* ContractServer
      const { headers, label } = yield* begun(server)
      yield* call(server, "load", { headers, body: "{\"id\":1}", missingBytes: 5 })
      yield* until(server, label, "ABORTED")
    }))

  it.effect("CSV bodies have to end with the row delimiter: the next one is refused otherwise [?: so this endpoint]", () =>
    Effect.gen(function*() {
      const server = yield* ContractServer
      const { headers, table } = yield* begun(server)
      const csv = { ...headers, format: "csv", columns: "id,n", column_separator: ",", row_delimiter: "\\x0a" }
      assert.strictEqual((yield* call(server, "load", { headers: csv, body: "1,1\n2,2\n" }))["Status"], "OK")
      assert.strictEqual((yield* call(server, "load", { headers: csv, body: "3,3\n4,4" }))["Status"], "OK")
      assert.strictEqual((yield* call(server, "load", { headers: csv, body: "5,5\n" }))["Status"], "INTERNAL_ERROR")
      yield* call(server, "begin", { headers })
      yield* call(server, "load", { headers: csv, body: "1,1\n2,2\n" })
      yield* call(server, "load", { headers: csv, body: "3,3\n" })
      assert.deepInclude(yield* call(server, "commit", { headers }), { Status: "OK", NumberLoadedRows: 3 })
      assert.strictEqual(yield* count(server, table), 3)
    }))

  it.effect(
    "timeout ends a transaction that is not prepared in time; idle_transaction_timeout one that is left alone",
    () =>
      Effect.gen(function*() {
        const server = yield* ContractServer
        for (const name of ["timeout", "idle_transaction_timeout"]) {
          const { headers, label } = yield* begun(server, { [name]: "1" })
          yield* call(server, "load", { headers, body: "{\"id\":1}" })
          yield* until(server, label, "ABORTED")
          assert.strictEqual(
            (yield* call(server, "load", { headers, at: "be", body: "{}" }))["Status"],
            "TXN_NOT_EXISTS"
          )
        }
      }),
    180_000
  )

  it.effect("unknown operations, bad prepared timeouts and parallel channels are refused", () =>
    Effect.gen(function*() {
      const server = yield* ContractServer
      const { headers } = yield* begun(server)
      const unknown = yield* call(server, "nonsense", { headers })
      assert.strictEqual(unknown["Status"], "FAILED")
      assert.include(String(unknown["Message"]), "Unknown transaction operation: nonsense")
      const atBe = yield* call(server, "nonsense", { headers, at: "be" })
      assert.deepInclude(atBe, { Status: "INVALID_ARGUMENT", Message: "unsupport transaction operation nonsense" })
      yield* call(server, "load", { headers, body: "{\"id\":1}" })
      const bad = yield* call(server, "prepare", { headers: { ...headers, prepared_timeout: "0" }, at: "be" })
      assert.deepInclude(bad, { Status: "INVALID_ARGUMENT", Message: "Invalid prepared_timeout: 0" })
      const channel = yield* call(server, "load", { headers: { ...headers, channel_num: "2" }, body: "{}" })
      assert.strictEqual(channel["Status"], "FAILED")
      assert.strictEqual((yield* call(server, "commit", { headers }))["Status"], "OK")
    }))

  it.effect("a transaction of several tables commits or rolls back in all of them, through the FE only", () =>
    Effect.gen(function*() {
      const server = yield* ContractServer
      const tables = [yield* server.table(tColumns), yield* server.table(tColumns)]
      const [first = "", second = ""] = tables
      const multi = { label: newLabel(), transaction_type: "multi" }
      const atBe = yield* call(server, "begin", { headers: { ...multi, table: first }, at: "be" })
      assert.deepStrictEqual(atBe, {
        Status: "INVALID_ARGUMENT",
        Message: "Multi-statement transaction requests can only be sent to FE nodes, not BE nodes"
      })
      for (const ending of ["rollback", "commit"]) {
        const begin = yield* exchange(server, "begin", { headers: multi })
        assert.strictEqual(begin.hops, 0)
        assert.strictEqual(replyOf(begin)["Status"], "OK")
        const early = yield* call(server, "load", { headers: { ...multi, table: first }, at: "be", body: "{}" })
        assert.strictEqual(early["Status"], "TXN_NOT_EXISTS")
        for (const table of tables) {
          const load = yield* exchange(server, "load", { headers: { ...multi, table }, body: "{\"id\":1}" })
          assert.strictEqual(load.hops, 1)
          assert.strictEqual(replyOf(load)["Status"], "OK")
        }
        assert.strictEqual(yield* count(server, first), 0)
        const onBe = yield* call(server, "commit", { headers: { label: multi.label }, at: "be" })
        assert.strictEqual(onBe["Status"], "TXN_NOT_EXISTS")
        assert.strictEqual((yield* call(server, ending, { headers: multi }))["Status"], "OK")
      }
      assert.deepStrictEqual([yield* count(server, first), yield* count(server, second)], [1, 1])
      assert.strictEqual((yield* server.labelState(multi.label))["state"], "VISIBLE")
    }))

  it.effect("a transaction of several tables can be prepared, and its loads have to agree [?: so this endpoint]", () =>
    Effect.gen(function*() {
      const server = yield* ContractServer
      const tables = [yield* server.table(tColumns), yield* server.table(tColumns)]
      const multi = { label: newLabel(), transaction_type: "multi" }
      yield* call(server, "begin", { headers: multi })
      for (const table of tables) {
        yield* call(server, "load", { headers: { ...multi, table }, body: "{\"id\":1}" })
      }
      assert.strictEqual((yield* call(server, "prepare", { headers: multi }))["Status"], "OK")
      assert.strictEqual((yield* server.labelState(multi.label))["state"], "PREPARED")
      assert.strictEqual((yield* call(server, "commit", { headers: multi }))["Status"], "OK")
      for (const table of tables) assert.strictEqual(yield* count(server, table), 1)
      const other = { ...multi, label: newLabel() }
      yield* call(server, "begin", { headers: other })
      yield* call(server, "load", { headers: { ...other, table: tables[0] ?? "" }, body: "{\"id\":2}" })
      const changed = { ...other, table: tables[1] ?? "", strict_mode: "true" }
      assert.include(
        String((yield* call(server, "load", { headers: changed, body: "{\"id\":2}" }))["Message"]),
        "load request not equal last."
      )
    }))

  it.effect.skipIf(external)(
    "107: after a restart of the BE its transactions are gone while the FE still says PREPARE",
    () =>
      Effect.gen(function*() {
        const server = yield* ContractServer
        const { headers, label, table } = yield* begun(server, { timeout: "2" })
        const kept = yield* begun(server)
        yield* call(server, "load", { headers: kept.headers, body: "{\"id\":1}" })
        yield* call(server, "prepare", { headers: kept.headers })
        yield* call(server, "load", { headers, body: "{\"id\":1}" })
        server.faults.on("be-restart", { count: 1 })
        assert.strictEqual((yield* call(server, "load", { headers, body: "{\"id\":2}" }))["Status"], "TXN_NOT_EXISTS")
        assert.strictEqual((yield* server.labelState(label))["state"], "PREPARE")
        assert.strictEqual((yield* call(server, "commit", { headers }))["Status"], "TXN_NOT_EXISTS")
        yield* until(server, label, "ABORTED")
        assert.strictEqual(yield* count(server, table), 0)
        assert.strictEqual((yield* call(server, "commit", { headers: kept.headers }))["Status"], "OK")
        assert.strictEqual(yield* count(server, kept.table), 1)
      })
  )

  it.effect.skipIf(external)(
    "12: a follower sends begin to the leader, which sends it to the BE",
    () =>
      Effect.gen(function*() {
        const server = yield* ContractServer
        const table = yield* server.table(tColumns)
        const headers = { label: newLabel(), table }
        server.faults.on("follower")
        const leader = yield* server.fe({ method: "POST", path: "/api/transaction/begin", headers })
        assert.strictEqual(leader.status, 307)
        assert.notInclude(leader.headers["location"], `:${server.bePort}/`)
        const begin = yield* exchange(server, "begin", { headers })
        assert.strictEqual(begin.hops, 2)
        assert.strictEqual(replyOf(begin)["Status"], "OK")
        const load = yield* exchange(server, "load", { headers, body: "{\"id\":1}" })
        assert.strictEqual(load.hops, 2)
        yield* call(server, "prepare", { headers })
        const commit = yield* exchange(server, "commit", { headers })
        assert.strictEqual(commit.hops, 1)
        assert.strictEqual(replyOf(commit)["Status"], "OK")
        server.faults.off()
        assert.strictEqual(yield* count(server, table), 1)
        server.faults.on("no-leader", { count: 1 })
        const lost = yield* call(server, "begin", { headers })
        assert.strictEqual(lost["Status"], "FAILED")
        assert.include(String(lost["Message"]), "current fe is not master")
      })
  )

  it.effect.skipIf(external)(
    "faults of loads strike transactions too; a commit without an answer is a commit",
    () =>
      Effect.gen(function*() {
        const server = yield* ContractServer
        const failing = yield* begun(server)
        yield* call(server, "load", { headers: failing.headers, body: "{\"id\":1}" })
        server.faults.on("too-many-versions", { table: failing.table, count: 1 })
        const prepare = yield* call(server, "prepare", { headers: failing.headers })
        assert.strictEqual(prepare["Status"], "INTERNAL_ERROR")
        assert.include(String(prepare["Message"]), "too many versions")
        assert.strictEqual((yield* server.labelState(failing.label))["state"], "ABORTED")
        server.faults.on("be-shutdown", { count: 1 })
        assert.deepStrictEqual(yield* call(server, "begin", { headers: failing.headers }), {
          Status: "SERVICE_UNAVAILABLE",
          Message: "Service is shutting down, please retry later!"
        })
        for (const prepared of [true, false]) {
          const silent = yield* begun(server)
          yield* call(server, "load", { headers: silent.headers, body: "{\"id\":1}" })
          if (prepared) yield* call(server, "prepare", { headers: silent.headers })
          server.faults.on("reset-after-commit", { table: silent.table, count: 1 })
          assert.deepStrictEqual(yield* call(server, "commit", { headers: silent.headers }), {})
          assert.strictEqual((yield* server.labelState(silent.label))["state"], "VISIBLE")
          assert.strictEqual(yield* count(server, silent.table), 1)
        }
      })
  )

  it.effect("a transaction that is cancelled through the FE is gone", () =>
    Effect.gen(function*() {
      const server = yield* ContractServer
      const { headers, label, table } = yield* begun(server)
      yield* call(server, "load", { headers, body: "{\"id\":1}" })
      yield* server.fe({ method: "POST", path: `/api/${server.database}/${table}/_cancel?label=${label}` })
      assert.strictEqual((yield* server.labelState(label))["state"], "ABORTED")
      assert.strictEqual((yield* call(server, "commit", { headers }))["Status"], "FAILED")
    }))

  it.effect.skipIf(external)("a database has room for 1000 open transactions", () =>
    Effect.gen(function*() {
      const server = yield* ContractServer
      const table = yield* server.table(tColumns)
      const database = `${server.database}_crowded`
      yield* server.sql(`CREATE DATABASE ${database}`)
      yield* server.sql(`CREATE TABLE ${database}.${table} (${tColumns}) PRIMARY KEY (id) DISTRIBUTED BY HASH(id)`)
      const begin = (label: string) => call(server, "begin", { headers: { label, table, db: database }, at: "be" })
      const labels = Array.from({ length: 1000 }, () => newLabel())
      yield* Effect.forEach(labels, begin, { concurrency: 8, discard: true })
      const crowded = yield* begin(newLabel())
      assert.strictEqual(crowded["Status"], "ANALYSIS_ERROR")
      assert.strictEqual(crowded["Message"], `current running txns on db ${database} is 1000, larger than limit 1000`)
      yield* call(server, "rollback", { headers: { label: labels[0] ?? "", db: database }, at: "be" })
      assert.strictEqual((yield* begin(newLabel()))["Status"], "OK")
      yield* server.sql(`DROP DATABASE ${database}`)
    }))

  it.effect("information_schema.loads has a row for every finished load", () =>
    Effect.gen(function*() {
      const server = yield* ContractServer
      const { begin, headers, label, table } = yield* begun(server)
      yield* call(server, "load", { headers, body: "{\"id\":1}{\"id\":2}" })
      yield* call(server, "prepare", { headers })
      yield* call(server, "commit", { headers })
      const good = newLabel()
      const bad = newLabel()
      yield* server.load({ table, rows: [{ id: 3 }], headers: { label: good } })
      yield* server.load({ table, rows: [{ id: "x" }, { id: 1 }], headers: { label: bad } })
      const rows = yield* server.sql(
        `SELECT * FROM information_schema.loads WHERE LABEL IN ('${label}', '${good}', '${bad}')`
      )
      const byLabel = new Map(rows.map((row) => [row["LABEL"], row]))
      assert.strictEqual(rows.length, 3)
      const prepared = byLabel.get(label)
      assert.deepStrictEqual(
        [prepared?.["STATE"], prepared?.["PROGRESS"], Number(prepared?.["SINK_ROWS"]), prepared?.["ERROR_MSG"]],
        ["FINISHED", "100%", 2, null]
      )
      assert.strictEqual(Number(prepared?.["JOB_ID"]), begin["TxnId"])
      assert.strictEqual(Number(byLabel.get(good)?.["SINK_ROWS"]), 1)
      const failed = byLabel.get(bad)
      assert.deepStrictEqual(
        [
          failed?.["STATE"],
          Number(failed?.["SCAN_ROWS"]),
          Number(failed?.["FILTERED_ROWS"]),
          Number(failed?.["SINK_ROWS"])
        ],
        ["CANCELLED", 2, 1, 0]
      )
      assert.strictEqual(failed?.["ERROR_MSG"], "too many filtered rows")
      assert.match(String(failed?.["TRACKING_URL"]), /_load_error_log/)
    }))
})
