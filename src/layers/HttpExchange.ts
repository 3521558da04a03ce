/**
 * One HTTP/1.1 request on `node:http`, the way Stream Load needs it: the headers go first and the body waits for
 * `100 Continue`, because a front end answers with a redirect and closes without reading a body. `fetch` refuses the
 * Expect header and effect's client does not wait for the answer to it.
 */
import * as Effect from "effect/Effect"
import * as http from "node:http"
import * as https from "node:https"
import * as Tls from "../domain/config/Tls.ts"
import type { TlsProblem } from "../domain/TlsProblem.ts"
import * as TlsFiles from "./TlsFiles.ts"

/** How long each phase may last, in ms. */
export interface Limits {
  /** Until the connection stands. A host that takes longer is down or behind a firewall that drops packets. */
  readonly connectMs: number
  /** Until `100 Continue` or an answer; then the body is sent anyway, because some intermediaries never pass it on. */
  readonly continueMs: number
  /** Without a byte in either direction. A back end is silent while it writes and commits, which can take a minute. */
  readonly silenceMs: number
  /** For everything. The server gives a load up after its `timeout` header, so nothing comes later than that. */
  readonly totalMs: number
}

/** Bytes of a body handed to the socket at once: large enough for few system calls, small against any batch. */
const SLICE_BYTES = 256 * 1024

/** Bytes of an answer that are read: a load reply has under 1 KiB, and a broken proxy may send without end. */
const REPLY_BYTES_MAX = 1024 * 1024

/** First TCP keep-alive probe after this silence, in ms: finds a peer that vanished while it was to commit. */
const KEEP_ALIVE_MS = 30_000

const STALE = "this program stood still, or took too long to begin, and must ask again before it sends"

export interface Call {
  readonly method: "GET" | "PUT"
  readonly url: URL
  readonly headers: Readonly<Record<string, string>>
  readonly body: Uint8Array | undefined
  /** Asked before each part of the body goes: true when it may no longer be sent. */
  readonly stale?: (begun: boolean) => boolean
  /** False: a connection of its own, closed afterwards. */
  readonly agent: http.Agent | false
  /** Of an https URL; the files are read for every request, and a changed one makes a new connection. */
  readonly tls?: Tls.SinkTls | undefined
}

/**
 * `bodySent`: at least one byte of the body was handed to the socket. `why` is the system's word, never a header. `tls`:
 * the connection failed because of certificates or the like.
 */
export type Answer =
  | {
    readonly _tag: "Answered"
    readonly httpStatus: number
    readonly location: string | undefined
    readonly body: string
    readonly bodySent: boolean
  }
  | {
    readonly _tag: "Lost"
    readonly why: string
    readonly bodySent: boolean
    readonly pooled: boolean
    readonly tls?: TlsProblem
  }
  | { readonly _tag: "Unsendable"; readonly why: string }

const isRedirect = (status: number): boolean => status >= 300 && status < 400

/** The chain is checked whatever the configuration says: the password goes through here. */
const secured = (call: Call): https.RequestOptions => ({
  ...TlsFiles.read("sink", call.tls),
  minVersion: TlsFiles.VERSION_MIN,
  rejectUnauthorized: true,
  ...(Tls.httpsCheck(call.tls) === "host" ? {} : { checkServerIdentity: () => undefined })
})

const open = (call: Call): http.ClientRequest => {
  const options: http.RequestOptions = { method: call.method, agent: call.agent, headers: call.headers }
  return call.url.protocol === "https:"
    ? https.request(call.url, { ...options, ...secured(call) })
    : http.request(call.url, options)
}

/** The state of one request; its methods are the phases in the order in which they happen. */
class Conversation {
  readonly request: http.ClientRequest
  readonly limits: Limits
  readonly body: Buffer | undefined
  readonly resume: (answer: Answer) => void
  readonly stale: (begun: boolean) => boolean
  readonly total: NodeJS.Timeout
  phase: NodeJS.Timeout | undefined
  offset = 0
  bodySent = false
  responded = false
  over = false

  constructor(call: Call, limits: Limits, resume: (answer: Answer) => void) {
    this.limits = limits
    this.resume = resume
    this.stale = call.stale ?? (() => false)
    this.body = call.body === undefined
      ? undefined
      : Buffer.from(call.body.buffer, call.body.byteOffset, call.body.byteLength)
    this.request = open(call)
    this.total = setTimeout(() => this.lose(`no answer within ${limits.totalMs} ms`), limits.totalMs)
    this.request.on("error", (error: NodeJS.ErrnoException) => this.fail(call.url, error))
    this.request.on("socket", (socket) => {
      // Node writes the headers of a request that expects 100 Continue in the socket's encoding, UTF-8 unless told, which
      // would encode names of columns twice: a header is bytes already, one a character.
      socket.setDefaultEncoding("latin1")
      if (!socket.connecting) return this.connected()
      this.arm(limits.connectMs, () => this.lose(`no connection within ${limits.connectMs} ms`))
      socket.once(call.url.protocol === "https:" ? "secureConnect" : "connect", () => {
        socket.setKeepAlive(true, KEEP_ALIVE_MS)
        socket.setNoDelay(true)
        this.connected()
      })
    })
    this.request.on("continue", () => this.send())
    this.request.on("response", (response) => this.read(response))
    if (this.body === undefined) this.request.end()
    else this.request.flushHeaders()
  }

  arm(ms: number, act: () => void): void {
    clearTimeout(this.phase)
    this.phase = this.over ? undefined : setTimeout(act, ms)
  }

  /** Something moved: the silence starts again. */
  alive(): void {
    this.arm(this.limits.silenceMs, () => this.lose(`no byte for ${this.limits.silenceMs} ms`))
  }

  connected(): void {
    if (this.body === undefined) this.alive()
    else this.arm(this.limits.continueMs, () => this.send())
  }

  send(): void {
    if (this.bodySent || this.responded || this.over || this.body === undefined) return
    if (this.stale(false)) return this.lose(STALE)
    this.bodySent = true
    this.pump(this.body)
  }

  pump(body: Buffer): void {
    while (!this.over && !this.responded && this.offset < body.byteLength) {
      if (this.stale(true)) return this.lose(STALE)
      this.alive()
      const slice = body.subarray(this.offset, this.offset + SLICE_BYTES)
      this.offset += slice.byteLength
      if (!this.request.write(slice)) {
        this.request.once("drain", () => this.pump(body))
        return
      }
    }
    if (!this.over && !this.responded) {
      this.alive()
      this.request.end()
    }
  }

  read(response: http.IncomingMessage): void {
    this.responded = true
    const httpStatus = response.statusCode ?? 0
    const location = response.headers.location
    if (isRedirect(httpStatus)) return this.answer(httpStatus, location, "")
    this.alive()
    const chunks: Array<Buffer> = []
    let size = 0
    response.on("data", (chunk: Buffer) => {
      this.alive()
      size += chunk.byteLength
      if (size > REPLY_BYTES_MAX) return this.lose(`a reply of more than ${REPLY_BYTES_MAX} bytes`)
      chunks.push(chunk)
    })
    response.on("error", (error: NodeJS.ErrnoException) => this.lose(error.code ?? error.message))
    response.on("close", () => this.lose("connection closed within the reply"))
    response.on("end", () => this.answer(httpStatus, location, Buffer.concat(chunks).toString("utf8")))
  }

  answer(httpStatus: number, location: string | undefined, body: string): void {
    if (this.over) return
    // A connection on which the body is missing, or that carried a refusal, is not used again.
    const reusable = httpStatus === 200 && (this.body === undefined || this.request.writableEnded)
    this.end(!reusable)
    this.resume({ _tag: "Answered", httpStatus, location, body, bodySent: this.bodySent })
  }

  fail(url: URL, error: NodeJS.ErrnoException): void {
    // Before an answer an error of TLS is one of its handshake, or of a client certificate refused right behind it.
    const tls = url.protocol === "https:" && !this.responded ? TlsFiles.refusalOf("sink", error)?.problem : undefined
    if (tls === undefined) return this.lose(error.code ?? error.message)
    this.lose(`${tls.error}. ${tls.remedy}`, tls)
  }

  lose(why: string, tls?: TlsProblem): void {
    if (this.over) return
    this.end(true)
    const lost = { _tag: "Lost", why, bodySent: this.bodySent, pooled: this.request.reusedSocket } as const
    this.resume(tls === undefined ? lost : { ...lost, tls })
  }

  end(destroy: boolean): void {
    this.over = true
    clearTimeout(this.total)
    clearTimeout(this.phase)
    if (destroy) this.request.destroy()
  }
}

/** Runs one request. Never fails; interruption closes the connection. The body is not copied. */
export const exchange = (call: Call, limits: Limits): Effect.Effect<Answer> =>
  Effect.callback<Answer>((resume) => {
    try {
      const conversation = new Conversation(call, limits, (answer) => resume(Effect.succeed(answer)))
      return Effect.sync(() => conversation.end(true))
    } catch (error) {
      if (error instanceof TlsFiles.TlsRefusal) {
        const { problem } = error
        const why = `${problem.error}. ${problem.remedy}`
        resume(Effect.succeed({ _tag: "Lost", why, bodySent: false, pooled: false, tls: problem }))
        return undefined
      }
      // node:http refuses header characters and malformed options before anything is sent.
      const why = error instanceof Error && "code" in error ? String(error.code) : "the request cannot be built"
      resume(Effect.succeed({ _tag: "Unsendable", why: `the request cannot be sent as HTTP: ${why}` }))
      return undefined
    }
  })
