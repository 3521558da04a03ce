import { assert, describe, it } from "@effect/vitest"
import * as grpc from "@grpc/grpc-js"
import * as Effect from "effect/Effect"
import { readFileSync } from "node:fs"
import { vi } from "vitest"
import * as BufCurl from "../../support/BufCurl.ts"
import type { KeyPair } from "../../support/Certificates.ts"
import * as ControlCertificates from "../../support/ControlCertificates.ts"
import * as GrpcFrames from "../../support/GrpcFrames.ts"
import { ask, connect, drain, GUARDED, OPEN, start, TOKEN } from "../../support/GrpcStage.ts"

const EVERY_RPC = [
  "dbmazz.HealthService/Check",
  "dbmazz.CdcControlService/Pause",
  "dbmazz.CdcControlService/Resume",
  "dbmazz.CdcControlService/DrainAndStop",
  "dbmazz.CdcControlService/Stop",
  "dbmazz.CdcControlService/ReloadConfig",
  "dbmazz.CdcControlService/StartSnapshot",
  "dbmazz.CdcControlService/PauseSnapshot",
  "dbmazz.CdcControlService/ResumeSnapshot",
  "dbmazz.CdcStatusService/GetStatus",
  "dbmazz.CdcMetricsService/StreamMetrics",
  "grpc.health.v1.Health/Check",
  "grpc.health.v1.Health/Watch",
  "grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
  "grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
  // What does not exist: a stranger is not to learn that.
  "dbmazz.HealthService/Nothing",
  "nothing.Nothing/Check"
]

const bearer = (token: string): grpc.Metadata => {
  const metadata = new grpc.Metadata()
  metadata.set("authorization", `Bearer ${token}`)
  return metadata
}

describe("the token of gRPC: a stranger reads or controls the job", () => {
  it.live("without it, or with another one, every rpc is UNAUTHENTICATED and does nothing", () =>
    Effect.gen(function*() {
      const { asked, port, samples } = yield* start(GUARDED)
      const client = yield* GrpcFrames.session(port)
      const strangers: ReadonlyArray<Record<string, string>> = [
        {},
        { authorization: TOKEN },
        { authorization: `Bearer ${TOKEN}x` },
        { authorization: `Basic ${TOKEN}` },
        { token: TOKEN }
      ]
      for (const rpc of EVERY_RPC) {
        for (const headers of strangers) {
          const ended = yield* GrpcFrames.send(client, `/${rpc}`, GrpcFrames.frame(Buffer.from([0x08, 0x01])), headers)
          assert.strictEqual(ended.grpcStatus, grpc.status.UNAUTHENTICATED, rpc)
          assert.include(ended.message, "bearer")
          assert.notInclude(ended.message, TOKEN)
        }
      }
      assert.deepStrictEqual(asked, [])
      assert.deepStrictEqual(samples, { taken: 0, open: 0 })
    }))

  it.live("is refused before a message is read, so that a stranger cannot make the server hold one", () =>
    Effect.gen(function*() {
      const { port } = yield* start(GUARDED)
      const client = yield* GrpcFrames.session(port)
      const stream = client.request({ ...GrpcFrames.HEADERS, ":path": "/dbmazz.CdcControlService/Stop" })
      const seen = yield* Effect.callback<unknown>((resume) => {
        stream.on("response", (headers) => resume(Effect.succeed(headers["grpc-status"])))
      })
      assert.strictEqual(Number(seen), grpc.status.UNAUTHENTICATED)
    }))

  it.live("with it everything is answered, to clients and to buf", () =>
    Effect.gen(function*() {
      const { asked, port } = yield* start(GUARDED)
      const { control, metrics } = yield* connect(port)
      assert.deepInclude(yield* ask<unknown>((done) => control.Pause({}, bearer(TOKEN), done)), { success: true })
      assert.lengthOf(asked, 1)
      const stream = metrics.StreamMetrics({ interval_ms: 5 }, bearer(TOKEN))
      stream.once("data", () => stream.cancel())
      assert.isNotEmpty((yield* drain(stream)).answers)
      const url = `http://127.0.0.1:${port}/dbmazz.CdcStatusService/GetStatus`
      const header = `authorization: Bearer ${TOKEN}`
      const known = yield* BufCurl.curl(["-H", header, "--reflect-header", header, url])
      assert.include(known.stdout, "\"slotName\": \"dbmazz_slot\"")
      const stranger = yield* BufCurl.curl(["--reflect-header", header, url])
      assert.strictEqual(stranger.status, grpc.status.UNAUTHENTICATED << 3)
      assert.include(stranger.stderr, "a bearer token is required")
      const blind = yield* BufCurl.curl(["--list-services", `http://127.0.0.1:${port}`])
      assert.notStrictEqual(blind.status, 0)
      assert.include(blind.stderr, "you are not authenticated")
    }))

  it.live("is never printed, not even when it cannot be read", () =>
    Effect.gen(function*() {
      const { port } = yield* start(GUARDED)
      const client = yield* GrpcFrames.session(port)
      const printed: Array<string> = []
      const spies = [
        vi.spyOn(console, "error").mockImplementation((...texts) => void printed.push(texts.join(" "))),
        vi.spyOn(process.stderr, "write").mockImplementation((text) => printed.push(String(text)) > 0)
      ]
      const ended = yield* GrpcFrames.send(client, `/${EVERY_RPC[0]}`, GrpcFrames.frame(Buffer.alloc(0)), {
        authorization: `Bearer ${TOKEN}\u00e9`
      }).pipe(Effect.ensuring(Effect.sync(() => {
        for (const spy of spies) spy.mockRestore()
      })))
      assert.strictEqual(ended.grpcStatus, grpc.status.UNAUTHENTICATED)
      assert.notInclude(printed.join(""), TOKEN)
    }))
})

describe("TLS of gRPC: the token and the job's state go over the network for all to read, or to a wrong client", () => {
  const pair = ({ cert, key }: KeyPair) => [readFileSync(key), readFileSync(cert)] as const

  it.live("speaks TLS and nothing else; a client that trusts another authority refuses it", () =>
    Effect.gen(function*() {
      const { ca, server, strangerCa } = yield* ControlCertificates.make
      const { port } = yield* start({ ...OPEN, tls: { ...server, ca: undefined } })
      const check = Effect.fnUntraced(function*(credentials: grpc.ChannelCredentials) {
        const { health } = yield* connect(port, credentials)
        return yield* ask(health.Check.bind(health, {}))
      })
      assert.deepInclude(yield* check(grpc.credentials.createSsl(readFileSync(ca))), { status: "SERVING" })
      const distrusting = yield* Effect.flip(check(grpc.credentials.createSsl(readFileSync(strangerCa))))
      assert.strictEqual(distrusting.code, grpc.status.UNAVAILABLE)
      const plain = yield* Effect.flip(check(grpc.credentials.createInsecure()))
      assert.strictEqual(plain.code, grpc.status.UNAVAILABLE)
      const url = `https://127.0.0.1:${port}`
      const listed = yield* BufCurl.curl(["--cacert", ca, "--list-services", url], true)
      assert.include(listed.stdout, "dbmazz.HealthService")
    }))

  it.live("with a client CA only clients that it has signed are heard", () =>
    Effect.gen(function*() {
      const { ca, client, server, stranger } = yield* ControlCertificates.make
      const { asked, port } = yield* start({ ...OPEN, tls: { ...server, ca } })
      const pause = Effect.fnUntraced(function*(credentials: grpc.ChannelCredentials) {
        const { control } = yield* connect(port, credentials)
        return yield* ask(control.Pause.bind(control, {}))
      })
      const trusted = readFileSync(ca)
      assert.deepInclude(yield* pause(grpc.credentials.createSsl(trusted, ...pair(client))), { success: true })
      assert.lengthOf(asked, 1)
      for (
        const credentials of [
          grpc.credentials.createSsl(trusted),
          grpc.credentials.createSsl(trusted, ...pair(stranger))
        ]
      ) {
        assert.strictEqual((yield* Effect.flip(pause(credentials))).code, grpc.status.UNAVAILABLE)
      }
      assert.lengthOf(asked, 1)
      const url = `https://127.0.0.1:${port}`
      const flags = ["--cacert", ca, "--cert", client.cert, "--key", client.key, "--list-services", url]
      assert.include((yield* BufCurl.curl(flags, true)).stdout, "dbmazz.HealthService")
    }))

  it.live("a certificate that cannot be read is a setup error before anything listens", () =>
    Effect.gen(function*() {
      const tls = { cert: "/nonexistent/tls.crt", key: "/nonexistent/tls.key", ca: undefined }
      const error = yield* Effect.flip(Effect.scoped(start({ ...OPEN, tls })))
      assert.include(error.message, "CONTROL_TLS_CERT: '/nonexistent/tls.crt' cannot be read: there is no such file")
    }))
})
