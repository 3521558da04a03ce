/**
 * The settings of dbmazz, one entry each. Reading and its limits, the command line's help, the error texts,
 * docs/configuration.md, docs/dbmazz.example.yaml and docs/dbmazz.schema.json are made from this list, so it is the only
 * place that says them.
 */
import { CONTROL_VARIABLES } from "./ControlVariables.ts"
import { DELIVERY_VARIABLES } from "./DeliveryVariables.ts"
import { OBSERVATION_VARIABLES } from "./ObservationVariables.ts"
import { REJECTED_ROW_VARIABLES } from "./RejectedRowVariables.ts"
import { SINK_VARIABLES } from "./SinkVariables.ts"
import { SOURCE_VARIABLES } from "./SourceVariables.ts"
import { VALUE_VARIABLES } from "./ValueVariables.ts"
import type { Type, Variable } from "./Variable.ts"

export const VARIABLES = {
  ...SOURCE_VARIABLES,
  ...SINK_VARIABLES,
  ...DELIVERY_VARIABLES,
  ...VALUE_VARIABLES,
  ...REJECTED_ROW_VARIABLES,
  ...CONTROL_VARIABLES,
  ...OBSERVATION_VARIABLES
}

export type VariableKey = keyof typeof VARIABLES

/** The keys of the entries with a type of this kind. */
export type KeyOf<Kind extends Type["kind"]> = {
  [Key in VariableKey]: (typeof VARIABLES)[Key]["type"]["kind"] extends Kind ? Key : never
}[VariableKey]

/** Every entry with its key, in the order of the list. */
export const ENTRIES: ReadonlyArray<readonly [VariableKey, Variable]> = Object.entries(VARIABLES).filter(
  (entry): entry is [VariableKey, (typeof VARIABLES)[VariableKey]] => entry[0] in VARIABLES
)
