import { assert, describe, it } from "@effect/vitest"
import * as TlsProblem from "../../src/domain/TlsProblem.ts"

const CASES: ReadonlyArray<readonly [code: string, text: string, error: RegExp | undefined, remedy: RegExp]> = [
  ["CERT_HAS_EXPIRED", "certificate has expired", /expired/, /Renew/],
  ["HANDSHAKE_SSL_ERROR", "certificate has expired", /expired/, /Renew/],
  ["CERT_NOT_YET_VALID", "certificate is not yet valid", /not valid yet/, /clocks/],
  ["DEPTH_ZERO_SELF_SIGNED_CERT", "self-signed certificate", /not trusted/, /SOURCE_TLS_CA/],
  ["SELF_SIGNED_CERT_IN_CHAIN", "self-signed certificate in certificate chain", /not trusted/, /SOURCE_TLS_CA/],
  ["UNABLE_TO_VERIFY_LEAF_SIGNATURE", "unable to verify the first certificate", /not trusted/, /SOURCE_TLS_CA/],
  ["UNABLE_TO_GET_ISSUER_CERT_LOCALLY", "unable to get local issuer certificate", /not trusted/, /SOURCE_TLS_CA/],
  ["ERR_TLS_CERT_ALTNAME_INVALID", "Hostname/IP does not match certificate's altnames: …", /another host/, /verify-ca/],
  [
    "ERR_SSL_TLSV1_ALERT_UNKNOWN_CA",
    "0:error:1:SSL routines:f:tlsv1 alert unknown ca:x.c:1:",
    /client cert.*\(tlsv1 alert unknown ca\)/,
    /SOURCE_TLS_CERT/
  ],
  [
    "ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED",
    "0:error:1:SSL routines:f:tlsv13 alert certificate required:x.c:1:",
    /asks for a client/,
    /SOURCE_TLS_CERT/
  ],
  ["ERR_SSL_SSLV3_ALERT_CERTIFICATE_EXPIRED", "…", /refused the client certificate/, /SOURCE_TLS_CERT/],
  ["ERR_SSL_WRONG_VERSION_NUMBER", "…", /does not speak TLS/, /SOURCE_URL/],
  ["ERR_SSL_UNSUPPORTED_PROTOCOL", "…", /no version or cipher/, /TLS 1\.2/],
  ["ERR_SSL_DECRYPTION_FAILED_OR_BAD_RECORD_MAC", "…", /handshake failed/, /sslmode/],
  ["ECONNRESET", "Client network socket disconnected before secure TLS connection was established", undefined, /./],
  ["ECONNREFUSED", "connect ECONNREFUSED 127.0.0.1:1", undefined, /./],
  ["", "Connection terminated unexpectedly", undefined, /./]
]

describe("TlsProblem: a person who reads it knows what to change", () => {
  it("tells what is wrong and what to do, and leaves the network's failures alone", () => {
    for (const [code, text, error, remedy] of CASES) {
      const problem = TlsProblem.of("source", code, text)
      if (error === undefined) assert.isUndefined(problem, `${code} ${text}`)
      else {
        assert.match(problem?.error ?? "", error, `${code} ${text}`)
        assert.match(problem?.remedy ?? "", remedy, `${code} ${text}`)
      }
    }
    assert.match(TlsProblem.of("sink", "CERT_UNTRUSTED", "")?.remedy ?? "", /SINK_TLS_CA/)
  })

  it("knows which of PostgreSQL's refusals are about TLS", () => {
    const remedy = TlsProblem.remedyOfRefusal
    assert.match(remedy("connection requires a valid client certificate") ?? "", /SOURCE_TLS_CERT/)
    assert.match(remedy("certificate authentication failed for user \"me\"") ?? "", /pg_ident/)
    const rejected = "no pg_hba.conf entry for host \"::1\", user \"me\", database \"d\", "
    assert.match(remedy(`${rejected}no encryption`) ?? "", /sslmode=require/)
    assert.match(remedy(`${rejected}SSL off`) ?? "", /sslmode=require/)
    assert.isUndefined(remedy(`${rejected}SSL encryption`))
    assert.isUndefined(remedy("password authentication failed for user \"me\""))
  })
})
