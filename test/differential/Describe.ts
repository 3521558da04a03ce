/** A plan as text: what the job is told, the tables, and the statements in their order, each with its session. */
import * as Identifier from "../../src/domain/Identifier.ts"
import * as Keys from "./Keys.ts"
import { isRestart, type Plan } from "./Plan.ts"
import type { Finding } from "./Run.ts"
import * as Statements from "./Statements.ts"

/** A statement is shown to this length; a value may be long. */
const STATEMENT_SHOWN_MAX = 400
const SCHEMA = "seed"

const shortened = (text: string): string =>
  text.length > STATEMENT_SHOWN_MAX ? `${text.slice(0, STATEMENT_SHOWN_MAX)}… (${text.length} characters)` : text

export const plan = (given: Plan): string => {
  const { createTables, flush, format, identity, steps, tables, truncatePolicy } = given
  const targets = createTables
    ? ["-- the targets are created by the job"]
    : tables.map((table) =>
      `-- ${Identifier.quoteSr(table.name)}: ${
        [...Keys.kind(table.key), ...table.columns].map(({ name, target }) => `${name} ${target}`).join(", ")
      }`
    )
  return [
    `-- batches of ${flush.rows} rows, ${flush.bytes} bytes or ${flush.everyMs} ms as ${format}; ` +
    `TRUNCATE_POLICY=${truncatePolicy}; REPLICA_IDENTITY=${identity}`,
    ...targets,
    Statements.createSource(given, SCHEMA),
    ...steps.map((step) =>
      isRestart(step)
        ? `-- the program: ${step.step}`
        : `/* session ${step.session} */ ${shortened(Statements.ofStep(given, SCHEMA, step))};`
    )
  ].join("\n")
}

/** Which seed failed and how, in a line or two. */
export const headline = ({ seed }: Plan, { kind, says }: Finding): string => `seed ${seed}: ${kind}: ${shortened(says)}`
const again = ({ seed }: Plan): string => `again: npm run differential -- --seed ${seed}`

/** A finding that was not seen a second time: it depends on the pace of the servers. The plan is left to the replay. */
export const unrepeated = (given: Plan, finding: Finding): string =>
  `${headline(given, finding)}\nit did not fail again at once\n${again(given)}`

/** A finding, the smallest plan that has it, and how to see it again. */
export const failure = (given: Plan, finding: Finding, runs: number): string =>
  [
    headline(given, finding),
    "",
    `the plan, made smaller in ${runs} runs:`,
    plan(given),
    "",
    again(given)
  ].join("\n")
