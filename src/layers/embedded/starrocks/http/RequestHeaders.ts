/** Reads headers of requests. Pure. */
import type { IncomingHttpHeaders } from "node:http"

/** A header's text, without spaces and tabs around it; undefined when it is absent or blank. */
export const header = (headers: IncomingHttpHeaders, name: string): string | undefined => {
  const value = headers[name]
  // Only these two: other white space of Latin-1 may be half of a UTF-8 character.
  const text = (Array.isArray(value) ? value[0] : value)?.replace(/^[ \t]+|[ \t]+$/g, "")
  // Node reads header bytes as Latin-1; names of tables and columns are UTF-8.
  return text === undefined || text === "" ? undefined : Buffer.from(text, "latin1").toString("utf8")
}

/** Bytes of the body as the request declares them; 0 when it comes in chunks. */
export const declaredBytes = (headers: IncomingHttpHeaders): number => Number(headers["content-length"] ?? 0)

/** The basic credentials of a request. */
export interface Credentials {
  readonly user: string
  readonly password: string
}

/** User and password of a Basic Authorization header; a cluster name after @ is dropped. */
export const credentials = (headers: IncomingHttpHeaders): Credentials | undefined => {
  const match = /^basic\s+([A-Za-z0-9+/=]+)$/i.exec(headers.authorization ?? "")
  if (match?.[1] === undefined) return undefined
  const text = Buffer.from(match[1], "base64").toString("utf8")
  const colon = text.indexOf(":")
  if (colon < 0) return undefined
  const user = text.slice(0, colon)
  const at = user.indexOf("@")
  return { user: at < 0 ? user : user.slice(0, at), password: text.slice(colon + 1) }
}
