/**
 * What a publication leaves out while the job runs. PostgreSQL decodes a change with the catalogue of its time: what was
 * made while its table was not published never comes, however often the WAL is read. So it can only be told, with the window
 * in which it was made. Pure.
 */
import { PermanentError } from "../errors/PermanentError.ts"
import * as Identifier from "../Identifier.ts"
import * as Lsn from "../Lsn.ts"
import type { SeenKeys } from "../schema/SeenKeys.ts"
import type { FoundExchange } from "../Table.ts"

/** How one table is published. */
export interface Published {
  /**
   * `place written options`, of the table in its publication. Another place says that the table was out of the publication in
   * between, or that it is another table; options that were written again and are what they were may have been others in
   * between. Earlier versions stored the place alone.
   */
  readonly membership: string | undefined
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

/** How a table was published when it was well for the last time. */
export interface Seen extends Moment {
  readonly table: Published
  /** `Lifecycle.resumes` when it was told that the table is not published as it was; a later resume accepts what is. */
  readonly toldAt?: number
}

/** By `schema.name`. */
export type SeenTables = ReadonlyMap<string, Seen>

/** What an earlier run has left of what it had seen. */
export interface Left {
  /** Another one is not compared with it. */
  readonly publication: string
  readonly tables: SeenTables
  /** These are compared in any case. */
  readonly keys: SeenKeys
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
    add: `ALTER PUBLICATION ${name} ADD TABLE ${target};`,
    drop: `ALTER PUBLICATION ${name} DROP TABLE ${target};`
  }
}

const placeOf = ({ membership }: Published): string | undefined => membership?.split(" ", 1)[0]

/** Options that differ say what they do by themselves, and an option that is set for good loses nothing. */
const isSetBack = (now: Published, before: Published): boolean => {
  const [, written, options] = now.membership?.split(" ") ?? []
  const [, writtenBefore, optionsBefore] = before.membership?.split(" ") ?? []
  return writtenBefore !== undefined && written !== writtenBefore && options === optionsBefore
}

/** What was told of the options of all tables is not told of each one again. */
const withoutOptions = (seen: SeenTables): SeenTables =>
  new Map([...seen].map(([name, known]) => [
    name,
    { ...known, table: { ...known.table, membership: placeOf(known.table) } }
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
  if (placeOf(now) !== placeOf(before)) {
    return {
      what:
        `it was taken out of publication '${publication}' and put back, or dropped and made again, and PostgreSQL sends ` +
        `nothing of that`,
      remedy: `Run: dbmazz resume; ${BRING_OVER}`
    }
  }
  if (isSetBack(now, before)) {
    return {
      what:
        `the options of publication '${publication}' were set in between and are what they were, and while an operation was ` +
        `not published, or rows of partitions were under another name, PostgreSQL has sent none of them`,
      remedy: `If that was not so, dbmazz resume is all. Otherwise run: dbmazz resume; ${BRING_OVER}`
    }
  }
  return undefined
}

/** What is known at a new beginning: a resume accepts what was told before it. */
export const accepted = (seen: SeenTables, resumes: number): SeenTables =>
  new Map([...seen].filter(([, { toldAt }]) => toldAt === undefined || toldAt >= resumes))

/**
 * For a table that had stopped for another reason: nobody reads what was found of it, and who has it go on again accepts nothing.
 * It is found again then.
 */
export const untold = (seen: SeenTables, table: Identifier.QualifiedName): SeenTables =>
  new Map([...seen].map(([name, { toldAt, ...known }]) => [
    name,
    toldAt === undefined || name === Identifier.show(table) ? known : { ...known, toldAt }
  ]))

/**
 * What is worth storing of what was seen, so that a later start notices what happened meanwhile: without what was never
 * published, and without what was told, which stands until a person accepts it.
 */
export const stored = (seen: SeenTables): SeenTables =>
  new Map(
    [...seen].flatMap(([name, { atMs, position, table }]) =>
      table.membership === undefined ? [] : [[name, { atMs, position, table }] as const]
    )
  )

/** Whether two looks found the same, but for the moment. */
export const isSame = (one: SeenTables, other: SeenTables): boolean =>
  one.size === other.size && [...one].every(([name, { table }]) => {
    const found = other.get(name)?.table
    return found?.membership === table.membership && found?.filter === table.filter
  })

/** Compares a look, made after `now`, with what was seen before. */
export const judge = (before: Before, now: Moment, facts: Facts | undefined): Verdict => {
  const { publication, resumes, seen, slot, start, tables } = before
  const names = tables.map(Identifier.show)
  if (facts === undefined || facts.unpublished.length > 0) {
    const moments = names.flatMap((name) => seen.get(name) ?? [])
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
        ? `Run: CREATE PUBLICATION ${name} FOR TABLE ${tables.map(Identifier.quotePgTable).join(", ")};`
        : `Run: ALTER PUBLICATION ${name} SET (publish = 'insert, update, delete, truncate');`) +
        ` and dbmazz resume; ${BRING_OVER}`,
      context: { publication }
    })
    return { seen: withoutOptions(seen), lost: [], broken: error }
  }
  const next = new Map<string, Seen>()
  const lost: Array<Lost> = []
  for (const table of tables) {
    const name = Identifier.show(table)
    const known = seen.get(name)
    const fault = faultOf(publication, table, facts, known?.table)
    const found = facts.tables.get(name)
    if (fault === undefined && found !== undefined) {
      next.set(name, { ...now, table: found })
      continue
    }
    next.set(name, { ...(known ?? { position: start, atMs: now.atMs, table: NOT_PUBLISHED }), toldAt: resumes })
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
