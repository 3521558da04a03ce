import { assert, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import { PermanentError } from "../../src/domain/errors/PermanentError.ts"
import * as LogCause from "../../src/domain/LogCause.ts"

it("an error of ours is told with its code and what to do", () => {
  const error = new PermanentError({
    code: "SR_REJECTED_ROWS",
    message: "StarRocks refused load 'l'",
    remediation: "Widen the column.",
    context: {}
  })
  assert.deepStrictEqual(LogCause.fields(Cause.fail(error)), {
    code: "SR_REJECTED_ROWS",
    error: "StarRocks refused load 'l'",
    remediation: "Widen the column."
  })
})

it("T73 whatever else is thrown tells where, and nothing that it quotes of a row", () => {
  const parse = (): unknown => {
    try {
      return JSON.parse("{\"name\": Jane Doe 4111}")
    } catch (error) {
      return new Error("could not read 'Jane Doe 4111'", { cause: error })
    }
  }
  const fields = LogCause.fields(Cause.die(parse()))
  const text = JSON.stringify(fields)
  assert.notInclude(text, "Jane")
  assert.notInclude(text, "4111")
  assert.include(String(fields["error"]), "Error: could not read '…'; caused by SyntaxError: ")
  assert.include(String(fields["stack"]), "LogCause.test.ts")
  assert.deepStrictEqual(LogCause.fields(Cause.die("Jane Doe")), { error: "string" })
})

it("no cause has no fields, an interruption is named", () => {
  assert.deepStrictEqual(LogCause.fields(Cause.empty), {})
  assert.deepStrictEqual(LogCause.fields(Cause.interrupt(1)), { error: "interrupted" })
})
