import { assert, describe, it } from "@effect/vitest"
import { Ajv } from "ajv"
import * as Result from "effect/Result"
import { readFileSync } from "node:fs"
import * as Yaml from "yaml"
import * as ConfigFile from "../../../src/domain/config/ConfigFile.ts"
import * as Settings from "../../../src/domain/config/Settings.ts"
import { ENTRIES } from "../../../src/domain/config/Variables.ts"

const read = (file: string): string => readFileSync(new URL(`../../../docs/${file}`, import.meta.url), "utf8")
const validate = new Ajv({ allErrors: true }).compile(JSON.parse(read("dbmazz.schema.json")))
const accepted = (text: string): boolean => validate(Yaml.parse(text))

const EXAMPLE = read("dbmazz.example.yaml")
/** Every line that is commented out made one that counts. */
const WHOLE = EXAMPLE.replaceAll(/^( *)#(?=[a-z])/gm, "$1")
const ENV = {
  SOURCE_URL: "postgres://me@db/shop",
  SINK_PASSWORD: "p",
  CONTROL_TOKEN: "t",
  OTEL_EXPORTER_OTLP_HEADERS: "a=b",
  // The example names files that nothing looks at while TLS is off, as it is by default.
  SINK_TLS: "verify-full"
}

describe("The example file and the editors' schema: what they show must be what is read", () => {
  it("the example is a configuration, as it is and with every line of it", () => {
    for (const text of [EXAMPLE, WHOLE]) {
      assert.isTrue(accepted(text), JSON.stringify(validate.errors))
      const settings = Settings.decode({ env: ENV, file: ConfigFile.decode("example", text, ENV) })
      assert.deepStrictEqual(Result.isFailure(settings) ? settings.failure : [], [])
    }
    assert.strictEqual(ConfigFile.decode("example", WHOLE, ENV).values.size, ENTRIES.length)
  })

  for (
    const [what, text] of [
      ["an unknown key", "source: {slott: a}"],
      ["an unknown section", "sources: {}"],
      ["a number out of range", "sink: {port: 65536}"],
      ["a number in quotes", "sink: {port: \"9030\"}"],
      ["a number for a text", "sink: {database: 5}"],
      ["an unknown choice", "log: {format: xml}"],
      ["a wrong level", "log: {level: loud}"],
      ["a flag that is none", "control: {insecure: yes}"],
      ["a name that cannot be", "source: {slot: A-B}"],
      ["a list of numbers", "tables: [1]"],
      ["a section in a section's place", "log: {level: {a: b}}"],
      ["a text in a section's place", "control: all"]
    ] as const
  ) {
    it(`an editor and dbmazz both refuse ${what}`, () => {
      assert.isFalse(accepted(text))
      const env = { ...ENV, SINK_URL: "fe", SINK_DATABASE: "d" }
      assert.isTrue(Result.isFailure(Settings.decode({ env, file: ConfigFile.decode("f", text, env) })))
    })
  }

  it("an editor and dbmazz both take a reference where a number, a choice or a flag is due", () => {
    const text = "sink: {port: \"${A}\", url: fe, database: d}\nlog: {format: \"${B}\"}\ncontrol: {insecure: \"${C}\"}"
    const env = { ...ENV, A: "1", B: "pretty", C: "true" }
    assert.isTrue(accepted(text), JSON.stringify(validate.errors))
    assert.isTrue(Result.isSuccess(Settings.decode({ env, file: ConfigFile.decode("f", text, env) })))
  })
})
