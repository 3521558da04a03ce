/**
 * The daemon's resident memory, second by second: with a sink that is away for minutes under traffic, and with one
 * transaction of millions of rows; both with the default settings, unless the environment has FLUSH_SIZE, FLUSH_BYTES or
 * MAX_BUFFER_BYTES.
 */
import * as Children from "./Children.ts"
import * as HugeTransaction from "./HugeTransaction.ts"
import * as Resident from "./Resident.ts"
import * as SinkAway from "./SinkAway.ts"

const MINUTES_DEFAULT = 10
const ROWS_DEFAULT = 2_000_000
const ROW_BYTES_DEFAULT = 1_000
/** What docs promise of the default settings. */
const LIMIT_MB = 300
/** Garbage that is collected late moves the curve by this much without growing it. */
const FLAT_MB = 20
/** Lines of a curve's table. */
const TABLE_LINES = 10

const option = (args: ReadonlyArray<string>, name: string, fallback: number): number => {
  const at = args.indexOf(name)
  return at < 0 ? fallback : Number(args[at + 1])
}

const report = (title: string, measurement: Resident.Measurement): Resident.Figures => {
  const { samples } = measurement
  const figures = Resident.figures(measurement)
  console.log(`\n${title}`)
  console.log(`0 to ${LIMIT_MB} MB  ${Resident.curve(samples, LIMIT_MB)}`)
  const every = Math.max(1, Math.ceil(samples.length / TABLE_LINES))
  for (const sample of samples.filter((_, at) => at % every === 0)) {
    console.log(`${String(sample.second).padStart(6)} s ${String(Math.round(sample.residentMB)).padStart(6)} MB`)
  }
  console.log(`most ${figures.maxMB} MB; ${figures.growthMB} MB of growth while nothing changed`)
  return figures
}

/**
 * `--minutes N` that the sink is away (10), `--row-bytes N` of the rows that are written meanwhile (1,000), `--rows N` of the
 * transaction (2,000,000). Exit code 1 past the limits.
 */
export const main = async (args: ReadonlyArray<string>): Promise<void> => {
  const minutes = option(args, "--minutes", MINUTES_DEFAULT)
  const rows = option(args, "--rows", ROWS_DEFAULT)
  const rowBytes = option(args, "--row-bytes", ROW_BYTES_DEFAULT)
  Children.build()
  const sinkAway = report(
    `the sink is away for ${minutes} min under traffic of rows of ${rowBytes} bytes`,
    await SinkAway.run(minutes, rowBytes)
  )
  const hugeTransaction = report(`one transaction of ${rows} rows`, await HugeTransaction.run(rows))
  const within = [sinkAway, hugeTransaction].every(({ growthMB, maxMB }) => maxMB < LIMIT_MB && growthMB < FLAT_MB)
  console.log(JSON.stringify({
    benchmark: "memory",
    minutes,
    rowBytes,
    rows,
    limitMB: LIMIT_MB,
    within,
    sinkAway,
    hugeTransaction,
    node: process.version
  }))
  if (!within) process.exitCode = 1
}
