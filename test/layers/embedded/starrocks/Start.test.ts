/** Listeners are asked the moment each of them listens: what a client meets who is faster than the rest of the start. */
import { assert, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { vi } from "vitest"
import * as EmbeddedStarRocks from "../../../../src/layers/embedded/EmbeddedStarRocks.ts"
import type * as Listening from "../../../../src/layers/embedded/starrocks/http/Listening.ts"
import { connect } from "../../../contract/SqlClient.ts"
import { http } from "../../../contract/WireHttp.ts"
import * as TemporaryDirectory from "../../../support/TemporaryDirectory.ts"

const asked = vi.hoisted(() => ({ first: async (_name: string, _port: number): Promise<void> => undefined }))

vi.mock("../../../../src/layers/embedded/starrocks/http/Listening.ts", async (original) => {
  const actual = await original<typeof Listening>()
  const listen: typeof actual.listen = (server, name, host, port) =>
    actual.listen(server, name, host, port).pipe(
      Effect.tap((opened) => Effect.promise(() => asked.first(name, opened)))
    )
  return { ...actual, listen }
})

it.live("every port knows every user from its first connection on", () =>
  Effect.gen(function*() {
    const dataDir = yield* TemporaryDirectory.make("start")
    const start = EmbeddedStarRocks.make({ dataDir, database: "d" })
    yield* Effect.scoped(Effect.gen(function*() {
      const client = yield* connect(yield* start, { user: "root" })
      yield* client.query("CREATE TABLE d.t (id INT) PRIMARY KEY (id) DISTRIBUTED BY HASH(id)")
      yield* client.query("CREATE USER writer IDENTIFIED BY 'x'")
      yield* client.query("GRANT INSERT ON d.t TO writer")
    }))
    const answers: Record<string, string> = {}
    asked.first = async (name, port) => {
      if (!name.endsWith("HTTP")) return
      const authorization = `Basic ${Buffer.from("writer:x").toString("base64")}`
      const request = {
        method: "PUT",
        path: "/api/d/t/_stream_load",
        expect: true,
        headers: { authorization, format: "json" },
        body: "{\"id\":1}"
      }
      const answer = await http("127.0.0.1", port, request)
      answers[name] = answer.status === 200 ? /"Status": "(\w+)"/.exec(answer.body)?.[1] ?? "" : String(answer.status)
    }
    yield* start
    assert.deepStrictEqual(answers, { "BE HTTP": "Success", "leader FE HTTP": "307", "FE HTTP": "307" })
  }).pipe(Effect.scoped))
