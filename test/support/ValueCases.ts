/**
 * Columns and generated values for the property test of values: for each PostgreSQL type a StarRocks column that holds
 * it, texts to write, and the SQL in which PostgreSQL itself judges whether what StarRocks answered is that value.
 */
import { SeededRandom } from "../../src/domain/SeededRandom.ts"
import { CATALOGUE_TYPES } from "./CatalogueTypes.ts"

/** A number in [0, 1). */
export type Random = () => number

export interface ValueCase {
  readonly type: string
  readonly target: string
  /** SQL over the column `c` and StarRocks' answer `x`, both not NULL. */
  readonly judge: string
  /** Written first, each once. */
  readonly edges: ReadonlyArray<string>
  readonly generate: (random: Random) => string
}

export const random = (seed: number): Random => {
  const numbers = new SeededRandom(seed)
  return () => numbers.bits() / 2 ** 32
}

const integer = (random: Random, least: number, most: number): number =>
  least + Math.floor(random() * (most - least + 1))
const pick = <A>(random: Random, values: ReadonlyArray<A>): A => values[integer(random, 0, values.length - 1)]!
const many = (random: Random, most: number, one: (random: Random) => string): ReadonlyArray<string> =>
  Array.from({ length: integer(random, 0, most) }, () => one(random))

const digits = (random: Random, most: number): string =>
  `${integer(random, 1, 9)}${many(random, most - 1, () => String(integer(random, 0, 9))).join("")}`
const bigint = (bits: number) => (random: Random): string => {
  const value = BigInt.asIntN(
    bits,
    BigInt(`0x${many(random, 16, () => integer(random, 0, 15).toString(16)).join("")}0`)
  )
  return String(value)
}
const signed = (random: Random): string => pick(random, ["", "-"])
const decimal = (whole: number, scale: number) => (random: Random): string =>
  `${signed(random)}${digits(random, whole)}.${digits(random, scale)}`

const CHARACTERS = Array.from(
  "aZ09 _-,;:'\"\\{}[]()<>=|&%$#@\t\n\r\u0001\u001f\u007fäßñ€漢字🦀𝄞\u200d"
)
const text = (random: Random): string => many(random, 40, (r) => pick(r, CHARACTERS)).join("")
const word = (random: Random): string => many(random, 6, (r) => pick(r, ["a", "b", "x", "z"])).join("") || "w"

const day = (random: Random): string =>
  `${String(integer(random, 1, 9999)).padStart(4, "0")}-${String(integer(random, 1, 12)).padStart(2, "0")}-${
    String(integer(random, 1, 28)).padStart(2, "0")
  }`
const clock = (random: Random): string => {
  const two = (most: number): string => String(integer(random, 0, most)).padStart(2, "0")
  const fraction = pick(random, ["", ".5", `.${String(integer(random, 0, 999_999)).padStart(6, "0")}`])
  return `${two(23)}:${two(59)}:${two(59)}${fraction}`
}
const float = (random: Random): string => String((random() - 0.5) * 10 ** integer(random, -30, 30))
const hex = (random: Random): string =>
  many(random, 60, (r) => integer(r, 0, 255).toString(16).padStart(2, "0")).join("")
const octets = (random: Random, count: number): string =>
  Array.from({ length: count }, () => integer(random, 0, 255).toString(16).padStart(2, "0")).join(":")
const address = (random: Random): string => Array.from({ length: 4 }, () => integer(random, 0, 255)).join(".")
const uuid = (random: Random): string =>
  "xxxxxxxx-xxxx-4xxx-axxx-xxxxxxxxxxxx".replaceAll("x", () => integer(random, 0, 15).toString(16))
const point = (random: Random): string => `(${integer(random, -99, 99)}.5,${integer(random, -99, 99)})`

const json = (random: Random, depth = 3): string => {
  const kind = integer(random, 0, depth > 0 ? 6 : 4)
  if (kind === 0) return "true"
  if (kind === 1) return JSON.stringify(text(random))
  if (kind === 2) return bigint(63)(random)
  if (kind === 3) return String(Number(decimal(6, 8)(random)))
  if (kind === 4) return "\"null\""
  if (kind === 5) return `[${many(random, 4, (r) => json(r, depth - 1)).join(", ")}]`
  return `{${many(random, 4, (r) => `${JSON.stringify(`k${integer(r, 0, 99)}`)} : ${json(r, depth - 1)}`).join("\n,")}}`
}

const quoteElement = (element: string): string => `"${element.replaceAll(/["\\]/g, "\\$&")}"`
const arrayOf = (one: (random: Random) => string, delimiter = ",") => (random: Random): string => {
  const element = (r: Random): string => r() < 0.2 ? "NULL" : quoteElement(one(r))
  if (random() < 0.3) {
    const width = integer(random, 1, 3)
    const row = (r: Random): string => `{${Array.from({ length: width }, () => element(r)).join(delimiter)}}`
    return `{${Array.from({ length: integer(random, 1, 3) }, () => row(random)).join(delimiter)}}`
  }
  return `{${many(random, 5, element).join(delimiter)}}`
}

/** The text that PostgreSQL's output function gives; a cast drops the padding of char(n). */
const SAME_TEXT = "format('%s', c) = x"
const SAME_ARRAY = "to_jsonb(c) = x::jsonb"
/** Elements that are strings in JSON, such as numerics, which keep their digits so. */
const SAME_TEXT_ARRAY = "to_jsonb(c::text[]) = x::jsonb"

/**
 * -0 only shows that its row is loaded: the endpoint answers both zeros with 0, as SQL takes them for equal. That it is
 * sent with its sign, in the form that a double needs, is a matter of the tests of the literals.
 */
const SAME_FLOAT = "c = x::float4"
const SAME_DOUBLE = "c = x::float8"

const it = (
  type: string,
  target: string,
  judge: string,
  edges: ReadonlyArray<string>,
  generate: (random: Random) => string
): ValueCase => ({ type, target, judge, edges, generate })

const string = (type: string, edges: ReadonlyArray<string>, generate: (random: Random) => string): ValueCase =>
  it(type, "VARCHAR(1048576)", SAME_TEXT, edges, generate)
const array = (
  type: string,
  judge: string,
  edges: ReadonlyArray<string>,
  one: (random: Random) => string,
  delimiter = ","
): ValueCase => it(`${type}[]`, "JSON", judge, ["{}", ...edges], arrayOf(one, delimiter))

const boolean = (random: Random): string => pick(random, ["t", "f"])
const mood = (random: Random): string => pick(random, ["sad", "very happy", "NULL", "a,b"])
const pair = (random: Random): string => `(${integer(random, -9, 9)},${quoteElement(text(random))})`

/** Types of the database itself, made before the tables. */
export const DEFINITIONS = `
  create extension citext;
  create extension hstore;
  create type mood as enum ('sad', 'very happy', 'NULL', 'a,b');
  create type pair as (n int, "the text" text);
  create type bag as (things text[], pairs pair[]);
  create domain cents as numeric(12, 2);
  create domain small_cents as cents check (value < 1000000);
  create domain positive as int check (value > 0);
  create domain numbers as int[];
  create domain feeling as mood;
  create type spans as range (subtype = float8);
  create type mood_range as range (subtype = mood);`

/**
 * Every built-in type that has a column other than text, in the one that is suggested for it or one that is stricter, arrays
 * of every built-in type, and types of the database. Together with `TEXTS` they hold each type of `PgType` and its arrays.
 */
export const TYPED: ReadonlyArray<ValueCase> = [
  it("boolean", "BOOLEAN", "c = x::boolean", [], boolean),
  it("boolean", "INT", "c = (x = '1')", [], boolean),
  it("smallint", "SMALLINT", "c = x::int2", ["-32768", "32767"], bigint(16)),
  it("int", "INT", "c = x::int", ["-2147483648", "2147483647"], bigint(32)),
  it(
    "bigint",
    "BIGINT",
    "c = x::int8",
    ["-9223372036854775808", "9223372036854775807", "9007199254740993"],
    bigint(64)
  ),
  it("bigint", "LARGEINT", "c = x::int8", ["-9223372036854775808"], bigint(64)),
  it("bigint", "DECIMAL(38,9)", "c = x::numeric", ["9223372036854775807"], bigint(64)),
  it("oid", "BIGINT", "c = x::oid", ["0", "4294967295"], (r) => String(integer(r, 0, 4_294_967_295))),
  it(
    "real",
    "FLOAT",
    SAME_FLOAT,
    ["0", "-0", "3.4028235e+38", "1.1754944e-38", "0.1", "7.038531e-26", "1e-45"],
    (r) => String(Math.fround(Number(float(r)) || 1))
  ),
  it(
    "real",
    "DOUBLE",
    SAME_FLOAT,
    ["0.1", "-3.4028235e+38", "-0", "1e-45"],
    (r) => String(Math.fround(Number(float(r)) || 1))
  ),
  it("double precision", "DOUBLE", SAME_DOUBLE, [
    "0",
    "-0",
    "1.7976931348623157e+308",
    "2.2250738585072014e-308",
    "5e-324",
    "-2.4703282292062328e-323",
    "0.30000000000000004"
  ], float),
  it("numeric", "DECIMAL(38,9)", "c = x::numeric", [
    "0",
    "-0.000000001",
    "99999999999999999999999999999.999999999",
    "1.10000000000000000000"
  ], decimal(28, 9)),
  it("numeric(12,2)", "DECIMAL(12,2)", "c = x::numeric", ["9999999999.99", "-0.01"], decimal(9, 2)),
  it(
    "numeric(38,38)",
    "DECIMAL(38,38)",
    "c = x::numeric",
    ["0.00000000000000000000000000000000000001"],
    (r) => `0.${digits(r, 38)}`
  ),
  it("numeric(20,0)", "LARGEINT", "c = x::numeric", ["99999999999999999999"], (r) => digits(r, 20)),
  it(
    "money",
    "DECIMAL(19,2)",
    "c::numeric = x::numeric",
    ["$1,234,567.89", "-0.01", "92233720368547758.07"],
    decimal(12, 2)
  ),
  it("date", "DATE", "c = x::date", ["0001-01-01", "9999-12-31", "1582-10-10", "2024-02-29"], day),
  it("date", "DATETIME", "c = x::timestamp", ["0001-01-01"], day),
  it("timestamp", "DATETIME", "c = x::timestamp", [
    "0001-01-01 00:00:00",
    "9999-12-31 23:59:59.999999",
    "2024-02-28 24:00:00",
    "1969-12-31 23:59:59.000001"
  ], (r) => `${day(r)} ${clock(r)}`),
  // Without a zone the session decides; with one, seconds may be in it.
  it(
    "timestamptz",
    "DATETIME",
    "c = (x || '+00')::timestamptz",
    [
      "1900-01-01 00:00:00",
      "2024-03-31 02:30:00",
      "1890-05-05 12:00:00+00:19:32",
      "9999-12-31 00:00:00+14",
      "0001-01-02 00:00:00"
    ],
    (r) =>
      `${day(r).replace(/^\d{4}/, String(integer(r, 1800, 2100)))} ${clock(r)}${pick(r, ["", "+05:45", "-11", "Z"])}`
  ),
  it(
    "json",
    "JSON",
    "c::jsonb = x::jsonb",
    [
      "[]",
      "{}",
      "\"\"",
      "{\"a\":\r\n\t[1 , null]}",
      "9223372036854775807",
      "-0.0",
      "1.50E2",
      "\"\\u00e9\\ud83e\\udd80\\/\"",
      "\"\\\\N\"",
      "{\"a\":1,\"a\":2}"
    ],
    json
  ),
  // No jsonb: NUL is no text there.
  it("json", "JSON", "c::text = x", [
    "{\"\\u0000\":\"\\u0000\\ud83e\\udd80\"}",
    "{\"a\":1,\"b\":2,\"a\":3}",
    `${"[".repeat(200)}${"]".repeat(200)}`
  ], (r) => JSON.stringify(text(r))),
  it("jsonb", "JSON", "c = x::jsonb", [
    "0",
    "[null]",
    "{\"\": {\"\\\\\": \"\\\"\"}}",
    "9007199254740993",
    "[100000000000000000000, -9223372036854775808]"
  ], json),
  it("bytea", "VARBINARY", "c = decode(x, 'hex')", ["\\x", "\\x00", "\\xff00ff"], (r) => `\\x${hex(r)}`),
  it("uuid", "VARCHAR(36)", SAME_TEXT, [], uuid),
  it(
    "varchar(10)",
    "VARCHAR(40)",
    SAME_TEXT,
    ["", "🦀🦀🦀🦀🦀🦀🦀🦀🦀🦀", " "],
    (r) => Array.from(text(r)).slice(0, 10).join("")
  ),
  it("char(5)", "VARCHAR(20)", SAME_TEXT, ["", "ab", "🦀"], (r) => Array.from(text(r)).slice(0, 5).join("")),
  it("time", "VARCHAR(32)", SAME_TEXT, ["24:00:00", "00:00:00.000001"], clock),
  it("timetz", "VARCHAR(32)", SAME_TEXT, ["24:00:00+00:19:32", "00:00:00-15:59:59"], (r) => `${clock(r)}+01`),
  it(
    "interval",
    "VARCHAR(64)",
    SAME_TEXT,
    ["-178000000 years", "1 mon -1 day 00:00:00.000001", "0"],
    (r) => `${integer(r, -99, 99)} years ${integer(r, -99, 99)} days ${clock(r)}`
  ),
  it("cents", "DECIMAL(12,2)", "c = x::numeric", ["9999999999.99"], decimal(9, 2)),
  it("small_cents", "DECIMAL(12,2)", "c = x::numeric", ["-0.01"], decimal(5, 2)),
  it("positive", "INT", "c = x::int", ["2147483647"], (r) => String(integer(r, 1, 1_000_000))),
  it("numbers", "JSON", SAME_ARRAY, ["{}", "{{1,2},{3,NULL}}"], arrayOf(bigint(31))),
  it("feeling", "VARCHAR(63)", SAME_TEXT, ["NULL"], mood),
  array("boolean", SAME_ARRAY, [], boolean),
  array("bigint", SAME_ARRAY, ["{NULL}", "{{{1},{2}},{{3},{4}}}"], bigint(64)),
  array("double precision", SAME_ARRAY, ["{NaN,Infinity,-Infinity,1e300,0,-0,5e-324}"], float),
  array("real", SAME_ARRAY, ["{NaN,0.1}"], (r) => String(Math.fround(Number(float(r)) || 1))),
  array("numeric", SAME_TEXT_ARRAY, ["{NaN,123456789012345678901234567890.123456789}"], decimal(30, 20)),
  array("text", SAME_ARRAY, ["{\"\"}", "{\"NULL\",NULL,null}", "{\"{}\",\"a,b\",\"\\\\\\\\\"}"], text),
  array("char(3)", SAME_ARRAY, ["{a}"], (r) => word(r).slice(0, 3)),
  array("varchar(9)", SAME_ARRAY, [], word),
  array("jsonb", SAME_ARRAY, ["{\"{\\\"a\\\": [1, null]}\"}"], json),
  array("bytea", SAME_TEXT_ARRAY, [], (r) => `\\x${hex(r)}`),
  array("date", SAME_TEXT_ARRAY, ["{infinity,\"0044-03-15 BC\"}"], day),
  array("timestamptz", SAME_TEXT_ARRAY, ["{infinity}"], (r) => `2024-01-01 ${clock(r)}`),
  array("uuid", SAME_TEXT_ARRAY, [], uuid),
  array("box", SAME_TEXT_ARRAY, ["{(1,1),(0,0);(2,2),(1,1)}"], (r) => `${point(r)},${point(r)}`, ";"),
  array("int4range", SAME_TEXT_ARRAY, ["{empty,\"[1,)\"}"], () => "[1,5)"),
  array("mood", SAME_TEXT_ARRAY, ["{\"NULL\",NULL}"], mood),
  array("pair", SAME_TEXT_ARRAY, ["{\"(,)\"}"], pair),
  array("bag", SAME_TEXT_ARRAY, ["{\"(\\\"{a,b}\\\",)\",NULL}"], (r) => `({${word(r)}},)`),
  array("cents", SAME_TEXT_ARRAY, ["{0.10}"], decimal(5, 2)),
  array("positive", SAME_ARRAY, [], (r) => String(integer(r, 1, 99))),
  array("smallint", SAME_ARRAY, ["{-32768,32767}"], bigint(16)),
  array("oid", "to_jsonb(c::int8[]) = x::jsonb", ["{4294967295}"], (r) => String(integer(r, 0, 99))),
  array("money", SAME_ARRAY, ["{-1234567.50}"], decimal(6, 2)),
  array("\"char\"", SAME_ARRAY, ["{a}"], (r) => pick(r, ["a", "b"])),
  array("name", SAME_ARRAY, [], word),
  array("bit(3)", SAME_ARRAY, [], (r) => pick(r, ["101", "000"])),
  array("bit varying", SAME_ARRAY, ["{\"\"}"], (r) => pick(r, ["1", "00"])),
  array("time", SAME_ARRAY, ["{24:00:00}"], clock),
  array("timetz", SAME_ARRAY, ["{24:00:00+00:19:32}"], (r) => `${clock(r)}-11`),
  array("timestamp", SAME_TEXT_ARRAY, ["{-infinity,\"0044-03-15 00:00:00 BC\"}"], (r) => `${day(r)} ${clock(r)}`),
  array("interval", SAME_ARRAY, ["{\"1 mon -1 day\"}"], (r) => `${integer(r, -9, 9)} days ${clock(r)}`),
  array("json", SAME_ARRAY, ["{\"[1,2]\"}"], json),
  array("xml", SAME_ARRAY, ["{\"<a b='c'/>\"}"], (r) => `<a>${word(r)}</a>`),
  array("inet", SAME_ARRAY, ["{::1,10.0.0.1/24}"], address),
  array("cidr", SAME_ARRAY, ["{10.0.0.0/8}"], (r) => `${address(r)}/32`),
  array("macaddr", SAME_ARRAY, [], (r) => octets(r, 6)),
  array("macaddr8", SAME_ARRAY, [], (r) => octets(r, 8)),
  array("point", SAME_ARRAY, ["{\"(NaN,Infinity)\"}"], point),
  array("polygon", SAME_ARRAY, [], (r) => `(${point(r)},${point(r)})`),
  array("tsvector", SAME_ARRAY, ["{\"'it''s':1A\"}"], word),
  array("tsquery", SAME_ARRAY, ["{\"'a' & 'b'\"}"], () => "'c'"),
  array("pg_lsn", SAME_ARRAY, ["{0/0}"], () => "FFFFFFFF/1"),
  array("int8multirange", SAME_ARRAY, ["{\"{}\",\"{[1,3),[5,9)}\"}"], () => "{[1,2)}"),
  array("tstzrange", SAME_ARRAY, ["{empty}"], (r) => `["2024-01-01 ${clock(r)}",)`),
  array("int8range", SAME_ARRAY, ["{empty,\"[-9223372036854775808,9223372036854775807)\"}"], () => "(,5)"),
  array("numrange", SAME_ARRAY, ["{\"[0.10,)\"}"], (r) => `(${integer(r, -9, 0)}.5,${integer(r, 1, 9)})`),
  array("tsrange", SAME_ARRAY, ["{\"[-infinity,infinity)\"}"], (r) => `["2024-01-01 ${clock(r)}",)`),
  array("daterange", SAME_ARRAY, ["{empty}"], (r) => `[${day(r)},)`),
  array("int4multirange", SAME_ARRAY, ["{\"{}\",\"{(,)}\"}"], (r) => `{[${integer(r, -9, 0)},${integer(r, 1, 9)})}`),
  array("nummultirange", SAME_ARRAY, ["{\"{[0.10,1),(2,)}\"}"], () => "{(,0.5]}"),
  array("tsmultirange", SAME_ARRAY, ["{\"{[-infinity,infinity]}\"}"], (r) => `{["2024-01-01 ${clock(r)}",)}`),
  array("tstzmultirange", SAME_ARRAY, ["{\"{}\"}"], (r) => `{["2024-01-01 ${clock(r)}",)}`),
  array("datemultirange", SAME_ARRAY, ["{\"{[0044-03-15 BC,2024-02-29]}\"}"], (r) => `{[${day(r)},)}`),
  array("jsonpath", SAME_ARRAY, ["{\"$.\\\"a\\\"[*] ? (@ > 1)\"}"], () => "$.k"),
  array("line", SAME_ARRAY, ["{\"{1,-1,0}\"}"], (r) => `{${integer(r, 1, 9)},${integer(r, -9, 9)},0.5}`),
  array("lseg", SAME_ARRAY, [], (r) => `[${point(r)},${point(r)}]`),
  array("path", SAME_ARRAY, ["{\"[(0,0)]\"}"], (r) => `(${point(r)},${point(r)})`),
  array("circle", SAME_ARRAY, [], (r) => `<${point(r)},${integer(r, 0, 9)}>`),
  // To to_jsonb() a vector is an array of its own.
  ...CATALOGUE_TYPES.map(([type, texts]) =>
    array(type, SAME_TEXT_ARRAY, [`{NULL,${quoteElement(texts[0]!)}}`], (r) => pick(r, texts))
  )
]

/** What a format may take for a mark of its own, for NULL, or for nothing. */
const TEXT_EDGES: ReadonlyArray<string> = [
  "",
  "NULL",
  "null",
  "\\N",
  "\\\\N",
  "\\n",
  "\"",
  "\"\"",
  "\"\\N\"",
  "^",
  "^^",
  "^\"",
  "^\\N",
  "\\",
  ",",
  "\n",
  "\r\n",
  "\t",
  " ",
  " \t ",
  "\ufeff",
  "\ufeffa",
  "\",\"\n1",
  "{}",
  "a\u0001b"
]

/** Types whose column is text, and the edges of those that have another one. */
export const TEXTS: ReadonlyArray<ValueCase> = [
  string("boolean", [], boolean),
  string("bigint", ["-9223372036854775808"], bigint(64)),
  string("real", ["NaN", "Infinity", "-Infinity"], float),
  string("double precision", ["NaN", "Infinity", "-Infinity", "5e-324"], float),
  string("numeric", ["NaN", "Infinity", "-Infinity", `1${"0".repeat(200)}.5`, "0.10"], decimal(60, 60)),
  it("money", "VARCHAR(1048576)", "c::numeric::text = x", ["-$1,234.50"], decimal(9, 2)),
  string("text", [...TEXT_EDGES, "😀".repeat(1000)], text),
  string("varchar", [""], text),
  string("bpchar(9)", ["", "a"], word),
  string("\"char\"", ["a", "\\377", ""], (r) => pick(r, ["a", "b", "z"])),
  string("name", [""], word),
  string("bytea", ["\\x", "\\xdeadbeef"], (r) => `\\x${hex(r)}`),
  string("bit(5)", ["00000"], (r) => Array.from({ length: 5 }, () => integer(r, 0, 1)).join("")),
  string("bit varying", [""], (r) => many(r, 70, (one) => String(integer(one, 0, 1))).join("")),
  string("date", ["infinity", "-infinity", "0044-03-15 BC", "5874897-12-31", "4713-01-01 BC"], day),
  string(
    "timestamp",
    ["infinity", "294276-12-31 23:59:59.999999", "4713-01-01 00:00:00 BC"],
    (r) => `${day(r)} ${clock(r)}`
  ),
  string(
    "timestamptz",
    ["-infinity", "10000-01-01 00:00:00+00", "0044-03-15 00:00:00+00 BC"],
    (r) => `${day(r)} ${clock(r)}`
  ),
  string("json", ["\"\\ud800\"", "null", "12345678901234567890123.5", "{\"a\":1,\n \"a\":2}"], json),
  string("jsonb", ["null", "1e400", "12345678901234567890123"], json),
  string("jsonpath", ["$.a[*] ? (@ > 1)"], () => "$.k"),
  string("inet", ["::1", "192.168.0.1/24"], address),
  string("cidr", ["10.0.0.0/8", "2001:db8::/32"], (r) => `${address(r)}/32`),
  string("macaddr", [], (r) => octets(r, 6)),
  string("macaddr8", [], (r) => octets(r, 8)),
  string("point", ["(NaN,Infinity)"], point),
  string("line", ["{1,-1,0}"], (r) => `{${integer(r, 1, 9)},${integer(r, -9, 9)},0.5}`),
  string("lseg", [], (r) => `[${point(r)},${point(r)}]`),
  string("box", [], (r) => `${point(r)},${point(r)}`),
  string("path", ["[(0,0)]"], (r) => `(${point(r)},${point(r)})`),
  string("polygon", [], (r) => `(${point(r)},${point(r)},${point(r)})`),
  string("circle", [], (r) => `<${point(r)},${integer(r, 0, 9)}>`),
  string("tsvector", ["", "'it''s':1A 'b\\\\':2"], word),
  string("tsquery", ["!'a' & ('b':* | 'c')"], word),
  string("pg_lsn", ["0/0", "FFFFFFFF/FFFFFFFF"], (r) => `${hex(r).slice(0, 4) || "0"}/${integer(r, 0, 9)}`),
  string("int4range", ["empty", "(,)", "[1,1]"], (r) => `[${integer(r, -9, 0)},${integer(r, 1, 9)}]`),
  string("numrange", ["[0.10,)"], (r) => `(${integer(r, -9, 0)}.5,${integer(r, 1, 9)})`),
  string("tsrange", ["[-infinity,infinity)"], (r) => `["2024-01-01 ${clock(r)}",)`),
  string("tstzrange", ["(,\"2024-01-01 00:00:00+05:45\"]"], (r) => `["2024-01-01 ${clock(r)}",)`),
  string("daterange", ["empty"], (r) => `[${day(r)},)`),
  string("int8multirange", ["{}", "{[1,3),[5,9)}"], (r) => `{[${integer(r, -9, 0)},${integer(r, 1, 9)})}`),
  string("int8range", ["empty", "[-9223372036854775808,9223372036854775807)"], () => "[1,5)"),
  string("int4multirange", ["{}", "{(,)}"], (r) => `{[${integer(r, -9, 0)},${integer(r, 1, 9)})}`),
  string("nummultirange", ["{[0.10,1),(2,)}"], (r) => `{(${integer(r, -9, 0)}.5,${integer(r, 1, 9)}]}`),
  string("tsmultirange", ["{[-infinity,infinity]}"], (r) => `{["2024-01-01 ${clock(r)}",)}`),
  string("tstzmultirange", ["{(,\"2024-01-01 00:00:00+05:45\"]}"], (r) => `{["2024-01-01 ${clock(r)}",)}`),
  string("datemultirange", ["{[0044-03-15 BC,2024-02-29]}"], (r) => `{[${day(r)},)}`),
  string("spans", ["[-Infinity,Infinity]"], (r) => `[${integer(r, -9, 0)},${integer(r, 1, 9)}]`),
  string("mood_range", ["[sad,\"a,b\"]"], () => "empty"),
  string("mood", ["NULL"], mood),
  string("pair", ["(,)", "(1,\"\")"], pair),
  string("bag", ["(\"{a,\"\"b c\"\",NULL}\",{})", "(,\"{\"\"(1,x)\"\"}\")"], (r) => `({${word(r)}},)`),
  string("citext", ["", "NULL"], text),
  string("hstore", ["", "\"a\"=>NULL, \"b\"=>\"\""], (r) => `${word(r)}=>${integer(r, 0, 9)}`),
  it("citext[]", "VARCHAR(1048576)", SAME_TEXT_ARRAY, ["{\"NULL\"}"], arrayOf(word)),
  it("hstore[]", "VARCHAR(1048576)", SAME_TEXT_ARRAY, [], arrayOf((r) => `a=>${integer(r, 0, 9)}`)),
  string("xml", ["<a b=\"c\">&lt;</a>"], (r) => `<a>${word(r)}</a>`),
  ...CATALOGUE_TYPES.map(([type, texts]) => string(type, texts, (r) => pick(r, texts))),
  it("text[]", "VARCHAR(1048576)", SAME_ARRAY, ["{}", "{NULL,\"NULL\",\"\"}"], arrayOf(text)),
  it("numeric[]", "VARCHAR(1048576)", SAME_TEXT_ARRAY, ["{NaN,1.10}"], arrayOf(decimal(30, 20))),
  it("jsonb[]", "VARCHAR(1048576)", SAME_ARRAY, ["{12345678901234567890123,\"\\\"]={\\\"\"}"], arrayOf(json)),
  // What JSON cannot say.
  it("jsonb[]", "VARCHAR(1048576)", SAME_TEXT, ["{\"null\",NULL}"], (r) => `{${r()},"null"}`),
  it(
    "int[]",
    "VARCHAR(1048576)",
    SAME_TEXT,
    ["[0:1]={7,8}", "[-1:0][2:2]={{1},{2}}"],
    (r) => `[3:3]={${integer(r, 0, 9)}}`
  )
]
