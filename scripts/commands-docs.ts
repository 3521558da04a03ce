/** Writes docs/commands.md from the help of the commands; with `--check` it only says whether the page is stale. */
import * as NodeServices from "@effect/platform-node/NodeServices"
import * as CliOutput from "effect/cli/CliOutput"
import * as Command from "effect/cli/Command"
import type { FlagDoc, HelpDoc } from "effect/cli/HelpDoc"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Commands from "../src/programs/control/Commands.ts"
import * as Page from "./Page.ts"

const dbmazz = Command.make("dbmazz").pipe(Command.withSubcommands(Commands.commands))

/** What `dbmazz <args> --help` would show. */
const help = async (...args: ReadonlyArray<string>): Promise<HelpDoc> => {
  let doc: HelpDoc | undefined
  await Effect.runPromise(
    Command.runWith(dbmazz, { version: "" })([...args, "--help"]).pipe(
      Effect.provide([
        NodeServices.layer,
        CliOutput.layerPresenter({
          present: (event) =>
            Effect.sync(() => {
              if (event._tag === "Help") doc = event.helpDoc
            })
        })
      ])
    )
  )
  if (doc === undefined) throw new Error(`no help for ${args.join(" ")}`)
  return doc
}

const written = ({ name, type }: FlagDoc): string => (type === "boolean" ? `--${name}` : `--${name} ${type}`)

const table = (flags: ReadonlyArray<FlagDoc>): ReadonlyArray<string> => [
  "| flag | meaning |",
  "| --- | --- |",
  ...flags.map((flag) => `| \`${written(flag)}\` | ${Option.getOrElse(flag.description, () => "")} |`),
  ""
]

/** What a person should know of a command beside its flags. */
const NOTES: Readonly<Record<string, ReadonlyArray<string>>> = {
  health: [
    "One line with status, stage and detail, and below it the error when there is one. `--wait` is for scripts that start",
    "a job: it looks four times a second, also while nobody listens yet, and ends with 0 at the stage, with 1 after",
    "`--wait-timeout`, and at once when no waiting helps (77: the token is refused).",
    "",
    "```sh",
    "dbmazz run &",
    "dbmazz health --wait cdc --wait-timeout 2m && echo replicating",
    "```"
  ],
  status: [
    "Positions are written as PostgreSQL writes a `pg_lsn`; `--json` has them as decimal numbers in strings."
  ],
  metrics: [
    "One sample at once, then one every `--interval`: rows a second that StarRocks acknowledged, age of the oldest change",
    "that it has not, bytes of WAL and rows that wait, totals, resident memory, CPU of one core. `--json` prints one object",
    "a line. Ctrl-C, SIGTERM and a reader that goes away (`| head`) end it with 0; a slow reader slows the samples down."
  ],
  pause: ["Keepalives go on and memory stays bounded; WAL is kept in the slot meanwhile."],
  resume: [],
  reload: [
    "At least one change has to be given. `--tables` is the whole list, not an addition. Nothing is written to the",
    "configuration: after a restart the old values are back."
  ],
  drain: [
    "Without `--wait` it ends when the server has taken the order. With it, it ends with 0 when nobody answers at the",
    "address any more, or when a new job does; with 1 after `--wait-timeout`."
  ],
  stop: [
    "One of `--keep-slot` and `--drop-slot` has to be given: the API drops the slot unless told otherwise, and with it every",
    "change that was not read. What was not acknowledged is read again after `--keep-slot`; `drain` loads it first."
  ],
  snapshot: []
}

const section = async (path: ReadonlyArray<string>, common: ReadonlySet<string>): Promise<ReadonlyArray<string>> => {
  const doc = await help(...path)
  const flags = doc.flags.filter(({ name }) => !common.has(name))
  const notes = NOTES[path.join(" ")] ?? []
  return [
    `## dbmazz ${path.join(" ")}`,
    "",
    `${doc.description[0]?.toUpperCase()}${doc.description.slice(1)}.`,
    "",
    ...notes,
    ...(notes.length === 0 ? [] : [""]),
    ...(flags.length === 0 ? [] : table(flags)),
    ...(doc.subcommands ?? []).flatMap(({ commands }) =>
      commands.map(({ description, name }) => `- \`dbmazz ${path.join(" ")} ${name}\`: ${description}`)
    ),
    ...(doc.subcommands === undefined ? [] : [""])
  ]
}

const common = (await help("pause")).flags
const names = new Set(common.map(({ name }) => name))
const sections: Array<string> = []
for (const { name } of Commands.commands) sections.push(...await section([name], names))

const page = [
  "# Commands for a running job",
  "",
  "Clients of the gRPC control plane of a running `dbmazz run`, on this machine or another. Each prints its answer on",
  "standard output and everything else on standard error.",
  "",
  "<!-- Written by `node scripts/commands-docs.ts` from the help of the commands. -->",
  "",
  "| exit code | meaning |",
  "| --- | --- |",
  "| 0 | done; `health`: the job serves |",
  "| 1 | the server refused or answered with an error; the job does not serve; a wait was in vain |",
  "| 2 | the command line is wrong; nobody was asked |",
  "| 69 | no answer: nobody listens, not in time, or the two sides do not speak the same (TLS, certificates, port) |",
  "| 77 | the server does not take the token or the client certificate |",
  "| 130 | interrupted; `metrics`, which ends in no other way, has 0 |",
  "",
  "`--json` prints what the API answers, with the field names of `proto/dbmazz.proto`, every field present, 64-bit numbers",
  "as strings and enums by name.",
  "",
  "## The connection",
  "",
  ...table(common),
  "A time has its unit: `500ms`, `10s`, `1.5m`, `1h`.",
  "",
  "The token is best kept in a file or in `CONTROL_TOKEN`: other users of a machine can read the flags of a process. It is",
  "sent as it is when the connection has no TLS. On a loopback address no proxy of the environment is used.",
  "",
  ...sections
].join("\n")

Page.write("docs/commands.md", page, "node scripts/commands-docs.ts && dprint fmt docs/commands.md")
