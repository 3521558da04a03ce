import { assert, describe, it } from "@effect/vitest"
import * as SetupError from "../../../src/domain/errors/SetupError.ts"
import * as Lsn from "../../../src/domain/Lsn.ts"
import * as Encoding from "../../../src/domain/postgres/Encoding.ts"

const RECEIVED = Lsn.Lsn.make(0x1_0000_0010n)
const CONTEXT = "slot \"s\", output plugin \"pgoutput\", in the change callback, associated LSN 0/163B2F8"

describe("Encoding", () => {
  it("a database whose texts have a meaning is replicated, one of bytes without it is not", () => {
    for (const encoding of ["UTF8", "LATIN1", "WIN1252", "EUC_JP"]) {
      assert.isUndefined(Encoding.problem("shop", encoding))
    }
    assert.deepStrictEqual(Encoding.problem("shop", "SQL_ASCII"), {
      _tag: "PgEncodingUnfit",
      database: "shop",
      encoding: "SQL_ASCII"
    })
  })

  it("a refused login names the database's encoding, whichever way round the server says it", () => {
    for (const [one, other] of [["UTF8", "MULE_INTERNAL"], ["MULE_INTERNAL", "UTF8"]]) {
      assert.deepStrictEqual(Encoding.ofRefusal("shop", `conversion between ${one} and ${other} is not supported`), {
        _tag: "PgEncodingUnfit",
        database: "shop",
        encoding: "MULE_INTERNAL"
      })
    }
  })

  it.each([
    ["22021", CONTEXT, "0/163B2F8", "its bytes are no text in UTF8"],
    ["22P05", CONTEXT, "0/163B2F8", "no equivalent in UTF8"],
    ["22P05", "Slot »s«, zugehörige LSN 0/163B2F8", "1/10", "no equivalent in UTF8"],
    ["22012", "", "1/10", "an expression of the publication"]
  ])("%s says why and from where on, and never which value (context: %s)", (sqlState, context, lsn, why) => {
    const error = SetupError.make(Encoding.unconvertible("s", sqlState, context, RECEIVED))
    assert.strictEqual(error.code, "PgValueUnconvertible")
    assert.include(error.message, `the change at ${lsn} `)
    assert.include(error.message, why)
    assert.include(error.message, `SQLSTATE ${sqlState}`)
    assert.include(error.remediation, `pg_get_wal_record_info('${lsn}')`)
    assert.notInclude(error.remediation, "max_replication_slots")
  })
})
