import { assert, describe, it } from "@effect/vitest"
import * as Redacted from "effect/Redacted"
import * as BearerToken from "../../../src/layers/control/BearerToken.ts"

describe("BearerToken: a stranger controls the job, or its owner cannot", () => {
  const isAuthorized = BearerToken.check(Redacted.make("sésame=="))

  it("takes the token, with the scheme's name in any case", () => {
    for (const value of ["Bearer sésame==", "bearer sésame==", "BEARER   sésame=="]) {
      assert.isTrue(isAuthorized(value), value)
    }
  })

  it("takes nothing else", () => {
    const others = [
      undefined,
      "",
      "Bearer",
      "Bearer ",
      "sésame==",
      "Basic sésame==",
      "Bearer sésame=",
      "Bearer sésame===",
      "Bearer sésame== ",
      "Bearer SÉSAME==",
      "Bearer Bearer sésame==",
      "xBearer sésame==",
      "Bearer\nsésame=="
    ]
    for (const value of others) assert.isFalse(isAuthorized(value), String(value))
  })

  it("an empty token opens nothing to who sends none", () => {
    const isEmptyAuthorized = BearerToken.check(Redacted.make(""))
    assert.isFalse(isEmptyAuthorized(undefined))
    assert.isFalse(isEmptyAuthorized("Basic x"))
  })

  it("lets everybody pass when there is no token", () => {
    assert.isTrue(BearerToken.check(undefined)(undefined))
  })
})
