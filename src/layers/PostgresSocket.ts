/**
 * The stream under a connection of `pg` that may speak TLS, with libpq's meaning of `sslmode`. `pg` itself knows neither
 * `prefer` nor `allow`, so it is given this stream as if it were plain: TCP, SSLRequest and TLS are over when it says
 * `connect`.
 */
import * as net from "node:net"
import { Duplex } from "node:stream"
import * as tls from "node:tls"
import * as Tls from "../domain/config/Tls.ts"
import * as TlsProblem from "../domain/TlsProblem.ts"
import * as TlsFiles from "./TlsFiles.ts"

/** Length 8, code 80877103: the question whether the server speaks TLS. */
const SSL_REQUEST = Buffer.from([0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f])
const YES = 0x53
const NO = 0x4e
/** An ErrorResponse whose SQLSTATE field is invalid_authorization_specification: pg_hba.conf lets nobody in like this. */
const ERROR_RESPONSE = 0x45
const NOT_LIKE_THIS = "\0C28000\0"

type Way = "plain" | "tls"

/** The ways of each mode, best first. */
const WAYS: Readonly<Record<Tls.SourceMode, ReadonlyArray<Way>>> = {
  allow: ["plain", "tls"],
  prefer: ["tls", "plain"],
  require: ["tls"],
  "verify-ca": ["tls"],
  "verify-full": ["tls"]
}

const isRefusal = (answer: Buffer): boolean => answer[0] === ERROR_RESPONSE && answer.includes(NOT_LIKE_THIS)

/** Errors are a `TlsRefusal` when a person must act, and the socket's own otherwise. */
export class PostgresSocket extends Duplex {
  readonly #tls: Tls.SourceTls
  readonly #ways: Array<Way>
  #port = 0
  #host = ""
  /** The TCP socket, and what carries the protocol on it once that stands. */
  #raw: net.Socket | undefined = undefined
  #carrier: net.Socket | undefined = undefined
  /** The socket's failures are those of the handshake on it. */
  #securing = false
  #announced = false
  #answered = false
  /** What goes first: said again on the second way. */
  #startup: Buffer | undefined = undefined
  /** What the first way came to: the server's refusal, or the failure of TLS. */
  #refusal: Buffer | undefined = undefined
  #failure: Error | undefined = undefined
  /** A write that waits for the carrier. */
  #held: (() => void) | undefined = undefined

  constructor(mode: Tls.SourceTls) {
    super({ allowHalfOpen: false })
    this.#tls = mode
    this.#ways = [...WAYS[mode.mode]]
  }

  /** Bytes received on the wire. */
  get bytesRead(): number {
    return this.#raw?.bytesRead ?? 0
  }

  connect(port: number, host: string): this {
    this.#port = port
    this.#host = host
    this.#dial()
    return this
  }

  setNoDelay(): this {
    return this // every socket here has it
  }

  setKeepAlive(enable: boolean, initialDelayMs: number): this {
    this.#raw?.setKeepAlive(enable, initialDelayMs)
    return this
  }

  ref(): this {
    this.#raw?.ref()
    return this
  }

  unref(): this {
    this.#raw?.unref()
    return this
  }

  #dial(): void {
    const way = this.#ways.shift()
    const raw = new net.Socket()
    this.#raw = raw
    this.#carrier = undefined
    this.#securing = false
    this.#answered = false
    raw.setNoDelay(true)
    raw.on("error", (error) => this.#failed(raw, error))
    raw.on("close", () => {
      if (this.#carrier === undefined && !this.#securing) {
        this.#failed(raw, new Error("Connection terminated unexpectedly"))
      }
    })
    raw.once("connect", () => {
      if (way === "plain") return this.#stands(raw)
      raw.once("data", (answer: Buffer) => this.#negotiated(raw, answer))
      raw.write(SSL_REQUEST)
    })
    raw.connect(this.#port, this.#host)
  }

  #negotiated(raw: net.Socket, answer: Buffer): void {
    if (answer.length === 1 && answer[0] === YES) return this.#secure(raw)
    if (answer.length === 1 && answer[0] === NO) {
      // `prefer` goes on in the open, on the same connection.
      if (this.#ways.shift() === "plain") return this.#stands(raw)
      return this.#failed(raw, new TlsFiles.TlsRefusal(TlsProblem.notOffered("source", this.#tls.mode)))
    }
    // Bytes behind the answer were put there by somebody between us; an error is not authenticated, so it is not shown.
    this.#failed(raw, new Error("the server did not answer the request for TLS with yes or no"))
  }

  #secure(raw: net.Socket): void {
    const check = Tls.sourceCheck(this.#tls)
    this.#securing = true
    let secured: tls.TLSSocket
    try {
      secured = tls.connect({
        ...TlsFiles.read("source", this.#tls),
        socket: raw,
        host: this.#host,
        // RFC 6066 knows no SNI for addresses.
        ...(net.isIP(this.#host) === 0 ? { servername: this.#host } : {}),
        minVersion: TlsFiles.VERSION_MIN,
        rejectUnauthorized: check !== "none",
        ...(check === "host" ? {} : { checkServerIdentity: () => undefined })
      })
    } catch (error) {
      // Files that cannot be used are told in every mode: whoever named them meant them.
      this.#ways.length = 0
      return this.#failed(raw, error instanceof Error ? error : new Error("TLS cannot be set up"))
    }
    secured.on("error", (error) => this.#failed(raw, error))
    secured.once("secureConnect", () => this.#stands(secured))
  }

  /** The connection stands: what is written and read goes through the carrier from here on. */
  #stands(carrier: net.Socket): void {
    this.#carrier = carrier
    carrier.on("data", (chunk: Buffer) => this.#read(carrier, chunk))
    carrier.once("end", () => {
      if (this.#carrier === carrier && !this.#refused()) this.push(null)
    })
    carrier.once("close", () => {
      if (this.#carrier !== carrier || this.destroyed) return
      this.push(null)
      this.end()
    })
    if (!this.#announced) {
      this.#announced = true
      this.emit("connect")
    } else if (this.#startup !== undefined) carrier.write(this.#startup)
    const held = this.#held
    this.#held = undefined
    held?.()
  }

  #read(carrier: net.Socket, chunk: Buffer): void {
    if (this.#carrier !== carrier) return
    if (!this.#answered) {
      if (isRefusal(chunk)) {
        if (this.#ways.length > 0) return this.#otherWay(chunk)
        // In the open nobody is let in, and TLS did not work: that is what has to be mended.
        if (this.#failure !== undefined) return void this.destroy(this.#failure)
      }
      this.#answered = true
      this.#startup = undefined
    }
    if (!this.push(chunk)) carrier.pause()
  }

  #otherWay(refusal: Buffer): void {
    this.#refusal = Buffer.from(refusal)
    const old = this.#raw
    this.#dial()
    old?.destroy()
  }

  /** Gives the server's refusal of the first way when the second cannot be gone. True: that was it. */
  #refused(): boolean {
    const refusal = this.#refusal
    if (refusal === undefined || this.#answered) return false
    this.#refusal = undefined
    this.#answered = true
    this.push(refusal)
    this.push(null)
    return true
  }

  #failed(raw: net.Socket, error: Error): void {
    if (this.#raw !== raw || this.destroyed) return
    if (this.#securing && this.#carrier === undefined && this.#ways.length > 0) {
      this.#failure = TlsFiles.refusalOf("source", error) ?? error
      this.#dial()
      raw.destroy()
      return
    }
    if (!this.#refused()) this.destroy(this.#explained(error))
  }

  /** With TLS 1.3 a refused client certificate shows after the handshake, and its alert may be lost in a reset. */
  #explained(error: Error): Error {
    if (this.#answered) return error
    const refusal = TlsFiles.refusalOf("source", error)
    if (refusal !== undefined) return refusal
    if (this.#carrier === undefined || this.#tls.cert === undefined) return error
    const told =
      "the server broke the connection right after the TLS handshake: it may have refused the client certificate"
    return Object.assign(new Error(told), { code: Reflect.get(error, "code") ?? "ECONNRESET" })
  }

  override _read(): void {
    this.#carrier?.resume()
  }

  override _write(chunk: Buffer, encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    const carrier = this.#carrier
    if (carrier === undefined) {
      this.#held = () => this._write(chunk, encoding, done)
      return
    }
    if (!this.#answered && this.#ways.length > 0) this.#startup ??= Buffer.from(chunk)
    carrier.write(chunk, (error) => {
      // What was not taken on one way is said again on the other.
      done(error && this.#carrier === carrier ? this.#explained(error) : null)
    })
  }

  override _final(done: (error?: Error | null) => void): void {
    const carrier = this.#carrier
    if (carrier === undefined || carrier.destroyed) return done()
    carrier.end(() => done())
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#raw?.destroy()
    this.#carrier?.destroy()
    this.#held = undefined
    done(error)
  }
}
