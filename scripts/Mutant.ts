/** A mistake to plant: `search` stands in `file`, below `src`, exactly once. */
export interface Mutant {
  readonly name: string
  readonly file: string
  readonly search: string
  readonly replace: string
}
