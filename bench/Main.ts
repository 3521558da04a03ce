/** `npm run bench -- <name>`: each benchmark prints a table and, on its last line, the same figures as JSON. */
import * as Compare from "./e2e/Compare.ts"
import * as E2e from "./e2e/E2e.ts"
import * as Endpoint from "./endpoint/Endpoint.ts"
import * as Memory from "./memory/Memory.ts"
import * as Rows from "./rows/Rows.ts"

const BENCHMARKS: Readonly<Record<string, (args: ReadonlyArray<string>) => Promise<void>>> = {
  compare: Compare.main,
  e2e: E2e.main,
  endpoint: Endpoint.main,
  memory: Memory.main,
  rows: Rows.main
}

const [name = "", ...args] = process.argv.slice(2)
const benchmark = BENCHMARKS[name]
if (benchmark === undefined) {
  console.error(`usage: npm run bench -- ${Object.keys(BENCHMARKS).join(" | ")}`)
  process.exitCode = 2
} else {
  await benchmark(args)
}
