import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Redacted from "effect/Redacted"
import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"
import type { SrAddress } from "../../src/domain/config/Settings.ts"
import type { LoadRequest } from "../../src/domain/Load.ts"
import * as Lsn from "../../src/domain/Lsn.ts"
import type { Outcome } from "../../src/domain/streamload/Outcome.ts"
import { LOAD_LIMITS, QUESTION_LIMITS, StreamLoadClient } from "../../src/layers/StreamLoadClient.ts"
import * as HttpStage from "../support/HttpStage.ts"

const ROWS = 3
const PASSWORD = "päss:wörd"
const BASIC = `Basic ${Buffer.from(`root:${PASSWORD}`, "utf8").toString("base64")}`
const BODY = Buffer.from(`{"id":1}\n{"id":2}\n{"id":3}\n`)
/** Larger than what sockets buffer on their own, so that sending it early would be seen. */
const BIG_BYTES = 64 * 1024 * 1024

const sink = (url: string): SrAddress => ({
  url,
  host: new URL(url).hostname,
  sqlPort: 9030,
  database: "shop",
  user: "root",
  password: Redacted.make(PASSWORD)
})

const request = (members: Partial<LoadRequest> = {}): LoadRequest => ({
  target: { schema: "shop", name: "orders" },
  label: "dbmazz_1",
  columns: undefined,
  body: BODY,
  rowCount: ROWS,
  run: "r",
  lastCommitLsn: Lsn.Lsn.make(1n),
  ...members
})

/** Short limits for the tests in which a limit is reached. */
const FAST = { connectMs: 2_000, continueMs: 50, silenceMs: 100, totalMs: 5_000 }

const client = (url: string, limits = { load: LOAD_LIMITS, question: QUESTION_LIMITS }) =>
  Effect.provide(StreamLoadClient.layer(sink(url), limits))

const load = (members: Partial<LoadRequest> = {}) =>
  StreamLoadClient.use(({ load: send, permit }) => Effect.flatMap(permit, (given) => send(request(members), given)))

const short = (outcome: Outcome): string =>
  outcome._tag === "Loaded" || outcome._tag === "InUse" ? outcome._tag : `${outcome._tag} ${outcome.code}`

const why = (outcome: Outcome): string => outcome._tag === "Loaded" ? "" : outcome.why

const accept = (turn: HttpStage.Turn): void => turn.read(() => turn.reply(HttpStage.loaded(ROWS)))

/** A back end that filters rows of every load, and plays its error log. */
const filtering = (play: (turn: HttpStage.Turn) => void, host = "127.0.0.1") =>
  Effect.gen(function*() {
    const server: HttpStage.HttpStage = yield* HttpStage.start((turn) => {
      if (turn.method === "GET") return play(turn)
      const errorUrl = `http://${host}:${server.port}/api/_load_error_log?file=error_log_1_2`
      turn.read(() => turn.reply({ Status: "Fail", Message: "too many filtered rows", ErrorURL: errorUrl }))
    })
    return { server, looks: () => server.turns.filter(({ method }) => method === "GET") }
  })

describe("rows that the back end filtered", () => {
  it.live("T73 the reason and its column come from the error log, asked without credentials, and no value with them", () =>
    Effect.gen(function*() {
      const log =
        "Error: String 'Jane Doe'(length=8) is too long. The max length of 'name' is 5. Row: {\"name\":\"Jane Doe\"}\n"
      const { looks, server } = yield* filtering((turn) => turn.reply(log))
      const outcome = yield* load().pipe(client(server.url))
      assert.strictEqual(
        why(outcome),
        "Fail: too many filtered rows: a string of 8 bytes is too long, the max length of 'name' is 5"
      )
      assert.strictEqual(outcome._tag === "Permanent" && outcome.reason?.column, "name")
      assert.deepStrictEqual(looks().map(({ headers, path }) => [headers.authorization, path]), [
        [undefined, "/api/_load_error_log?file=error_log_1_2"]
      ])
    }))

  it.live("T69 an error log that cannot be read costs one look, and the load's outcome is what it was", () =>
    Effect.gen(function*() {
      const { looks, server } = yield* filtering((turn) => turn.reset())
      const outcomes = yield* Effect.all([load(), load({ label: "dbmazz_2" })]).pipe(client(server.url))
      for (const outcome of outcomes) {
        assert.strictEqual(short(outcome), "Permanent SR_REJECTED_ROWS")
        assert.strictEqual(why(outcome), "Fail: too many filtered rows")
      }
      assert.strictEqual(looks().length, 1)
    }))
})

describe("front end and back end", () => {
  it.live("1 15 T69 the back end gets the same credentials, headers and bytes, and the front end gets no body", () =>
    Effect.gen(function*() {
      const backEnd = yield* HttpStage.start(accept)
      const frontEnd = yield* HttpStage.start((turn) => turn.redirect(`${backEnd.url}${turn.path}`))
      const columns = "id,doc_hex,doc=to_binary(doc_hex)"
      const body = new Uint8Array(Buffer.concat([BODY, Buffer.alloc(4 * 1024 * 1024, 0x20)]))
      const outcome = yield* load({ columns, body }).pipe(client(frontEnd.url))
      assert.deepStrictEqual(outcome, { _tag: "Loaded", loadedRows: ROWS, visible: true })
      const [first, second] = [frontEnd.turns[0]!, backEnd.turns[0]!]
      for (const turn of [first, second]) {
        assert.strictEqual(turn.method, "PUT")
        assert.strictEqual(turn.path, "/api/shop/orders/_stream_load")
        assert.strictEqual(turn.headers.authorization, BASIC)
        assert.strictEqual(turn.headers.expect, "100-continue")
        assert.strictEqual(turn.headers["content-length"], String(body.byteLength))
        const { label, format, strict_mode, max_filter_ratio, ignore_json_size, timeout } = turn.headers
        assert.deepStrictEqual([
          label,
          format,
          strict_mode,
          max_filter_ratio,
          ignore_json_size,
          timeout,
          turn.headers["columns"]
        ], [
          "dbmazz_1",
          "json",
          "true",
          "0",
          "true",
          "600",
          columns
        ])
      }
      assert.isTrue(second.body.equals(Buffer.from(body)))
      assert.isBelow(first.socket.bytesRead, 4096)
    }))

  it.live("T44 names of columns arrive in UTF-8: encoded otherwise they would be other columns, and theirs NULL", () =>
    Effect.gen(function*() {
      const backEnd = yield* HttpStage.start(accept)
      const columns = "`größe`,`名前`,`🦀`"
      yield* load({ columns }).pipe(client(backEnd.url))
      const header = backEnd.turns[0]!.headers["columns"] ?? ""
      assert.strictEqual(Buffer.from(String(header), "latin1").toString("utf8"), columns)
    }))

  it.live("16 a back end's address works without a front end", () =>
    Effect.gen(function*() {
      const backEnd = yield* HttpStage.start(accept)
      assert.strictEqual(short(yield* load().pipe(client(backEnd.url))), "Loaded")
      assert.isTrue(backEnd.turns[0]!.body.equals(BODY))
    }))

  it.live("14 T69 a container's 127.0.0.1 is looked for on the configured host", () =>
    Effect.gen(function*() {
      // 0.0.0.0 reaches this machine too, and is not loopback by name.
      const backEnd = yield* HttpStage.start(accept, "0.0.0.0")
      const frontEnd = yield* HttpStage.start(
        (turn) => turn.redirect(`http://127.0.0.1:${backEnd.port}${turn.path}`),
        "0.0.0.0"
      )
      assert.strictEqual(short(yield* load().pipe(client(frontEnd.url))), "Loaded")
      assert.strictEqual(backEnd.turns[0]!.headers.host, `0.0.0.0:${backEnd.port}`)
    }))

  it.live("14 a back end that cannot be reached is named, with the front end that sent us there", () =>
    Effect.gen(function*() {
      const port = yield* HttpStage.deadPort
      const frontEnd = yield* HttpStage.start((turn) => turn.redirect(`http://127.0.0.1:${port}${turn.path}`))
      const outcome = yield* load().pipe(client(frontEnd.url))
      assert.strictEqual(short(outcome), "Transient SR_UNREACHABLE")
      assert.include(why(outcome), `127.0.0.1:${port}`)
      assert.include(why(outcome), `127.0.0.1:${frontEnd.port}`)
    }))

  it.live("T69 a follower's hop to the leader is followed, a redirect loop is not followed for ever", () =>
    Effect.gen(function*() {
      const backEnd = yield* HttpStage.start(accept)
      const leader = yield* HttpStage.start((turn) => turn.redirect(`${backEnd.url}${turn.path}`))
      const follower = yield* HttpStage.start((turn) => turn.redirect(`${leader.url}${turn.path}`))
      assert.strictEqual(short(yield* load().pipe(client(follower.url))), "Loaded")
      const loop = yield* HttpStage.start((turn) => turn.redirect(turn.path))
      assert.strictEqual(short(yield* load().pipe(client(loop.url))), "Transient SR_UNAVAILABLE")
      assert.strictEqual(loop.turns.length, 4)
    }))

  it.live("5 6 a refused login costs no body and no second try", () =>
    Effect.gen(function*() {
      const frontEnd = yield* HttpStage.start((turn) =>
        turn.reply({ status: "FAILED", msg: "Access denied for root@127.0.0.1" }, 401, {
          "WWW-Authenticate": "Basic realm=\"\"",
          Connection: "close"
        })
      )
      const outcome = yield* load({ body: new Uint8Array(BIG_BYTES) }).pipe(client(frontEnd.url))
      assert.strictEqual(short(outcome), "Permanent SR_ACCESS_DENIED")
      assert.strictEqual(frontEnd.turns.length, 1)
      assert.isBelow(frontEnd.turns[0]!.socket.bytesRead, 4096)
    }))

  it.live("19 a back end that refuses the headers is not sent the body", () =>
    Effect.gen(function*() {
      const backEnd = yield* HttpStage.start((turn) =>
        turn.reply({ TxnId: -1, Status: "Fail", Message: "Invalid timeout format" })
      )
      const outcome = yield* load({ body: new Uint8Array(BIG_BYTES) }).pipe(client(backEnd.url))
      assert.strictEqual(short(outcome), "Permanent SR_REJECTED_LOAD")
      assert.isBelow(backEnd.turns[0]!.socket.bytesRead, 4096)
    }))
})

describe("a server that misbehaves", () => {
  it.live("that never says 'continue' gets the body all the same", () =>
    Effect.gen(function*() {
      const proxy = yield* HttpStage.start((turn) => {
        delete turn.headers.expect
        turn.read(() => turn.reply(HttpStage.loaded(ROWS)))
      })
      assert.strictEqual(short(yield* load().pipe(client(proxy.url, { load: FAST, question: FAST }))), "Loaded")
    }))

  it.live("46 that resets before the body leaves nothing to ask about", () =>
    Effect.gen(function*() {
      const backEnd = yield* HttpStage.start((turn) => turn.reset())
      const outcome = yield* load().pipe(client(backEnd.url))
      assert.strictEqual(short(outcome), "Transient SR_UNREACHABLE")
      assert.strictEqual(backEnd.turns.length, 1)
    }))

  it.live("45 that resets after the body leaves an uncertain load, never a failed one", () =>
    Effect.gen(function*() {
      const backEnd = yield* HttpStage.start((turn) => turn.read(() => turn.reset()))
      assert.strictEqual(short(yield* load().pipe(client(backEnd.url))), "Uncertain SR_REPLY_LOST")
    }))

  it.live("that resets within the body or within its reply leaves an uncertain load", () =>
    Effect.gen(function*() {
      const within = yield* HttpStage.start((turn) => {
        turn.request.once("data", () => turn.reset())
        turn.response.writeContinue()
      })
      assert.strictEqual(
        short(yield* load({ body: new Uint8Array(BIG_BYTES) }).pipe(client(within.url))),
        "Uncertain SR_REPLY_LOST"
      )
      const reply = yield* HttpStage.start((turn) =>
        turn.read(() => {
          turn.response.writeHead(200, { "Content-Length": 1000 })
          turn.response.write("{\"Status\":\"Success\"", () => turn.reset())
        })
      )
      assert.strictEqual(short(yield* load().pipe(client(reply.url))), "Uncertain SR_REPLY_LOST")
    }))

  it.live("that refuses in the middle of a large body is heard", () =>
    Effect.gen(function*() {
      const backEnd = yield* HttpStage.start((turn) => {
        turn.request.once("data", () => {
          turn.request.pause()
          turn.reply({ Status: "Fail", Message: "Memory of process exceed limit. Used: 9, Limit: 8" })
        })
        turn.response.writeContinue()
      })
      const frontEnd = yield* HttpStage.start((turn) => turn.redirect(`${backEnd.url}${turn.path}`))
      yield* Effect.gen(function*() {
        assert.strictEqual(short(yield* load({ body: new Uint8Array(BIG_BYTES) })), "Transient SR_MEMORY")
        // Half a body is on that connection: nothing else may ever be sent over it.
        backEnd.turns[0]!.request.resume()
        yield* HttpStage.until(() => backEnd.open() === 0)
      }).pipe(client(frontEnd.url))
    }))

  it.live("that falls silent is given up, and its load is uncertain", () =>
    Effect.gen(function*() {
      const silent = yield* HttpStage.start((turn) => turn.read(() => undefined))
      const outcome = yield* load().pipe(client(silent.url, { load: FAST, question: FAST }))
      assert.strictEqual(short(outcome), "Uncertain SR_REPLY_LOST")
      assert.include(why(outcome), "no byte for 100 ms")
      yield* HttpStage.until(() => silent.open() === 0)
    }))

  it.live("that stops reading a large body is given up", () =>
    Effect.gen(function*() {
      const deaf = yield* HttpStage.start((turn) => turn.response.writeContinue())
      const outcome = yield* load({ body: new Uint8Array(BIG_BYTES) }).pipe(
        client(deaf.url, { load: FAST, question: FAST })
      )
      assert.strictEqual(short(outcome), "Uncertain SR_REPLY_LOST")
    }))

  it.live("that reads a large body slowly is not given up: it is alive as long as it takes bytes", () =>
    Effect.gen(function*() {
      const slow = yield* HttpStage.start((turn) => {
        let sincePause = 0
        turn.request.on("data", (chunk: Buffer) => {
          sincePause += chunk.byteLength
          if (sincePause < 1024 * 1024) return
          sincePause = 0
          turn.request.pause()
          setTimeout(() => turn.request.resume(), 20)
        })
        turn.request.on("end", () => turn.reply(HttpStage.loaded(ROWS)))
        turn.response.writeContinue()
      })
      const limits = { ...FAST, silenceMs: 500, totalMs: 30_000 }
      const outcome = yield* load({ body: new Uint8Array(BIG_BYTES) }).pipe(
        client(slow.url, { load: limits, question: limits })
      )
      assert.strictEqual(short(outcome), "Loaded")
    }))

  it.live("that drips bytes without end is given up after the total time", () =>
    Effect.gen(function*() {
      const dripping = yield* HttpStage.start((turn) =>
        turn.read(() => {
          turn.response.writeHead(200)
          const timer = setInterval(() => turn.response.write(" "), 5)
          turn.socket.on("close", () => clearInterval(timer))
        })
      )
      const limits = { ...FAST, silenceMs: 10_000, totalMs: 300 }
      const outcome = yield* load().pipe(client(dripping.url, { load: limits, question: limits }))
      assert.strictEqual(short(outcome), "Uncertain SR_REPLY_LOST")
      assert.include(why(outcome), "300 ms")
    }))

  it.live("that sends a reply without end does not fill our memory", () =>
    Effect.gen(function*() {
      const flood = yield* HttpStage.start((turn) =>
        turn.read(() => {
          turn.response.writeHead(200)
          const pour = (): void => {
            while (!turn.socket.destroyed && turn.response.write(Buffer.alloc(65536, 0x20)));
            if (!turn.socket.destroyed) turn.response.once("drain", pour)
          }
          pour()
        })
      )
      const outcome = yield* load().pipe(client(flood.url))
      assert.strictEqual(short(outcome), "Uncertain SR_REPLY_LOST")
      assert.include(why(outcome), "1048576 bytes")
    }))

  it.live("130 that answers 200 with HTML is not believed", () =>
    Effect.gen(function*() {
      const proxy = yield* HttpStage.start((turn) => turn.read(() => turn.reply("<html>Success</html>")))
      assert.strictEqual(short(yield* load().pipe(client(proxy.url))), "Uncertain SR_REPLY_UNREADABLE")
    }))

  it.live("T72 that reports success for fewer rows stops the table", () =>
    Effect.gen(function*() {
      const backEnd = yield* HttpStage.start((turn) => turn.read(() => turn.reply(HttpStage.loaded(ROWS - 1))))
      assert.strictEqual(short(yield* load().pipe(client(backEnd.url))), "Permanent SR_ROWS_MISSING")
    }))

  it.live("that is not there is told apart from one that lost a load", () =>
    Effect.gen(function*() {
      const port = yield* HttpStage.deadPort
      const outcome = yield* load().pipe(client(`http://127.0.0.1:${port}`))
      assert.strictEqual(short(outcome), "Transient SR_UNREACHABLE")
      assert.include(why(outcome), "ECONNREFUSED")
    }))

  it.live("a label that HTTP cannot carry stops the table instead of the process", () =>
    Effect.gen(function*() {
      const backEnd = yield* HttpStage.start(accept)
      assert.strictEqual(short(yield* load({ label: "a\nb" }).pipe(client(backEnd.url))), "Permanent SR_REJECTED_LOAD")
      assert.strictEqual(backEnd.turns.length, 0)
    }))
})

describe("connections and memory", () => {
  it.live("a 64 MiB batch is sent from where it lies: memory does not double", () =>
    Effect.gen(function*() {
      // Only what survives a collection is held: received chunks, and buffers of earlier tests, are not.
      setFlagsFromString("--expose-gc")
      const collect = runInNewContext("gc")
      const heldBytes = (): number => {
        collect()
        return process.memoryUsage().arrayBuffers
      }
      let most = 0
      let received = 0
      let sampledAt = 0
      const backEnd = yield* HttpStage.start((turn) => {
        turn.request.on("data", (chunk: Buffer) => {
          received += chunk.byteLength
          if (received - sampledAt < BIG_BYTES / 8) return
          sampledAt = received
          most = Math.max(most, heldBytes())
        })
        turn.request.on("end", () => turn.reply(HttpStage.loaded(ROWS)))
        turn.response.writeContinue()
      })
      const body = new Uint8Array(BIG_BYTES)
      const before = heldBytes()
      assert.strictEqual(short(yield* load({ body }).pipe(client(backEnd.url))), "Loaded")
      assert.strictEqual(received, BIG_BYTES)
      assert.isBelow(most - before, BIG_BYTES / 2)
    }))

  it.live("interrupting a load closes its connection, so that nothing of it arrives later", () =>
    Effect.gen(function*() {
      const silent = yield* HttpStage.start((turn) => turn.read(() => undefined))
      yield* Effect.gen(function*() {
        const fiber = yield* Effect.forkChild(load())
        yield* HttpStage.until(() => silent.turns[0]?.body.byteLength === BODY.byteLength)
        yield* Fiber.interrupt(fiber)
        yield* HttpStage.until(() => silent.open() === 0)
      }).pipe(client(silent.url))
    }))

  it.live("back end connections are reused, front end connections are not", () =>
    Effect.gen(function*() {
      const backEnd = yield* HttpStage.start(accept)
      const frontEnd = yield* HttpStage.start((turn) => turn.redirect(`${backEnd.url}${turn.path}`))
      yield* Effect.gen(function*() {
        for (let times = 0; times < 3; times++) assert.strictEqual(short(yield* load()), "Loaded")
      }).pipe(client(frontEnd.url))
      assert.strictEqual(frontEnd.connections(), 3)
      assert.strictEqual(backEnd.connections(), 1)
      yield* HttpStage.until(() => backEnd.open() === 0)
    }))

  it.live("a kept connection that the back end has closed costs no retry", () =>
    Effect.gen(function*() {
      let polite = true
      const backEnd = yield* HttpStage.start((turn) => polite || turn.index === 2 ? accept(turn) : turn.reset())
      const frontEnd = yield* HttpStage.start((turn) => turn.redirect(`${backEnd.url}${turn.path}`))
      yield* Effect.gen(function*() {
        assert.strictEqual(short(yield* load()), "Loaded")
        polite = false
        assert.strictEqual(short(yield* load()), "Loaded")
      }).pipe(client(frontEnd.url))
      assert.strictEqual(backEnd.turns.length, 3)
    }))
})

describe("questions", () => {
  const state = (url: string) =>
    StreamLoadClient.use((service) => service.labelState("shop", "dbmazz_1")).pipe(client(url))
  const probe = (url: string) => StreamLoadClient.use((service) => service.probe).pipe(client(url))

  it.live("42 a label's state is asked for with credentials, also when a follower sends us to the leader", () =>
    Effect.gen(function*() {
      const leader = yield* HttpStage.start((turn) => turn.reply({ state: "VISIBLE", status: "OK", msg: "Success" }))
      const follower = yield* HttpStage.start((turn) => turn.redirect(`${leader.url}${turn.path}`))
      assert.deepStrictEqual(yield* state(follower.url), { _tag: "Known", state: "VISIBLE" })
      assert.strictEqual(leader.turns[0]!.path, "/api/shop/get_load_state?label=dbmazz_1")
      assert.strictEqual(leader.turns[0]!.headers.authorization, BASIC)
    }))

  it.live("a question that nobody answers is no answer", () =>
    Effect.gen(function*() {
      const port = yield* HttpStage.deadPort
      assert.strictEqual((yield* state(`http://127.0.0.1:${port}`))._tag, "Unanswered")
      const backEnd = yield* HttpStage.start((turn) => turn.reply("Not Found", 404))
      assert.strictEqual((yield* state(backEnd.url))._tag, "Unanswered")
    }))

  it.live("the probe tells a StarRocks that serves from one that does not, and never sends credentials", () =>
    Effect.gen(function*() {
      const healthy = yield* HttpStage.start((turn) => turn.reply({ status: "OK" }))
      yield* probe(healthy.url)
      assert.isUndefined(healthy.turns[0]!.headers.authorization)
      const odd = yield* HttpStage.start((turn) => turn.reply("Not Found", 404))
      yield* probe(odd.url)
      const broken = yield* HttpStage.start((turn) => turn.reply("", 503))
      const error = yield* Effect.flip(probe(broken.url))
      assert.strictEqual(error.code, "SR_UNREACHABLE")
      assert.include(error.message, "StarRocks HTTP connection failed: HTTP 503")
      const dead = yield* Effect.flip(probe(`http://127.0.0.1:${yield* HttpStage.deadPort}`))
      assert.include(dead.message, "ECONNREFUSED")
    }))
})
