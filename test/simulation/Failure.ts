/** A failing seed as a person reads it: what broke, where, the last steps before it, and how to see it again. */
import * as Plan from "./Plan.ts"
import * as Shrink from "./Shrink.ts"
import type * as Simulation from "./Simulation.ts"

/** Lines of the shrunk run that are shown. */
const LINES_SHOWN = 40

/** One line, and what exactly. */
export const headline = (report: Simulation.Report): string => `seed ${report.seed}, ${finding(report)}`

const finding = (report: Simulation.Report): string =>
  `step ${report.steps} (+${report.virtualMs} ms): ${report.broken?.invariant ?? "nothing broke"}\n` +
  `  ${report.broken?.message ?? ""}`

/** Shrinks the failure and describes it. */
export const describe = async (report: Simulation.Report): Promise<string> => {
  const { plan, report: small } = await Shrink.shrink(Plan.fromSeed(report.seed), report)
  const { faults, seed, workload } = plan
  const happened = Math.min(small.faults, faults.countMax) - faults.skipped.size
  return [
    headline(report),
    `shrunk to ${workload.transactions} transactions of ${workload.sessions} sessions and ${happened} faults, ` +
    finding(small),
    ...small.trace.slice(-LINES_SHOWN).map((line) => `  | ${line}`),
    `again: npm run simulate -- --seed ${seed}`
  ].join("\n")
}
