/** Small pieces both HTTP listeners share: replies, paths, and making servers that outlive their clients' mistakes. */
import * as Http from "node:http"

/** Bytes of a request's headers: a `columns` header of a table with a thousand columns fits. */
const headerBytesMax = 1024 * 1024
/** Milliseconds an idle connection is kept. */
const keepAliveMs = 60_000

/** A request and where its answer goes. */
export interface Exchange {
  readonly request: Http.IncomingMessage
  readonly response: Http.ServerResponse
  /** Whether the client waits for `100 Continue` before it sends the body. */
  readonly waits: boolean
}

/** Makes a server that hands over every request, with or without Expect. */
export const server = (handle: (exchange: Exchange) => void): Http.Server => {
  // A load may take longer than any fixed limit on a request; its own timeout header bounds it.
  const made = Http.createServer({ maxHeaderSize: headerBytesMax, requestTimeout: 0, keepAliveTimeout: keepAliveMs })
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

/** Drops the connection without an answer, as a crash does. */
export const reset = ({ request }: Exchange): void => {
  request.socket.resetAndDestroy()
}

/** Path segments, percent-decoded, and the query. Undefined when the target is no valid path. */
export const target = (
  request: Http.IncomingMessage
): { readonly path: ReadonlyArray<string>; readonly query: URLSearchParams } | undefined => {
  const url = request.url ?? "/"
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
