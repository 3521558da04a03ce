/** Error logs of loads: a sample of the rejected rows behind a URL. */
import { randomBytes } from "node:crypto"
import { BoundedMap } from "./BoundedMap.ts"

/** Logs kept; the oldest is dropped first. */
const logsMax = 500

/** The logs of one endpoint. */
export interface ErrorLogs {
  /** Keeps the lines and gives the name to ask for them with. */
  readonly add: (lines: ReadonlyArray<string>) => string
  readonly find: (file: string) => string | undefined
}

/** Makes an empty store. */
export const make = (): ErrorLogs => {
  const logs = new BoundedMap<string, string>(logsMax)
  return {
    add: (lines) => {
      const file = `error_log_${randomBytes(8).toString("hex")}_${randomBytes(8).toString("hex")}`
      logs.set(file, `${lines.join("\n")}\n`)
      return file
    },
    find: (file) => logs.get(file)
  }
}
