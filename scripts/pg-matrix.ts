/**
 * `npm run test:pg-matrix -- [--only 14,17] [--all] [file …]`: runs tests on PostgreSQL 14 to 18, one version after the
 * other, and ends with a table. Fails when a test fails, when a version ran none, and when a version cannot be had.
 */
import { spawn } from "node:child_process"
import { mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { fileURLToPath } from "node:url"
import { parseArgs } from "node:util"
import * as PostgresPackages from "./PostgresPackages.ts"

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)))

/** What depends on the server's version: catalogues, protocol, values, slots. The rest is the same code on every one. */
const CORE: ReadonlyArray<string> = [
  "test/layers/PostgresSetup.pg",
  "test/layers/PostgresPublication.pg",
  "test/layers/PostgresSql.pg",
  "test/layers/PostgresIdentity.pg",
  "test/layers/SourceTables.pg",
  "test/layers/SourceShape.pg",
  "test/layers/CheckpointStore.pg",
  "test/layers/CheckpointIdentity.pg",
  "test/layers/FoundExchanges.pg",
  "test/layers/InFlightLoads.pg",
  "test/layers/ReplicationSource.pg",
  "test/layers/ReplicationRole.pg",
  "test/layers/ReplicationWatch.pg",
  "test/layers/RejectedRows.pg",
  "test/layers/SlotHealth.pg",
  "test/streams/PublicationWatch.pg",
  "test/integration/EndToEnd.pg",
  "test/integration/Recovery.pg",
  "test/integration/SourceRecovery.pg",
  "test/integration/UnreadLog.pg",
  "test/integration/KilledProgram.pg",
  "test/integration/SchemaEvolution.pg",
  "test/integration/SourceShapes.pg",
  "test/integration/UnsentValues.pg",
  "test/integration/Expressions.pg",
  "test/integration/ExchangedPartition.pg",
  "test/integration/NotNullColumns.pg",
  "test/integration/Toast.pg",
  "test/integration/Truncate.pg",
  "test/integration/Lists.pg",
  "test/integration/Csv.pg",
  "test/integration/RejectedRows.pg",
  "test/integration/WhileRunning.pg",
  "test/integration/AutoCreate.pg",
  "test/integration/StoppedTable.pg",
  "test/property/Values.pg",
  "test/differential",
  "test/simulation/ModelPostgres.pg",
  "test/programs/Verify.pg"
]
/** `--all`: every test with a PostgreSQL server, except those of the package of the one version that is built in. */
const ALL: ReadonlyArray<string> = [".pg.test.ts", "--exclude", "test/layers/embedded/**"]

const HELP = `npm run test:pg-matrix -- [--only 14,17] [--all] [file …]

Runs tests on each of PostgreSQL ${[...PostgresPackages.VERSIONS.keys()].join(", ")}, and ends with a table.

  --only 14,17  these versions; without it every one must be there
  --all         every test that has a PostgreSQL server; without it, and without files, those that depend on the version:
                ${CORE.map((file) => file.replace(/^test\//, "")).join(", ")}
  file …        these tests, as vitest filters them

Servers are fetched with npm, once, into PG_MATRIX_CACHE, or node_modules/.cache/dbmazz-postgres. A server of your own:
POSTGRES_INSTALLATION=/usr/lib/postgresql/15 npm test -- <file>, with the directory that holds its bin.`

interface Outcome {
  readonly version: number
  readonly server: string
  readonly passed: number
  readonly failed: number
  readonly seconds: number
  /** Titles of failed tests, or why there were none. */
  readonly failures: ReadonlyArray<string>
}

/** The parts of vitest's report that are read here. */
interface Report {
  readonly testResults: ReadonlyArray<{
    readonly name: string
    readonly status: string
    readonly message: string
    readonly assertionResults: ReadonlyArray<{ readonly fullName: string; readonly status: string }>
  }>
}

const firstLine = (text: string): string => text.split("\n", 1)[0] ?? ""

const readReport = (file: string): Pick<Outcome, "passed" | "failed" | "failures"> => {
  const report = JSON.parse(readFileSync(file, "utf8")) as Report
  let passed = 0
  const failures: Array<string> = []
  for (const { assertionResults, message, name, status } of report.testResults) {
    passed += assertionResults.filter((each) => each.status === "passed").length
    const failed = assertionResults.filter((each) => each.status !== "passed")
    for (const each of failed) failures.push(`${name.slice(ROOT.length + 1)}: ${each.fullName} (${each.status})`)
    if (status === "failed" && failed.length === 0) {
      failures.push(`${name.slice(ROOT.length + 1)}: ${firstLine(message)}`)
    }
  }
  if (passed + failures.length === 0) failures.push("no test ran")
  return { passed, failed: failures.length, failures }
}

const vitest = (args: ReadonlyArray<string>, installation: string): Promise<number> =>
  new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [join(ROOT, "node_modules/vitest/vitest.mjs"), "run", ...args], {
      cwd: ROOT,
      env: { ...process.env, POSTGRES_INSTALLATION: installation },
      stdio: "inherit"
    })
    child.on("error", reject)
    child.on("exit", (code) => resolve(code ?? 1))
  })

const examine = async (version: number, cache: string, tests: ReadonlyArray<string>): Promise<Outcome> => {
  const startedAt = Date.now()
  const none = { version, passed: 0, failed: 0 }
  const reports = mkdtempSync(join(tmpdir(), "dbmazz-matrix-"))
  try {
    const { directory, says } = await PostgresPackages.installation(version, cache)
    console.log(`\n== PostgreSQL ${version}: ${says}, ${directory}\n`)
    const file = join(reports, "report.json")
    const reporters = ["--reporter=default", "--reporter=json", `--outputFile.json=${file}`]
    const status = await vitest([...tests, ...reporters], directory)
    const seconds = (Date.now() - startedAt) / 1000
    const read = readReport(file)
    const silent = status !== 0 && read.failed === 0 ? [`vitest ended with status ${status}`] : []
    const failures = [...read.failures, ...silent]
    return { version, server: says, passed: read.passed, failed: failures.length, seconds, failures }
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    return { ...none, server: "not there", failed: 1, seconds: (Date.now() - startedAt) / 1000, failures: [reason] }
  } finally {
    rmSync(reports, { recursive: true, force: true })
  }
}

const table = (outcomes: ReadonlyArray<Outcome>): string =>
  [
    ["version", "server", "passed", "failed", "seconds"],
    ...outcomes.map((each) => [
      String(each.version),
      each.server,
      String(each.passed),
      String(each.failed),
      each.seconds.toFixed(0)
    ])
  ].map(([version = "", server = "", ...figures]) =>
    [version.padEnd(9), server.padEnd(30), ...figures.map((figure) => figure.padStart(9))].join("")
  ).join("\n")

const main = async (): Promise<void> => {
  const { positionals, values } = parseArgs({
    allowPositionals: true,
    options: {
      only: { type: "string" },
      all: { type: "boolean", default: false },
      help: { type: "boolean", default: false }
    }
  })
  if (values.help) {
    console.log(HELP)
    return
  }
  const versions = values.only?.split(",").map(Number) ?? [...PostgresPackages.VERSIONS.keys()]
  const cache = process.env["PG_MATRIX_CACHE"] ?? join(ROOT, "node_modules/.cache/dbmazz-postgres")
  const tests = positionals.length > 0 ? positionals : values.all ? ALL : CORE
  const outcomes: Array<Outcome> = []
  for (const version of versions) outcomes.push(await examine(version, cache, tests))
  console.log(`\n${table(outcomes)}`)
  for (const { failures, version } of outcomes) {
    for (const failure of failures) console.log(`\n${version}: ${failure}`)
  }
  process.exitCode = outcomes.every(({ failed, passed }) => failed === 0 && passed > 0) ? 0 : 1
}

await main()
