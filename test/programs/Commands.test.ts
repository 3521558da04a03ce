import { assert, describe, it } from "@effect/vitest"
import * as Commands from "../../src/programs/Commands.ts"

const names = async (...args: ReadonlyArray<string>): Promise<ReadonlyArray<string>> =>
  (await Commands.load(args)).map(({ name }) => name)

const STEERING = ["health", "status", "metrics", "pause", "resume", "reload", "drain", "stop", "snapshot"]
const ALL = ["run", "check", ...STEERING, "demo", "verify", "traffic", "embedded-starrocks"]

describe("the command line loads", () => {
  it.each(STEERING)("for %s only the commands that steer a running job", async (name) => {
    assert.deepStrictEqual(await names(name, "--json"), STEERING)
  })

  it.each(["run", "check", "demo", "verify", "traffic", "embedded-starrocks"])("for %s only that", async (name) => {
    assert.deepStrictEqual(await names(name), [name])
  })

  it.each([
    [[]],
    [["--help"]],
    [["helth"]],
    [["--log-level", "debug", "health"]],
    [["health", "--completions", "bash"]],
    [["health", "--completions=zsh"]],
    [["health", "--wizard"]]
  ])("everything for %j, so that nothing is missing in help, proposals and completions", async (args) => {
    assert.deepStrictEqual(await names(...args), ALL)
  })
})
