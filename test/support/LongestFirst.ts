/** The order of test files: those that take longest start first, so that none of them runs alone at the end. */
import { BaseSequencer, type TestSpecification } from "vitest/node"

/**
 * Files that take more than ten seconds on two cores, longest first; a file's size, vitest's own guess, says little. Those with
 * a process of their own come before the others: a process that is shared ends when one of them is next.
 */
export const LONGEST = [
  "simulation/Simulation",
  "chaos/Chaos.pg",
  "layers/StreamLoader",
  "programs/Verify.pg",
  "layers/embedded/EmbeddedPostgres.pg",
  "integration/Truncate.pg",
  "integration/SchemaEvolution.pg",
  "integration/Recovery.pg",
  "integration/SourceRecovery.pg",
  "property/Values.pg",
  "integration/RejectedRows.pg",
  "integration/UnsentValues.pg",
  "layers/ReplicationWatch.pg",
  "integration/Control.pg",
  "integration/SinkFaults.pg",
  "integration/Secrets.pg",
  "property/EndpointLoads",
  "property/ControlSequences.pg",
  "integration/KilledProgram.pg",
  "integration/Behind.pg",
  "layers/PostgresSetup.pg",
  "integration/SourceShapes.pg",
  "integration/WhileRunning.pg",
  "layers/embedded/starrocks/Labels",
  "property/ControlSequencesBadInput.pg",
  "property/ControlSequencesRaces.pg",
  "integration/UnreadLog.pg",
  "programs/control/Processes",
  "layers/ReplicationSource.pg",
  "layers/control/GrpcLimits",
  "integration/AutoCreate.pg"
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
