/** Writes docs/configuration.md from the list of variables; with `--check` it only says whether the page is stale. */
import { type Variable, VARIABLES } from "../src/domain/config/Variables.ts"
import * as Page from "./Page.ts"

const row = (variable: Variable): string => {
  const fallback = variable.fallback === undefined
    ? "required"
    : variable.fallback === ""
    ? "empty"
    : `\`${variable.fallback}\``
  const unit = variable.unit === undefined ? "" : ` (${variable.unit})`
  return `| ${variable.names.map((name) => `\`${name}\``).join("<br>")} | ${variable.meaning}${unit} | ${fallback} | ` +
    `\`${variable.example}\` |`
}

const page = [
  "# Configuration",
  "",
  "Everything comes from the environment; a flag of the same meaning (`dbmazz run --help`) wins over it. Where two names",
  "stand, either is read; both set to different values is an error. A wrong configuration ends the process with exit code",
  "78 and names every problem at once. Values of secrets are never printed.",
  "",
  "<!-- Written by `npm run docs:configuration` from src/domain/config/Variables.ts. -->",
  "",
  "| variable | meaning | default | example |",
  "| --- | --- | --- | --- |",
  ...Object.values(VARIABLES).map(row),
  ""
].join("\n")

Page.write("docs/configuration.md", page, "npm run docs:configuration")
