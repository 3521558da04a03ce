/** docs/configuration.md. */
import { describeType, flagName, type Variable } from "../src/domain/config/Variable.ts"
import { ENTRIES } from "../src/domain/config/Variables.ts"

const INTRODUCTION = `# Configuration

A setting comes from a flag, from the environment, or from a YAML file: a flag wins over the environment, the environment
wins over the file. A wrong configuration ends the process with exit code 78 and names every problem at once, each with
the flag, the variable, or the file's line and column. Values of secrets are never printed.

## The file

\`--config dbmazz.yaml\` or \`DBMAZZ_CONFIG=dbmazz.yaml\` names it; at most 256 KiB. The dots in the table below are sections:

\`\`\`yaml
# yaml-language-server: $schema=./dbmazz.schema.json
source:
  url: \${SOURCE_URL}
tables: [orders, "sales.order_*"]
sink:
  url: http://starrocks.example:8030
  database: shop
  password: \${SINK_PASSWORD}
flush:
  interval_ms: 1000
\`\`\`

- [dbmazz.example.yaml](dbmazz.example.yaml) has every key; [dbmazz.schema.json](dbmazz.schema.json) lets an editor
  complete and check the file.
- \`\${NAME}\` in a value is the environment's \`NAME\`; one that is not set is an error. \`\${NAME:-default}\` has a default, also
  for an empty \`NAME\`. \`$\${\` stands for \`\${\`. The value is put in after the file is parsed, so no character of it can change
  what the file means.
- An unknown key is an error that names the nearest known one; so is a value of another type: text that looks like a
  number (a password of digits) needs quotes, a number needs none.
- Anchors, aliases and tags are not supported.

## Variables and flags

Where two variables stand, either is read; both set to different values is an error. An empty variable counts as one that is
not set. An empty flag is given: the default then holds, whatever environment and file say.

In a list, a comma parts two entries, and a name with a dot or a comma is in double quotes: \`sales."a, b"\`. The file has
lists as lists.

## Secrets

Settings marked _secret_ can come from a file of their own, as Docker and Kubernetes mount them: \`SINK_PASSWORD_FILE\` names
the file that holds the value of \`SINK_PASSWORD\`, and so on for each of their variables. One line break at the end is dropped.
The variable and its file both set to different values is an error. A flag works too, but every user of the machine can see it
in the list of processes.

## Settings

<!-- Written by \`npm run docs:configuration\` from src/domain/config/Variables.ts. -->

| variable | in the file | flag | meaning | value | default | example |
| --- | --- | --- | --- | --- | --- | --- |`

const code = (text: string): string => `\`${text}\``

const row = (key: string, variable: Variable): string => {
  const { example, fallback, meaning, names, path, type, unit } = variable
  const value = `${describeType(type)}${unit === undefined ? "" : ` (${unit})`}${
    variable.secret === true ? ", _secret_" : ""
  }`
  const standard = fallback === undefined ? "required" : fallback === "" ? "empty" : code(fallback)
  const cells = [names.map(code).join("<br>"), code(path), code(flagName(key)), meaning, value, standard, code(example)]
  return `| ${cells.join(" | ")} |`
}

export const text = `${[INTRODUCTION, ...ENTRIES.map(([key, variable]) => row(key, variable))].join("\n")}\n`
