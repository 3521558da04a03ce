import { assert, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import type { FaultKind } from "../../src/layers/embedded/starrocks/faults/Faults.ts"
import * as BufCurl from "../support/BufCurl.ts"
import * as DbmazzProcess from "../support/DbmazzProcess.ts"
import * as HttpStage from "../support/HttpStage.ts"
import * as PostgresServer from "../support/PostgresServer.ts"
import { run } from "../support/PostgresServer.ts"
import * as Replica from "../support/Replica.ts"

const PG_PASSWORD = "pg p@ss/w0rd:%ΣQ7"
const SR_PASSWORD = "sr-p4ssw0rd-ΩQ8"
const SR_USER = "loader"
const TOKEN = "token-4f1c6a9e2b7d8c3f"
/** What a stranger tries; it may be a password of another system. */
const WRONG_TOKEN = "wr0ng-9d3e5f7a1c"
/** No column of the program, no text of StarRocks and no line number looks like these. */
const NAMES = ["Jane Xylophone Doe", "Zyx\"Quote'Vex", "línea\nfeedQux", "{\"card\":\"411155667-1111\"}"]
const NUMBER = 770_012_345

const SECRETS = [
  PG_PASSWORD,
  encodeURIComponent(PG_PASSWORD),
  "w0rd",
  SR_PASSWORD,
  encodeURIComponent(SR_PASSWORD),
  TOKEN,
  WRONG_TOKEN,
  ...[`${SR_USER}:${SR_PASSWORD}`, `replicator:${PG_PASSWORD}`, PG_PASSWORD, SR_PASSWORD, TOKEN].map((text) =>
    Buffer.from(text).toString("base64").replace(/.{0,3}=*$/, "")
  )
]
/** Parts of the rows' values, so that half a value is found too. */
const VALUES = ["Xylophone", "Doe", "Zyx", "Vex", "línea", "feedQux", "card", "411155667", String(NUMBER)]

const assertClean = (job: DbmazzProcess.DbmazzProcess): void => {
  const said = job.log() + job.output()
  for (const secret of [...SECRETS, ...VALUES]) assert.notInclude(said, secret)
}

const lines = (job: DbmazzProcess.DbmazzProcess): ReadonlyArray<Readonly<Record<string, unknown>>> =>
  job.log().split("\n").filter((line) => line.startsWith("{")).map((line) => JSON.parse(line))

/** A replication with a login of its own on both sides, every line of the log on. */
const world = Effect.gen(function*() {
  const replica = yield* Replica.start
  const role = yield* PostgresServer.freshRole(replica.source, "superuser")
  yield* run(replica.source, `alter role ${role.user} password '${PG_PASSWORD}'`)
  yield* replica.query(`CREATE USER '${SR_USER}'@'%' IDENTIFIED BY '${SR_PASSWORD}'`)
  yield* replica.query(`GRANT ALL ON ALL TABLES IN ALL DATABASES TO '${SR_USER}'@'%'`)
  yield* run(replica.source, "create table notes (id bigint primary key, name text, card integer, note text)")
  // StarRocks refuses the rows of it, whose note is NULL, and repeats them when it says why.
  yield* replica.query(
    `CREATE TABLE ${replica.sink.database}.notes (id BIGINT NOT NULL, name STRING NULL, card INT NULL, note STRING NOT NULL DEFAULT "x")
     PRIMARY KEY (id) DISTRIBUTED BY HASH(id) PROPERTIES ("replication_num" = "1")`
  )
  const source = { ...replica.source, user: role.user, password: Redacted.make(PG_PASSWORD) }
  const environment = (extra: Readonly<Record<string, string>> = {}) =>
    DbmazzProcess.jobEnvironment(source, replica.sink, {
      TABLES: "items",
      SLOT_NAME: replica.slot,
      STARROCKS_USER: SR_USER,
      STARROCKS_PASS: SR_PASSWORD,
      CONTROL_TOKEN: TOKEN,
      LOG_LEVEL: "trace",
      RETRY_BASE_MS: "20",
      RETRY_MAX_MS: "200",
      ...extra
    })
  return { replica, source, environment }
})

const insert = (replica: Replica.Replica) =>
  Effect.forEach(
    NAMES,
    (name, index) => run(replica.source, "insert into items values ($1, $2)", [NUMBER + index * 1_000_000_000, name])
  )

/** Rows that are refused: an error names the first of them by its key. */
const insertRefused = (replica: Replica.Replica) =>
  Effect.forEach(
    NAMES,
    (name, index) => run(replica.source, "insert into notes values ($1, $2, 411155667)", [index, name])
  )

const FAULTS: ReadonlyArray<FaultKind> = ["fe-error", "be-reset", "reset-after-commit", "status-unknown", "be-shutdown"]

layer(PostgresServer.layer(), { excludeTestServices: true, timeout: "60 seconds" })(
  "A whole run, logged down to the last detail, holds no password, no token and no value of a row but the key of one that is refused",
  (it) => {
    for (const format of ["json", "pretty"] as const) {
      it.effect(`when both sides fail and come back, and a password changes, as ${format}`, () =>
        Effect.gen(function*() {
          const { server } = yield* PostgresServer.PostgresServer
          const { environment, replica } = yield* world
          const { faults } = replica.endpoint
          const job = yield* DbmazzProcess.start(["run"], environment({ LOG_FORMAT: format, TABLES: "items,notes" }))
          yield* job.logged(format === "json" ? "\"replicating\"" : ": replicating ")
          yield* insert(replica)
          yield* replica.caughtUp
          for (const kind of FAULTS) {
            faults.on(kind, { count: 2 })
            yield* run(replica.source, "update items set name = name || 'Vex'")
            yield* replica.caughtUp
            // The rows of a load whose answer is withheld may be seen before the fault is counted.
            yield* Effect.repeat(Effect.sync(() => faults.hits(kind)), {
              schedule: PostgresServer.pollEvery,
              until: (hits) => hits > 0
            })
          }
          faults.off()
          yield* Effect.orDie(server.restart)
          yield* run(replica.source, "update items set name = name || 'Doe'")
          yield* replica.caughtUp
          yield* insertRefused(replica)
          yield* job.logged("the table is stopped")
          yield* replica.query(`ALTER USER '${SR_USER}'@'%' IDENTIFIED BY 'another'`)
          yield* run(replica.source, "update items set name = name || 'Zyx'")
          assert.strictEqual(yield* job.exit, 1)
          for (
            const seen of [
              "load acknowledged",
              "batch loaded",
              "checkpoint stored",
              "redirected",
              "will be sent again",
              "retryInMs",
              "SR_REJECTED_ROWS",
              "SR_ACCESS_DENIED",
              "replication connection stands"
            ]
          ) assert.include(job.log(), seen)
          assertClean(job)
          if (format === "pretty") return
          for (const line of lines(job)) {
            for (const member of ["timestamp", "level", "module", "message"]) assert.isString(line[member])
          }
          assert.deepInclude(lines(job).find(({ message }) => message === "load acknowledged"), {
            level: "debug",
            module: "StreamLoader",
            table: "shop.items",
            attempts: 1
          })
        }))
    }

    it.effect("when it is steered by clients with the token, and strangers try others", () =>
      Effect.gen(function*() {
        const { environment, replica } = yield* world
        const [grpc, http] = [yield* HttpStage.deadPort, yield* HttpStage.deadPort]
        const job = yield* DbmazzProcess.start(
          ["run"],
          environment({ GRPC_PORT: String(grpc), HTTP_PORT: String(http) })
        )
        yield* job.logged("\"replicating\"")
        let answers = ""
        const ask = (path: string, authorization: string, method = "GET", body?: string) =>
          Effect.promise(async () => {
            const headers = { authorization, ...(body === undefined ? {} : { "content-type": "application/json" }) }
            const response = await fetch(`http://127.0.0.1:${http}${path}`, { method, headers, body: body ?? null })
            answers += await response.text()
            return response.status
          })
        const call = (rpc: string, authorization: string, message = "{}") =>
          Effect.map(
            BufCurl.curl([
              "-H",
              `authorization: ${authorization}`,
              "--reflect-header",
              `authorization: Bearer ${TOKEN}`,
              "-d",
              message,
              `http://127.0.0.1:${grpc}/dbmazz.${rpc}`
            ]),
            ({ status, stderr, stdout }) => {
              answers += stdout + stderr
              return status
            }
          )
        const right = `Bearer ${TOKEN}`
        assert.strictEqual(yield* call("CdcControlService/Pause", right), 0)
        yield* insert(replica)
        for (
          const wrong of [`Bearer ${WRONG_TOKEN}`, WRONG_TOKEN, `Basic ${WRONG_TOKEN}`, `Bearer ${TOKEN}${WRONG_TOKEN}`]
        ) {
          assert.strictEqual(yield* ask("/readyz", wrong), 401)
          assert.strictEqual(yield* ask(`/metrics?token=${WRONG_TOKEN}`, wrong), 401)
          assert.strictEqual(yield* ask("/rpc", wrong, "POST", "{}"), 401)
          assert.notStrictEqual(yield* call("CdcControlService/Stop", wrong), 0)
        }
        assert.strictEqual(yield* ask(`/${WRONG_TOKEN}`, right), 404)
        assert.strictEqual(yield* ask("/rpc", right, "POST", `{"${WRONG_TOKEN}":1}`), 400)
        assert.strictEqual(
          yield* ask("/api/v1/log-level", right, "PUT", "{\"module\":\"Control\",\"level\":\"trace\"}"),
          200
        )
        assert.strictEqual(yield* call("CdcControlService/Resume", right), 0)
        yield* replica.caughtUp
        yield* insertRefused(replica)
        assert.strictEqual(
          yield* call("CdcControlService/ReloadConfig", right, "{\"tables\":[\"items\",\"notes\"]}"),
          0
        )
        yield* run(replica.source, "update notes set card = 411155667, name = name || 'Vex'")
        yield* job.logged("the table is stopped")
        for (const path of ["/readyz", "/metrics", "/api/v1/health", "/api/v1/cdc/status", "/api/v1/cdc/metrics"]) {
          yield* ask(path, right)
        }
        assert.strictEqual(yield* call("HealthService/Check", right), 0)
        assert.include(answers, "is stopped since")
        assert.strictEqual(yield* call("CdcControlService/Stop", right, "{\"skip_slot_cleanup\":true}"), 0)
        assert.strictEqual(yield* job.exit, 0, job.log())
        for (const seen of ["load acknowledged", "log levels changed", "SR_REJECTED_ROWS"]) {
          assert.include(job.log(), seen)
        }
        assertClean(job)
        for (const secret of [PG_PASSWORD, SR_PASSWORD, TOKEN]) {
          assert.notInclude(answers, secret)
        }
        // Of the numbers only the long one: metrics are numbers too.
        for (const value of VALUES) assert.notInclude(answers, value)
      }))

    it.effect("when nobody can be reached, or nobody lets us in", () =>
      Effect.gen(function*() {
        const { environment, replica, source } = yield* world
        const dead = String(yield* HttpStage.deadPort)
        const reached = environment()["DATABASE_URL"] ?? ""
        const away = [
          [{ DATABASE_URL: reached.replace(`:${source.port}/`, `:${dead}/`) }, "PG_UNREACHABLE"],
          [{ STARROCKS_URL: `http://127.0.0.1:${dead}` }, "SR_UNREACHABLE"],
          [{ STARROCKS_PORT: dead }, "SR_UNREACHABLE"]
        ] as const
        for (const [wrong, code] of away) {
          const job = yield* DbmazzProcess.start(["run"], environment(wrong))
          yield* job.logged(code)
          yield* job.kill("SIGTERM")
          yield* job.exit
          assertClean(job)
        }
        yield* run(replica.source, `alter role ${source.user} password 'another'`)
        const refusedHere = yield* DbmazzProcess.start(["run"], environment())
        assert.strictEqual(yield* refusedHere.exit, 78)
        assert.include(refusedHere.log(), "PostgreSQL connection failed")
        assertClean(refusedHere)
        yield* run(replica.source, `alter role ${source.user} password '${PG_PASSWORD}'`)
        yield* replica.query(`ALTER USER '${SR_USER}'@'%' IDENTIFIED BY 'another'`)
        const refusedThere = yield* DbmazzProcess.start(["run"], environment())
        assert.strictEqual(yield* refusedThere.exit, 78)
        assert.include(refusedThere.log(), "StarRocks connection failed")
        assertClean(refusedThere)
        const misread = yield* DbmazzProcess.start(
          ["run"],
          environment({
            DATABASE_URL: reached.replace("postgres:", "mysql:"),
            STARROCKS_URL: `http://${SR_USER}:${encodeURIComponent(SR_PASSWORD)}@127.0.0.1:1`,
            CONTROL_HOST: "0.0.0.0"
          })
        )
        assert.strictEqual(yield* misread.exit, 78)
        assert.include(misread.log(), "must not hold a user or password")
        assertClean(misread)
      }))

    it.effect("when a sink repeats in its messages what it was sent", () =>
      Effect.gen(function*() {
        const { environment, replica } = yield* world
        const texts: ReadonlyArray<(turn: HttpStage.Turn) => string> = [
          (turn) => `odd ${turn.body.toString("utf8")}`,
          (turn) => `parse error. Row: ${turn.body.toString("utf8")}`,
          () => `cannot cast '${NAMES[0]}' to INT, near "${NAMES[0]}`,
          (turn) => `authorization ${String(turn.headers.authorization)} is not known here`
        ]
        let loads = 0
        const stage = yield* HttpStage.start((turn) => {
          if (turn.method !== "PUT") {
            const state = turn.path.includes("get_load_state")
            return turn.reply(state ? { status: "FAILED", msg: `asked by '${NAMES[0]}'` } : {})
          }
          if (!turn.path.includes("again")) {
            return turn.redirect(
              `http://${SR_USER}:${encodeURIComponent(SR_PASSWORD)}@${stage.host}:${stage.port}/again`
            )
          }
          turn.read(() => {
            const text = texts[loads % texts.length]
            loads += 1
            if (loads === 3) turn.reset()
            else turn.reply({ Status: "Fail", Message: text?.(turn) })
          })
        })
        yield* DbmazzProcess.start(["run"], environment()).pipe(
          Effect.flatMap((first) => Effect.andThen(first.logged("\"replicating\""), first.kill("SIGKILL"))),
          Effect.scoped
        )
        const job = yield* DbmazzProcess.start(["run"], environment({ STARROCKS_URL: stage.url }))
        yield* job.logged("\"replicating\"")
        yield* insert(replica)
        assert.strictEqual(yield* job.exit, 1)
        assert.include(job.log(), "SR_REJECTED_LOAD")
        assert.include(job.log(), "SR_LABEL_UNSETTLED")
        const redirected = lines(job).find(({ message }) => message === "redirected")
        assert.deepInclude(redirected, { to: `${stage.host}:${stage.port}`, redirects: 1 })
        assert.isAbove(loads, texts.length)
        assertClean(job)
      }))
  }
)
