/** How to reach PostgreSQL, from its URL. */
import * as Redacted from "effect/Redacted"
import type { Reader } from "./Reader.ts"
import type { PgAddress } from "./Settings.ts"
import { readSourceTls } from "./Tls.ts"

const PG_PORT_DEFAULT = 5432

const decoded = (part: string): string => {
  try {
    return decodeURIComponent(part)
  } catch {
    return part
  }
}

/** Undefined when something is wrong; the reader then has the problems. */
export const readSource = (reader: Reader): PgAddress | undefined => {
  const text = reader.text("databaseUrl")
  if (text === undefined) return undefined
  if (!URL.canParse(text)) {
    reader.problem("databaseUrl", "is not a URL (percent-encode special characters in the password)")
    return undefined
  }
  const url = new URL(text)
  const before = reader.problems.length
  if (url.protocol !== "postgres:" && url.protocol !== "postgresql:") {
    reader.problem("databaseUrl", "must start with postgres:// or postgresql://")
  }
  const host = url.searchParams.get("host") ?? url.hostname
  if (host === "") reader.problem("databaseUrl", "names no host")
  if (url.username === "") reader.problem("databaseUrl", "names no user")
  const database = decoded(url.pathname.replace(/^\//, ""))
  if (database === "") reader.problem("databaseUrl", "names no database")
  const tls = readSourceTls(reader, url.searchParams)
  if (reader.problems.length > before) return undefined
  return {
    host: host.replace(/^\[|\]$/g, ""),
    port: url.port === "" ? PG_PORT_DEFAULT : Number(url.port),
    user: decoded(url.username),
    password: Redacted.make(decoded(url.password)),
    database,
    // As with libpq: nobody is between the two ends of a Unix socket.
    tls: host.startsWith("/") ? undefined : tls
  }
}
