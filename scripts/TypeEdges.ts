/**
 * What becomes of the values of a type, found by writing some with the encoder itself: what is sent of an ordinary one, and
 * which policies make a difference for those at the edges.
 */
import { ByteWriter } from "../src/domain/ByteWriter.ts"
import * as PgType from "../src/domain/PgType.ts"
import type { PgKind } from "../src/domain/PgType.ts"
import type { StarRocksFamily } from "../src/domain/StarRocksType.ts"
import { CSV_FORM } from "../src/domain/values/CsvForm.ts"
import { JSON_FORM } from "../src/domain/values/JsonForm.ts"
import type { ValueForm } from "../src/domain/values/ValueForm.ts"
import * as ValuePolicy from "../src/domain/values/ValuePolicy.ts"
import * as ValueRule from "../src/domain/values/ValueRule.ts"

/** The narrowest column of each family: what it cannot hold for its width, another one may not hold either. */
const NARROWEST: Readonly<Record<StarRocksFamily, string>> = {
  boolean: "boolean",
  integer: "tinyint",
  float: "float",
  double: "double",
  decimal: "decimal(1, 0)",
  string: "varchar(1)",
  date: "date",
  datetime: "datetime",
  json: "json",
  binary: "varbinary(1)"
}

/** A column that holds every sample. */
const ROOMY: Readonly<Record<StarRocksFamily, string>> = {
  ...NARROWEST,
  integer: "largeint",
  decimal: "decimal(38, 9)",
  string: "string",
  binary: "varbinary"
}

interface Texts {
  /** An ordinary value, as PostgreSQL writes it. */
  readonly sample: string
  readonly edges: ReadonlyArray<string>
}

const NOT_FINITE = ["NaN", "Infinity", "-Infinity"]

const TEXTS: Readonly<Record<Exclude<PgKind, "array">, Texts>> = {
  boolean: { sample: "t", edges: ["f"] },
  integer: { sample: "42", edges: [] },
  float: { sample: "0.1", edges: ["-0", "1e-45", ...NOT_FINITE] },
  double: { sample: "0.1", edges: ["-0", "1.7976931348623157e+308", ...NOT_FINITE] },
  numeric: { sample: "12.00", edges: [`1${"0".repeat(80)}`, "0.123456789123456789", ...NOT_FINITE] },
  money: { sample: "-$1,234.50", edges: ["$92,233,720,368,547,758.07", "$92,233,720,368,547,758.00"] },
  text: { sample: "a \"b\"", edges: [""] },
  date: { sample: "2024-02-29", edges: ["infinity", "-infinity", "0044-03-15 BC", "10000-01-01"] },
  time: { sample: "24:00:00", edges: ["23:59:59.999999+15:59:59"] },
  timestamp: {
    sample: "2024-02-29 12:34:56.123456",
    edges: ["infinity", "-infinity", "0044-03-15 00:00:00 BC", "10000-01-01 00:00:00"]
  },
  timestamptz: {
    sample: "2024-02-29 12:34:56.123456+00",
    edges: ["infinity", "-infinity", "0044-03-15 00:00:00+00 BC", "10000-01-01 00:00:00+00"]
  },
  json: {
    sample: "{\"a\": 1.50}",
    edges: ["null", "\"\\ud800\"", "123456789012345678901234567890", "{\"a\": 0.123456789012345678901234567890}"]
  },
  bytea: { sample: "\\xff00", edges: ["\\xffffff"] }
}

const quoted = (text: string): string => `"${text.replaceAll(/["\\]/g, "\\$&")}"`

const textsOf = ({ bounds, elements, kind }: PgType.PgType): Texts => {
  if (kind !== "array") {
    return { ...TEXTS[kind], edges: [...TEXTS[kind].edges, ...(bounds ?? []).map(String), TEXTS[kind].sample] }
  }
  const { edges, sample } = TEXTS[elements === undefined || elements.kind === "array" ? "text" : elements.kind]
  const one = quoted(sample)
  return { sample: `{${one},NULL}`, edges: [`[2:3]={${one},${one}}`, ...edges.map((text) => `{${quoted(text)}}`)] }
}

/** What is sent of the text, or the problem it is. */
const sent = (
  type: PgType.PgType,
  target: string,
  text: string,
  policies: ValuePolicy.Policies,
  form: ValueForm
): string => {
  const rule = ValueRule.compile(type, { name: "v", type: target, nullable: true }, policies, form)
  if (rule === undefined) throw new Error(`${type.name} has no form for ${target}`)
  const writer = new ByteWriter(text.length)
  const bytes = Buffer.from(text, "utf8")
  return ValueRule.write(writer, rule, bytes, 0, bytes.length)?.text ?? writer.view().toString("utf8")
}

const CLASSES = Object.entries(ValuePolicy.CLASSES)

/** The variables of the classes whose policy makes a difference for a value of the type in a column of the family. */
export const variablesOf = (type: PgType.PgType, family: StarRocksFamily): ReadonlyArray<string> =>
  CLASSES.filter(([name, { outcomes }]) =>
    textsOf(type).edges.some((text) =>
      [NARROWEST[family], ROOMY[family]].some((target) => {
        const by = (policy: string) => sent(type, target, text, { ...ValuePolicy.DEFAULTS, [name]: policy }, JSON_FORM)
        return new Set(["fail", ...Object.keys(outcomes)].map(by)).size > 1
      })
    )
  ).map(([, { variable }]) => variable)

/** An ordinary value: as PostgreSQL writes it, and as it is sent in each format. */
export const sample = (type: PgType.PgType, family: StarRocksFamily) => {
  const { sample: text } = textsOf(type)
  const by = (form: ValueForm) => sent(type, ROOMY[family], text, ValuePolicy.DEFAULTS, form)
  return { text, json: by(JSON_FORM), csv: by(CSV_FORM) }
}
