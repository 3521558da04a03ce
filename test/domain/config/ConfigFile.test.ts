import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as ConfigFile from "../../../src/domain/config/ConfigFile.ts"
import * as Settings from "../../../src/domain/config/Settings.ts"

const decode = (text: string, env: Readonly<Record<string, string>> = {}) => ConfigFile.decode("d.yaml", text, env)
const settings = (text: string, env: Readonly<Record<string, string>> = {}) =>
  Settings.decode({ env, file: decode(text, env) })
const problems = (text: string, env: Readonly<Record<string, string>> = {}) => {
  const result = settings(text, env)
  return Result.isFailure(result) ? result.failure : []
}

const SECRET = "hunter 2!"
const WHOLE = `source:
  url: "postgres://me:\${PG_PASS}@db:6543/shop"
  slot: s1
tables: [orders, '"Odd, name".t', public.orders]
tables_exclude:
  - audit_*
sink:
  url: http://fe:8030
  database: shop
  password: "${SECRET}"
flush:
  rows: 7
control:
  http_port: \${HTTP:-0}
  insecure: false
log: {level: "warn,StreamLoader=debug"}
retry:
`
const ENV = { PG_PASS: "x" }

describe("ConfigFile: a file that is read otherwise than it reads moves the wrong data", () => {
  it("reads sections, lists, numbers, references and defaults; tables also as they are spelled", () => {
    const read = Result.getOrThrow(settings(WHOLE, ENV))
    assert.deepInclude(read, { slot: "s1", publication: "dbmazz_pub" })
    assert.deepStrictEqual(read.tables, [{ schema: "public", name: "orders" }, { schema: "Odd, name", name: "t" }])
    assert.deepStrictEqual(read.tableNames, ["orders", "\"Odd, name\".t"])
    assert.deepStrictEqual(read.lists, {
      tablesExclude: ["audit_*"],
      columnsInclude: [],
      columnsExclude: [],
      targetTables: []
    })
    assert.deepStrictEqual([Redacted.value(read.source.password), Redacted.value(read.sink.password)], ["x", SECRET])
    assert.deepStrictEqual([read.flush.rows, read.control.httpPort, read.control.grpcPort], [7, 0, 50_051])
    assert.deepInclude(read.log, { level: "warn", format: "json" })
    assert.deepStrictEqual([...read.log.modules], [["StreamLoader", "debug"]])
    assert.deepStrictEqual(read.telemetry, { endpoint: undefined, headers: undefined, serviceName: "dbmazz" })
  })

  it("a value from the environment cannot change what the file means, and is not looked at again", () => {
    const odd = "a: ]\n  # ${HOME} \"'"
    const read = settings(WHOLE.replace("slot: s1", "publication: ${ODD}"), { ...ENV, ODD: odd })
    assert.strictEqual(Result.getOrThrow(read).publication, odd)
    assert.strictEqual(
      Result.getOrThrow(settings(WHOLE.replace("slot: s1", () => "publication: a$${b}$"), ENV)).publication,
      "a${b}$"
    )
  })

  it("a reference without a value or a default, or that is none, is named with its place", () => {
    const found = problems("source:\n  url: ${NOWHERE}\nsink:\n  url: a${1}\n  user: ${EMPTY:-root}${open\n", {
      EMPTY: ""
    })
    assert.match(found[0]!, /^d\.yaml:2:8: source\.url: \$\{NOWHERE\} is not set.* set NOWHERE/)
    assert.match(found[1]!, /^d\.yaml:4:8: sink\.url: .*neither/)
    assert.match(found[2]!, /^d\.yaml:5:9: sink\.user: .*neither/)
  })

  it("what references put in is bounded", () => {
    const file = decode(`tables: [${"\"${A}\",".repeat(2_000)}]`, { A: "a".repeat(4_096) })
    assert.include(file.problems.join(), "is too long")
  })

  it("every unknown key and wrong type is said at once, with its place and the nearest key, and nothing else about it", () => {
    const found = problems(
      "source:\n  slott: a\n  url: 5\nflush:\n  rows: \"7\"\n  bytes: 1.5\n  grpcPort: 1\nsink: [a]\nFLUSH_SIZE: 3\n" +
        "control:\n  insecure: yes\n  token:\n  host: {a: 1}\n  tls: *x\nnothing_like_it: 1\ntables: [a, 5, [b]]\nflush: {}\nlog:\n  format: [json]\n"
    )
    assert.deepStrictEqual(
      found.map((problem) => problem.replace(/; example.*/, "")),
      [
        "d.yaml:2:3: unknown key 'slott' in section 'source'; did you mean 'slot'?",
        "d.yaml:3:8: source.url: must be text; put it in quotes",
        "d.yaml:5:9: flush.rows: must be a whole number from 1 to 10000000, without quotes",
        "d.yaml:7:3: unknown key 'grpcPort' in section 'flush'; did you mean 'grpc_port' in section 'control'?",
        "d.yaml:8:7: sink: must hold keys: url, port, database, user, password, tls",
        "d.yaml:9:1: unknown key 'FLUSH_SIZE'; did you mean 'rows' in section 'flush'?",
        "d.yaml:11:13: control.insecure: must be true or false, without quotes",
        "d.yaml:12:9: control.token: has no value; give it one, or leave the line out",
        "d.yaml:13:9: control.host: must be text, not a section",
        "d.yaml:14:8: control.tls: must hold keys: cert, key, ca",
        "d.yaml:15:1: unknown key 'nothing_like_it'",
        "d.yaml:16:13: tables: must be text; put it in quotes",
        "d.yaml:16:16: tables: must be text, not a list",
        "d.yaml:17:1: flush: is given twice",
        "d.yaml:19:11: log.format: must be one of json, pretty, not a list",
        "d.yaml:6:10: flush.bytes: must be a whole number from 1024 to 1073741824, not '1.5'"
      ]
    )
  })

  it("a value out of range has its place and an example; what a reference gave is not shown", () => {
    const found = problems(`${WHOLE.replace("rows: 7", "rows: ${PG_PASS}")}  base_ms: 0\n`, { PG_PASS: SECRET })
    assert.deepStrictEqual(found, [
      "d.yaml:12:9: flush.rows: must be a whole number from 1 to 10000000, not '${PG_PASS}'; example: rows: 50000",
      "d.yaml:18:12: retry.base_ms: must be a whole number from 1 to 60000, not '0'; example: base_ms: 500"
    ])
  })

  it("a file that is not YAML gives its faults and those of the environment, and nothing that follows from them", () => {
    const found = problems("source:\n  url: a\n bad: b: c\n\tx: 1\n", { FLUSH_SIZE: "0" })
    assert.isAbove(found.length, 1)
    for (const problem of found.slice(0, -1)) assert.match(problem, /^d\.yaml:\d+:\d+: not YAML: [a-z]/)
    assert.match(found.at(-1)!, /^FLUSH_SIZE: /)
    assert.include(problems("a list").join(), "d.yaml:1:1: the file: must hold keys: source, tables")
    assert.include(problems("a: 1\n---\nb: 2\n").join(), "d.yaml:2:1: not YAML: a second document")
  })

  it("an empty list of tables is an error, not the default", () => {
    assert.include(
      problems(WHOLE.replace(/^tables: .*$/m, "tables: []"), ENV).join(),
      "d.yaml:4:9: tables: names no table"
    )
  })

  it("of two keys that are as near, that of the same section is named", () => {
    const found = problems("control: {tls: {certt: a, kay: b}}\nsink: {tls: {certt: c}}").join("\n")
    assert.include(found, "unknown key 'certt' in section 'control.tls'; did you mean 'cert'?")
    assert.include(found, "unknown key 'kay' in section 'control.tls'; did you mean 'key'?")
    assert.include(found, "unknown key 'certt' in section 'sink.tls'; did you mean 'cert'?")
  })

  it("a key that could be a secret in a wrong place is not shown", () => {
    assert.notInclude(problems("sink: {\"postgres://me:hunter2@db/\": 1, hunter2@x: 1}").join(), "hunter2")
  })

  for (
    const [what, text] of [
      ["[", "[".repeat(65_536)],
      ["{", "{a: ".repeat(20_000)],
      ["- ", "- ".repeat(65_536)],
      ["keys", Array.from({ length: 20_000 }, (_, index) => `k${index}: 1`).join("\n")],
      ["equal keys", "log: {}\n".repeat(20_000)],
      ["a long key", `? ${"k".repeat(200_000)}\n: 1`]
    ] as const
  ) {
    it(`a file full of ${what} is refused in seconds, with a list of problems that can be read`, () => {
      const started = performance.now()
      const { problems: found } = decode(text)
      assert.isAbove(found.length, 0)
      assert.isBelow(found.join("\n").length, 10_000)
      assert.isBelow(performance.now() - started, 10_000)
    })
  }

  const Mutation = Schema.Struct({
    at: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: WHOLE.length })),
    remove: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 12 })),
    insert: Schema.Literals([
      "",
      ":",
      ": ",
      "- ",
      "\"",
      "'",
      "{",
      "]",
      "\t",
      "\n",
      "\n  ",
      "*a",
      "&b ",
      "!x ",
      "${",
      "#",
      "|",
      "? ",
      "%",
      "\0",
      "\ud800"
    ])
  })
  it.effect.prop(
    "whatever a slip of the hand makes of a file, reading it ends with settings or with problems that have a place and no secret",
    [Schema.Array(Mutation)],
    ([mutations]) =>
      Effect.sync(() => {
        const text = mutations.reduce(
          (whole, { at, insert, remove }) => whole.slice(0, at) + insert + whole.slice(at + remove),
          WHOLE
        )
        const file = decode(text, ENV)
        for (const problem of file.problems) assert.match(problem, /^d\.yaml:(\d+:\d+:| and| cannot)/)
        assert.notInclude(file.problems.join("\n"), SECRET)
        assert.notInclude(file.problems.join("\n"), SECRET.slice(0, 6))
      }),
    { arbitrary: { runs: 300 } }
  )
  it.effect.prop("garbage is never thrown at", [Schema.String], ([text]) =>
    Effect.sync(() => {
      const file = decode(text)
      for (const problem of file.problems) assert.match(problem, /^d\.yaml:/)
    }), { arbitrary: { runs: 1_000 } })
})
