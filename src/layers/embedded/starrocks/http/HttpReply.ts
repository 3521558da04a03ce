/** Small pieces both HTTP listeners share: replies, paths, and making servers that outlive their clients' mistakes. */
import * as Http from "node:http"

/** Bytes of a request's headers: a `columns` header of a table with a thousand columns fits. */
const headerBytesMax = 1024 * 1024
/** Milliseconds an idle connection is kept. */
const keepAliveMs = 60_000
/** Milliseconds a client may take to send the headers of a request. */
const headersMsDefault = 10_000
/** Milliseconds between two looks at clients that take too long. */
const headersCheckMs = 1000
/** Bytes of a refused request's body that are still read, so that the client gets to the answer instead of a reset. */
const drainBytesMax = 64 * 1024 * 1024

/** The header of an answer that says it is JSON; the FE's answers mostly do not, as on the server. */
export const json = { "Content-Type": "application/json" } as const

/** A request and where its answer goes. */
export interface Exchange {
  readonly request: Http.IncomingMessage
  readonly response: Http.ServerResponse
  /** Whether the client waits for `100 Continue` before it sends the body. */
  readonly waits: boolean
}

/** Makes a server that hands over every request, with or without Expect, when its headers come within the given time. */
export const server = (handle: (exchange: Exchange) => void, headersMs: number = headersMsDefault): Http.Server => {
  const made = Http.createServer({
    maxHeaderSize: headerBytesMax,
    headersTimeout: headersMs,
    connectionsCheckingInterval: Math.min(headersMs, headersCheckMs),
    // A load may take longer than any fixed limit on a request; its own timeout header bounds it.
    requestTimeout: 0,
    keepAliveTimeout: keepAliveMs
  })
  const accept = (waits: boolean) => (request: Http.IncomingMessage, response: Http.ServerResponse) => {
    response.on("error", () => request.destroy())
    request.on("error", () => undefined)
    handle({ request, response, waits })
  }
  made.on("request", accept(false))
  made.on("checkContinue", accept(true))
  made.on("checkExpectation", accept(false))
  made.on("clientError", (_, socket) => {
    if (socket.writable) socket.end("HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
    else socket.destroy()
  })
  return made
}

/** Answers and leaves what is still coming of the request unread. */
export const send = (
  { request, response }: Exchange,
  status: number,
  body: string,
  headers: Readonly<Record<string, string>> = {}
): void => {
  if (response.writableEnded || response.destroyed) return
  const complete = request.complete ||
    (request.headers["content-length"] === undefined && request.headers["transfer-encoding"] === undefined)
  response.writeHead(status, {
    "Content-Type": "text/html; charset=UTF-8",
    "Content-Length": String(Buffer.byteLength(body)),
    ...(complete ? {} : { Connection: "close" }),
    ...headers
  })
  response.end(request.method === "HEAD" ? undefined : body)
}

/** Answers with an object. */
export const sendJson = (
  exchange: Exchange,
  status: number,
  body: object,
  headers: Readonly<Record<string, string>> = {}
): void => send(exchange, status, JSON.stringify(body), headers)

/** Answers 200 with JSON while the body may still be coming: a client that waits for 100 Continue keeps it instead. */
export const sendReply = (exchange: Exchange, body: string): void => {
  const { request } = exchange
  if (!request.complete && !request.destroyed && !exchange.waits) drain(request)
  send(exchange, 200, body, json)
}

/** Reads what is still coming of a request, up to a limit, and forgets it. */
export const drain = (request: Http.IncomingMessage): void => {
  let bytes = 0
  request.on("data", (chunk: Buffer) => {
    bytes += chunk.length
    if (bytes > drainBytesMax) request.destroy()
  })
  request.resume()
}

/** Drops the connection without an answer, as a crash does. */
export const reset = ({ request }: Exchange): void => {
  request.socket.resetAndDestroy()
}

/** Path and query as the client wrote them, without the scheme and host that a client of a proxy puts before them. */
export const targetPath = (request: Http.IncomingMessage): string => {
  const url = request.url ?? "/"
  const absolute = /^https?:\/\/[^/?]*/i.exec(url)
  if (absolute === null) return url
  const rest = url.slice(absolute[0].length)
  return rest.startsWith("/") ? rest : `/${rest}`
}

/** Path segments, percent-decoded, and the query. Undefined when the target is no valid path. */
export const target = (
  request: Http.IncomingMessage
): { readonly path: ReadonlyArray<string>; readonly query: URLSearchParams } | undefined => {
  const url = targetPath(request)
  const mark = url.indexOf("?")
  const path = mark < 0 ? url : url.slice(0, mark)
  try {
    return {
      path: path.split("/").slice(1).map((segment) => decodeURIComponent(segment)),
      query: new URLSearchParams(mark < 0 ? "" : url.slice(mark + 1))
    }
  } catch {
    return undefined
  }
}
