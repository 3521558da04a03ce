import { assert, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import mysql from "mysql2/promise"
import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { createInterface } from "node:readline"
import { afterEach } from "vitest"
import { http } from "./WireHttp.ts"

/** The endpoint as a program of its own. */
interface Program {
  readonly child: ChildProcess
  readonly fePort: number
  readonly bePort: number
  readonly mysqlPort: number
}

const children = new Set<ChildProcess>()

// A test that fails half-way must not leave a program behind.
afterEach(() => {
  for (const child of children) child.kill("SIGKILL")
  children.clear()
})

const start = async (data: string): Promise<Program> => {
  const ports = ["--fe-port", "0", "--be-port", "0", "--mysql-port", "0"]
  const child = spawn(
    process.execPath,
    ["src/programs/Main.ts", "embedded-starrocks", ...ports, "--data", data, "--database", "d"],
    { stdio: ["ignore", "pipe", "inherit"] }
  )
  children.add(child)
  for await (const line of createInterface({ input: child.stdout })) {
    const { bePort, fePort, mysqlPort } = JSON.parse(line)
    return { child, fePort, bePort, mysqlPort }
  }
  throw new Error("the endpoint ended before it was ready")
}

const end = async (program: Program, signal: "SIGKILL" | "SIGTERM"): Promise<number | null> => {
  const exit = once(program.child, "exit")
  program.child.kill(signal)
  await exit
  return program.child.exitCode
}

const authorization = `Basic ${Buffer.from("root:").toString("base64")}`

const load = (program: Program, label: string, body: string) =>
  http("127.0.0.1", program.bePort, {
    method: "PUT",
    path: "/api/d/t/_stream_load",
    body,
    headers: { authorization, label, format: "json" }
  })

const state = (program: Program, label: string) =>
  http("127.0.0.1", program.fePort, {
    method: "GET",
    path: `/api/d/get_load_state?label=${label}`,
    headers: { authorization }
  }).then((answer) => answer.body)

const query = async (program: Program, sql: string): Promise<unknown> => {
  const connection = await mysql.createConnection({ host: "127.0.0.1", port: program.mysqlPort, user: "root" })
  const [rows] = await connection.query({ sql, rowsAsArray: true })
  await connection.end()
  return rows
}

const directory = Effect.acquireRelease(
  Effect.promise(() => mkdtemp(join(tmpdir(), "dbmazz-durability-"))),
  (path) => Effect.promise(() => rm(path, { recursive: true, force: true }))
)

it.live("an acknowledged load, its label and the catalogue survive kill -9; SIGTERM ends with exit code 0", () =>
  Effect.gen(function*() {
    const data = yield* directory
    yield* Effect.promise(async () => {
      const first = await start(data)
      await query(
        first,
        "CREATE TABLE d.t (id BIGINT NOT NULL, v VARCHAR(10)) PRIMARY KEY (id) DISTRIBUTED BY HASH(id)"
      )
      const body = Array.from({ length: 5000 }, (_, id) => `{"id":${id},"v":"x"}`).join("\n")
      assert.include((await load(first, "kept", body)).body, "Success")
      assert.include((await load(first, "failed", "{")).body, "Fail")
      assert.include((await load(first, "second", "{\"id\":1,\"__op\":1}")).body, "Success")
      await end(first, "SIGKILL")

      const second = await start(data)
      assert.deepStrictEqual(await query(second, "SELECT count(*), count(v), sum(id) FROM d.t"), [[
        4999,
        4999,
        12_497_499
      ]])
      assert.include(await state(second, "kept"), "VISIBLE")
      assert.include(await state(second, "failed"), "ABORTED")
      assert.include(await state(second, "second"), "VISIBLE")
      assert.include((await load(second, "kept", body)).body, "Label Already Exists")
      assert.include((await load(second, "failed", "{\"id\":1}")).body, "Success")
      assert.strictEqual(await end(second, "SIGTERM"), 0)
    })
  }).pipe(Effect.scoped))

it.live("a directory that another endpoint uses is refused with what to do", () =>
  Effect.gen(function*() {
    const data = yield* directory
    yield* Effect.promise(async () => {
      const first = await start(data)
      const second = spawn(process.execPath, ["src/programs/Main.ts", "embedded-starrocks", "--data", data], {
        stdio: "pipe"
      })
      children.add(second)
      let errors = ""
      second.stderr.on("data", (bytes: Buffer) => {
        errors += bytes.toString()
      })
      await once(second, "exit")
      assert.notStrictEqual(second.exitCode, 0)
      assert.include(errors, "another one with --data")
      await end(first, "SIGTERM")
    })
  }).pipe(Effect.scoped))
