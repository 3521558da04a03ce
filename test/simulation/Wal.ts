/** The model's write-ahead log: positions, and the records a walsender reads. */
import type { Prng } from "./Prng.ts"
import type * as SourceTables from "./SourceTables.ts"

/** `table` is the version of the moment: the server decodes with the catalogue as it stood there. */
export type Change =
  | { readonly kind: "insert"; readonly table: SourceTables.Table; readonly after: SourceTables.Row; lsn: bigint }
  | {
    readonly kind: "update"
    readonly table: SourceTables.Table
    readonly before: SourceTables.Row
    readonly after: SourceTables.Row
    lsn: bigint
  }
  | { readonly kind: "delete"; readonly table: SourceTables.Table; readonly before: SourceTables.Row; lsn: bigint }
  | { readonly kind: "truncate"; readonly table: SourceTables.Table; lsn: bigint }

/** A committed transaction; `commitLsn` is where its commit record starts, `endLsn` where that ends. */
export interface Commit {
  readonly xid: number
  readonly firstLsn: bigint
  readonly commitLsn: bigint
  readonly endLsn: bigint
  readonly commitTime: bigint
  readonly origin: string | undefined
  /** Published changes, in order. */
  readonly changes: ReadonlyArray<Change>
  /** Tables that it altered or truncated: from its commit on they are announced again. */
  readonly invalidated: ReadonlyArray<number>
}

export interface WalRecord {
  readonly end: bigint
  readonly commit: Commit | undefined
}

const ALIGNMENT = 8
/** A commit record with its header, at least. */
const COMMIT_BYTES_MIN = 34
/** A page header stands between two records now and then. */
const PAGE_HEADER_BYTES = 24n
const PAGE_HEADER_SHARE = 0.05
/** Where logs begin: also just before the low half overflows, and before the sign bit of a BIGINT. */
const BASES = [0x0150_0000n, 0xffff_f800n, 0x7fff_ffff_ffff_f400n] as const

export class Wal {
  readonly records: Array<WalRecord> = []
  readonly #prng: Prng
  #end: bigint

  constructor(prng: Prng) {
    this.#prng = prng
    this.#end = prng.pick(BASES)
  }

  get end(): bigint {
    return this.#end
  }

  /** Writes a record of nobody's; gives where it starts. */
  write(bytesMax = 200): bigint {
    const start = this.#start()
    this.#end = start + aligned(this.#prng.int(ALIGNMENT, bytesMax))
    this.records.push({ end: this.#end, commit: undefined })
    return start
  }

  /** Writes a commit record of this transaction. */
  commit(transaction: Omit<Commit, "commitLsn" | "endLsn">): Commit {
    const commitLsn = this.#start()
    this.#end = commitLsn + aligned(this.#prng.int(COMMIT_BYTES_MIN, 2 * COMMIT_BYTES_MIN))
    const commit: Commit = { ...transaction, commitLsn, endLsn: this.#end }
    this.records.push({ end: this.#end, commit })
    return commit
  }

  /** The next record follows the last one without a gap, unless a page begins there. */
  #start(): bigint {
    return this.#prng.chance(PAGE_HEADER_SHARE) ? this.#end + PAGE_HEADER_BYTES : this.#end
  }
}

const aligned = (bytes: number): bigint => BigInt(Math.ceil(bytes / ALIGNMENT) * ALIGNMENT)
