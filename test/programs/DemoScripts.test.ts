import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { spawnSync } from "node:child_process"
import * as fs from "node:fs"
import * as path from "node:path"
import * as DbmazzProcess from "../support/DbmazzProcess.ts"
import * as TemporaryDirectory from "../support/TemporaryDirectory.ts"

const ROOT = path.join(import.meta.dirname, "../..")

describe("The demo's scripts", () => {
  it.live("demo-start empties no directory that belongs to somebody else: a linked node_modules is refused", () =>
    Effect.gen(function*() {
      const directory = yield* TemporaryDirectory.make("demo-start")
      const shared = path.join(directory, "shared")
      const tree = path.join(directory, "tree")
      fs.mkdirSync(path.join(tree, "demo"), { recursive: true })
      fs.mkdirSync(shared)
      fs.writeFileSync(path.join(shared, "precious"), "")
      fs.symlinkSync(shared, path.join(tree, "node_modules"))
      fs.copyFileSync(path.join(ROOT, "demo/demo-start.sh"), path.join(tree, "demo/demo-start.sh"))
      // Should it be tried all the same, npm finds nothing to install here, and fails in another way.
      const { status, stderr } = spawnSync("bash", [path.join(tree, "demo/demo-start.sh")], { encoding: "utf8" })
      assert.strictEqual(status, 78, stderr)
      assert.include(stderr, `demo-start: node_modules is a link to ${shared}`)
      assert.include(stderr, "run npm ci there, or remove the link")
      assert.deepStrictEqual(fs.readdirSync(shared), ["precious"])
    }))

  it.live("an interrupted demo drains before its servers end, and warns of nothing", () =>
    Effect.gen(function*() {
      const demo = yield* DbmazzProcess.start(["demo", "--no-monitor", "--rate", "100"], {})
      yield* demo.logged("/metrics")
      const port = /127\.0\.0\.1:(\d+)\/metrics/.exec(demo.log())?.[1]
      const isReady = Effect.promise(() =>
        fetch(`http://127.0.0.1:${port}/metrics`).then(
          async (answer) => /dbmazz_events_processed_total [1-9]/.test(await answer.text()),
          () => false
        )
      )
      yield* Effect.repeat(Effect.tap(isReady, Effect.sleep("50 millis")), { until: (ready) => ready })
      yield* demo.kill("SIGTERM")
      yield* demo.exit
      assert.notMatch(demo.log(), /WARN|ERROR/)
    }), { timeout: 60_000 })
})
