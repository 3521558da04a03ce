import { assert, describe, it } from "@effect/vitest"
import * as protoLoader from "@grpc/proto-loader"
import * as Effect from "effect/Effect"
import * as fs from "node:fs"
import * as https from "node:https"
import * as os from "node:os"
import * as path from "node:path"
import * as BufCurl from "../support/BufCurl.ts"
import type { KeyPair } from "../support/Certificates.ts"
import * as ControlCertificates from "../support/ControlCertificates.ts"
import * as DbmazzProcess from "../support/DbmazzProcess.ts"
import * as GrpcFrames from "../support/GrpcFrames.ts"
import * as HttpStage from "../support/HttpStage.ts"

const TOKEN = "correct-horse-battery-staple"
const UNAUTHENTICATED = 16

/** An address of this machine that others could reach, if it has one. */
const HOST = Object.values(os.networkInterfaces()).flat()
  .find((address) => address?.family === "IPv4" && !address.internal)?.address ?? "127.0.0.1"

const PROTO = path.join(import.meta.dirname, "../../proto/dbmazz.proto")
const RPCS = [
  ...Object.values(protoLoader.loadSync(PROTO)).flatMap((definition) =>
    "format" in definition ? [] : Object.values(definition).map((rpc) => rpc.path)
  ),
  "/grpc.health.v1.Health/Check",
  "/grpc.health.v1.Health/Watch",
  "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
  "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo"
]

const COMMANDS = [
  "/api/v1/cdc/pause",
  "/api/v1/cdc/resume",
  "/api/v1/cdc/drain",
  "/api/v1/cdc/stop",
  "/api/v1/cdc/reload",
  "/api/v1/cdc/snapshot/start",
  "/api/v1/cdc/snapshot/pause",
  "/api/v1/cdc/snapshot/resume",
  "/pause",
  "/resume",
  "/drain-stop",
  "/rpc"
]
const READ = [
  "/readyz",
  "/metrics",
  "/metrics/prometheus",
  "/api/v1/health",
  "/api/v1/cdc/status",
  "/api/v1/cdc/metrics",
  "/api/v1/log-level",
  "/status",
  "/rpc/ws"
]
const UNKNOWN = ["/", "/healthz/", "/healthz/x", "//healthz", "/HEALTHZ", "/healthz%2f..%2fmetrics", "/favicon.ico"]
const PATHS = [...COMMANDS, ...READ, ...UNKNOWN]

/** `dbmazz run` with its control plane, and a PostgreSQL that is not there: it tries again until it is told otherwise. */
const start = Effect.fnUntraced(function*(extra: Readonly<Record<string, string>>) {
  const [grpc, http, dead] = [yield* HttpStage.deadPort, yield* HttpStage.deadPort, yield* HttpStage.deadPort]
  const job = yield* DbmazzProcess.start(["run"], {
    DATABASE_URL: `postgres://me@127.0.0.1:${dead}/shop`,
    STARROCKS_URL: `http://127.0.0.1:${dead}`,
    STARROCKS_DB: "shop",
    GRPC_PORT: String(grpc),
    HTTP_PORT: String(http),
    ...extra
  })
  return { job, grpc, http }
})

const request = (host: string, port: number, target: string, method: string, headers: Record<string, string> = {}) =>
  Effect.promise(async () => {
    const response = await fetch(`http://${host}:${port}${target}`, { method, headers })
    return { status: response.status, text: await response.text() }
  })

describe("dbmazz run where others can reach it", () => {
  it.live("a stranger is UNAUTHENTICATED on every rpc and gets 401 at every path but /healthz", () =>
    Effect.gen(function*() {
      const { grpc, http, job } = yield* start({ CONTROL_HOST: HOST, CONTROL_TOKEN: TOKEN })
      yield* job.logged("retryInMs")
      const client = yield* GrpcFrames.session(grpc, HOST)
      assert.lengthOf(RPCS, 15)
      const strangers: ReadonlyArray<Record<string, string>> = [{}, { authorization: `Bearer ${TOKEN.slice(1)}` }]
      for (const rpc of RPCS) {
        for (const headers of strangers) {
          const ended = yield* GrpcFrames.send(client, rpc, GrpcFrames.frame(Buffer.alloc(0)), headers)
          assert.strictEqual(ended.grpcStatus, UNAUTHENTICATED, rpc)
        }
      }
      for (const target of PATHS) {
        for (const method of ["GET", "POST", "PUT", "DELETE", "OPTIONS", "HEAD"]) {
          for (const headers of strangers) {
            const { status } = yield* request(HOST, http, target, method, headers)
            assert.strictEqual(status, 401, `${method} ${target}`)
          }
        }
      }
      assert.strictEqual((yield* request(HOST, http, "/healthz", "GET")).status, 200)

      // Nothing of it was done, and who has the token is served by both.
      const bearer = { authorization: `Bearer ${TOKEN}` }
      const status = yield* request(HOST, http, "/api/v1/cdc/status", "GET", bearer)
      assert.deepInclude(JSON.parse(status.text), { state: "running" })
      const levels = yield* request(HOST, http, "/api/v1/log-level", "GET", bearer)
      assert.deepStrictEqual(JSON.parse(levels.text), { default: "info", modules: {} })
      const health = yield* GrpcFrames.send(client, RPCS[0] ?? "", GrpcFrames.frame(Buffer.alloc(0)), bearer)
      assert.strictEqual(health.grpcStatus, 0)
      for (const [name, port] of [["gRPC", grpc], ["HTTP", http]]) {
        assert.include(job.log(), `"${name} listens","host":"${HOST}","port":${port}`)
      }
      assert.notInclude(job.log(), TOKEN)
      yield* job.kill("SIGTERM")
      assert.strictEqual(yield* job.exit, 0, job.log())
    }).pipe(Effect.scoped))

  it.live("it does not start where everybody could control it, unless it is told that this is meant", () =>
    Effect.gen(function*() {
      const { job } = yield* start({ CONTROL_HOST: "0.0.0.0" })
      assert.strictEqual(yield* job.exit, 78)
      assert.include(
        job.log(),
        "'0.0.0.0' can be reached from other machines: set CONTROL_TOKEN, or CONTROL_TLS_CERT, CONTROL_TLS_KEY and " +
          "CONTROL_TLS_CA, or CONTROL_INSECURE=true"
      )
    }).pipe(Effect.scoped))

  it.live("wrong certificates are refused by both servers, and the right one is heard", () =>
    Effect.gen(function*() {
      const { ca, client, server, stranger, strangerCa } = yield* ControlCertificates.make
      const { grpc, http, job } = yield* start({
        CONTROL_TLS_CERT: server.cert,
        CONTROL_TLS_KEY: server.key,
        CONTROL_TLS_CA: ca
      })
      yield* job.logged("retryInMs")
      const overGrpc = (trusted: string, pair?: KeyPair) =>
        Effect.map(
          BufCurl.curl([
            "--cacert",
            trusted,
            ...(pair === undefined ? [] : ["--cert", pair.cert, "--key", pair.key]),
            `https://127.0.0.1:${grpc}/dbmazz.CdcStatusService/GetStatus`
          ], true),
          ({ status }) => status === 0
        )
      const overHttp = (trusted: string, pair?: KeyPair) =>
        Effect.callback<boolean>((resume) => {
          const read = (file: string): Buffer => fs.readFileSync(file)
          const asked = https.get({
            host: "127.0.0.1",
            port: http,
            path: "/healthz",
            agent: false,
            ca: read(trusted),
            ...(pair === undefined ? {} : { cert: read(pair.cert), key: read(pair.key) })
          }, (response) => {
            response.resume()
            resume(Effect.succeed(response.statusCode === 200))
          })
          asked.on("error", () => resume(Effect.succeed(false)))
        })
      for (const heard of [overGrpc, overHttp]) {
        assert.isTrue(yield* heard(ca, client), "the right certificate")
        assert.isFalse(yield* heard(ca), "no certificate")
        assert.isFalse(yield* heard(ca, stranger), "one of another authority")
        assert.isFalse(yield* heard(strangerCa, client), "a client that trusts another authority")
      }
    }).pipe(Effect.scoped))
})
