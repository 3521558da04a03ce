/**
 * What PostgreSQL's catalogue tells of values that rows got when a column was added: SQL over a table `c` of `pg_class`, and
 * `oids`, an array of its partitions.
 */

/**
 * The file of the rows: a rewrite makes another, with a higher number. Of partitions the newest, but none that a partition began
 * with, which has the number of the partition itself.
 */
export const storage = (oids: string): string =>
  `case when c.relkind = 'p' then
     (select coalesce(max(pc.relfilenode), 0) from unnest(${oids}) as p (oid)
        join pg_class pc on pc.oid = p.oid and pc.relfilenode <> pc.oid)
   else c.relfilenode end::bigint`

/**
 * Partitions, the oldest, that are looked at for each look at their table: of those that were there when a column was added,
 * which all have the value, one is among them, and a table may have thousands.
 */
const PARTITIONS_MAX = 8

/** The columns for which PostgreSQL keeps, beside a partition, the value of rows that were there when they were added. */
export const kept = (oids: string): string =>
  `(select array_agg(distinct pa.attname)
      from (select p.oid from unnest(${oids}) as p (oid) join pg_class pc on pc.oid = p.oid and pc.relkind = 'r'
             order by p.oid limit ${PARTITIONS_MAX}) as p
      join pg_attribute pa on pa.attrelid = p.oid and pa.atthasmissing and not pa.attisdropped)`
