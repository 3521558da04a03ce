import { assert, describe, it } from "@effect/vitest"
import * as Refusal from "../../../src/domain/postgres/Refusal.ts"

const PHASES: ReadonlyArray<Refusal.Phase> = ["connecting", "connected", "replicating"]

const verdicts = (sqlState: string, text = ""): ReadonlyArray<Refusal.Verdict> =>
  PHASES.map((phase) => Refusal.ofSqlState(sqlState, phase, text))

describe("Refusal", () => {
  it.each([
    ["57P01", "an administrator ended the session"],
    ["57P02", "the server crashed"],
    ["57P03", "the server starts or stops"],
    ["53300", "too many connections"],
    ["08006", "the connection failed"],
    ["25P04", "a transaction took too long"]
  ])("T77 %s (%s) is waited out in every phase, never taken for a refusal", (sqlState) => {
    assert.deepStrictEqual(verdicts(sqlState), ["Away", "Away", "Away"])
  })

  it("T80 a missing right is never tried again, in no phase", () => {
    assert.deepStrictEqual(verdicts("42501", "permission denied"), ["Login", "Forbidden", "Forbidden"])
    const senders = [
      "permission denied to start WAL sender",
      "must be superuser or replication role to start walsender"
    ]
    for (const text of senders) assert.strictEqual(Refusal.ofSqlState("42501", "connecting", text), "Forbidden")
    for (const state of ["28P01", "28000", "3D000"]) {
      assert.deepStrictEqual(verdicts(state), ["Login", "Login", "Login"])
    }
  })

  it("a table that is dropped while the catalogue is read is looked for again", () => {
    for (const text of ["could not open relation with OID 18279", "cache lookup failed for relation 18279"]) {
      assert.strictEqual(Refusal.ofSqlState("XX000", "connected", text), "Again")
    }
    assert.strictEqual(Refusal.ofSqlState("XX000", "connected", "unexpected state"), "Unknown")
  })

  it("T09 a slot in use is told from a table in use", () => {
    assert.strictEqual(Refusal.ofSqlState("55006", "replicating", "is active for PID 7"), "SlotBusy")
    assert.strictEqual(Refusal.ofSqlState("55006", "connected", "is being accessed by other users"), "Again")
  })

  it("T05 every way in which a server says that a slot is lost, over the versions", () => {
    const texts: ReadonlyArray<readonly [string, string]> = [
      ["55000", "can no longer get changes from replication slot \"s\""],
      ["55000", "cannot read from logical replication slot \"s\""],
      ["55000", "can no longer access replication slot \"s\""],
      ["58P01", "requested WAL segment 000000010000000000000003 has already been removed"]
    ]
    for (const [state, text] of texts) {
      assert.strictEqual(Refusal.ofSqlState(state, "replicating", text), "SlotUnusable")
    }
    assert.strictEqual(
      Refusal.ofSqlState("42704", "replicating", "replication slot \"s\" does not exist"),
      "SlotMissing"
    )
    const absent = "publication \"p\" does not exist"
    assert.strictEqual(Refusal.ofSqlState("42704", "replicating", absent), "PublicationMissing")
    const other = "replication slot \"s\" was not created in this database"
    assert.strictEqual(Refusal.ofSqlState("0A000", "replicating", other), "Refused")
    const physical = "cannot use physical replication slot for logical decoding"
    assert.strictEqual(Refusal.ofSqlState("55000", "replicating", physical), "Refused")
    const level = "logical decoding requires \"wal_level\" >= \"logical\""
    assert.strictEqual(Refusal.ofSqlState("55000", "replicating", level), "Refused", "not the slot's fault")
  })

  it("a code that is in no table is tried a few times only, also on the replication connection", () => {
    assert.deepStrictEqual(verdicts("XX000"), ["Unknown", "Unknown", "Unknown"])
    assert.deepStrictEqual(verdicts(""), ["Unknown", "Unknown", "Unknown"])
    assert.deepStrictEqual(verdicts("ZZ123"), ["Unknown", "Unknown", "Unknown"])
    assert.isAbove(Refusal.UNKNOWN_TRIES_MAX, 1)
  })

  it("a code wins over its class", () => {
    assert.deepStrictEqual(verdicts("53400"), ["Refused", "Refused", "Refused"])
    assert.deepStrictEqual(verdicts("53200"), ["Away", "Again", "Away"])
    assert.deepStrictEqual(verdicts("25006"), ["Away", "Again", "Away"])
    assert.deepStrictEqual(verdicts("25001"), ["Refused", "Refused", "Refused"])
  })

  it("a value that cannot be sent is told from a slot that cannot be used", () => {
    for (const state of ["22021", "22P05", "22012"]) {
      assert.deepStrictEqual(verdicts(state), ["Refused", "Refused", "Unconvertible"])
    }
    assert.deepStrictEqual(verdicts("22023"), ["Refused", "Refused", "Refused"], "of START_REPLICATION itself")
    const words = "conversion between UTF8 and MULE_INTERNAL is not supported"
    assert.strictEqual(Refusal.ofSqlState("0A000", "connecting", words), "Encoding")
  })

  it("a socket's failure passes; a certificate, a password and a pooler without replication do not", () => {
    for (const errno of ["ECONNREFUSED", "ECONNRESET", "EAI_AGAIN", "EMFILE", "ETIMEDOUT"]) {
      for (const phase of PHASES) assert.strictEqual(Refusal.ofErrno(errno, phase, ""), "Away")
    }
    assert.strictEqual(Refusal.ofErrno("", "connecting", "Connection terminated unexpectedly"), "Away")
    assert.strictEqual(Refusal.ofErrno("DEPTH_ZERO_SELF_SIGNED_CERT", "connecting", ""), "Login")
    assert.strictEqual(Refusal.ofErrno("", "connecting", "The server does not support SSL connections"), "Login")
    assert.strictEqual(Refusal.ofErrno("", "connecting", "something new"), "Unknown")
    assert.strictEqual(Refusal.ofErrno("", "replicating", "something new"), "Away")
    assert.strictEqual(
      Refusal.ofSqlState("08P01", "connecting", "unsupported startup parameter: replication"),
      "Login"
    )
  })
})
