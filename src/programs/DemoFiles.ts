/** What a running demo leaves in the repository for `demo-stop.sh` and `demo-verify.sh`; gone when it ends. */
import * as Effect from "effect/Effect"
import * as fs from "node:fs/promises"
import * as path from "node:path"
import { fileURLToPath } from "node:url"

const DIRECTORY = fileURLToPath(new URL("../../.dbmazz", import.meta.url))
const PID_FILE = path.join(DIRECTORY, "demo.pid")
const ENV_FILE = path.join(DIRECTORY, "demo.env")
/** The environment holds the local server's password. */
const OWNER_ONLY = 0o600

/** Writes both files, and removes them when the scope closes. */
export const write = (environment: Readonly<Record<string, string>>) =>
  Effect.acquireRelease(
    Effect.promise(async () => {
      await fs.mkdir(DIRECTORY, { recursive: true })
      const assignments = Object.entries(environment).map(([name, value]) => `${name}=${value}\n`)
      await fs.writeFile(ENV_FILE, assignments.join(""), { mode: OWNER_ONLY })
      await fs.writeFile(PID_FILE, `${process.pid}\n`)
    }),
    () =>
      Effect.promise(async () => {
        await fs.rm(PID_FILE, { force: true })
        await fs.rm(ENV_FILE, { force: true })
      })
  )

/** How a person looks into both sides while it runs. */
export const howToConnect = (environment: Readonly<Record<string, string>>): string => {
  const sink = new URL(environment["STARROCKS_URL"] ?? "http://127.0.0.1")
  return [
    `source:  the URL is in ${path.relative(process.cwd(), ENV_FILE) || ENV_FILE} (psql "$DATABASE_URL")`,
    `sink:    mysql -h ${sink.hostname} -P ${environment["STARROCKS_PORT"]} -u root ${environment["STARROCKS_DB"]}`,
    `control: npm run dbmazz -- status --address ${environment["DBMAZZ_ADDRESS"]}`,
    `         curl http://127.0.0.1:${environment["HTTP_PORT"]}/metrics`
  ].join("\n")
}
