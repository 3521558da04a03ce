/** HTTP as bytes: what a client library hides (100 Continue, Expect, resets, half bodies) is what these tests are about. */
import * as Effect from "effect/Effect"
import * as Net from "node:net"

/** A request. */
export interface Request {
  readonly method: string
  readonly path: string
  readonly headers?: Readonly<Record<string, string | undefined>>
  readonly body?: string | Buffer
  /** Send `Expect: 100-continue` and hold the body until the server asks for it. */
  readonly expect?: boolean
  readonly version?: "1.0" | "1.1"
  /** Send the body in chunks of this many bytes instead of with its length. */
  readonly chunkBytes?: number
  /** Announce more bytes than follow, and hang up after the last one. */
  readonly missingBytes?: number
  /** Run when everything is sent except the last byte of the body; the byte follows when the effect has run. */
  readonly beforeEnd?: Effect.Effect<unknown>
  /** Hang up when everything is sent, without waiting for the answer. */
  readonly leaves?: boolean
  /** Milliseconds to wait for an answer. */
  readonly waitMs?: number
}

/** What came back. */
export interface Exchanged {
  /** 0 when the connection ended without an answer, -1 when nothing came in time. */
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
  /** Whether the server said 100 Continue. */
  readonly continued: boolean
  /** Whether the server closed the connection after its answer. */
  readonly closed: boolean
}

const headEnd = "\r\n\r\n"
const waitMsDefault = 20_000

const parse = (received: Buffer, continued: boolean, closed: boolean): Exchanged => {
  const end = received.indexOf(headEnd)
  if (end < 0) return { status: 0, headers: {}, body: "", continued, closed }
  const [first = "", ...lines] = received.toString("latin1", 0, end).split("\r\n")
  const headers: Record<string, string> = {}
  for (const line of lines) {
    const colon = line.indexOf(":")
    headers[line.slice(0, colon).toLowerCase()] = line.slice(colon + 1).trim()
  }
  return {
    status: Number(first.split(" ")[1]),
    headers,
    body: received.toString("utf8", end + headEnd.length),
    continued,
    closed
  }
}

const complete = (received: Buffer): boolean => {
  const end = received.indexOf(headEnd)
  if (end < 0) return false
  const length = /content-length: *(\d+)/i.exec(received.toString("latin1", 0, end))?.[1]
  return length !== undefined && received.length - end - headEnd.length >= Number(length)
}

const head = (request: Request, body: Buffer): string => {
  const chunked = request.chunkBytes !== undefined
  const length = body.length + (request.missingBytes ?? 0)
  const given: Readonly<Record<string, string | undefined>> = {
    host: "contract",
    ...(request.method === "PUT" || body.length > 0
      ? chunked ? { "transfer-encoding": "chunked" } : { "content-length": String(length) }
      : {}),
    ...(request.expect === true ? { expect: "100-continue" } : {}),
    ...request.headers
  }
  const lines = Object.entries(given).flatMap(([name, value]) => value === undefined ? [] : [`${name}: ${value}`])
  return [`${request.method} ${request.path} HTTP/${request.version ?? "1.1"}`, ...lines].join("\r\n") + headEnd
}

const sendBody = async (socket: Net.Socket, request: Request, body: Buffer): Promise<void> => {
  const size = request.chunkBytes
  if (size !== undefined) {
    for (let from = 0; from < body.length; from += size) {
      const chunk = body.subarray(from, from + size)
      socket.write(Buffer.concat([Buffer.from(`${chunk.length.toString(16)}\r\n`), chunk, Buffer.from("\r\n")]))
    }
    socket.write("0\r\n\r\n")
  } else if (request.beforeEnd !== undefined && body.length > 0) {
    socket.write(body.subarray(0, -1))
    await Effect.runPromise(request.beforeEnd)
    socket.write(body.subarray(-1))
  } else socket.write(body)
  if (request.missingBytes !== undefined) socket.end()
  if (request.leaves === true) socket.end(() => socket.destroy())
}

/** Sends a request on a connection of its own and waits for the answer or the end of the connection. */
export const http = (host: string, port: number, request: Request): Promise<Exchanged> =>
  new Promise((resolve) => {
    const body = Buffer.isBuffer(request.body) ? request.body : Buffer.from(request.body ?? "")
    const socket = Net.connect({ host, port, noDelay: true })
    let received: Buffer = Buffer.alloc(0)
    let continued = false
    let ended = false
    const finish = (exchanged: Exchanged): void => {
      if (ended) return
      ended = true
      clearTimeout(timer)
      socket.destroy()
      resolve(exchanged)
    }
    const timer = setTimeout(
      () => finish({ ...parse(Buffer.alloc(0), continued, false), status: -1 }),
      request.waitMs ?? waitMsDefault
    )
    const send = (): void => {
      sendBody(socket, request, body).catch(() => socket.destroy())
    }
    socket.on("connect", () => {
      socket.write(head(request, body))
      if (request.expect !== true && body.length > 0) send()
    })
    socket.on("data", (bytes) => {
      received = Buffer.concat([received, bytes])
      const interim = received.toString("latin1", 0, 25)
      if (interim.startsWith("HTTP/1.1 100 ") && received.includes(headEnd)) {
        continued = true
        received = received.subarray(received.indexOf(headEnd) + headEnd.length)
        send()
      }
      if (!complete(received)) return
      // A short wait shows whether the server closes by itself.
      const answer = received
      if (/connection: *close/i.test(answer.toString("latin1", 0, answer.indexOf(headEnd)))) return
      finish(parse(answer, continued, false))
    })
    socket.on("error", () => finish(parse(received, continued, true)))
    socket.on("close", () => finish(parse(received, continued, true)))
  })

/** What a connection gave back to bytes that are no request of a well-behaved client. */
export interface Raw {
  readonly text: string
  /** Whether the server closed the connection. */
  readonly closed: boolean
}

/** Sends bytes on a connection of its own until what came back satisfies, the connection ends, or the time is over. */
export const raw = (
  host: string,
  port: number,
  bytes: string | Buffer,
  satisfies: (text: string) => boolean,
  waitMs = waitMsDefault
): Promise<Raw> =>
  new Promise((resolve) => {
    let text = ""
    const socket = Net.connect({ host, port, noDelay: true }, () => socket.write(bytes))
    const finish = (closed: boolean): void => {
      clearTimeout(timer)
      socket.destroy()
      resolve({ text, closed })
    }
    const timer = setTimeout(() => finish(false), waitMs)
    socket.on("data", (part) => {
      text += part.toString("latin1")
      if (satisfies(text)) finish(false)
    })
    socket.on("error", () => finish(true))
    socket.on("close", () => finish(true))
  })
