import { assert, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import { mkdir, writeFile } from "node:fs/promises"
import { join } from "node:path"
import * as Configuration from "../../src/programs/Configuration.ts"
import * as DbmazzProcess from "../support/DbmazzProcess.ts"
import * as TemporaryDirectory from "../support/TemporaryDirectory.ts"

const FILE = `source: {url: "postgres://me:\${PG_PASS}@db/shop"}
sink: {url: "http://fe:8030", database: shop, password: "\${SINK_PASSWORD:-none}"}
flush: {rows: 1}
`

/** Writes files into a directory of the test's own and says where each one is. */
const files = Effect.fnUntraced(function*(contents: Readonly<Record<string, string | Uint8Array>>) {
  const directory = yield* TemporaryDirectory.make("configuration")
  for (const [name, content] of Object.entries(contents)) {
    yield* Effect.promise(() => writeFile(join(directory, name), content))
  }
  return (name: string) => join(directory, name)
})

const settings = (env: Readonly<Record<string, string>>, flags: Readonly<Record<string, string>> = {}) =>
  Configuration.settings(
    Object.fromEntries(Object.entries(flags).map(([key, value]) => [key, Option.some(value)])),
    env
  )
const problems = (env: Readonly<Record<string, string>>, flags: Readonly<Record<string, string>> = {}) =>
  Effect.map(Effect.flip(settings(env, flags)), (error) => error.message)

const REQUIRED = { SOURCE_URL: "postgres://me@db/shop", SINK_URL: "http://fe", SINK_DATABASE: "shop" }

it.effect("the file of --config is read, else that of DBMAZZ_CONFIG; environment and flags win over it", () =>
  Effect.gen(function*() {
    const at = yield* files({ "one.yaml": FILE, "two.yaml": FILE.replace("rows: 1", "rows: 2") })
    const env = { DBMAZZ_CONFIG: at("one.yaml"), PG_PASS: "p" }
    const rows = (more: Readonly<Record<string, string>>, flags?: Readonly<Record<string, string>>) =>
      Effect.map(settings({ ...env, ...more }, flags), ({ flush }) => flush.rows)
    assert.strictEqual(yield* rows({}), 1)
    assert.strictEqual(yield* rows({}, { config: at("two.yaml") }), 2)
    assert.strictEqual(yield* rows({ FLUSH_SIZE: "3" }), 3)
    assert.strictEqual(yield* rows({ FLUSH_SIZE: "3" }, { flushRows: "4" }), 4)
    const { source } = yield* settings(env)
    assert.strictEqual(Redacted.value(source.password), "p")
  }).pipe(Effect.scoped))

it.effect("a variable that is nearly the one that is missing is said beside it", () =>
  Effect.gen(function*() {
    const text = yield* problems({ SOURCE_URL: REQUIRED.SOURCE_URL, SINK_URL: REQUIRED.SINK_URL, SINK_DATABSE: "shop" })
    assert.include(text, "SINK_DATABASE or STARROCKS_DB: must be set")
    assert.include(text, "SINK_DATABSE is set, and is no setting of dbmazz: did you mean SINK_DATABASE?")
  }))

it.effect("a file that cannot be read is said with the other problems", () =>
  Effect.gen(function*() {
    const at = yield* files({
      "large.yaml": "#".repeat(256 * 1024 + 1),
      "bytes.yaml": new Uint8Array([0x61, 0xff]),
      "largest.yaml": FILE.padEnd(256 * 1024, "#")
    })
    yield* Effect.promise(() => mkdir(at("directory")))
    for (
      const [name, why] of [
        ["none.yaml", "there is no such file"],
        ["directory", "it is a directory"],
        ["large.yaml", "is larger than 262144 bytes"],
        ["bytes.yaml", "is not UTF-8 text"]
      ] as const
    ) {
      const found = yield* problems({ FLUSH_SIZE: "0" }, { config: at(name) })
      assert.include(found, `${at(name)}: `)
      assert.include(found, why)
      assert.include(found, "FLUSH_SIZE: must be")
      assert.notInclude(found, "must be set")
    }
    assert.strictEqual((yield* settings({ PG_PASS: "p" }, { config: at("largest.yaml") })).flush.rows, 1)
  }).pipe(Effect.scoped))

it.effect("a secret comes from the file that NAME_FILE names, without its last line break, also into the configuration file", () =>
  Effect.gen(function*() {
    const at = yield* files({ password: " s3cret\n\n", url: "postgres://me:u@db/shop\r\n", "d.yaml": FILE })
    const read = yield* settings({
      SINK_URL: "fe",
      SINK_DATABASE: "d",
      STARROCKS_PASS_FILE: at("password"),
      DATABASE_URL_FILE: at("url"),
      CONTROL_TOKEN_FILE: at("password"),
      OTEL_EXPORTER_OTLP_HEADERS_FILE: ""
    })
    assert.strictEqual(Redacted.value(read.sink.password), " s3cret\n")
    assert.strictEqual(Redacted.value(read.source.password), "u")
    assert.strictEqual(read.control.token && Redacted.value(read.control.token), " s3cret\n")
    const env = { SINK_PASSWORD_FILE: at("password"), PG_PASS: "p", DBMAZZ_CONFIG: at("d.yaml") }
    assert.strictEqual(Redacted.value((yield* settings(env)).sink.password), " s3cret\n")
    // Equal values are no contradiction, and what a flag gives needs no file.
    yield* settings({ ...REQUIRED, SINK_PASSWORD_FILE: at("password"), SINK_PASSWORD: " s3cret\n" })
    yield* settings({ ...REQUIRED, SINK_PASSWORD_FILE: at("none") }, { starrocksPassword: "x" })
  }).pipe(Effect.scoped))

it.effect("a secret's file that is missing, empty, too large, or that contradicts its variable is an error without the secret", () =>
  Effect.gen(function*() {
    const at = yield* files({ secret: "hunter2", empty: "\n", large: "hunter2".repeat(10_000) })
    const found = yield* problems({
      SINK_URL: "fe",
      SINK_DATABASE: "d",
      DATABASE_URL_FILE: at("none"),
      SINK_PASSWORD: "hunter3",
      SINK_PASSWORD_FILE: at("secret"),
      CONTROL_TOKEN_FILE: at("empty"),
      OTEL_EXPORTER_OTLP_HEADERS_FILE: at("large")
    })
    assert.include(found, `DATABASE_URL_FILE: '${at("none")}' cannot be read: there is no such file`)
    assert.include(found, "SINK_PASSWORD and SINK_PASSWORD_FILE are both set and differ")
    assert.include(found, `CONTROL_TOKEN_FILE: '${at("empty")}' is empty`)
    assert.include(found, "is larger than 65536 bytes")
    assert.notInclude(found, "hunter")
    assert.notInclude(found, "must be set")
    const both = { ...REQUIRED, SINK_PASSWORD_FILE: at("secret"), STARROCKS_PASS: "hunter3" }
    assert.include(yield* problems(both), "SINK_PASSWORD and STARROCKS_PASS are both set and differ")
  }).pipe(Effect.scoped))

it.live("dbmazz check --config names every fault of the file with line and column, exits 78, and shows no secret", () =>
  Effect.gen(function*() {
    const at = yield* files({
      "d.yaml": "source:\n  urll: postgres://me:hunter2@db/\nsink:\n  password: [hunter2]\n  port: many\n"
    })
    const check = yield* DbmazzProcess.start(["check", "--config", at("d.yaml"), "--flush-rows", "0"], {})
    assert.strictEqual(yield* check.exit, 78)
    for (
      const expected of [
        `${at("d.yaml")}:2:3: unknown key 'urll' in section 'source'; did you mean 'url'?`,
        `${at("d.yaml")}:4:13: sink.password: must be text, not a list`,
        `${at("d.yaml")}:5:9: sink.port: must be a whole number`,
        "--flush-rows: must be a whole number",
        "SINK_DATABASE or STARROCKS_DB, or sink.database in"
      ]
    ) {
      assert.include(check.log(), expected)
    }
    assert.notInclude(check.log() + check.output(), "hunter2")
  }).pipe(Effect.scoped))

it.live("help warns of secrets in flags and names the file's key of each", () =>
  Effect.gen(function*() {
    const help = yield* DbmazzProcess.start(["run", "--help"], {})
    assert.strictEqual(yield* help.exit, 0)
    const line = (flag: string) => help.output().split("\n").find((text) => text.includes(`${flag} `)) ?? ""
    assert.include(line("--starrocks-password"), "rather set SINK_PASSWORD_FILE")
    assert.notInclude(line("--starrocks-user"), "list of processes")
    assert.include(line("--starrocks-user"), "in the file sink.user")
    assert.include(line("--config"), "DBMAZZ_CONFIG")
  }).pipe(Effect.scoped))
