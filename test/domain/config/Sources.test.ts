import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as Yaml from "yaml"
import * as ConfigFile from "../../../src/domain/config/ConfigFile.ts"
import * as Settings from "../../../src/domain/config/Settings.ts"
import { type VariableKey, VARIABLES } from "../../../src/domain/config/Variables.ts"
import * as Identifier from "../../../src/domain/Identifier.ts"

/** Any characters, also those that mean something in YAML and in references. */
const Text = Schema.String.check(Schema.isPattern(/^[^\0]+$/), Schema.isMaxLength(15))
const Special = Schema.Literals([
  "a: b",
  "${HOME}",
  "$${x}",
  "- a",
  "#",
  "'",
  "\"",
  "no",
  "007",
  "1e3",
  " a ",
  "a\nb",
  "{}",
  "~"
])
const AnyText = Schema.Union([Text, Special])
const Names = Schema.NonEmptyArray(AnyText)
const Port = Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 40_000 }))

/** What a person may want of a job. */
const Wish = Schema.Struct({
  slot: Schema.optionalKey(Schema.Literals(["a", "slot_1"])),
  publication: Schema.optionalKey(AnyText),
  tables: Schema.optionalKey(Names),
  tablesExclude: Schema.optionalKey(Names),
  starrocksSqlPort: Schema.optionalKey(Port),
  starrocksDatabase: Schema.optionalKey(AnyText),
  starrocksUser: Schema.optionalKey(AnyText),
  starrocksPassword: Schema.optionalKey(AnyText),
  flushRows: Schema.optionalKey(Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 10_000_000 }))),
  retryMaxElapsedMs: Schema.optionalKey(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 604_800_000 }))),
  controlToken: Schema.optionalKey(AnyText),
  controlInsecure: Schema.optionalKey(Schema.Boolean),
  logLevel: Schema.optionalKey(Schema.Literals(["debug", "warn,Loads=trace", "Loads=error,StreamLoader=debug"])),
  logFormat: Schema.optionalKey(Schema.Literals(["json", "pretty"])),
  telemetryHeaders: Schema.optionalKey(Schema.Literals(["a=b", "x-key=c,y=d"])),
  telemetryServiceName: Schema.optionalKey(AnyText)
})
type Wish = typeof Wish.Type

const entries = (wish: Wish): ReadonlyArray<readonly [VariableKey, unknown]> =>
  Object.entries<unknown>(wish).filter((entry): entry is [VariableKey, unknown] => entry[0] in VARIABLES)

const quoted = (value: unknown): unknown => Array.isArray(value) ? value.map(Identifier.quotePg) : value
const asText = (value: unknown): string => [quoted(value)].flat().join(",")

const asFlags = (wish: Wish): Readonly<Partial<Record<VariableKey, string>>> =>
  Object.fromEntries(entries(wish).map(([key, value]) => [key, asText(value)]))

/** Under the first or the last of the names. */
const asEnv = (wish: Wish, which: 0 | -1): Readonly<Record<string, string>> =>
  Object.fromEntries(entries(wish).map(([key, value]) => [VARIABLES[key].names.at(which)!, asText(value)]))

const asFile = (wish: Wish): ConfigFile.ConfigFile => {
  const document = new Yaml.Document({})
  for (const [key, value] of entries(wish)) {
    document.setIn(VARIABLES[key].path.split("."), document.createNode(quoted(value)))
  }
  Yaml.visit(document, {
    Scalar: (at, node) => {
      if (at !== "key" && typeof node.value === "string") node.value = node.value.replaceAll("${", () => "$${")
    }
  })
  return ConfigFile.decode("d.yaml", document.toString(), {})
}

const REQUIRED = { databaseUrl: "postgres://me@db/shop", starrocksUrl: "http://fe:8030", starrocksDatabase: "shop" }

/** With the secrets, which are equal to each other whatever they hold. */
const decode = (input: Parameters<typeof Settings.decode>[0]): unknown => {
  const settings = Result.getOrThrowWith(Settings.decode(input), (problems) => new Error(problems.join("\n")))
  const reveal = (secret: Redacted.Redacted<string> | undefined) => secret && Redacted.value(secret)
  return {
    ...settings,
    sink: { ...settings.sink, password: reveal(settings.sink.password) },
    control: { ...settings.control, token: reveal(settings.control.token) },
    telemetry: { ...settings.telemetry, headers: reveal(settings.telemetry.headers) },
    log: { ...settings.log, modules: [...settings.log.modules] }
  }
}
const required = (flags: Readonly<Partial<Record<VariableKey, string>>>) => ({ ...REQUIRED, ...flags })
const REQUIRED_ENV = { SOURCE_URL: REQUIRED.databaseUrl, SINK_URL: REQUIRED.starrocksUrl }

describe("Sources of settings", () => {
  it.effect.prop(
    "a configuration means the same as a file, as variables of either family, and as flags",
    [Wish],
    ([wish]) =>
      Effect.sync(() => {
        const whole: Wish = { ...wish, starrocksDatabase: wish.starrocksDatabase ?? "shop" }
        const expected = decode({ env: {}, flags: required(asFlags(whole)) })
        assert.deepStrictEqual(decode({ env: REQUIRED_ENV, file: asFile(whole) }), expected)
        assert.deepStrictEqual(decode({ env: { ...REQUIRED_ENV, ...asEnv(whole, 0) } }), expected)
        assert.deepStrictEqual(decode({ env: { ...REQUIRED_ENV, ...asEnv(whole, -1) } }), expected)
      }),
    { arbitrary: { runs: 300 } }
  )

  it.effect.prop(
    "a flag wins over the environment, and the environment over the file, setting by setting",
    [Wish, Wish, Wish],
    ([inFile, inEnv, inFlags]) =>
      Effect.sync(() => {
        const all = { ...asFlags(inFile), ...asFlags(inEnv), ...asFlags(inFlags) }
        assert.deepStrictEqual(
          decode({
            file: asFile({ starrocksDatabase: "shop", ...inFile }),
            env: { ...REQUIRED_ENV, ...asEnv(inEnv, -1) },
            flags: asFlags(inFlags)
          }),
          decode({ env: {}, flags: required(all) })
        )
      }),
    { arbitrary: { runs: 300 } }
  )

  it("an empty variable is none; an empty flag brings the default back", () => {
    const file = ConfigFile.decode("d.yaml", "source: {slot: of_file}\nsink: {database: d}", {})
    const slot = (env: Readonly<Record<string, string>>, flags: Readonly<Partial<Record<VariableKey, string>>>) =>
      Result.getOrThrow(Settings.decode({ file, env: { ...REQUIRED_ENV, ...env }, flags })).slot
    assert.strictEqual(slot({ SLOT_NAME: "" }, {}), "of_file")
    assert.strictEqual(slot({ SLOT_NAME: "of_env" }, {}), "of_env")
    assert.strictEqual(slot({ SLOT_NAME: "of_env" }, { slot: "" }), "dbmazz_slot")
  })

  it("a problem has the name of the source that the value came from", () => {
    const file = ConfigFile.decode("d.yaml", "flush: {rows: 0, bytes: 0, interval_ms: 0}\nsink: {database: d}", {})
    const result = Settings.decode({ file, env: { ...REQUIRED_ENV, FLUSH_BYTES: "x" }, flags: { flushEveryMs: "y" } })
    assert.deepStrictEqual(Result.isFailure(result) ? result.failure : [], [
      "d.yaml:1:15: flush.rows: must be a whole number from 1 to 10000000, not '0'; example: rows: 50000",
      "FLUSH_BYTES: must be a whole number from 1024 to 1073741824, not 'x'; example: FLUSH_BYTES=67108864",
      "--flush-every-ms: must be a whole number from 1 to 3600000, not 'y'; example: --flush-every-ms 1000"
    ])
  })

  it("telemetry that cannot be sent is refused, and its headers are not shown", () => {
    const read = (env: Readonly<Record<string, string>>) =>
      Settings.fromEnv({ ...REQUIRED_ENV, SINK_DATABASE: "d", ...env })
    const { telemetry } = Result.getOrThrow(
      read({ OTEL_EXPORTER_OTLP_ENDPOINT: "http://c:4318", OTEL_EXPORTER_OTLP_HEADERS: "a=b", OTEL_SERVICE_NAME: "s" })
    )
    assert.deepInclude(telemetry, { endpoint: "http://c:4318", serviceName: "s" })
    assert.strictEqual(telemetry.headers && Redacted.value(telemetry.headers), "a=b")
    const bad = read({ OTEL_EXPORTER_OTLP_ENDPOINT: "http://u:hunter2@c", OTEL_EXPORTER_OTLP_HEADERS: "a=b,hunter2" })
    const found = Result.isFailure(bad) ? bad.failure.join("\n") : ""
    assert.include(found, "OTEL_EXPORTER_OTLP_ENDPOINT: must not hold")
    assert.include(found, "OTEL_EXPORTER_OTLP_HEADERS: header 2 is not")
    assert.notInclude(found, "hunter2")
    assert.isTrue(Result.isFailure(read({ OTEL_EXPORTER_OTLP_ENDPOINT: "c:4318" })))
  })
})
