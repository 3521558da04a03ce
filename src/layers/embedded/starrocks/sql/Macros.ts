/**
 * DuckDB macros that give the dialect's functions their meaning. A macro that looks at its argument more than once does
 * so inside a lambda: macros are replaced by their text, and nested calls would double it at every level.
 */

/** A macro that gives `body`, in which `v` stands for the argument. */
const once = (name: string, body: string): string => `${name}(x) as list_transform([x], lambda v: ${body})[1]`

/** The text of a value: numbers without a needless fraction, truth as 1 and 0. */
const textBody = "case typeof(v) when 'BOOLEAN' then case v::varchar when 'true' then '1' when 'false' then '0' end " +
  "when 'DOUBLE' then regexp_replace(v::varchar, '\\.0$', '') when 'FLOAT' then regexp_replace(v::varchar, '\\.0$', '') " +
  "else v::varchar end"

/** The integer of a value: fractions are cut, what is none is NULL, a moment is its digits. */
const integerBody =
  "case typeof(v) when 'BOOLEAN' then case v::varchar when 'true' then 1::hugeint when 'false' then " +
  "0::hugeint end when 'DATE' then try_cast(regexp_replace(v::varchar, '\\D', '', 'g') as hugeint) when 'TIMESTAMP' then " +
  "try_cast(regexp_replace(left(v::varchar, 19), '\\D', '', 'g') as hugeint) when 'DOUBLE' then " +
  "try_cast(trunc(try_cast(v::varchar as double)) as hugeint) when 'FLOAT' then " +
  "try_cast(trunc(try_cast(v::varchar as double)) as hugeint) else " +
  "case when regexp_full_match(v::varchar, '\\s*[-+]?[0-9]+(\\.[0-9]*)?\\s*') then " +
  "try_cast(split_part(trim(v::varchar), '.', 1) as hugeint) end end"

/** The moment of a value: a zone behind it is ignored, the hour 24 and what is none are NULL. */
const datetimeBody = "case when regexp_matches(v, '[ T]24:') then null else coalesce(try_cast(regexp_replace(v, " +
  "'(:[0-9]{2}:[0-9]{2}(\\.[0-9]+)?)[^0-9.:].*$', '\\1') as timestamp), try_strptime(v, ['%Y%m%d', '%Y%m%d%H%M%S'])) end"

const definitions: ReadonlyArray<string> = [
  once("endpoint_text", textBody),
  once("endpoint_integer", integerBody),
  `endpoint_datetime(x) as list_transform([x::varchar], lambda v: ${datetimeBody})[1]`,
  // Bytes that are no text are written \xHH, a backslash among them.
  once(
    "endpoint_length",
    "case typeof(v) when 'BLOB' then strlen(regexp_replace(v::varchar, '\\\\x[0-9A-F]{2}', '.', 'g')) " +
      "else strlen(main.endpoint_text(v)) end"
  ),
  once("endpoint_greatest", "case when list_count(v) < len(v) then null else list_max(v) end"),
  once("endpoint_least", "case when list_count(v) < len(v) then null else list_min(v) end"),
  // Places begin at 1, or at the end when negative; nothing stands at place 0.
  "endpoint_substr(x, p, n) as list_transform([struct_pack(x := x, p := p::bigint, n := n::bigint)], lambda v: " +
  "case when v.x is null or v.p is null or v.n is null then null when v.p = 0 or v.n <= 0 or v.p < -length(v.x) then '' " +
  "else substr(v.x, v.p, least(v.n, 4294967295)) end)[1]",
  // DuckDB's own nullif is a macro that names its first argument twice.
  "endpoint_nullif(a, b) as list_transform([struct_pack(a := a, b := b)], lambda v: " +
  "case when v.a = v.b then null else v.a end)[1]",
  "endpoint_right(x, n) as list_transform([struct_pack(x := x, n := n::bigint)], lambda v: " +
  "case when v.n <= 0 then '' else right(v.x, v.n) end)[1]",
  "endpoint_locate(s, x, p) as list_transform([struct_pack(s := s, x := x, p := p::bigint)], lambda v: " +
  "case when v.p <= 0 then 0 when instr(substr(v.x, v.p), v.s) = 0 then 0 " +
  "else instr(substr(v.x, v.p), v.s) + v.p - 1 end)[1]",
  // The delimiter is a constant, which DuckDB asks for, so it may be named more than once.
  "endpoint_substring_index(x, d, n) as list_transform([struct_pack(l := string_split(x, d), n := n::bigint)], lambda v: " +
  "case when v.n is null then null when v.n = 0 then '' when v.n > 0 then array_to_string(v.l[1:v.n], d) " +
  "else array_to_string(v.l[v.n:], d) end)[1]",
  // Whole months, as the calendar counts them: from the 31st to the end of February there is none.
  "endpoint_months(a, b) as list_transform([struct_pack(a := a, b := b)], lambda w: list_transform([struct_pack(" +
  "m := (year(w.b) - year(w.a)) * 12 + month(w.b) - month(w.a), d := (epoch_us(w.b) - epoch_us(date_trunc('month', w.b))) " +
  "- (epoch_us(w.a) - epoch_us(date_trunc('month', w.a))))], " +
  "lambda v: case when v.m > 0 and v.d < 0 then v.m - 1 when v.m < 0 and v.d > 0 then v.m + 1 else v.m end)[1])[1]",
  "endpoint_now(n) as make_timestamp(epoch_us(current_localtimestamp()) // n * n)",
  "endpoint_div(a, b) as list_transform([struct_pack(a := a, b := b)], lambda v: case when typeof(v.a) in ('DOUBLE', " +
  "'FLOAT') or typeof(v.b) in ('DOUBLE', 'FLOAT') or typeof(v.a) like 'DECIMAL%' or typeof(v.b) like 'DECIMAL%' then " +
  "try_cast(trunc(v.a / v.b) as bigint) else try_cast(v.a // v.b as bigint) end)[1]",
  "endpoint_get_json_string(x, p) as json_extract_string(x, p)",
  "endpoint_get_json_int(x, p) as json_extract_string(x, p)::bigint",
  "endpoint_get_json_double(x, p) as json_extract_string(x, p)::double",
  "endpoint_parse_json(x) as x::json"
]

/** Statements that create the macros; run once, when the file is opened. */
export const macros: ReadonlyArray<string> = definitions.map((definition) =>
  `create or replace macro main.${definition}`
)
