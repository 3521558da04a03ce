import { assert, describe, it } from "@effect/vitest"
import * as Reply from "../../../src/domain/streamload/Reply.ts"

const success = `{
    "TxnId": 1003,
    "Label": "dbmazz_1",
    "Status": "Success",
    "Message": "OK",
    "NumberTotalRows": 3,
    "NumberLoadedRows": 3,
    "NumberFilteredRows": 0,
    "NumberUnselectedRows": 0,
    "LoadBytes": 120,
    "LoadTimeMs": 41,
    "AMemberOfTheNextVersion": {"deep": [1]}
}`

const unreadable = (body: string) => {
  const reply = Reply.decode(body)
  assert.strictEqual(reply._tag, "Unreadable")
  return reply._tag === "Unreadable" ? reply.why : ""
}

describe("the reply to a load", () => {
  it("a member that a newer StarRocks adds does not stop replication", () => {
    assert.deepStrictEqual(Reply.decode(success), {
      _tag: "Readable",
      status: "Success",
      message: "OK",
      existingJobStatus: undefined,
      loadedRows: 3,
      filteredRows: 0,
      errorUrl: undefined
    })
  })

  it("a refused duplicate keeps what the server says of the first", () => {
    const reply = Reply.decode(
      `{"TxnId": -1, "Label": "l", "Status": "Label Already Exists", "ExistingJobStatus": "FINISHED", "Message": "m"}`
    )
    assert.strictEqual(reply._tag === "Readable" && reply.existingJobStatus, "FINISHED")
  })

  it("a front end's refusal is read in both spellings", () => {
    const capital = Reply.decode(`{"Status":"FAILED","Message":"No backend alive."}`)
    const lower = Reply.decode(`{"status":"FAILED","msg":"No backend alive."}`)
    assert.deepStrictEqual(capital, lower)
    assert.strictEqual(capital._tag === "Readable" && capital.message, "No backend alive.")
  })

  it("a null member is the same as a missing one", () => {
    const reply = Reply.decode(`{"Status":"Fail","Message":null,"ErrorURL":null}`)
    assert.isTrue(reply._tag === "Readable" && reply.message === "" && reply.errorUrl === undefined)
  })

  it("130 what a proxy answers is never taken for a reply, and never repeated", () => {
    assert.include(unreadable("<!DOCTYPE html><html><body>Success</body></html>"), "HTML")
    assert.include(unreadable("Success"), "not JSON")
    assert.include(unreadable(success.slice(0, 100)), "not JSON")
    assert.include(unreadable("  \n"), "empty")
    assert.include(unreadable(`"Success"`), "without a status")
    assert.include(unreadable("null"), "without a status")
    assert.include(unreadable(`[${success}]`), "without a status")
    assert.include(unreadable(`{"Status": 1}`), "without a status")
    assert.include(unreadable(`{"Status":"Success","NumberLoadedRows":"3"}`), "without a status")
  })
})

describe("the state of a label", () => {
  const answer = (body: string, status = 200) => Reply.decodeLabelAnswer(status, body)

  it("42 every state a front end knows is read", () => {
    for (const state of ["VISIBLE", "COMMITTED", "PREPARED", "PREPARE", "ABORTED", "UNKNOWN"] as const) {
      const known = answer(`{"state":"${state}","status":"OK","msg":"Success"}`)
      assert.strictEqual(known._tag === "Known" && known.state, state)
    }
  })

  it("T64 an answer that is no state is never taken for one", () => {
    const refused = answer(`{"status":"FAILED","msg":"unknown database, database=x"}`)
    assert.deepStrictEqual(refused, { _tag: "Unanswered", why: "unknown database, database=x" })
    assert.strictEqual(answer(`{"state":"FINE","status":"OK","msg":"Success"}`)._tag, "Unanswered")
    assert.strictEqual(answer(`{"state":"VISIBLE"}`, 500)._tag, "Unanswered")
    assert.strictEqual(answer("<html>")._tag, "Unanswered")
  })

  it("a back end's address says why no label can be asked for there", () => {
    const unanswered = answer("Not Found", 404)
    assert.isTrue(unanswered._tag === "Unanswered" && unanswered.why.includes("front end"))
  })
})
