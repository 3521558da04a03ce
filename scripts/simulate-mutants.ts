/**
 * `npm run simulate:mutants -- [--only text]... [--seeds N]`: applies each mutant of the list, or those with one of these texts
 * in their names, to a copy of the sources and runs the simulation there. Every mutant must be caught; a text that is no
 * longer found once is a failure too.
 */
import { spawn } from "node:child_process"
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs"
import { availableParallelism, tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { fileURLToPath } from "node:url"
import { parseArgs } from "node:util"
import type { Mutant } from "./Mutant.ts"
import { MUTANTS } from "./simulate-mutant-list.ts"

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)))
const SEEDS_DEFAULT = 1_000
/** What the simulation is made of. Copies, because a module's imports are resolved from where it really is. */
const PARTS = ["package.json", "src", "test/simulation", "test/support", "scripts"]

interface Outcome {
  readonly caught: boolean
  readonly says: string
}

const copyOf = (mutant: Mutant | undefined): string => {
  const directory = mkdtempSync(join(tmpdir(), "dbmazz-mutant-"))
  for (const part of PARTS) cpSync(join(ROOT, part), join(directory, part), { recursive: true })
  symlinkSync(join(ROOT, "node_modules"), join(directory, "node_modules"))
  if (mutant !== undefined) {
    const file = join(directory, "src", mutant.file)
    writeFileSync(file, readFileSync(file, "utf8").replace(mutant.search, () => mutant.replace))
  }
  return directory
}

const simulate = (directory: string, seeds: number): Promise<Outcome> =>
  new Promise((resolve, reject) => {
    const arguments_ = [join(directory, "scripts/simulate.ts"), "--seeds", String(seeds), "--workers", "1", "--brief"]
    const child = spawn(process.execPath, arguments_, { cwd: directory })
    let said = ""
    const hear = (bytes: Buffer): void => {
      said += bytes.toString("utf8")
    }
    child.stdout.on("data", hear)
    child.stderr.on("data", hear)
    child.on("error", reject)
    child.on("exit", () => {
      const finding = /^seed \d+, step .*$/m.exec(said)?.[0]
      const ended = /all hold/.test(said)
      if (finding === undefined && !ended) reject(new Error(`the simulation did not run:\n${said}`))
      resolve({ caught: finding !== undefined, says: finding ?? said.trim() })
    })
  })

const examine = async (mutant: Mutant | undefined, seeds: number): Promise<Outcome> => {
  const directory = copyOf(mutant)
  try {
    return await simulate(directory, seeds)
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}

const occurrences = (mutant: Mutant): number =>
  readFileSync(join(ROOT, "src", mutant.file), "utf8").split(mutant.search).length - 1

const main = async (): Promise<void> => {
  const { values } = parseArgs({
    options: {
      only: { type: "string", multiple: true, default: [""] },
      seeds: { type: "string", default: String(SEEDS_DEFAULT) }
    }
  })
  const chosen = MUTANTS.filter(({ name }) => values.only.some((text) => name.includes(text)))
  const lost = chosen.filter((mutant) => occurrences(mutant) !== 1)
  for (const mutant of lost) {
    console.error(`LOST    ${mutant.name}: its text stands ${occurrences(mutant)} times in src/${mutant.file}`)
  }
  const waiting = chosen.filter((mutant) => !lost.includes(mutant))
  const survivors: Array<string> = []
  const clean = await examine(undefined, Math.min(Number(values.seeds), 100))
  if (clean.caught) throw new Error(`without a mutant the simulation finds something:\n${clean.says}`)
  const examineAll = async (): Promise<void> => {
    for (let mutant = waiting.shift(); mutant !== undefined; mutant = waiting.shift()) {
      const { caught, says } = await examine(mutant, Number(values.seeds))
      console.log(`${caught ? "caught  " : "SURVIVED"} ${mutant.name}: ${says}`)
      if (!caught) survivors.push(mutant.name)
    }
  }
  await Promise.all(Array.from({ length: availableParallelism() }, examineAll))
  console.log(`${chosen.length - lost.length - survivors.length} of ${chosen.length} mutants caught`)
  process.exitCode = lost.length + survivors.length === 0 ? 0 : 1
}

await main()
