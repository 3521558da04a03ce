import { assert, describe, it } from "@effect/vitest"
import * as Misspelling from "../../../src/domain/config/Misspelling.ts"

const meant = (env: Readonly<Record<string, string>>) =>
  Misspelling.find(env).map((text) => /^(\w+) is set.* mean (\w+)\?$/.exec(text)?.slice(1))

describe("A setting whose name is mistyped: its default would hold without a word", () => {
  it("typing errors and words in their other length are told with what was meant, and never with their value", () => {
    const env = {
      FLUSH_SIZ: "secret",
      TRUNCATE_POLCIY: "secret",
      TABLE: "secret",
      STARROCKS_PASSWORD: "secret",
      STARROCKS_DATABASE: "secret",
      STARROCKS_USERNAME: "secret"
    }
    assert.notInclude(Misspelling.find(env).join(), "secret")
    assert.sameDeepMembers(meant(env), [
      ["FLUSH_SIZ", "FLUSH_SIZE"],
      ["TRUNCATE_POLCIY", "TRUNCATE_POLICY"],
      ["TABLE", "TABLES"],
      ["STARROCKS_PASSWORD", "STARROCKS_PASS"],
      ["STARROCKS_DATABASE", "STARROCKS_DB"],
      ["STARROCKS_USERNAME", "STARROCKS_USER"]
    ])
    assert.deepStrictEqual(meant({ SINK_PASSWORD_FIL: "f" }), [["SINK_PASSWORD_FIL", "SINK_PASSWORD_FILE"]])
  })

  it("what others put into an environment, settings, and what is set under its right name are not", () => {
    assert.deepStrictEqual(
      Misspelling.find({
        PATH: "p",
        HOME: "h",
        TAB: "t",
        HTTP_HOST: "h",
        LOG_DIR: "d",
        DATABASE_HOST: "h",
        STARROCKS_SERVICE_HOST: "10.0.0.1",
        STARROCKS_PORT_9030_TCP: "tcp://10.0.0.1:9030",
        STARROCKS_PASS: "p",
        STARROCKS_PASSWORD: "p",
        SINK_PASSWORD_FILE: "f",
        SINK_TYPE: "starrocks",
        SOURCE_TYPE: "postgres",
        RUST_LOG: "info",
        SNAPSHOT_CHUNK_SIZE: "1",
        MERGE_INTERVAL_MS: "1",
        SINK_SCHEMA: "s",
        ["X".repeat(200_000)]: "x"
      }),
      []
    )
  })
})
