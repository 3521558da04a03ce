/** Writes docs/errors.md from the code; with `--check` it only says whether the page is stale. */
import * as ErrorCatalogue from "../src/domain/errors/ErrorCatalogue.ts"
import * as Page from "./Page.ts"

const plain = (text: string): string => text.replaceAll("\n", " ").replaceAll("<", "&lt;")

const section = (kind: ErrorCatalogue.Entry["kind"], title: string, lead: string): ReadonlyArray<string> => [
  `## ${title}`,
  "",
  lead,
  "",
  ...ErrorCatalogue.entries().filter((entry) => entry.kind === kind).flatMap((entry) => [
    `- **${entry.code}**: ${plain(entry.meaning)}`,
    ...(entry.kind === "permanent" ? [`  It ${plain(entry.consequence)}.`] : []),
    `  _Do:_ ${plain(entry.whatToDo)}`
  ]),
  ""
]

const page = [
  "# Errors",
  "",
  "Every failure has one of three kinds and a stable code; logs and the control plane show both. The text of an error names",
  "table, position, label or host, and what to run; it never holds a row value or a secret. Nothing is confirmed to",
  "PostgreSQL that StarRocks does not have, whatever fails.",
  "",
  "<!-- Written by `npm run docs:errors` from src/domain/errors. -->",
  "",
  ...section(
    "setup",
    "Setup",
    "Something of PostgreSQL, StarRocks or the configuration has to be changed first. Exit code 78; while the control plane is on, `run` ends so only for its configuration, and otherwise says what is wrong and looks again every 10 s."
  ),
  ...section(
    "transient",
    "Transient",
    "Time can mend it. dbmazz retries, jittered and ever slower, for RETRY_MAX_ELAPSED_MS (0, the default: for ever)."
  ),
  ...section(
    "permanent",
    "Permanent",
    "No retry mends it. After the cause is gone, a restart goes on where it stopped."
  )
].join("\n")

Page.write("docs/errors.md", page, "npm run docs:errors")
