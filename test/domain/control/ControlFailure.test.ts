import { assert, describe, it } from "@effect/vitest"
import * as Runtime from "effect/Runtime"
import * as ControlFailure from "../../../src/domain/control/ControlFailure.ts"

const call = { address: "db:50051", secure: false, waited: "10s" }
const of = (code: number, details: string, secure = false) =>
  ControlFailure.fromStatus({ ...call, secure }, "Pause", code, details)

describe("a failed call tells its reason and an exit code", () => {
  it.each([
    ["unreachable", 69, 14, "Last error: connect EHOSTUNREACH 1.2.3.4:5", "no route to the host"],
    ["unreachable", 69, 14, "Last error: connect ETIMEDOUT", "connection timed out"],
    ["unreachable", 69, 14, "the server is going away", "the server is going away"],
    ["unreachable", 69, 14, "Last error: read ECONNRESET", "closed before an answer"],
    ["unreachable", 69, 1, "Call cancelled", "it hung up"],
    ["mismatched", 69, 14, "Last error: certificate has expired", "not valid at this time"],
    ["denied", 77, 14, "error:0A000418:SSL routines::tlsv1 alert unknown ca: alert number 48", "refuses the client"],
    ["denied", 77, 7, "not for you", "refused Pause: not for you"],
    ["denied", 77, 16, "who are you", "refused Pause: who are you"],
    ["late", 69, 4, "Deadline exceeded after 10s", "no answer from db:50051 within 10s"],
    ["failed", 1, 12, "no such method", "has no Pause"],
    ["failed", 1, 8, "too many streams", "status 8: too many streams"],
    ["failed", 1, 13, "boom", "status 13: boom"]
  ])("%s, exit %i, from status %i %s", (kind, exitCode, code, details, words) => {
    const failure = of(code, details)
    assert.strictEqual(failure.kind, kind)
    assert.strictEqual(Runtime.getErrorExitCode(failure), exitCode)
    assert.include(failure.message, words)
    assert.isNotEmpty(failure.remediation)
  })

  it("a closed connection is blamed on TLS only when the client speaks none", () => {
    assert.include(of(14, "Failed to connect").remediation, "--tls-ca")
    assert.notInclude(of(14, "Failed to connect", true).remediation, "--tls-ca")
  })

  it("a server's text cannot clear the screen, forge a second line or fill it", () => {
    const { message } = of(13, `\u001b[2J\n\u202ewipe${"x".repeat(10_000)}`)
    assert.notMatch(message, /[\p{Cc}\p{Cf}]/u)
    assert.isBelow(message.length, 700)
  })
})
