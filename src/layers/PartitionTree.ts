/** The partitions of a table as PostgreSQL's catalogue has them at every level: SQL over a table `c` of `pg_class`. */

/** Of a row `h` of `pg_inherits`: it is not about to be detached; 13 does not know that. */
const ATTACHED = "not coalesce((to_jsonb(h) ->> 'inhdetachpending')::boolean, false)"

/**
 * One row: the `oids`, NULL when there are none; by OID the transaction that `attached` each; and a `stamp`, another one after each
 * that came or went: what was done to it outside of its table is not sent, and no column shows it. Not `pg_partition_tree`, which
 * locks them: the look would wait for whoever truncates or alters one.
 */
export const SQL = `(with recursive below (oid, since) as (
           select h.inhrelid, h.xmin from pg_inherits h
            where c.relkind = 'p' and h.inhparent = c.oid and ${ATTACHED}
           union all
           select h.inhrelid, h.xmin from below join pg_inherits h on h.inhparent = below.oid and ${ATTACHED})
         select array_agg(p.oid order by p.oid) as oids,
                coalesce(json_object_agg(p.oid, p.since::text::bigint), '{}') as attached,
                case when c.relkind = 'p' then
                  md5(coalesce(string_agg(p.oid || ' ' || p.since, ',' order by p.oid), ''))
                else '' end as stamp
           from below as p)`
