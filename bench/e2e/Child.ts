/** What the children of the benchmark are told, and what they report. */
import * as Redacted from "effect/Redacted"
import type { PgAddress } from "../../src/domain/config/Settings.ts"

export interface Task {
  readonly host: string
  readonly port: number
  readonly user: string
  readonly password: string
  readonly database: string
  readonly slot: string
  readonly start: string
  readonly rows: number
  readonly sinkPort: number
}

export interface Report {
  readonly seconds: number
  readonly cpuSeconds: number
  readonly residentMB: number
}

export const task = (): Task => JSON.parse(process.argv[2] ?? "{}") as Task

export const address = (given: Task): PgAddress => ({
  host: given.host,
  port: given.port,
  user: given.user,
  password: Redacted.make(given.password),
  database: given.database,
  tls: undefined
})

/** Reports the time since `startedAt` and ends the process. */
export const report = (startedAt: number): never => {
  const usage = process.resourceUsage()
  const figures: Report = {
    seconds: (performance.now() - startedAt) / 1000,
    cpuSeconds: (usage.userCPUTime + usage.systemCPUTime) / 1e6,
    residentMB: usage.maxRSS * 1024 / 1e6
  }
  console.log(JSON.stringify(figures))
  process.exit(0)
}
