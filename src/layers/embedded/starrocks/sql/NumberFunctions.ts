/** Functions over numbers, conditions, collections and groups of rows. */
import { type Argument, asThere, define, type Definition, type Definitions, same, variadic } from "./Call.ts"

const list = (values: ReadonlyArray<Argument>): string => values.map(({ sql }) => sql).join(", ")

/** Logarithms of what is not positive are NULL, where DuckDB fails. */
const positive = ({ sql }: Argument): string => `main.endpoint_nullif(greatest((${sql})::double, 0), 0)`

const ceiling = same("ceil", 1)
const power = define(2, 2, (base, exponent) => `power(${base.sql}, ${exponent.sql})`)
const random = same("random", 0)
const coalesce = variadic((values) => `coalesce(${list(values)})`)
const ifNull = define(2, 2, (value, other) => `coalesce(${value.sql}, ${other.sql})`)
const element = define(2, 2, (values, key) => `(${values.sql})[${key.sql}]`)

const operator = (symbol: string): Definition =>
  define(2, 2, (left, right) => `((${left.sql}) ${symbol} (${right.sql}))`)

const numbers: Definitions = {
  ...asThere(1, 1, "abs", "floor", "sign", "exp", "sin", "cos", "tan", "cot", "atan", "radians", "degrees", "bin"),
  ...asThere(1, 2, "round"),
  ...asThere(2, 2, "atan2"),
  ...asThere(0, 0, "pi"),
  ceil: ceiling,
  ceiling,
  sqrt: define(1, 1, (value) => `try(sqrt(${value.sql}))`),
  asin: define(1, 1, (value) => `try(asin(${value.sql}))`),
  acos: define(1, 1, (value) => `try(acos(${value.sql}))`),
  ln: define(1, 1, (value) => `ln(${positive(value)})`),
  log: define(
    1,
    2,
    (first, second, _, count) =>
      count === 1 ? `ln(${positive(first)})` : `(ln(${positive(second)}) / ln(${positive(first)}))`
  ),
  log2: define(1, 1, (value) => `log2(${positive(value)})`),
  log10: define(1, 1, (value) => `log10(${positive(value)})`),
  mod: operator("%"),
  fmod: operator("%"),
  pow: power,
  power,
  truncate: define(2, 2, (value, digits) => `trunc(${value.sql}, ${digits.sql})`),
  rand: random,
  random,
  bitand: operator("&"),
  bitor: operator("|"),
  bitxor: define(2, 2, (left, right) => `xor(${left.sql}, ${right.sql})`),
  bitnot: define(1, 1, (value) => `(~(${value.sql}))`),
  greatest: variadic((values) => `main.endpoint_greatest([${list(values)}])`),
  least: variadic((values) => `main.endpoint_least([${list(values)}])`)
}

const conditions: Definitions = {
  if: define(3, 3, (condition, yes, no) => `(case when ${condition.sql} then ${yes.sql} else ${no.sql} end)`),
  coalesce,
  ifnull: ifNull,
  nvl: ifNull,
  nullif: define(2, 2, (value, other) => `main.endpoint_nullif(${value.sql}, ${other.sql})`),
  isnull: define(1, 1, (value) => `((${value.sql}) is null)`),
  isnotnull: define(1, 1, (value) => `((${value.sql}) is not null)`)
}

const collections: Definitions = {
  array_length: same("len", 1),
  array_contains: same("list_contains", 2),
  array_sum: same("list_sum", 1),
  array_min: same("list_min", 1),
  array_max: same("list_max", 1),
  array_avg: same("list_avg", 1),
  array_sort: same("list_sort", 1),
  array_append: same("list_append", 2),
  array_concat: same("list_concat", 2),
  array_join: same("array_to_string", 2),
  element_at: element,
  map_size: same("cardinality", 1),
  ...asThere(1, 1, "map_keys", "map_values")
}

/** Functions over groups of rows: a HAVING with one of them looks at a group. */
const aggregates: Definitions = {
  ...asThere(1, 1, "count", "sum", "min", "max", "avg", "any_value", "bool_or", "bool_and", "count_if", "array_agg"),
  ...asThere(1, 1, "approx_count_distinct", "stddev_samp", "stddev_pop", "var_samp", "var_pop"),
  ...asThere(2, 2, "max_by", "min_by", "corr", "covar_pop", "covar_samp"),
  ndv: same("approx_count_distinct", 1),
  std: same("stddev_pop", 1),
  stddev: same("stddev_pop", 1),
  variance: same("var_pop", 1),
  variance_pop: same("var_pop", 1),
  variance_samp: same("var_samp", 1),
  multi_distinct_count: define(1, 1, (value) => `count(distinct ${value.sql})`)
}

const windows: Definitions = {
  ...asThere(0, 0, "row_number", "rank", "dense_rank", "percent_rank", "cume_dist"),
  ...asThere(1, 1, "ntile", "first_value", "last_value"),
  ...asThere(1, 3, "lag", "lead")
}

/** The functions. */
export const numberFunctions: Definitions = {
  ...numbers,
  ...conditions,
  ...collections,
  ...aggregates,
  ...windows,
  ...asThere(1, 100, "grouping", "grouping_id")
}

/** Names of the functions over groups of rows. */
export const aggregateNames: ReadonlyArray<string> = [...Object.keys(aggregates), "group_concat"]
