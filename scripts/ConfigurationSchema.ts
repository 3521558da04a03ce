/** docs/dbmazz.schema.json: what editors need to complete and check a configuration file. */
import { type Type, type Variable } from "../src/domain/config/Variable.ts"
import { ENTRIES } from "../src/domain/config/Variables.ts"

type Json = string | number | boolean | null | ReadonlyArray<Json> | { readonly [name: string]: Json }

/** Any value may come from the environment. */
const REFERENCE = { type: "string", pattern: "\\$\\{" }

const ofType = (type: Type): { readonly [name: string]: Json } => {
  switch (type.kind) {
    case "text":
      return {
        anyOf: [
          {
            type: "string",
            ...type.pattern === undefined ? {} : { pattern: type.pattern },
            ...type.bytesMax === undefined ? {} : { maxLength: type.bytesMax }
          },
          REFERENCE
        ]
      }
    case "integer":
      return { anyOf: [{ type: "integer", minimum: type.least, maximum: type.most }, REFERENCE] }
    case "choice":
      return { anyOf: [{ enum: type.values }, REFERENCE] }
    case "flag":
      return { anyOf: [{ type: "boolean" }, REFERENCE] }
    case "list":
      return { anyOf: [{ type: "array", items: { type: "string", minLength: 1 } }, { type: "string" }] }
    case "file":
      return { type: "string" }
  }
}

const valueOf = (type: Type, text: string): Json => {
  switch (type.kind) {
    case "integer":
      return Number(text)
    case "flag":
      return text === "true"
    case "list":
      return text.split(",")
    default:
      return text
  }
}

const leaf = (variable: Variable): Json => ({
  description: `${variable.meaning}${variable.unit === undefined ? "" : ` (${variable.unit})`}; or ${
    variable.names.join(" or ")
  } in the environment`,
  ...variable.type.kind === "text" && variable.type.pattern === undefined ? { type: "string" } : ofType(variable.type),
  ...(variable.fallback ?? "") === "" ? {} : { default: valueOf(variable.type, variable.fallback ?? "") },
  ...variable.secret === true ? {} : { examples: [valueOf(variable.type, variable.example)] }
})

/** The keys of a section; `from` is how many names of the paths are behind. Nothing is required: the environment may give it. */
const section = (variables: ReadonlyArray<Variable>, from: number): { readonly [name: string]: Json } => {
  const names = new Set(variables.map(({ path }) => path.split(".")[from]!))
  const properties = [...names].map((name): readonly [string, Json] => {
    const own = variables.filter(({ path }) => path.split(".")[from] === name)
    const only = own[0]!
    if (only.path.split(".").length === from + 1) return [name, leaf(only)]
    return [name, { ...section(own, from + 1), type: ["object", "null"] }]
  })
  return { type: "object", additionalProperties: false, properties: Object.fromEntries(properties) }
}

const schema = {
  $schema: "http://json-schema.org/draft-07/schema#",
  title: "Configuration of dbmazz",
  description: "Environment variables and flags win over the file; ${NAME} and ${NAME:-default} stand for variables.",
  ...section(ENTRIES.map(([, variable]) => variable), 0)
}

export const text = `${JSON.stringify(schema, undefined, 2)}\n`
