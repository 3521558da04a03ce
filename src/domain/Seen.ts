/**
 * What looks have seen of tables, with what was told of it: a person who resumes afterwards accepts what is, and nobody else does.
 * Pure.
 */
import * as Identifier from "./Identifier.ts"

/** One table. */
export interface Seen<out A> {
  /** When it was well for the last time. */
  readonly was: A
  /** `Lifecycle.resumes` when it was told that it is not so any more; a later resume accepts what is. */
  readonly toldAt?: number
}

/** By `schema.name`. */
export type Tables<A> = ReadonlyMap<string, Seen<A>>

/** What is known at a new beginning: a resume accepts what was told before it. */
export const accepted = <A>(seen: Tables<A>, resumes: number): Tables<A> =>
  new Map([...seen].filter(([, { toldAt }]) => toldAt === undefined || toldAt >= resumes))

/**
 * For a table that had stopped for another reason: nobody reads what was found of it, and who has it go on again accepts nothing.
 * It is found again then.
 */
export const untold = <A>(seen: Tables<A>, table: Identifier.QualifiedName): Tables<A> =>
  new Map([...seen].map(([name, one]) => [name, name === Identifier.show(table) ? { was: one.was } : one]))

/** What a later start compares with: what was told stands until a person accepts it. */
export const stored = <A>(seen: Tables<A>): Tables<A> => new Map([...seen].map(([name, { was }]) => [name, { was }]))

/** Whether both have seen the same, whatever was told of it. */
export const isSame = <A>(one: Tables<A>, other: Tables<A>, equal: (one: A, other: A) => boolean): boolean =>
  one.size === other.size && [...one].every(([name, { was }]) => {
    const found = other.get(name)
    return found !== undefined && equal(was, found.was)
  })
