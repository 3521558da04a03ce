import { assert, describe, it } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import * as fs from "node:fs"
import { ControlClient } from "../../../src/layers/control/ControlClient.ts"
import * as Certificates from "../../support/Certificates.ts"
import * as World from "./HttpWorld.ts"

const pem = (file: string): string => fs.readFileSync(file, "utf8")

const client = (options: Parameters<typeof ControlClient.layer>[0]) =>
  Effect.map(Layer.build(ControlClient.layer(options)), (context) => Context.get(context, ControlClient))

describe("TLS: a client without the right certificate is not heard", () => {
  it.live("with a CA for clients only its certificates are served, over HTTP and over a websocket", () =>
    Effect.gen(function*() {
      const [ours, others] = yield* Effect.all([Certificates.authority, Certificates.authority])
      const server = yield* ours.issue("localhost", { altNames: "IP:127.0.0.1" })
      const friend = yield* ours.issue("dashboard")
      const stranger = yield* others.issue("dashboard")
      const job = World.makeJob()
      const { url } = yield* World.start(job, { ...World.CONTROL, tls: { ...server, ca: ours.ca } })
      const ca = pem(ours.ca)
      for (const transport of ["http", "websocket"] as const) {
        const known = yield* client({ url, transport, tls: { ca, cert: pem(friend.cert), key: pem(friend.key) } })
        assert.strictEqual((yield* known.Check()).status, "SERVING")
        yield* known.StreamMetrics({ interval_ms: 1 }).pipe(Stream.take(2), Stream.runDrain)
        for (
          const tls of [{ ca }, { ca, cert: pem(stranger.cert), key: pem(stranger.key) }, {
            ca: pem(others.ca),
            cert: pem(friend.cert),
            key: pem(friend.key)
          }]
        ) {
          const refused = yield* client({ url, transport, tls })
          const exit = yield* Effect.exit(refused.Pause().pipe(Effect.timeout("3 seconds")))
          assert.strictEqual(exit._tag, "Failure")
        }
      }
      assert.deepStrictEqual(job.commands, [])
    }))
})
