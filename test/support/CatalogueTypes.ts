/**
 * Types that PostgreSQL keeps its own catalogues in, which a table may have columns of all the same: their names, and a few
 * texts of each, which every version from 14 on writes as they stand here.
 */
export const CATALOGUE_TYPES: ReadonlyArray<readonly [type: string, texts: ReadonlyArray<string>]> = [
  ["int2vector", ["1 -2 32767", "", "0"]],
  ["oidvector", ["0 4294967295", "", "26"]],
  ["tid", ["(0,1)", "(4294967295,65535)"]],
  ["xid", ["4294967295", "0"]],
  ["cid", ["4294967295", "0"]],
  ["xid8", ["18446744073709551615", "0"]],
  ["regproc", ["now", "-", "pg_backend_pid"]],
  ["regprocedure", ["abs(integer)", "-", "substr(text,integer,integer)"]],
  ["regoper", ["||/", "0"]],
  ["regoperator", ["+(integer,integer)", "0", "-(NONE,numeric)"]],
  ["regclass", ["pg_class", "-", "information_schema.tables"]],
  ["regtype", ["\"char\"", "-", "timestamp with time zone", "numeric[]"]],
  ["regconfig", ["english", "-", "simple"]],
  ["regdictionary", ["english_stem", "-"]],
  ["regnamespace", ["pg_catalog", "-", "public"]],
  ["regrole", ["pg_monitor", "-"]],
  ["regcollation", ["\"C\"", "-", "\"default\""]],
  ["aclitem", ["=r/pg_monitor", "pg_monitor=a*w/pg_monitor"]],
  ["refcursor", ["<unnamed portal 1>", "", "NULL", "\"a,b\""]],
  ["txid_snapshot", ["10:20:10,14,15", "1:1:"]],
  ["pg_snapshot", ["10:9223372036854775807:10,14", "1:1:"]]
]
