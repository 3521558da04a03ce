import { assert, describe, it } from "@effect/vitest"
import * as grpc from "@grpc/grpc-js"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as fs from "node:fs"
import * as http from "node:http"
import * as net from "node:net"
import * as path from "node:path"
import * as Certificates from "../../support/Certificates.ts"
import { type Ended, run } from "../../support/CommandRun.ts"
import * as ControlServer from "../../support/ControlServer.ts"
import * as TemporaryDirectory from "../../support/TemporaryDirectory.ts"

const TOKEN = "hunter2-and-more"

/** Something else than a control plane. */
const listen = (server: net.Server): Effect.Effect<string, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.callback<string>((resume) => {
      server.listen(0, "127.0.0.1", () => {
        const address = server.address()
        if (typeof address === "object" && address !== null) resume(Effect.succeed(`127.0.0.1:${address.port}`))
      })
    }),
    () => Effect.sync(() => server.close())
  )

const fails = (ended: Ended, code: number, message: string, remedy: string): void => {
  assert.strictEqual(ended.code, code, ended.complaint)
  assert.strictEqual(ended.output, "")
  const [first, second, ...more] = ended.complaint.split("\n")
  assert.include(first, message)
  assert.include(second, "  to do: ")
  assert.include(second, remedy)
  assert.deepStrictEqual(more, [])
}

describe("a command that cannot reach the job", () => {
  it.live("nobody listens: exit 69, who was asked, and what to do", () =>
    Effect.gen(function*() {
      const ended = yield* run("status", "--address", "127.0.0.1:1")
      fails(ended, 69, "dbmazz: no answer from 127.0.0.1:1: connection refused", "DBMAZZ_ADDRESS")
    }))

  it.live.each([
    ["50051", "'50051' is not an address"],
    ["http://127.0.0.1:50051", "without a scheme"],
    ["http://me:hunter2@127.0.0.1:50051", "'…@127.0.0.1:50051'"]
  ])(
    "%s is a wrong command line, and no password of it is shown",
    ([address = "", words = ""]) =>
      Effect.gen(function*() {
        const ended = yield* run("status", "--address", address)
        fails(ended, 2, "is not an address", "host:port")
        assert.include(ended.complaint, words)
        assert.notInclude(ended.complaint, "hunter2")
      })
  )

  it.live("an unknown host", () =>
    Effect.gen(function*() {
      const ended = yield* run("status", "--address", "nowhere.invalid:50051")
      fails(ended, 69, "no answer from nowhere.invalid:50051: the host's name is not known", "--address")
    }))

  it.live("a server that accepts and says nothing, within --timeout", () =>
    Effect.gen(function*() {
      const address = yield* listen(net.createServer())
      const ended = yield* run("pause", "--address", address, "--timeout", "200ms")
      fails(ended, 69, `no answer from ${address} within 200ms`, "--timeout")
    }).pipe(Effect.scoped))

  it.live("an rpc that hangs, within --timeout", () =>
    Effect.gen(function*() {
      const server = yield* ControlServer.start()
      server.answers.Pause = "silence"
      const ended = yield* run("pause", "--address", server.address, "--timeout", "200ms")
      fails(ended, 69, `no answer from ${server.address} within 200ms`, "--timeout")
    }).pipe(Effect.scoped))

  it.live("the HTTP port instead of the gRPC port", () =>
    Effect.gen(function*() {
      const address = yield* listen(http.createServer((_, response) => response.end("hello")))
      const ended = yield* run("status", "--address", address)
      fails(ended, 69, "it does not speak gRPC", "GRPC_PORT")
    }).pipe(Effect.scoped))

  it.live("an IPv6 address reaches its server", () =>
    Effect.gen(function*() {
      const server = yield* ControlServer.start({ host: "::1" })
      assert.strictEqual((yield* run("health", "--address", server.address)).code, 0)
    }).pipe(Effect.scoped))

  it.live("an error of the server keeps its text", () =>
    Effect.gen(function*() {
      const server = yield* ControlServer.start()
      server.answers.GetStatus = ControlServer.status(grpc.status.INTERNAL, "out of luck")
      const ended = yield* run("status", "--address", server.address)
      fails(ended, 1, "GetStatus failed at", "log")
      assert.include(ended.complaint, "out of luck")
    }).pipe(Effect.scoped))
})

describe("the token", () => {
  it.live("is sent as a bearer token, from the flag and from a file, whose line end does not count", () =>
    Effect.gen(function*() {
      const server = yield* ControlServer.start({ token: TOKEN })
      const file = path.join(yield* TemporaryDirectory.make("token"), "token")
      fs.writeFileSync(file, `${TOKEN}\n`)
      assert.strictEqual((yield* run("pause", "--address", server.address, "--token", TOKEN)).code, 0)
      assert.strictEqual((yield* run("pause", "--address", server.address, "--token-file", file)).code, 0)
      server.metrics = (call) => {
        call.write(ControlServer.sample(0))
        call.end()
      }
      assert.strictEqual((yield* run("metrics", "--address", server.address, "--token", TOKEN)).code, 0)
      assert.deepStrictEqual(server.asked.map(({ authorization }) => authorization), [
        [`Bearer ${TOKEN}`],
        [`Bearer ${TOKEN}`],
        [`Bearer ${TOKEN}`]
      ])
    }).pipe(Effect.scoped))

  it.live("missing or wrong: exit 77, and the token is in no text", () =>
    Effect.gen(function*() {
      const server = yield* ControlServer.start({ token: "another" })
      for (const command of ["health", "pause", "metrics"]) {
        const without = yield* run(command, "--address", server.address)
        fails(without, 77, "a bearer token is needed", "--token-file")
        const wrong = yield* run(command, "--address", server.address, "--token", TOKEN)
        fails(wrong, 77, "a bearer token is needed", "--token-file")
        assert.notInclude(wrong.complaint, "hunter2")
      }
    }).pipe(Effect.scoped))

  it.live.each(["hunter2 und mehr", "hunter2\n", "hunter2ä", ""])(
    "%j cannot be a token: exit 2 without showing it, and nobody is asked",
    (token) =>
      Effect.gen(function*() {
        const server = yield* ControlServer.start()
        const ended = yield* run("pause", "--address", server.address, "--token", token)
        fails(ended, 2, "token", "CONTROL_TOKEN")
        assert.notInclude(ended.complaint, "hunter2")
        assert.deepStrictEqual(server.asked, [])
      }).pipe(Effect.scoped)
  )

  it.live("two of them, or a file that cannot be read, are a wrong command line", () =>
    Effect.gen(function*() {
      fails(yield* run("pause", "--token", TOKEN, "--token-file", "/x"), 2, "both given", "one of them")
      fails(yield* run("pause", "--token-file", "/nowhere/token"), 2, "--token-file /nowhere/token", "may read")
    }))
})

describe("TLS", () => {
  const world = Effect.gen(function*() {
    const authority = yield* Certificates.authority
    const own = yield* authority.issue("dbmazz", { altNames: "DNS:dbmazz.example,IP:127.0.0.1" })
    return { authority, own, tls: yield* ControlServer.start({ tls: own }) }
  })

  it.live("with the right CA the answer comes", () =>
    Effect.gen(function*() {
      const { authority, tls } = yield* world
      const ended = yield* run("health", "--address", tls.address, "--tls-ca", authority.ca)
      assert.deepStrictEqual(ended, { code: 0, output: "SERVING  cdc  Replicating\n", complaint: "" })
    }).pipe(Effect.scoped))

  it.live("a plaintext client at a TLS server is told to use TLS", () =>
    Effect.gen(function*() {
      const { tls } = yield* world
      const ended = yield* run("health", "--address", tls.address)
      fails(ended, 69, "the connection was closed before an answer came", "--tls-ca")
    }).pipe(Effect.scoped))

  it.live("a TLS client at a plaintext server is told so", () =>
    Effect.gen(function*() {
      const server = yield* ControlServer.start()
      const ended = yield* run("health", "--address", server.address, "--tls")
      fails(ended, 69, "it does not speak TLS", "Leave out --tls")
    }).pipe(Effect.scoped))

  it.live("a server that the system does not trust is not talked to, and gets no token", () =>
    Effect.gen(function*() {
      const { tls } = yield* world
      const ended = yield* run("health", "--address", tls.address, "--tls", "--token", TOKEN)
      fails(ended, 69, "its certificate is not trusted", "--tls-ca")
      const stranger = yield* Certificates.authority
      const other = yield* run("health", "--address", tls.address, "--tls-ca", stranger.ca, "--token", TOKEN)
      fails(other, 69, "its certificate is not trusted", "--tls-ca")
      assert.deepStrictEqual(tls.asked, [])
    }).pipe(Effect.scoped))

  it.live("a certificate for another name is refused, unless --tls-server-name says that name", () =>
    Effect.gen(function*() {
      const { authority, tls } = yield* world
      const where = ["--address", `localhost:${tls.port}`, "--tls-ca", authority.ca]
      fails(yield* run("health", ...where), 69, "its certificate is for another name", "--tls-server-name")
      assert.strictEqual((yield* run("health", ...where, "--tls-server-name", "dbmazz.example")).code, 0)
      fails(yield* run("health", ...where, "--tls-server-name", "x.example"), 69, "another name", "--address")
    }).pipe(Effect.scoped))

  it.live("an expired certificate is named as such", () =>
    Effect.gen(function*() {
      const { authority } = yield* world
      const expired = yield* authority.issue("old", { altNames: "IP:127.0.0.1", expired: true })
      const server = yield* ControlServer.start({ tls: expired })
      const ended = yield* run("health", "--address", server.address, "--tls-ca", authority.ca)
      fails(ended, 69, "not valid at this time", "Renew")
    }).pipe(Effect.scoped))

  it.live("a server that wants client certificates: exit 77 without one or with a stranger's, 0 with the right one", () =>
    Effect.gen(function*() {
      const { authority, own } = yield* world
      const mutual = yield* ControlServer.start({ tls: { ...own, ca: authority.ca } })
      const where = ["--address", mutual.address, "--tls-ca", authority.ca]
      fails(yield* run("health", ...where), 77, "it wants a client certificate", "--tls-cert")
      const right = yield* authority.issue("operator")
      assert.strictEqual((yield* run("health", ...where, "--tls-cert", right.cert, "--tls-key", right.key)).code, 0)
      const stranger = yield* Effect.flatMap(Certificates.authority, (other) => other.issue("stranger"))
      const refused = yield* run("health", ...where, "--tls-cert", stranger.cert, "--tls-key", stranger.key)
      fails(refused, 77, "client certificate", "CONTROL_TLS_CA")
    }).pipe(Effect.scoped))

  it.live("files that are missing, no PEM, or do not belong together are a wrong command line", () =>
    Effect.gen(function*() {
      const { authority, own } = yield* world
      const other = yield* authority.issue("other")
      const text = path.join(yield* TemporaryDirectory.make("pem"), "text")
      fs.writeFileSync(text, "hunter2")
      fails(yield* run("health", "--tls-ca", "/nowhere/ca"), 2, "--tls-ca /nowhere/ca", "may read")
      fails(yield* run("health", "--tls-cert", own.cert), 2, "--tls-key is missing", "together")
      fails(yield* run("health", "--tls-key", own.key), 2, "--tls-cert is missing", "together")
      fails(
        yield* run("health", "--tls-cert", own.cert, "--tls-key", other.key),
        2,
        "does not go with the certificate",
        "--tls-cert"
      )
      const noPem = yield* run("health", "--tls-cert", own.cert, "--tls-key", text)
      fails(noPem, 2, `--tls-key ${text} holds no private key`, "PEM")
      assert.notInclude(noPem.complaint, "hunter2")
      fails(yield* run("health", "--tls-ca", text), 2, `--tls-ca ${text} holds no certificate`, "PEM")
    }).pipe(Effect.scoped))
})
