/** The tables of a plan while it is made: what their columns are, and which open transaction has touched what. */
import type { Prng } from "../simulation/Prng.ts"
import * as Columns from "./Columns.ts"
import * as Keys from "./Keys.ts"
import type { Table, Unique } from "./Plan.ts"

/** Few keys, so that changes of the same one meet in a batch; many, so that a batch has many. */
export const KEYS_FEW = 8
export const KEYS_MANY = 120

/** What is generated into a table. */
export interface Target {
  readonly table: Table
  readonly sources: ReadonlyArray<Columns.Source>
  readonly keyCount: number
  /** By key, the open transaction that has touched it. */
  readonly owners: Map<number, number>
  /** Open transactions that have touched it. */
  readonly users: Set<number>
  /** The open transaction that has all of it. */
  owner: number | undefined
  /** Columns that every session sees; beside those of the table, the committed additions. */
  columns: ReadonlyArray<Columns.Source>
  added: number
}

/** A table with columns of its own, `keyCount` keys, and nothing in it. */
export const make = (
  prng: Prng,
  name: string,
  createTables: boolean,
  unique: Unique,
  keyCount: number
): Target => {
  const sources = Array.from(
    { length: prng.int(2, 6) },
    (_, place) => Columns.make(prng, place, createTables, place === 0 || prng.chance(0.2))
  )
  const table: Table = {
    name,
    key: prng.pick(Keys.NAMES),
    unique,
    columns: sources.map(({ column }) => column),
    partitions: prng.chance(0.3) ? prng.int(2, 3) : 0
  }
  return {
    table,
    sources,
    keyCount,
    owners: new Map(),
    users: new Set(),
    owner: undefined,
    columns: sources,
    added: 0
  }
}
