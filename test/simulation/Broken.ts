/** An invariant that does not hold: what ends a simulated run. */

/** Names of the invariants, as a report shows them. */
export type Invariant =
  | "confirmed ≤ stored checkpoint"
  | "checkpoint is a commit boundary"
  | "checkpoint never falls"
  | "a checkpoint is stored by the run that has claimed its slot"
  | "everything before the checkpoint is in the sink"
  | "nothing behind the checkpoint is written again"
  | "nothing behind a stopped table is confirmed"
  | "no row of a stopped table is loaded"
  | "a table stops only for a reason"
  | "a table of which not all was sent is told"
  | "no version falls within a session"
  | "no load comes after one of a later session"
  | "a truncation takes no newer row"
  | "one load in flight per table"
  | "a label never names different bytes"
  | "a load holds a key once"
  | "rows of different columns never share a load"
  | "a row fits its table"
  | "a load is asked for strictly"
  | "buffered bytes within the budget"
  | "the keepalive is never starved"
  | "the job does not end by itself"
  | "a drain leaves nothing received behind"
  | "replication catches up"
  | "source and sink are equal"
  | "the slot is confirmed to the last commit"
  | "the model is used as it was meant to be"

export class Broken extends Error {
  readonly invariant: Invariant

  constructor(invariant: Invariant, what: string) {
    super(what)
    this.name = "Broken"
    this.invariant = invariant
  }
}

/** The verdict on a run. What is thrown within the program may be caught there, so the first finding is kept as well. */
export class Verdict {
  first: Broken | undefined = undefined

  /** Ends the run. */
  broken(invariant: Invariant, what: string): never {
    const found = new Broken(invariant, what)
    this.first ??= found
    throw found
  }

  /** Unless this holds, ends the run. */
  expect(holds: boolean, invariant: Invariant, what: () => string): void {
    if (!holds) this.broken(invariant, what())
  }
}
