/** Writes docs/type-mapping.md from the code; with `--check` it only says whether the page is stale. */
import * as PgType from "../src/domain/PgType.ts"
import { type StarRocksFamily } from "../src/domain/StarRocksType.ts"
import * as TypeMapping from "../src/domain/TypeMapping.ts"
import { CLASSES, type ClassFacts } from "../src/domain/values/ValuePolicy.ts"
import * as Page from "./Page.ts"
import * as TypeEdges from "./TypeEdges.ts"

const FAMILIES: ReadonlyArray<readonly [StarRocksFamily, string]> = [
  ["boolean", "BOOLEAN"],
  ["integer", "TINYINT … LARGEINT"],
  ["float", "FLOAT"],
  ["double", "DOUBLE"],
  ["decimal", "DECIMAL"],
  ["date", "DATE"],
  ["datetime", "DATETIME"],
  ["json", "JSON"],
  ["binary", "VARBINARY"],
  ["string", "CHAR, VARCHAR, STRING"]
]

const arrayOf = (oid: number): PgType.PgType => PgType.of(PgType.arrayOf(oid)!)

/** Types that are written alike share a row, as many as a person reads at a glance. */
const NAMES_PER_ROW = 6

const pairsOf = (kind: PgType.PgKind): string =>
  FAMILIES.flatMap(([family, name]) => {
    const literal = TypeMapping.literalFor(kind, family)
    return literal === undefined ? [] : [`${name} (${literal})`]
  }).join(", ")

const VARIABLE_PREFIX = "VALUE_POLICY_"

/** The policies that can apply to values of the type, columns with the same ones together. */
const policiesOf = (type: PgType.PgType): string => {
  const families = FAMILIES.filter(([family]) => TypeMapping.literalFor(type.kind, family) !== undefined)
  const alike = Map.groupBy(
    families,
    ([family]) =>
      TypeEdges.variablesOf(type, family).map((name) => `\`${name.slice(VARIABLE_PREFIX.length)}\``).join(", ")
  )
  return [...alike].filter(([classes]) => classes !== "").map(([classes, columns]) =>
    `${columns.map(([, name]) => name).join(", ")}: ${classes}`
  ).join("; ")
}

const row = (names: string, suggestion: string, type: PgType.PgType): string =>
  `| ${names} | ${suggestion} | ${pairsOf(type.kind)} | ${policiesOf(type)} |`

/** Arrays of types whose edges differ from those of most have a row of their own. */
const arrayRows = [...Map.groupBy(PgType.scalars, ({ oid }) => policiesOf(arrayOf(oid))).values()].toSorted(
  (one, other) => one.length - other.length
).map((group, at, groups) => {
  const type = arrayOf(group[0]!.oid)
  const names = at === groups.length - 1 ? "every other type" : group.map(({ name }) => name).join(", ")
  return row(`arrays of ${names}`, TypeMapping.suggest(type.oid, -1), type)
})

/** Text as code in a cell of a table. */
const code = (text: string): string => `\`${text.replaceAll("|", "\\|")}\``

/** What is sent of an ordinary value, for each pair of a kind and a family. */
const literalRows = [
  ...PgType.scalars.filter((type, at, all) => all.findIndex(({ kind }) => kind === type.kind) === at),
  arrayOf(PgType.NUMERIC_OID)
].flatMap((type) =>
  FAMILIES.flatMap(([family, name]) => {
    const literal = TypeMapping.literalFor(type.kind, family)
    if (literal === undefined) return []
    const { csv, json, text } = TypeEdges.sample(type, family)
    return [`| ${literal} | ${type.name} | ${name} | ${code(text)} | ${code(json)} | ${code(csv)} |`]
  })
)

const rows = [
  ...Map.groupBy(PgType.scalars, (type) => `${type.kind} ${TypeMapping.suggest(type.oid, -1)}`).values()
].flatMap((group) =>
  Array.from(
    { length: Math.ceil(group.length / NAMES_PER_ROW) },
    (_, at) => group.slice(at * NAMES_PER_ROW, (at + 1) * NAMES_PER_ROW)
  )
).map((group) => row(group.map((type) => type.name).join(", "), TypeMapping.suggest(group[0]!.oid, -1), group[0]!))

const policyRow = ({ description, outcomes, variable }: ClassFacts): string => {
  const told = Object.entries(outcomes).map(([policy, outcome]) => `**${policy}**: ${outcome}`).join("; ")
  return `| \`${variable}\` | ${description} | ${told} |`
}

const unnamed = Object.values(CLASSES).filter(({ variable }) =>
  ![...rows, ...arrayRows].some((text) => text.includes(`\`${variable.slice(VARIABLE_PREFIX.length)}\``))
)
if (unnamed.length > 0) {
  throw new Error(`no value of scripts/TypeEdges.ts meets ${unnamed.map(({ variable }) => variable).join(", ")}`)
}

const page = [
  "# Type mapping",
  "",
  "Which StarRocks column may hold which PostgreSQL type, and how the value is written (in brackets). Other pairs are",
  "refused at setup, and so are columns of other types, such as ARRAY, MAP, STRUCT, BITMAP and HLL: arrays are held as JSON.",
  "Columns are paired by name. A text column takes every type, so it is the way out when nothing may be changed, for example",
  "for numerics of more than 38 digits: what it holds is PostgreSQL's own text, but for arrays and money.",
  "",
  "<!-- Written by `npm run docs:types` from src/domain. -->",
  "",
  "| PostgreSQL | suggested | accepted | policies at its edges (`VALUE_POLICY_…`) |",
  "| --- | --- | --- | --- |",
  ...rows,
  ...arrayRows,
  row("enums, composites, types of extensions (hstore, citext, …)", TypeMapping.suggest(0, -1), PgType.of(0)),
  "",
  "A domain has the mapping of its base type, also as the element of an array. `numeric(p,s)` suggests DECIMAL(p,s) when it",
  "has at most 38 digits, else STRING; `varchar(n)` and `char(n)` suggest VARCHAR(4n), since StarRocks counts bytes; `bit(n)`",
  "suggests VARCHAR(n). STRING holds 65,533 bytes: give longer text VARCHAR(1048576).",
  "",
  "The last column names, for the narrowest column of each kind, the policies that make a difference for some value of the type; what they",
  "are is [below](#values-that-a-column-cannot-hold). A pair that it does not name needs none.",
  "",
  "## Literals",
  "",
  "PostgreSQL's text is that of a session with `DateStyle=ISO`, `IntervalStyle=iso_8601`, `TimeZone=UTC`, `bytea_output=hex`",
  "and `extra_float_digits=1`, whatever the sessions are that write the rows.",
  "",
  "| literal | of a | for | PostgreSQL's text | in JSON lines | in CSV |",
  "| --- | --- | --- | --- | --- | --- |",
  ...literalRows,
  "",
  "- **digits**: the number as it is. **decimal**: the same, quoted, so that it stays exact; zeros beyond the column's scale do",
  "  not count. **number**: the shortest digits that give the same double back; a FLOAT is sent as the double that it is,",
  "  since StarRocks reads every number as a double.",
  "- **money**: the amount without currency and group separators, as a cast to numeric gives it. Only the form of the locales C and",
  "  en_US can be read (`-$1,234.50`); an amount in another form stops the table. The decimals of a stored amount are those of the",
  "  locale that wrote it: where they are two, `ALTER ROLE … SET lc_monetary = 'C'` helps; where not, use numeric instead.",
  "- **date**, **timestamp**: quoted text, microseconds kept. **instant**: the moment in UTC, without a zone. Times are text:",
  "  24:00:00 and zones with seconds stay as they are.",
  "- **json**: the document with its numbers digit for digit; line breaks between tokens become spaces. An integer beyond a BIGINT",
  "  that a DOUBLE holds has `.0` behind it: older servers refuse the whole row otherwise.",
  "- **array**: JSON, nested as the array is, in a text column too. Integers, finite floats and booleans are JSON's own, elements of",
  "  json and jsonb stay JSON, NULL is `null`; every other element is a string of its text, so that a numeric keeps its digits,",
  "  and NaN and infinities are \"NaN\", \"Infinity\" and \"-Infinity\". Arrays of an extension's type whose elements are not parted",
  "  by commas (PostGIS) are PostgreSQL's text, and so is, in a text column, an array that JSON cannot say: one whose indexes do",
  "  not begin at 1, or with JSON's `null` as an element, unless a policy below says otherwise.",
  "- **string**: PostgreSQL's text: `t` and `f`, `\\xff00`, `{\"a\": 1}` with the spaces it has, `char(n)` with its padding, ranges as",
  "  `[1,5)`, composites as `(1,\"a b\")`. Empty text is empty text and never NULL. With",
  "  `SCHEMA_CHANGE_POLICY=stop` the values of a type that is created while the job runs are written so until the next start, those",
  "  of a domain or an array, too.",
  "- **hex**: the bytes, decoded with `to_binary`.",
  "",
  "With `STREAM_LOAD_FORMAT=csv` the same literals are fields of CSV: numbers, booleans and dates as they are, without quotes; text",
  "and JSON between quotes, with `^` before a quote or a `^` in them; empty text is an empty field and NULL is `\\N`. A load with the",
  "text `\\N` is sent as JSON lines, because StarRocks reads NULL there, quoted or not; and so is one with a text of more than",
  "1,048,576 bytes, or a bytea of more than 524,288, which no field may hold.",
  "",
  "## Values that a column cannot hold",
  "",
  "By default (`fail`) such a value stops its table, and the error names table, key, column and the class, never the value.",
  "A policy changes that for all tables of the job. NULL is refused where the target column is NOT NULL by then.",
  "",
  "| policy | the value is | other choices |",
  "| --- | --- | --- |",
  ...Object.values(CLASSES).map(policyRow),
  "",
  "Lengths are bytes in UTF-8: a character takes up to four. `clamp` cuts text, varchar, char, name, values of types of the",
  "database itself, and bytea in a VARBINARY; everything else that is too long, such as a uuid, stops the table. Text that is longer",
  "than its column is never sent, since StarRocks would refuse the load. `dbmazz verify` compares values as they are in",
  "PostgreSQL: what a policy has changed is different. The key of a row is never changed: in its columns every such value stops",
  "the table.",
  "",
  "Why it is so: [values](decisions/0011-values.md), [the format of loads](decisions/0017-load-format.md).",
  ""
].join("\n")

Page.write("docs/type-mapping.md", page, "npm run docs:types")
