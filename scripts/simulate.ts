/**
 * `npm run simulate -- [--seeds N] [--from S] [--seed S] [--workers W] [--brief]`: runs seeds of the simulation and stops at the
 * first that breaks an invariant; with `--brief` it is not shrunk. `--seed` runs one seed twice, shows its trace, and says whether both runs were the same.
 */
import { availableParallelism } from "node:os"
import { parseArgs } from "node:util"
import { isMainThread, parentPort, Worker, workerData } from "node:worker_threads"
import * as Failure from "../test/simulation/Failure.ts"
import * as Plan from "../test/simulation/Plan.ts"
import * as Simulation from "../test/simulation/Simulation.ts"

const SEEDS_DEFAULT = 10_000
/** The lines of one seed's trace that are kept: all of them. */
const ALL_LINES = 1_000_000
/** Seeds between two messages of a worker. */
const STRIDE = 100

interface Share {
  readonly from: number
  readonly seeds: number
  readonly every: number
  readonly brief: boolean
}

/** What a worker says: how many seeds it has run, and what broke. */
interface Message {
  readonly done: number
  readonly steps: number
  readonly failure: string | undefined
}

const isShare = (value: unknown): value is Share =>
  typeof value === "object" && value !== null && "from" in value && "seeds" in value && "every" in value

const work = async (share: Share, say: (message: Message) => void): Promise<void> => {
  let done = 0
  let steps = 0
  for (let seed = share.from; seed < share.from + share.seeds; seed += share.every) {
    const report = await Simulation.run(Plan.fromSeed(seed))
    done += 1
    steps += report.steps
    const failure = report.broken === undefined
      ? undefined
      : share.brief
      ? Failure.headline(report)
      : await Failure.describe(report)
    if (failure === undefined && done < STRIDE) continue
    say({ done, steps, failure })
    if (failure !== undefined) return
    done = 0
    steps = 0
  }
  say({ done, steps, failure: undefined })
}

const inWorker = (share: Share, say: (message: Message) => void): { ended: Promise<void>; stop: () => void } => {
  const worker = new Worker(new URL(import.meta.url), { workerData: share })
  const ended = Promise.withResolvers<void>()
  worker.on("message", say)
  worker.on("error", ended.reject)
  worker.on("exit", () => ended.resolve())
  return { ended: ended.promise, stop: () => void worker.terminate() }
}

const many = async (from: number, seeds: number, workers: number, brief: boolean): Promise<boolean> => {
  const startedAt = Date.now()
  let done = 0
  let steps = 0
  let failure: string | undefined = undefined
  const running: Array<{ ended: Promise<void>; stop: () => void }> = []
  for (let index = 0; index < workers; index++) {
    const share: Share = { from: from + index, seeds: seeds - index, every: workers, brief }
    running.push(inWorker(share, (message) => {
      done += message.done
      steps += message.steps
      if (message.failure === undefined || failure !== undefined) return
      failure = message.failure
      for (const other of running) other.stop()
    }))
  }
  await Promise.all(running.map(({ ended }) => ended))
  const seconds = (Date.now() - startedAt) / 1000
  if (failure !== undefined) console.error(failure)
  console.log(
    `${done} seeds from ${from}, ${steps} steps, ${seconds.toFixed(1)} s on ${workers} workers, ` +
      `${Math.round((done / seconds) * 60)} seeds a minute: ${failure === undefined ? "all hold" : "BROKEN"}`
  )
  return failure === undefined
}

const one = async (seed: number): Promise<boolean> => {
  const report = await Simulation.run(Plan.fromSeed(seed), ALL_LINES)
  const again = await Simulation.run(Plan.fromSeed(seed))
  for (const line of report.trace) console.log(line)
  const same = report.digest === again.digest && report.steps === again.steps
  console.log(
    `seed ${seed}: ${report.steps} steps, digest ${report.digest}, ${same ? "the same twice" : "NOT THE SAME TWICE"}`
  )
  if (report.broken !== undefined) console.error(await Failure.describe(report))
  return same && report.broken === undefined
}

const main = async (): Promise<void> => {
  const { values } = parseArgs({
    options: {
      seeds: { type: "string", default: String(SEEDS_DEFAULT) },
      from: { type: "string", default: "1" },
      seed: { type: "string" },
      brief: { type: "boolean", default: false },
      workers: { type: "string", default: String(availableParallelism()) }
    }
  })
  const fine = values.seed !== undefined
    ? await one(Number(values.seed))
    : await many(Number(values.from), Number(values.seeds), Number(values.workers), values.brief)
  process.exitCode = fine ? 0 : 1
}

if (isMainThread) await main()
else if (isShare(workerData)) await work(workerData, (message) => parentPort?.postMessage(message))
