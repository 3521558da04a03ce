import { assert, describe, it } from "@effect/vitest"
import * as Option from "effect/Option"
import * as ControlAddress from "../../../src/domain/control/ControlAddress.ts"

describe("the address of a control plane", () => {
  it.each([
    ["127.0.0.1:50051", "127.0.0.1", 50051],
    ["localhost:1", "localhost", 1],
    ["db-1.example_x.net:65535", "db-1.example_x.net", 65535],
    ["[::1]:50051", "::1", 50051]
  ])("%s is understood", (text, host, port) => {
    assert.deepStrictEqual(ControlAddress.parse(text), Option.some({ host, port, text }))
  })

  it.each([
    "",
    "50051",
    ":50051",
    "localhost",
    "localhost:",
    "localhost:0",
    "localhost:65536",
    "http://localhost:50051",
    "::1:50051",
    "user@host:1",
    "host:1/path",
    "unix:/tmp/x:1",
    "host:1\n"
  ])("'%s' is refused rather than guessed at", (text) => {
    assert.deepStrictEqual(ControlAddress.parse(text), Option.none())
  })
})
