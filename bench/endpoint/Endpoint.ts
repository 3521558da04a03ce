/**
 * The embedded StarRocks-compatible endpoint: rows/s upserted through one connection, and the most memory its process
 * held meanwhile. The endpoint is a process of its own; this one only makes and sends the bodies, on the same cores.
 */
import mysql from "mysql2/promise"
import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import { mkdtemp, readFile, rm } from "node:fs/promises"
import * as http from "node:http"
import * as os from "node:os"
import * as path from "node:path"
import { createInterface } from "node:readline"
import * as Bodies from "./Bodies.ts"

const LOADS_DEFAULT = 20
const MEGABYTES_DEFAULT = 64
/** What the endpoint is to reach on two cores that nothing else uses. */
const TARGET_ROWS_PER_SECOND = 120_000
const TARGET_RESIDENT_MB = 600

/** As the program itself is started (bin/dbmazz.js, Dockerfile, package.json). */
const NODE_FLAGS = "--max-semi-space-size=2"
const PORTS = ["--fe-port", "0", "--be-port", "0", "--mysql-port", "0"]

const MAIN = path.join(import.meta.dirname, "../../src/programs/Main.ts")

interface Ports {
  readonly bePort: number
  readonly mysqlPort: number
}

interface Load {
  readonly seconds: number
  readonly replySeconds: number
}

const start = (data: string): ChildProcess =>
  spawn(
    process.execPath,
    [NODE_FLAGS, MAIN, "embedded-starrocks", ...PORTS, "--database", "bench", "--data", data],
    { stdio: ["ignore", "pipe", "inherit"] }
  )

const ready = async (child: ChildProcess): Promise<Ports> => {
  if (child.stdout === null) throw new Error("the endpoint has no output")
  for await (const line of createInterface({ input: child.stdout })) {
    const ports: Ports = JSON.parse(line)
    return ports
  }
  throw new Error("the endpoint ended before it was ready")
}

/** The most memory the process has held, in bytes; undefined where /proc does not tell. */
const residentMax = async (pid: number | undefined): Promise<number | undefined> => {
  const status = await readFile(`/proc/${pid}/status`, "utf8").catch(() => "")
  const kilobytes = /^VmHWM:\s*(\d+) kB$/m.exec(status)?.[1]
  return kilobytes === undefined ? undefined : Number(kilobytes) * 1024
}

/** Sends a body and waits for the reply; a load that does not succeed ends the benchmark. */
const load = (agent: http.Agent, port: number, label: string, body: Buffer, rows: number): Promise<Load> =>
  new Promise((resolve, reject) => {
    const startedAt = performance.now()
    const request = http.request({
      agent,
      host: "127.0.0.1",
      port,
      method: "PUT",
      path: "/api/bench/orders/_stream_load",
      headers: {
        Authorization: `Basic ${Buffer.from("root:").toString("base64")}`,
        Expect: "100-continue",
        "Content-Length": body.byteLength,
        label,
        format: "json",
        strict_mode: "true",
        ignore_json_size: "true"
      }
    })
    request.on("continue", () => request.end(body))
    request.on("error", reject)
    request.on("response", (response) => {
      let text = ""
      response.setEncoding("utf8").on("data", (chunk: string) => {
        text += chunk
      })
      response.on("end", () => {
        const reply = JSON.parse(text)
        if (reply.Status !== "Success" || reply.NumberLoadedRows !== rows) return reject(new Error(text))
        resolve({ seconds: (performance.now() - startedAt) / 1000, replySeconds: reply.LoadTimeMs / 1000 })
      })
    })
    request.flushHeaders()
  })

const millions = (bytes: number): number => Math.round(bytes / 1e6)
const thousands = (count: number): string => Math.round(count).toLocaleString("en")

const verdict = (met: boolean | undefined): string => met === undefined ? "not measured" : met ? "met" : "MISSED"

const measure = async (child: ChildProcess, loads: number, megabytes: number): Promise<void> => {
  const { bePort, mysqlPort } = await ready(child)
  const connection = await mysql.createConnection({ host: "127.0.0.1", port: mysqlPort, user: "root" })
  const agent = new http.Agent({ keepAlive: true, maxSockets: 1 })
  try {
    await connection.query(Bodies.CREATE)
    const template = Bodies.template(megabytes * 1024 * 1024)
    const rows = template.idOffsets.length
    const step = Math.floor(rows / 2)
    const results: Array<Load> = []
    const loadAverageBefore = os.loadavg()[0] ?? Number.NaN
    console.log(
      `${loads} loads of ${thousands(rows)} rows (${(template.body.length / rows).toFixed(0)} bytes each, ` +
        `${megabytes} MiB), every second row replaces one; load average before: ${loadAverageBefore.toFixed(2)}\n`
    )
    console.log(["load", "rows/s", "seconds", "rows in table", "peak RSS"].map((text) => text.padStart(16)).join(""))
    for (let index = 0; index < loads; index++) {
      Bodies.number(template, index * step)
      const result = await load(agent, bePort, `bench_${index}`, template.body, rows)
      results.push(result)
      const resident = await residentMax(child.pid)
      const cells = [
        String(index + 1),
        thousands(rows / result.seconds),
        result.seconds.toFixed(2),
        thousands(index * step + rows),
        resident === undefined ? "unknown" : `${millions(resident)} MB`
      ]
      console.log(cells.map((text) => text.padStart(16)).join(""))
    }
    const [counted] = await connection.query<Array<mysql.RowDataPacket>>(
      "SELECT count(*) AS c, min(id) AS least, max(id) AS most FROM bench.orders"
    )
    const rowsInTable = Number(counted[0]?.["c"])
    const rowsExpected = (loads - 1) * step + rows
    if (rowsInTable !== rowsExpected) throw new Error(`${rowsInTable} rows in the table, not ${rowsExpected}`)
    const seconds = results.reduce((sum, result) => sum + result.seconds, 0)
    const resident = await residentMax(child.pid)
    const rowsPerSecond = Math.round(rows * loads / seconds)
    const summary = {
      benchmark: "endpoint",
      loads,
      rowsPerLoad: rows,
      bytesPerLoad: template.body.length,
      rowsInTable,
      rowsPerSecond,
      slowestLoadRowsPerSecond: Math.round(rows / Math.max(...results.map((result) => result.seconds))),
      serverShare: Number((results.reduce((sum, result) => sum + result.replySeconds, 0) / seconds).toFixed(3)),
      residentMBMax: resident === undefined ? undefined : millions(resident),
      targetRowsPerSecond: TARGET_ROWS_PER_SECOND,
      targetResidentMB: TARGET_RESIDENT_MB,
      loadAverageBefore: Number(loadAverageBefore.toFixed(2)),
      loadAverageAfter: Number((os.loadavg()[0] ?? Number.NaN).toFixed(2)),
      node: process.version
    }
    const fast = rowsPerSecond >= TARGET_ROWS_PER_SECOND
    const small = resident === undefined ? undefined : millions(resident) <= TARGET_RESIDENT_MB
    console.log(`
count(*) over MySQL: ${thousands(rowsInTable)}, as expected
rows/s, all loads:   ${thousands(rowsPerSecond)} (target at least ${thousands(TARGET_ROWS_PER_SECOND)}: ${
      verdict(fast)
    })
peak RSS:            ${summary.residentMBMax ?? "unknown"} MB (target at most ${TARGET_RESIDENT_MB}: ${verdict(small)})
load average:        ${summary.loadAverageBefore} before, ${summary.loadAverageAfter} after`)
    console.log(JSON.stringify(summary))
  } finally {
    agent.destroy()
    connection.destroy()
  }
}

const option = (args: ReadonlyArray<string>, name: string, fallback: number): number => {
  const at = args.indexOf(name)
  return at < 0 ? fallback : Number(args[at + 1])
}

/** `--loads N` (20), `--megabytes N` (64): the size of a body. */
export const main = async (args: ReadonlyArray<string>): Promise<void> => {
  const data = await mkdtemp(path.join(os.tmpdir(), "dbmazz-bench-endpoint-"))
  const child = start(data)
  const gone = once(child, "exit")
  try {
    await measure(child, option(args, "--loads", LOADS_DEFAULT), option(args, "--megabytes", MEGABYTES_DEFAULT))
  } finally {
    child.kill("SIGTERM")
    await gone
    await rm(data, { recursive: true, force: true })
  }
}
