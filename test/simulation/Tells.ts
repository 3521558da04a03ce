import type { StoppedTable } from "../../src/domain/StoppedTable.ts"

/** Tables of which not all was sent, since they were published otherwise for a while: the program is to tell each of them. */
export class Tells {
  readonly #ever = new Set<string>()
  readonly #owed = new Set<string>()

  /** A table, `schema.name`, is published otherwise from now on; `isKnown`: the program has stored how it was before. */
  changed(table: string, isKnown: boolean): void {
    this.#ever.add(table)
    if (isKnown) this.#owed.add(table)
  }

  /** The program has told it. */
  told(table: string): void {
    this.#owed.delete(table)
  }

  /** A person accepts all that was done. */
  accepted(): void {
    this.#owed.clear()
  }

  /** Whether it may be told. */
  may(table: string): boolean {
    return this.#ever.has(table)
  }

  /** Whether any table was ever published otherwise. */
  get any(): boolean {
    return this.#ever.size > 0
  }

  /** A table that is still to be told; those that have stopped for another reason are told once that is mended. */
  owed(stopped: ReadonlyArray<StoppedTable>): string | undefined {
    return [...this.#owed].find((table) => stopped.every((each) => each.table !== table))
  }
}
