import { assert, describe, it } from "@effect/vitest"
import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import * as path from "node:path"
import { QUEUE_BYTES_MAX } from "../../src/layers/LogWriter.ts"
import * as ChildEnvironment from "../support/ChildEnvironment.ts"

const LINES = 20_000
const PAD = 300
/** More than a pipe holds, so that the end has to wait for the reader. */
const LAST = 500

const source = (name: string): string => JSON.stringify(path.join(import.meta.dirname, "../../src", name))

/**
 * Logs far more than a pipe and the queue hold, tells on standard output what still waits, and after a word on standard
 * input (`read`: once its lines are read) logs some lines more and ends.
 */
const FLOOD = `
  import * as Cause from "effect/Cause"
  import * as Effect from "effect/Effect"
  import { once } from "node:events"
  import * as Log from ${source("layers/Log.ts")}
  import * as Logging from ${source("programs/Logging.ts")}
  const log = Log.module("Loads")
  const flood = Effect.gen(function*() {
    for (let n = 0; n < ${LINES}; n++) {
      yield* log.info("flood", { n, pad: "x".repeat(${PAD}) })
      if (n % 100 === 0) yield* Effect.promise(() => new Promise((resolve) => setImmediate(resolve)))
    }
    process.stdout.write(process.stderr.writableLength + "\\n")
    const [told] = yield* Effect.promise(() => once(process.stdin, "data"))
    while (String(told) === "read" && process.stderr.writableLength > 0) {
      yield* Effect.promise(() => new Promise((resolve) => setImmediate(resolve)))
    }
    for (let n = 0; n < ${LAST}; n++) yield* log.info("after", { n, pad: "x".repeat(${PAD}) })
    yield* log.error("end", {}, Cause.fail(Object.assign(new Error("a\\nb"), { code: "C", remediation: "do" })))
    process.stdout.write("alive\\n")
    process.stdin.destroy()
  })
  await Effect.runPromise(flood.pipe(Effect.provide(
    Logging.layer({ default: "info", modules: new Map() }, process.env.FORMAT)
  )))
  process.exit(0)
`

interface Flood {
  readonly child: ChildProcess
  readonly stderr: NonNullable<ChildProcess["stderr"]>
  readonly output: () => string
  /** Waits until standard output holds the text. */
  readonly said: (text: RegExp) => Promise<void>
  readonly goOn: (told: "read" | "unread") => void
}

const start = (format: "json" | "pretty"): Flood => {
  const child = spawn(process.execPath, ["--input-type=module", "-e", FLOOD], {
    cwd: path.join(import.meta.dirname, "../.."),
    env: { ...ChildEnvironment.own(), FORMAT: format },
    stdio: ["pipe", "pipe", "pipe"]
  })
  child.stdin.on("error", () => {})
  let output = ""
  child.stdout.on("data", (chunk: Buffer) => {
    output += chunk.toString("utf8")
  })
  return {
    child,
    stderr: child.stderr,
    output: () => output,
    said: async (text) => {
      while (!text.test(output)) await once(child.stdout, "data")
    },
    goOn: (told) => child.stdin.write(told)
  }
}

const read = (flood: Flood): () => ReadonlyArray<string> => {
  let text = ""
  flood.stderr.on("data", (chunk: Buffer) => {
    text += chunk.toString("utf8")
  })
  return () => text.split("\n").slice(0, -1)
}

describe("a log that nobody reads neither stops the job nor eats its memory", () => {
  it("what does not fit is dropped, counted, and told once there is a reader", async () => {
    const flood = start("json")
    await flood.said(/\d+\n/)
    const queued = Number.parseInt(flood.output(), 10)
    assert.isAbove(queued, QUEUE_BYTES_MAX / 2)
    assert.isAtMost(queued, QUEUE_BYTES_MAX)
    const lines = read(flood)
    flood.goOn("read")
    const [code] = await once(flood.child, "close")
    assert.strictEqual(code, 0)
    const said = lines().map((line) => JSON.parse(line))
    const arrived = said.filter(({ message }) => message === "flood")
    const gaps = said.filter(({ module }) => module === "Log")
    const dropped = gaps.reduce((sum, gap) => sum + Number(gap.dropped), 0)
    assert.isAbove(dropped, LINES / 2)
    assert.strictEqual(gaps[0].level, "warn")
    const after = said.filter(({ message }) => message === "after" || message === "end")
    assert.strictEqual(arrived.length + after.length + dropped, LINES + LAST + 1)
    assert.deepStrictEqual(arrived.map(({ n }) => n), arrived.map((_, index) => index))
    assert.deepInclude(said.at(-1), { message: "end", level: "error", code: "C", error: "a\nb", remediation: "do" })
  })

  it("a reader that went away does not end the job, in either form", async () => {
    for (const format of ["json", "pretty"] as const) {
      const flood = start(format)
      flood.stderr.destroy()
      await flood.said(/\d+\n/)
      flood.goOn("unread")
      const [code] = await once(flood.child, "close")
      assert.strictEqual(code, 0)
      assert.include(flood.output(), "alive")
    }
  })

  it("a reader that never reads holds up the end by a moment only", async () => {
    const flood = start("json")
    await flood.said(/\d+\n/)
    flood.goOn("unread")
    const [code] = await once(flood.child, "exit")
    assert.strictEqual(code, 0)
    flood.stderr.destroy()
  })
})

it("every line for people is one line, without colours where there is no terminal", async () => {
  const flood = start("pretty")
  const lines = read(flood)
  await flood.said(/\d+\n/)
  flood.goOn("read")
  const [code] = await once(flood.child, "close")
  assert.strictEqual(code, 0)
  for (const line of lines()) {
    assert.match(line, /^\d{4}-\d\d-\d\dT[\d:.]+Z (INFO |WARN |ERROR) (Loads|Log): .+$/)
    assert.notInclude(line, "\u001b")
  }
  assert.match(String(lines().at(-1)), / end code=C error="a\\nb" remediation=do$/)
})
