/** Writes docs/type-mapping.md from the code; with `--check` it only says whether the page is stale. */
import * as PgType from "../src/domain/PgType.ts"
import { type StarRocksFamily } from "../src/domain/StarRocksType.ts"
import * as TypeMapping from "../src/domain/TypeMapping.ts"
import * as Page from "./Page.ts"

const OIDS = [16, 21, 23, 20, 700, 701, 1700, 25, 1043, 1042, 2950, 1082, 1083, 1114, 1184, 114, 3802, 17]
const FAMILIES: ReadonlyArray<readonly [StarRocksFamily, string]> = [
  ["boolean", "BOOLEAN"],
  ["integer", "TINYINT … LARGEINT"],
  ["float", "FLOAT"],
  ["double", "DOUBLE"],
  ["decimal", "DECIMAL"],
  ["string", "CHAR, VARCHAR, STRING"],
  ["date", "DATE"],
  ["datetime", "DATETIME"],
  ["json", "JSON"],
  ["binary", "VARBINARY"]
]

const row = (oid: number): string => {
  const kind = PgType.kindOf(oid)
  const pairs = FAMILIES.flatMap(([family, name]) => {
    const literal = kind === undefined ? undefined : TypeMapping.literalFor(kind, family)
    return literal === undefined ? [] : [`${name} (${literal})`]
  })
  return `| ${PgType.nameOf(oid)} | ${TypeMapping.suggest(oid, -1)} | ${pairs.join(", ")} |`
}

const page = [
  "# Type mapping",
  "",
  "Which StarRocks column may hold which PostgreSQL type, and how the value is written (in brackets). Other pairs are",
  "refused at setup, and so is a type that is not listed. Columns are paired by name.",
  "",
  "<!-- Written by `npm run docs:types` from src/domain. -->",
  "",
  "| PostgreSQL | suggested | accepted |",
  "| --- | --- | --- |",
  ...OIDS.map(row),
  "",
  "- **digits**, **number**, **json**: the text PostgreSQL gives, as it is. **decimal**: the same, quoted, so that it stays",
  "  exact. NaN and infinities have no literal: they stop the job with the table, key, column and class of value, as do",
  "  decimals that the column would round.",
  "- **date**, **timestamp**: quoted text. **instant**: the time in UTC, without a zone. Infinity, BC and years after 9999",
  "  stop the job.",
  "- **string**: the text PostgreSQL gives, whatever it is; the way out for every value above.",
  "- **hex**: the bytes, decoded with `to_binary`.",
  "- A string that is longer than its column, in bytes, is refused by StarRocks (strict mode) and stops the job.",
  ""
].join("\n")

Page.write("docs/type-mapping.md", page, "npm run docs:types")
