/** The order of test files: those that take longest start first, so that none of them runs alone at the end. */
import { BaseSequencer, type TestSpecification } from "vitest/node"

/** Files that take more than ten seconds on two cores, longest first; a file's size, vitest's own guess, says little. */
export const LONGEST = [
  "simulation/Simulation",
  "chaos/Chaos.pg",
  "integration/SourceRecovery.pg",
  "integration/Recovery.pg",
  "integration/KilledProgram.pg",
  "property/EndpointLoads",
  "integration/Truncate.pg",
  "integration/SchemaEvolution.pg",
  "property/Values.pg",
  "integration/Secrets.pg",
  "integration/SinkFaults.pg",
  "integration/RejectedRows.pg",
  "integration/Control.pg",
  "property/ControlSequences.pg",
  "layers/ReplicationWatch.pg",
  "property/ControlSequencesRaces.pg",
  "integration/UnreadLog.pg"
]

const rank = ({ moduleId }: TestSpecification): number => {
  const index = LONGEST.findIndex((name) => moduleId.endsWith(`/test/${name}.test.ts`))
  return index < 0 ? LONGEST.length : index
}

export default class LongestFirst extends BaseSequencer {
  override async sort(files: Array<TestSpecification>): Promise<Array<TestSpecification>> {
    return (await super.sort(files)).sort((a, b) => rank(a) - rank(b))
  }
}
