import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import { spawn } from "node:child_process"
import * as fs from "node:fs"
import * as path from "node:path"
import packageJson from "../../package.json" with { type: "json" }
import * as World from "../layers/control/HttpWorld.ts"
import * as TemporaryDirectory from "../support/TemporaryDirectory.ts"

const ROOT = path.join(import.meta.dirname, "../..")
const TSC = path.join(ROOT, "node_modules/typescript/bin/tsc")
const TOKEN = "correct-horse-battery-staple"

/** The example of docs/control-plane.md, with a token. */
const PROGRAM = `import { ControlClient } from "dbmazz/client"
import { ControlClient as Same } from "dbmazz"
import { Effect, Redacted, Stream } from "effect"

const program = Effect.gen(function*() {
  const job = yield* ControlClient
  const { stage } = yield* job.Check()
  const { message, success } = yield* job.Pause()
  const { current_lsn } = yield* job.GetStatus()
  const lags: ReadonlyArray<bigint> = yield* job.StreamMetrics({ interval_ms: 10 }).pipe(
    Stream.take(2),
    Stream.map((sample) => sample.lag_bytes),
    Stream.runCollect
  )
  console.log(JSON.stringify([stage, success, message, String(current_lsn), lags.map(String), Same === ControlClient]))
})
const [url = "", token = ""] = process.argv.slice(2)
await Effect.runPromise(program.pipe(Effect.provide(ControlClient.layer({ url, token: Redacted.make(token) }))))
`

/** Runs Node.js; gives what it printed. Dies when it ends with anything but 0. */
const node = (directory: string, ...args: ReadonlyArray<string>): Effect.Effect<string> =>
  Effect.callback((resume) => {
    const child = spawn(process.execPath, args, { cwd: directory, stdio: ["ignore", "pipe", "pipe"] })
    let printed = ""
    for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk: Buffer) => (printed += String(chunk)))
    child.once("close", (code) => resume(code === 0 ? Effect.succeed(printed) : Effect.die(new Error(printed))))
    return Effect.sync(() => child.kill("SIGKILL"))
  })

/** The package as npm installs it, built, beside the dependencies that it names. */
const install = Effect.fnUntraced(function*(directory: string) {
  const modules = path.join(directory, "node_modules")
  const own = path.join(modules, packageJson.name)
  // As the build does it, but for the client and what it needs alone.
  const build = path.join(directory, "tsconfig.build.json")
  fs.writeFileSync(
    build,
    JSON.stringify({
      extends: path.join(ROOT, "tsconfig.build.json"),
      compilerOptions: {
        outDir: path.join(own, "dist"),
        rootDir: path.join(ROOT, "src"),
        typeRoots: [path.join(ROOT, "node_modules/@types")]
      },
      files: [path.join(ROOT, "src/layers/control/ControlClient.ts")],
      include: []
    })
  )
  yield* node(ROOT, TSC, "-p", build)
  for (const name of ["package.json", "proto"]) {
    fs.cpSync(path.join(ROOT, name), path.join(own, name), { recursive: true })
  }
  for (const name of [...Object.keys(packageJson.dependencies), "@types/node"]) {
    fs.mkdirSync(path.dirname(path.join(modules, name)), { recursive: true })
    fs.symlinkSync(fs.realpathSync(path.join(ROOT, "node_modules", name)), path.join(modules, name))
  }
})

describe("The client that the package exports: a program that installs dbmazz cannot steer a job", () => {
  it.live("is imported by its name, has its types, and calls a job", () =>
    Effect.gen(function*() {
      const directory = yield* TemporaryDirectory.make("client-package")
      yield* install(directory)
      fs.writeFileSync(path.join(directory, "package.json"), "{\"type\":\"module\"}")
      fs.writeFileSync(path.join(directory, "program.ts"), PROGRAM)
      fs.writeFileSync(
        path.join(directory, "tsconfig.json"),
        JSON.stringify({
          compilerOptions: {
            strict: true,
            noEmit: true,
            module: "nodenext",
            target: "es2024",
            skipLibCheck: true,
            types: ["node"]
          },
          files: ["program.ts"]
        })
      )
      yield* node(directory, TSC, "-p", ".")
      const { url } = yield* World.start(World.makeJob(), { ...World.CONTROL, token: Redacted.make(TOKEN) })
      const printed = yield* node(directory, path.join(directory, "program.ts"), url, TOKEN)
      assert.deepStrictEqual(JSON.parse(printed), [
        "STAGE_CDC",
        true,
        "Pause accepted",
        String(World.CURRENT_LSN),
        ["7", "7"],
        true
      ])
    }), { timeout: 60_000 })
})
