import { assert, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import { spawn } from "node:child_process"
import { once } from "node:events"
import * as fs from "node:fs"
import { Socket } from "node:net"
import * as os from "node:os"
import * as path from "node:path"
import { Client } from "pg"
import * as EmbeddedPostgres from "../../../src/layers/embedded/EmbeddedPostgres.ts"
import * as PostgresServer from "../../support/PostgresServer.ts"

/** Alive, and not merely an orphan that nobody has reaped or one whose memory is given back already. */
const alive = (pid: number): boolean => {
  try {
    process.kill(pid, 0)
    if (process.platform !== "linux") return true
    const stat = fs.readFileSync(`/proc/${pid}/stat`, "latin1")
    const [state, ...fields] = stat.slice(stat.lastIndexOf(")") + 2).split(" ")
    return state !== "Z" && fields[VSIZE] !== "0"
  } catch {
    return false
  }
}
/** Position of the address space's size among the fields of /proc/pid/stat that follow the state. */
const VSIZE = 19

/** The server's own processes, by what it says about them. */
const serverPids = (server: EmbeddedPostgres.Server) =>
  PostgresServer.run(server.address, "select pid from pg_stat_activity where pid <> pg_backend_pid()").pipe(
    Effect.map((rows) => [server.pid()!, ...rows.map((row) => Number(row["pid"]))])
  )

const temporaryDirectory = Effect.acquireRelease(
  Effect.sync(() => fs.mkdtempSync(path.join(os.tmpdir(), "dbmazz-test-"))),
  (directory) => Effect.sync(() => fs.rmSync(directory, { recursive: true, force: true }))
)

it.live("the demo runs on a machine without PostgreSQL, and logical replication is on", () =>
  Effect.gen(function*() {
    const server = yield* EmbeddedPostgres.make({ settings: { wal_sender_timeout: "3s" } })
    const rows = yield* PostgresServer.run(
      server.address,
      `select current_setting('wal_level') as level, current_setting('wal_sender_timeout') as timeout,
              current_setting('listen_addresses') as addresses, current_setting('server_version_num')::int as version`
    )
    assert.strictEqual(rows[0]?.["level"], "logical")
    assert.strictEqual(rows[0]?.["timeout"], "3s")
    assert.strictEqual(rows[0]?.["addresses"], "127.0.0.1")
    assert.isAtLeast(Number(rows[0]?.["version"]), 180_000)
  }))

it.live("nothing of a temporary server is left when its scope closes: no process, no file", () =>
  Effect.gen(function*() {
    const scope = yield* Scope.make()
    const server = yield* EmbeddedPostgres.make().pipe(Scope.provide(scope))
    const pids = yield* serverPids(server)
    assert.isAbove(pids.length, 3)
    assert.isTrue(pids.every(alive))
    yield* Scope.close(scope, Exit.void)
    assert.deepStrictEqual(pids.filter(alive), [])
    assert.isFalse(fs.existsSync(path.dirname(server.logFile)))
  }))

it.live("a crashed server (kill) is really gone, and starts again on its port with what was committed", () =>
  Effect.gen(function*() {
    const server = yield* EmbeddedPostgres.make()
    yield* PostgresServer.run(server.address, "create table kept (id int); insert into kept values (7)")
    const pids = yield* serverPids(server)
    yield* server.kill
    assert.strictEqual(server.pid(), undefined)
    assert.deepStrictEqual(pids.filter(alive), [])
    yield* server.start
    assert.deepStrictEqual(yield* PostgresServer.run(server.address, "select id from kept"), [{ id: 7 }])
    yield* server.restart
    yield* server.stop
    yield* server.stop
    yield* server.start
    yield* server.start
    assert.deepStrictEqual(yield* PostgresServer.run(server.address, "select id from kept"), [{ id: 7 }])
  }))

it.live("a server whose walsender waits for a client that has stopped reading still stops", () =>
  Effect.gen(function*() {
    const server = yield* EmbeddedPostgres.make()
    yield* PostgresServer.run(server.address, "create table sent (body text); create publication p for table sent")
    yield* PostgresServer.run(server.address, "select pg_create_logical_replication_slot('s', 'pgoutput')")
    const socket = new Socket()
    const config = { ...PostgresServer.clientConfig(server.address), stream: () => socket, replication: "database" }
    const client = new Client(config)
    client.on("error", () => {})
    yield* Effect.promise(() => client.connect())
    void client.query("START_REPLICATION SLOT s LOGICAL 0/0 (proto_version '1', publication_names 'p')").catch(() => {})
    yield* PostgresServer.until(server.address, "select active from pg_replication_slots")
    socket.pause()
    // More than the two sockets can buffer.
    const body = "insert into sent select string_agg(md5(i::text || j), '') from generate_series(1, 3000) i"
    yield* PostgresServer.run(server.address, `${body}, generate_series(1, 400) j group by j`)
    yield* PostgresServer.until(
      server.address,
      "select wait_event = 'WalSenderWriteData' from pg_stat_activity where backend_type = 'walsender'"
    )
    const pids = yield* serverPids(server)
    yield* server.stop
    assert.deepStrictEqual(pids.filter(alive), [])
    socket.destroy()
  }))

it.live("a given directory keeps data and password for the next start", () =>
  Effect.gen(function*() {
    const directory = path.join(yield* temporaryDirectory, "postgres")
    fs.chmodSync(path.dirname(directory), 0o755)
    const first = Effect.gen(function*() {
      const server = yield* EmbeddedPostgres.make({ directory })
      yield* PostgresServer.run(server.address, "create table kept (id int); insert into kept values (1)")
    })
    yield* Effect.scoped(first)
    assert.strictEqual(fs.statSync(path.join(directory, "password")).mode & 0o077, 0)
    const second = Effect.gen(function*() {
      const server = yield* EmbeddedPostgres.make({ directory })
      return yield* PostgresServer.run(server.address, "select id from kept")
    })
    assert.deepStrictEqual(yield* Effect.scoped(second), [{ id: 1 }])
  }))

it.live("a server that cannot start says where to look instead of waiting for ever", () =>
  Effect.gen(function*() {
    const error = yield* Effect.flip(EmbeddedPostgres.make({ settings: { no_such_setting: "1" } }))
    assert.strictEqual(error._tag, "EmbeddedPostgresError")
    assert.include(error.message, "postgres.log")
    assert.isNotEmpty(error.remediation)
  }))

const CHILD = `
  import * as Effect from "effect/Effect"
  import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
  import { make } from ${JSON.stringify(new URL("../../../src/layers/embedded/EmbeddedPostgres.ts", import.meta.url))}
  NodeRuntime.runMain(Effect.scoped(Effect.gen(function*() {
    const server = yield* make()
    process.stdout.write(JSON.stringify({ pid: server.pid(), logFile: server.logFile }) + "\\n")
    yield* Effect.never
  })))`

it.live.each(["SIGTERM", "SIGKILL"] as const)(
  "a program ended by %s leaves no server behind",
  (signal) =>
    Effect.gen(function*() {
      const child = spawn(process.execPath, ["--input-type=module-typescript", "-e", CHILD], {
        cwd: path.resolve(import.meta.dirname, "../../.."),
        stdio: ["ignore", "pipe", "inherit"]
      })
      const [line] = yield* Effect.promise(() => once(child.stdout, "data"))
      const started: { pid: number; logFile: string } = JSON.parse(String(line))
      assert.isTrue(alive(started.pid))
      assert.strictEqual(String(line).split("\n").length, 2, "nothing but our own line on standard output")
      const ended = once(child, "exit")
      child.kill(signal)
      yield* Effect.promise(() => ended)
      yield* Effect.sync(() => alive(started.pid) || fs.existsSync(started.logFile)).pipe(
        Effect.repeat({ until: (left) => !left, schedule: PostgresServer.pollEvery }),
        Effect.timeout("15 seconds")
      )
    })
)
