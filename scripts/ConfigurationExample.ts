/** docs/dbmazz.example.yaml: what is required, and every other key commented out with its default. */
import * as Yaml from "yaml"
import { describeType, type Variable } from "../src/domain/config/Variable.ts"
import { ENTRIES } from "../src/domain/config/Variables.ts"

const HEAD = `# yaml-language-server: $schema=./dbmazz.schema.json
#
# A configuration of dbmazz: copy it, change what is not commented out, and start with
#   dbmazz run --config dbmazz.yaml
# Lines with #key are the defaults, or examples where there is none. \${NAME} is the environment's NAME,
# \${NAME:-default} has a default. docs/configuration.md says more.
# Written by \`npm run docs:configuration\` from src/domain/config/Variables.ts.
`

const LINE_CHARS_MAX = 118
/** Has a default, that of dbmazz v1, which nobody wants. */
const TABLES = "tables"

/** Words in lines that are comments. */
const comment = (text: string, indent: string): string => {
  const lines = [""]
  for (const word of text.split(" ")) {
    const longer = `${lines.at(-1)} ${word}`
    if (indent.length + 1 + longer.length <= LINE_CHARS_MAX) lines[lines.length - 1] = longer
    else lines.push(` ${word}`)
  }
  return lines.map((line) => `${indent}#${line}\n`).join("")
}

/** As YAML has it, on one line. */
const show = (variable: Variable, text: string): string => {
  const { kind } = variable.type
  if (kind === "integer" || kind === "flag") return text
  if (kind === "list") return `[${text.split(",").map((entry) => Yaml.stringify(entry).trim()).join(", ")}]`
  return Yaml.stringify(text, { lineWidth: 0 }).trim()
}

const leaf = (variable: Variable, name: string, indent: string): string => {
  const { example, fallback, meaning, names, path, secret, type, unit } = variable
  const isPlain = type.kind === "text" || type.kind === "list" || type.kind === "file"
  const value = isPlain ? "" : `; ${describeType(type)}${unit === undefined ? "" : ` (${unit})`}`
  const isLive = fallback === undefined || path === TABLES
  const shown = secret === true ? `\${${names[0]}}` : isLive || fallback === "" ? example : fallback
  return `${comment(`${meaning}${value}`, indent)}${indent}${isLive ? "" : "#"}${name}: ${show(variable, shown)}\n`
}

const section = (variables: ReadonlyArray<Variable>, from: number): string => {
  const indent = "  ".repeat(from)
  return [...new Set(variables.map(({ path }) => path.split(".")[from]!))].map((name) => {
    const own = variables.filter(({ path }) => path.split(".")[from] === name)
    const only = own[0]!
    if (only.path.split(".").length === from + 1) return `${from === 0 ? "\n" : ""}${leaf(only, name, indent)}`
    return `${from === 0 ? "\n" : ""}${indent}${name}:\n${section(own, from + 1)}`
  }).join("")
}

export const text = HEAD + section(ENTRIES.map(([, variable]) => variable), 0)
