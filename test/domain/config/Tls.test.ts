import { assert, describe, it } from "@effect/vitest"
import * as Result from "effect/Result"
import * as Settings from "../../../src/domain/config/Settings.ts"
import * as Tls from "../../../src/domain/config/Tls.ts"

const SOURCE = "postgres://me:hunter2@db/shop"
const SINK = { STARROCKS_URL: "http://fe:8030", STARROCKS_DB: "shop" }

const read = (parameters: string, env: Readonly<Record<string, string>> = {}) =>
  Settings.fromEnv({ DATABASE_URL: `${SOURCE}?${parameters}`, ...SINK, ...env })
const source = (parameters: string, env: Readonly<Record<string, string>> = {}) =>
  Result.getOrThrow(read(parameters, env)).source.tls
const sink = (env: Readonly<Record<string, string>>) => Result.getOrThrow(read("", env)).sink.tls
const problems = (parameters: string, env: Readonly<Record<string, string>> = {}) => {
  const found = Result.match(read(parameters, env), { onSuccess: () => "", onFailure: (list) => list.join("\n") })
  assert.notInclude(found, "hunter2")
  return found
}

describe("TLS settings: a connection less safe than what was asked for is worse than none", () => {
  it("without sslmode it is prefer, as with libpq, and verify-full when an authority is given", () => {
    assert.deepStrictEqual(source(""), { mode: "prefer", ca: undefined, cert: undefined, key: undefined })
    assert.deepInclude(source("", { SOURCE_TLS_CA: "/ca" }), { mode: "verify-full", ca: "/ca" })
    assert.deepInclude(source("sslrootcert=/ca"), { mode: "verify-full", ca: "/ca" })
    assert.deepInclude(source("", { SOURCE_TLS_CA: "system" }), { mode: "verify-full", ca: undefined })
    assert.isUndefined(source("sslmode=disable"))
    assert.isUndefined(source("host=/var/run/postgresql&sslmode=require"))
  })

  it("every sslmode checks what libpq checks", () => {
    const checks = [
      ["allow", undefined, "none"],
      ["prefer", undefined, "none"],
      ["require", undefined, "none"],
      ["require", "/ca", "chain"],
      ["verify-ca", "/ca", "chain"],
      ["verify-full", "/ca", "host"],
      ["verify-full", undefined, "host"]
    ] as const
    for (const [mode, ca, expected] of checks) {
      const tls = source(`sslmode=${mode}${ca === undefined ? "" : `&sslrootcert=${ca}`}`)
      assert.strictEqual(tls === undefined ? "plain" : Tls.sourceCheck(tls), expected, `${mode} ${ca ?? ""}`)
    }
  })

  it("files come from the URL or the variables; both that differ, and half a pair, are problems", () => {
    assert.deepInclude(source("sslcert=/c&sslkey=/k", { SOURCE_TLS_CERT: "/c" }), { cert: "/c", key: "/k" })
    assert.include(problems("sslrootcert=/a", { SOURCE_TLS_CA: "/b" }), "SOURCE_TLS_CA: differs from sslrootcert")
    assert.include(problems("sslcert=/a&sslkey=/k", { SOURCE_TLS_CERT: "/b" }), "SOURCE_TLS_CERT: differs")
    assert.include(problems("sslcert=/a"), "SOURCE_TLS_KEY: must be set when the certificate is")
    assert.include(problems("", { SINK_TLS: "require", SINK_TLS_KEY: "/k" }), "SINK_TLS_CERT: must be set when the key")
  })

  it("what would check nothing, or less than it says, is refused", () => {
    for (const mode of ["disable", "allow", "prefer"]) {
      assert.include(problems(`sslmode=${mode}&sslrootcert=/ca`), `checks nothing with sslmode=${mode}`)
    }
    assert.include(problems("sslmode=verify-ca"), "SOURCE_TLS_CA: must be set with sslmode=verify-ca")
    assert.include(problems("sslmode=require&sslrootcert=system"), "'system' needs sslmode=verify-full")
    assert.include(problems("sslmode=disable&sslcert=/c&sslkey=/k"), "shown to nobody")
    assert.include(problems("sslmode=verify_full"), "unknown sslmode 'verify_full'")
    assert.include(problems("channel_binding=require"), "'channel_binding' is not supported")
    assert.include(problems("sslcrl=/crl"), "'sslcrl' is not supported")
    assert.include(problems("ssl_min_protocol_version=TLSv1.3"), "'ssl_min_protocol_version' is not supported")
    assert.strictEqual(problems("sslmode=require&channel_binding=prefer&ssl_min_protocol_version=TLSv1.2"), "")
    assert.include(problems("", { SINK_TLS: "verify-ca" }), "SINK_TLS_CA: must be set with SINK_TLS=verify-ca")
    assert.include(problems("", { SINK_TLS_CA: "/ca" }), "SINK_TLS_CA: checks nothing")
    assert.include(problems("", { SINK_TLS: "require", SINK_TLS_CA: "/ca" }), "SINK_TLS_CA: checks nothing")
    assert.include(problems("", { SINK_TLS_CERT: "/c", SINK_TLS_KEY: "/k" }), "SINK_TLS_CERT: is shown to nobody")
    assert.include(problems("", { SINK_TLS: "prefer" }), "SINK_TLS: must be one of")
  })

  it("StarRocks is plain unless told, and its files are for HTTPS too", () => {
    assert.isUndefined(sink({}))
    assert.isUndefined(sink({ STARROCKS_URL: "https://fe:8030" }))
    assert.deepInclude(sink({ STARROCKS_URL: "https://fe:8030", SINK_TLS_CA: "/ca" }), { mode: "disable", ca: "/ca" })
    assert.deepInclude(sink({ SINK_TLS: "Verify-Full" }), { mode: "verify-full", ca: undefined })
  })

  it("over HTTPS, which carries the password itself, the chain is always checked", () => {
    const files = { ca: "/ca", cert: undefined, key: undefined }
    assert.strictEqual(Tls.httpsCheck(undefined), "host")
    assert.strictEqual(Tls.httpsCheck({ mode: "disable", ...files }), "host")
    assert.strictEqual(Tls.httpsCheck({ mode: "require", ...files }), "host")
    assert.strictEqual(Tls.httpsCheck({ mode: "verify-ca", ...files }), "chain")
    assert.strictEqual(Tls.httpsCheck({ mode: "verify-full", ...files }), "host")
  })
})
