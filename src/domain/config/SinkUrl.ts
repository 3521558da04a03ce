/** How to reach StarRocks, from the URL of its HTTP server and the variables beside it. */
import * as Redacted from "effect/Redacted"
import type { Reader } from "./Reader.ts"
import type { SrAddress } from "./Settings.ts"
import { readSinkTls } from "./Tls.ts"

/** v1 adds this port to a StarRocks URL that names none. */
const STARROCKS_HTTP_PORT_DEFAULT = "8040"

interface SinkUrl {
  readonly origin: string
  readonly hostname: string
}

const readSinkUrl = (reader: Reader): SinkUrl | undefined => {
  const text = reader.text("starrocksUrl")
  if (text === undefined) return undefined
  const spelled = /^[a-z]+:\/\//i.test(text) ? text : `http://${text}`
  if (!URL.canParse(spelled) || !/^https?:$/.test(new URL(spelled).protocol)) {
    reader.problem("starrocksUrl", "is not an http:// or https:// URL")
    return undefined
  }
  const url = new URL(spelled)
  if (url.username !== "" || url.password !== "") {
    reader.problem("starrocksUrl", "must not hold a user or password; set them in their own variables")
    return undefined
  }
  // The URL class drops a port that is its scheme's default.
  const explicit = /:(\d+)(?:[/?#]|$)/.exec(spelled.slice(url.protocol.length + 2))?.[1]
  return {
    origin: `${url.protocol}//${url.hostname}:${explicit ?? STARROCKS_HTTP_PORT_DEFAULT}`,
    hostname: url.hostname
  }
}

/** Undefined when something is wrong; the reader then has the problems. */
export const readSink = (reader: Reader): SrAddress | undefined => {
  const url = readSinkUrl(reader)
  const sqlPort = reader.integer("starrocksSqlPort")
  const database = reader.text("starrocksDatabase")
  const user = reader.text("starrocksUser")
  const password = reader.text("starrocksPassword")
  const tls = readSinkTls(reader, url?.origin.startsWith("https:") === true)
  if (url === undefined || database === undefined || user === undefined) return undefined
  return {
    url: url.origin,
    host: url.hostname.replace(/^\[|\]$/g, ""),
    sqlPort,
    database,
    user,
    password: Redacted.make(password ?? ""),
    tls
  }
}
