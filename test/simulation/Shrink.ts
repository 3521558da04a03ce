/** Makes a failing plan smaller while the same invariant still breaks: fewer transactions, fewer faults, plainer habits. */
import type { Invariant } from "./Broken.ts"
import type { Plan } from "./Plan.ts"
import * as Simulation from "./Simulation.ts"

/** Runs spent on one failure, at most: a person waits for it. */
const RUNS_MAX = 250

export interface Shrunk {
  readonly plan: Plan
  readonly report: Simulation.Report
}

class Search {
  readonly #invariant: Invariant
  #best: Shrunk
  #runs = 0

  constructor(start: Shrunk, invariant: Invariant) {
    this.#best = start
    this.#invariant = invariant
  }

  get best(): Shrunk {
    return this.#best
  }

  get spent(): boolean {
    return this.#runs >= RUNS_MAX
  }

  /** Takes the plan when the invariant still breaks with it. */
  async try(plan: Plan): Promise<boolean> {
    if (this.spent) return false
    this.#runs += 1
    const report = await Simulation.run(plan)
    if (report.broken?.invariant !== this.#invariant) return false
    this.#best = { plan, report }
    return true
  }
}

/** Smaller values of a number, the smallest first. */
const smaller = (value: number): ReadonlyArray<number> => {
  const values: Array<number> = []
  for (let each = 1; each < value; each = Math.ceil(each * 1.6)) values.push(each)
  return values
}

const shrinkWorkload = async (search: Search): Promise<boolean> => {
  let moved = false
  for (const name of ["transactions", "sessions", "changesMax"] as const) {
    for (const value of smaller(search.best.plan.workload[name])) {
      const { plan } = search.best
      if (value >= plan.workload[name]) break
      if (await search.try({ ...plan, workload: { ...plan.workload, [name]: value } })) {
        moved = true
        break
      }
    }
  }
  return moved
}

const shrinkFaults = async (search: Search): Promise<boolean> => {
  let moved = false
  for (const value of [0, ...smaller(search.best.report.faults)]) {
    const { plan } = search.best
    if (value >= plan.faults.countMax) break
    if (await search.try({ ...plan, faults: { ...plan.faults, countMax: value } })) {
      moved = true
      break
    }
  }
  const last = Math.min(search.best.report.faults, search.best.plan.faults.countMax) - 1
  for (let number = last; number >= 0; number--) {
    const { plan } = search.best
    if (plan.faults.skipped.has(number)) continue
    const skipped = new Set([...plan.faults.skipped, number])
    moved = await search.try({ ...plan, faults: { ...plan.faults, skipped } }) || moved
  }
  return moved
}

const shrinkHabits = async (search: Search): Promise<boolean> => {
  const plainer: ReadonlyArray<(plan: Plan) => Plan> = [
    (plan) => ({ ...plan, slowness: 0 }),
    (plan) => ({ ...plan, labelsMax: 1_000 }),
    (plan) => ({ ...plan, faults: { ...plan.faults, often: new Set() } }),
    (plan) => ({ ...plan, loadFormat: "json" }),
    (plan) => ({ ...plan, sendsEmpty: false, classicDuplicates: true }),
    (plan) => ({ ...plan, workload: { ...plan.workload, largeShare: 0 } }),
    (plan) => ({ ...plan, workload: { ...plan.workload, columnsAdded: 0 } }),
    (plan) => ({ ...plan, workload: { ...plan.workload, columnsRenamed: 0 } }),
    (plan) => ({ ...plan, workload: { ...plan.workload, columnsRetyped: 0 } }),
    (plan) => ({ ...plan, workload: { ...plan.workload, truncations: 0 } }),
    (plan) => ({ ...plan, workload: { ...plan.workload, republications: 0 } }),
    (plan) => ({ ...plan, workload: { ...plan.workload, repartitions: 0 } })
  ]
  let moved = false
  for (const change of plainer) {
    const { plan } = search.best
    const next = change(plan)
    const differs = next.faults.often.size !== plan.faults.often.size || JSON.stringify(next) !== JSON.stringify(plan)
    if (differs) moved = await search.try(next) || moved
  }
  return moved
}

/** The smallest plan found that breaks what this one breaks. */
export const shrink = async (plan: Plan, report: Simulation.Report): Promise<Shrunk> => {
  if (report.broken === undefined) return { plan, report }
  const search = new Search({ plan, report }, report.broken.invariant)
  let moved = true
  while (moved && !search.spent) {
    moved = await shrinkWorkload(search)
    moved = await shrinkFaults(search) || moved
    moved = await shrinkHabits(search) || moved
  }
  return search.best
}
