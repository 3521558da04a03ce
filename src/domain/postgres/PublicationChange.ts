/**
 * What a publication leaves out while the job runs. PostgreSQL decodes a change with the catalogue of its time: what was
 * made while its table was not published never comes, however often the WAL is read. So it can only be told, with the window
 * in which it was made. Pure.
 */
import { PermanentError } from "../errors/PermanentError.ts"
import * as Identifier from "../Identifier.ts"
import * as Lsn from "../Lsn.ts"
import type { SeenColumns } from "../schema/SeenColumns.ts"
import type { SeenKeys } from "../schema/SeenKeys.ts"
import * as Seen from "../Seen.ts"
import type { FoundExchange } from "../Table.ts"
import type { Membership } from "./Membership.ts"

/** How one table is published. */
export interface Published {
  /** Undefined: it was not, when it was looked at first. */
  readonly membership: Membership | undefined
  /** The condition that rows must meet; undefined: all are published. */
  readonly filter: string | undefined
}

export interface Facts {
  /** Operations that are wanted and not published. */
  readonly unpublished: ReadonlyArray<string>
  /** By `schema.name`. */
  readonly tables: ReadonlyMap<string, Published>
  /** Tables that do not exist under this name, as `schema.name`. */
  readonly gone: ReadonlySet<string>
}

/** A moment up to which everything was published. */
export interface Moment {
  readonly position: Lsn.Lsn
  /** In ms since 1970. */
  readonly atMs: number
}

/** How a table was published, and when. */
export interface Known extends Moment {
  readonly table: Published
}

export type SeenTables = Seen.Tables<Known>

/** What an earlier run has left of what it had seen. */
export interface Left {
  /** Another one is not compared with it. */
  readonly publication: string
  readonly tables: SeenTables
  /** These are compared in any case. */
  readonly keys: SeenKeys
  /** So are these. */
  readonly columns: SeenColumns
  /** By `schema.name`, the exchange of partitions that was found last. */
  readonly exchanged: ReadonlyMap<string, FoundExchange>
}

/** A table that is to be stopped. */
export interface Lost {
  readonly table: Identifier.QualifiedName
  readonly error: PermanentError
}

export interface Verdict {
  readonly seen: SeenTables
  readonly lost: ReadonlyArray<Lost>
  /** Of all tables. */
  readonly broken: PermanentError | undefined
}

/** What a look is compared with. */
export interface Before {
  readonly slot: string
  readonly publication: string
  readonly tables: ReadonlyArray<Identifier.QualifiedName>
  readonly seen: SeenTables
  /** Where replication began. */
  readonly start: Lsn.Lsn
  readonly resumes: number
}

const momentText = ({ atMs, position }: Moment): string => `${Lsn.format(position)} (${new Date(atMs).toISOString()})`

const windowText = (since: Moment | undefined, start: Lsn.Lsn): string =>
  since === undefined ? `the checkpoint ${Lsn.format(start)}` : momentText(since)

const BRING_OVER =
  "then bring what is missing over: write the rows that changed in that time again, for example with " +
  "UPDATE … SET <key> = <key> while the replica identity of the table is FULL (otherwise large values are not sent), " +
  "and run dbmazz verify, which names those that were deleted meanwhile."

const sqlOf = (publication: string, table: Identifier.QualifiedName) => {
  const [name, target] = [Identifier.quotePg(publication), Identifier.quotePgTable(table)]
  return {
    add: `ALTER PUBLICATION ${name} ADD TABLE ONLY ${target};`,
    drop: `ALTER PUBLICATION ${name} DROP TABLE ONLY ${target};`
  }
}

/** Options that differ say what they do by themselves, and an option that is set for good loses nothing. */
const isSetBack = (now: Membership | undefined, before: Membership | undefined): boolean =>
  before?.written !== undefined && now?.written !== before.written && now?.options === before.options

const placeOnly = ({ filter, membership }: Published): Published => ({
  membership: membership && { place: membership.place },
  filter
})

/** What was told of the options of all tables is not told of each one again. */
const withoutOptions = (seen: SeenTables): SeenTables =>
  new Map([...seen].map(([name, { was, ...told }]) => [
    name,
    { ...told, was: { ...was, table: placeOnly(was.table) } }
  ]))

interface Fault {
  readonly what: string
  readonly remedy: string
}

/** What has happened to a table; undefined: it is published as it was. */
const faultOf = (
  publication: string,
  table: Identifier.QualifiedName,
  facts: Facts,
  before: Published | undefined
): Fault | undefined => {
  const name = Identifier.show(table)
  const sql = sqlOf(publication, table)
  const now = facts.tables.get(name)
  if (facts.gone.has(name)) {
    return {
      what: `there is no table of this name any more: it was dropped or renamed, and its changes do not come`,
      remedy: `Give it its name back and run dbmazz resume; ${BRING_OVER} Or leave it out: dbmazz reload --tables.`
    }
  }
  if (now === undefined) {
    return {
      what: `it is not in publication '${publication}' any more, and PostgreSQL does not send its changes`,
      remedy: `Run: ${sql.add} and dbmazz resume; ${BRING_OVER} Or leave it out: dbmazz reload --tables.`
    }
  }
  if (before === undefined) return undefined
  if (now.filter !== before.filter) {
    return {
      what:
        `publication '${publication}' has got another condition for its rows, and does not send those that do not meet it`,
      remedy:
        `To have all rows again, run: BEGIN; ${sql.drop} ${sql.add} COMMIT; in any case dbmazz resume; ${BRING_OVER}`
    }
  }
  if (now.membership?.place !== before.membership?.place) {
    return {
      what:
        `it was taken out of publication '${publication}' and put back, or dropped and made again, and PostgreSQL sends ` +
        `nothing of that`,
      remedy: `Run: dbmazz resume; ${BRING_OVER}`
    }
  }
  if (isSetBack(now.membership, before.membership)) {
    return {
      what:
        `the options of publication '${publication}' were set in between and are what they were: if they were only written ` +
        `again, nothing is lost, and dbmazz resume is all. While an operation was not published, or rows of partitions were ` +
        `under another name, PostgreSQL has sent none of them`,
      remedy: `If they were only written again, dbmazz resume is all. Otherwise run: dbmazz resume; ${BRING_OVER}`
    }
  }
  return undefined
}

/**
 * What is worth storing of what was seen, so that a later start notices what happened meanwhile: without what was never
 * published.
 */
export const stored = (seen: SeenTables): SeenTables =>
  Seen.stored(new Map([...seen].filter(([, { was }]) => was.table.membership !== undefined)))

const isSameTable = ({ table: one }: Known, { table: other }: Known): boolean =>
  one.filter === other.filter && one.membership?.place === other.membership?.place &&
  one.membership?.written === other.membership?.written && one.membership?.options === other.membership?.options

/** Whether two looks found the same, but for the moment. */
export const isSame = (one: SeenTables, other: SeenTables): boolean => Seen.isSame(one, other, isSameTable)

/** Compares a look, made after `now`, with what was seen before. */
export const judge = (before: Before, now: Moment, facts: Facts | undefined): Verdict => {
  const { publication, resumes, seen, slot, start, tables } = before
  const names = tables.map(Identifier.show)
  if (facts === undefined || facts.unpublished.length > 0) {
    const moments = names.flatMap((name) => seen.get(name)?.was ?? [])
    const since = moments.toSorted((a, b) => a.atMs - b.atMs)[0]
    const name = Identifier.quotePg(publication)
    const error = new PermanentError({
      code: "PG_PUBLICATION_CHANGED",
      message: `Publication '${publication}' ` +
        (facts === undefined
          ? "does not exist any more"
          : `does not publish ${facts.unpublished.join(" and ")} any more`) +
        `: changes of all tables since ${windowText(since, start)} may be missing in StarRocks.`,
      remediation: (facts === undefined
        ? `Run: CREATE PUBLICATION ${name} FOR TABLE ${
          tables.map((table) => `ONLY ${Identifier.quotePgTable(table)}`).join(", ")
        };`
        : `Run: ALTER PUBLICATION ${name} SET (publish = 'insert, update, delete, truncate');`) +
        ` and dbmazz resume; ${BRING_OVER}`,
      context: { publication }
    })
    return { seen: withoutOptions(seen), lost: [], broken: error }
  }
  const next = new Map<string, Seen.Seen<Known>>()
  const lost: Array<Lost> = []
  for (const table of tables) {
    const name = Identifier.show(table)
    const known = seen.get(name)?.was
    const fault = faultOf(publication, table, facts, known?.table)
    const found = facts.tables.get(name)
    if (fault === undefined && found !== undefined) {
      next.set(name, { was: { ...now, table: found } })
      continue
    }
    next.set(name, { was: known ?? { position: start, atMs: now.atMs, table: NOT_PUBLISHED }, toldAt: resumes })
    lost.push({
      table,
      error: new PermanentError({
        code: "PG_TABLE_UNPUBLISHED",
        message: `Table '${name}': ${fault?.what ?? ""}. What changed in it since ${windowText(known, start)} may be ` +
          `missing in StarRocks.`,
        remediation:
          `${fault?.remedy ?? ""} When no dbmazz of the job runs that could be told, run before the next start: ` +
          `UPDATE dbmazz_checkpoints SET published = NULL WHERE slot_name = '${slot}';`,
        context: { table: name, publication }
      })
    })
  }
  return { seen: next, lost, broken: undefined }
}

const NOT_PUBLISHED: Published = { membership: undefined, filter: undefined }
