import { assert, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import mysql from "mysql2/promise"
import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import { createInterface } from "node:readline"
import { afterEach } from "vitest"
import * as TemporaryDirectory from "../support/TemporaryDirectory.ts"
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

const transaction = (program: Program, operation: string, headers: Readonly<Record<string, string>>, body = "") =>
  http("127.0.0.1", operation === "commit" || operation === "rollback" ? program.fePort : program.bePort, {
    method: operation === "load" ? "PUT" : "POST",
    path: `/api/transaction/${operation}`,
    body,
    headers: { authorization, db: "d", table: "t", format: "json", ...headers }
  }).then((answer) => answer.body)

const directory = TemporaryDirectory.make("durability")

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

it.live(
  "104: what is prepared survives kill -9 and commits or rolls back afterwards; what is not prepared is gone",
  () =>
    Effect.gen(function*() {
      const data = yield* directory
      yield* Effect.promise(async () => {
        const first = await start(data)
        for (const table of ["t", "u"]) {
          await query(
            first,
            `CREATE TABLE d.${table} (id BIGINT NOT NULL, v INT) PRIMARY KEY (id) DISTRIBUTED BY HASH(id)`
          )
        }
        assert.include((await load(first, "before", "{\"id\":1,\"v\":1}")).body, "Success")
        const rows = Array.from({ length: 3000 }, (_, id) => `{"id":${id},"v":${id}}`).join("\n")
        for (const label of ["kept", "dropped", "late", "open"]) {
          const timeouts = label === "late" ? { prepared_timeout: "1" } : {}
          assert.include(await transaction(first, "begin", { label, ...timeouts }), "OK")
          assert.include(await transaction(first, "load", { label }, rows), "OK")
          assert.include(await transaction(first, "load", { label }, "{\"id\":2,\"__op\":1}"), "OK")
          if (label !== "open") assert.include(await transaction(first, "prepare", { label }), "OK")
        }
        const multi = { label: "multi", transaction_type: "multi" }
        const fe = { ...first, bePort: first.fePort }
        assert.include(await transaction(fe, "begin", multi), "OK")
        for (const table of ["t", "u"]) {
          await transaction(fe, "load", { ...multi, table })
          assert.include(await transaction(first, "load", { ...multi, table }, "{\"id\":9999}"), "OK")
        }
        assert.include(await transaction(fe, "prepare", multi), "OK")
        await end(first, "SIGKILL")

        const second = await start(data)
        assert.deepStrictEqual(await query(second, "SELECT id, v FROM d.t"), [[1, 1]])
        assert.include(await state(second, "kept"), "PREPARED")
        assert.include(await state(second, "multi"), "PREPARED")
        assert.include(await state(second, "open"), "UNKNOWN")
        assert.include(await transaction(second, "load", { label: "open" }, rows), "TXN_NOT_EXISTS")
        assert.include(await transaction(second, "begin", { label: "kept" }), "LABEL_ALREADY_EXISTS")
        assert.include(await transaction(second, "rollback", { label: "dropped" }), "OK")
        assert.include(await transaction(second, "commit", { label: "kept" }), "\"Status\": \"OK\"")
        assert.include(await transaction(second, "commit", multi), "\"Status\": \"OK\"")
        while (!(await state(second, "late")).includes("ABORTED")) await state(second, "late")
        await end(second, "SIGKILL")

        const third = await start(data)
        assert.deepStrictEqual(await query(third, "SELECT count(*), sum(v) FROM d.t"), [[3000, 2999 * 1500 - 2]])
        assert.deepStrictEqual(await query(third, "SELECT id FROM d.u"), [[9999]])
        for (const [label, wanted] of Object.entries({ kept: "VISIBLE", multi: "VISIBLE", dropped: "ABORTED" })) {
          assert.include(await state(third, label), wanted)
        }
        assert.include(await transaction(third, "commit", { label: "kept" }), "already committed")
        assert.include(await transaction(third, "commit", { label: "dropped" }), "Can not commit ABORTED")
        assert.include((await load(third, "dropped", "{\"id\":1}")).body, "Success")
        assert.strictEqual(await end(third, "SIGTERM"), 0)
      })
    }).pipe(Effect.scoped),
  30_000
)
