import { assert, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import mysql from "mysql2/promise"
import * as Net from "node:net"
import { SeededRandom } from "../../../../src/domain/SeededRandom.ts"
import * as EmbeddedStarRocks from "../../../../src/layers/embedded/EmbeddedStarRocks.ts"
import { connectionsMax } from "../../../../src/layers/embedded/starrocks/mysql/Connections.ts"
import { framed } from "../../../../src/layers/embedded/starrocks/wire/PacketFraming.ts"
import * as TemporaryDirectory from "../../../support/TemporaryDirectory.ts"

/** Connections that send rubbish, per phase. */
const attackers = 60
/** Packets of each of them. */
const packetsMax = 12
/** Milliseconds an attacked connection may take to end or answer. */
const patienceMs = 5000

/** Where the numbers begin: a failure names it, and `FUZZ_SEED=<seed>` plays the same bytes and statements again. */
const seedFirst = Number(process.env["FUZZ_SEED"] ?? 20_261_121)

const random = (of: number) => {
  const numbers = new SeededRandom(seedFirst + of)
  return (below: number): number => numbers.below(below)
}

const endpoint = Effect.gen(function*() {
  const dataDir = yield* TemporaryDirectory.make("mysql-fuzz")
  return yield* EmbeddedStarRocks.make({ dataDir, database: "d", password: Redacted.make("") })
})

const bytes = (next: (below: number) => number, length: number): Buffer =>
  Buffer.from(Array.from({ length }, () => next(256)))

/** An answer to the greeting that logs root in. */
const rootLogin = (): Buffer => {
  const head = Buffer.alloc(32)
  // Protocol 4.1, secure connection and plugin authentication.
  head.writeUInt32LE(0x200 | 0x8000 | 0x80000, 0)
  return Buffer.concat([head, Buffer.from("root\0"), Buffer.from([0]), Buffer.from("mysql_native_password\0")])
}

const commands = [0, 2, 3, 4, 9, 14, 17, 22, 23, 24, 25, 26, 27, 28, 31, 99]

/** Something that may look like a command. */
const command = (next: (below: number) => number): Buffer => {
  const code = commands[next(commands.length)] ?? 0
  const kind = next(4)
  if (code === 3 || code === 22) {
    const words = [
      "SELECT",
      "?",
      "FROM",
      "(",
      ")",
      "'",
      "`",
      "d.t",
      "SHOW",
      "SET",
      "@@x",
      "=",
      "1",
      ",",
      "*",
      ";",
      "/*",
      "\\",
      "\0",
      "ALTER TABLE"
    ]
    const text = Array.from({ length: next(12) }, () => words[next(words.length)] ?? "").join(" ")
    return Buffer.concat([Buffer.from([code]), kind === 0 ? bytes(next, next(80)) : Buffer.from(text)])
  }
  if (code >= 23 && code <= 26 && kind > 0) {
    const id = Buffer.alloc(4)
    id.writeUInt32LE(next(4))
    return Buffer.concat([Buffer.from([code]), id, bytes(next, next(40))])
  }
  return Buffer.concat([Buffer.from([code]), bytes(next, next(60))])
}

/** Connects, sends what it is given, and resolves when the server ended the connection or went silent. */
const attack = (
  port: number,
  packets: ReadonlyArray<Buffer>,
  hangUp: boolean
): Promise<"ended" | "answered" | "silent"> =>
  new Promise((resolve) => {
    const socket = Net.connect(port, "127.0.0.1")
    let heard = false
    const timer = setTimeout(() => {
      socket.destroy()
      resolve(heard ? "answered" : "silent")
    }, patienceMs)
    socket.on("data", () => {
      heard = true
    })
    socket.on("connect", () => {
      for (const packet of packets) socket.write(packet)
      if (hangUp) socket.end()
    })
    socket.on("error", () => undefined)
    socket.on("close", () => {
      clearTimeout(timer)
      resolve("ended")
    })
  })

const honest = (port: number) =>
  Effect.promise(async () => {
    const connection = await mysql.createConnection({ host: "127.0.0.1", port, user: "root" })
    try {
      const [rows] = await connection.query("SELECT 1 AS one")
      assert.strictEqual(JSON.stringify(rows), JSON.stringify([{ one: 1 }]))
      const [executed] = await connection.execute("SELECT ? AS one", ["x"])
      assert.strictEqual(JSON.stringify(executed), JSON.stringify([{ one: "x" }]))
    } finally {
      connection.destroy()
    }
  })

it.live(
  "no bytes in any phase stop the MySQL port, and an honest connection works in between",
  () =>
    Effect.scoped(Effect.gen(function*() {
      const { mysqlPort } = yield* endpoint
      for (const phase of ["greeting", "frames", "commands", "prepared"]) {
        const attacks = Array.from({ length: attackers }, (_, index) => {
          const next = random(index * 7919 + phase.length)
          const count = 1 + next(packetsMax)
          const packets = Array.from({ length: count }, () =>
            phase === "greeting"
              ? bytes(next, next(200))
              : phase === "frames"
              ? framed(bytes(next, next(120)), next(256))
              : framed(command(next), next(3)))
          const opening = [
            ...(phase === "commands" || phase === "prepared" ? [framed(rootLogin(), 1)] : []),
            ...(phase === "prepared"
              ? [framed(Buffer.from("\x16SELECT ?, ?"), 0), framed(Buffer.from("\x16SELECT ?"), 0)]
              : [])
          ]
          // A last QUIT, which a connection that is still in order obeys.
          const quit = framed(Buffer.from([1]), 0)
          return attack(mysqlPort, [...opening, ...packets, quit], true)
        })
        yield* honest(mysqlPort)
        const outcomes = yield* Effect.promise(() => Promise.all(attacks))
        assert.isTrue(
          outcomes.every((outcome) => outcome === "ended"),
          `${phase}, FUZZ_SEED=${seedFirst}: ${outcomes.join(" ")}`
        )
        yield* honest(mysqlPort)
      }
    })),
  60_000
)

it.live(
  "too many connections are turned away with 1040, and room is made when they leave",
  () =>
    Effect.scoped(Effect.gen(function*() {
      const { mysqlPort } = yield* endpoint
      const greeted = (): Promise<Net.Socket> =>
        new Promise((resolve) => {
          const socket = Net.connect(mysqlPort, "127.0.0.1")
          socket.on("error", () => undefined)
          socket.once("data", () => resolve(socket))
        })
      const sockets = yield* Effect.promise(() => Promise.all(Array.from({ length: connectionsMax }, greeted)))
      const refused = yield* Effect.promise(() =>
        mysql.createConnection({ host: "127.0.0.1", port: mysqlPort, user: "root" }).then(
          () => "accepted",
          (error: unknown) => error instanceof Error && "errno" in error ? error.errno : String(error)
        )
      )
      assert.strictEqual(refused, 1040)
      const closed = sockets.map((socket) =>
        new Promise((resolve) => {
          socket.once("close", resolve)
          socket.destroy()
        })
      )
      yield* Effect.promise(() => Promise.all(closed))
      // The server notices a moment after the client.
      yield* honest(mysqlPort).pipe(Effect.catchDefect(() => honest(mysqlPort)))
    })),
  60_000
)

it.live(
  "a client that asks for TLS, or sends more than is accepted, hears why",
  () =>
    Effect.scoped(Effect.gen(function*() {
      const { mysqlPort } = yield* endpoint
      const heard = (packets: ReadonlyArray<Buffer>): Promise<string> =>
        new Promise((resolve) => {
          const socket = Net.connect(mysqlPort, "127.0.0.1", () => {
            for (const packet of packets) socket.write(packet)
          })
          let text = ""
          socket.on("data", (data) => {
            text += data.toString("latin1")
          })
          socket.on("error", () => undefined)
          socket.on("close", () => resolve(text))
        })
      const tls = Buffer.alloc(32)
      tls.writeUInt32LE(0x200 | 0x800, 0)
      assert.include(yield* Effect.promise(() => heard([framed(tls, 1)])), "TLS is not offered")
      const long = Buffer.alloc(4)
      long.writeUIntLE(0xffffff, 0, 3)
      const part = Buffer.concat([long, Buffer.alloc(0xffffff, 0x20)])
      const text = yield* Effect.promise(() => heard([framed(rootLogin(), 1), part, part, part]))
      assert.include(text, "max_allowed_packet")
    })),
  60_000
)

it.live(
  "a statement of more than 16 MiB is one statement, and a row of more than 16 MiB is one row",
  () =>
    Effect.scoped(Effect.gen(function*() {
      const { mysqlPort } = yield* endpoint
      yield* Effect.promise(async () => {
        const connection = await mysql.createConnection({ host: "127.0.0.1", port: mysqlPort, user: "root" })
        try {
          const long = "x".repeat(17 * 1024 * 1024)
          const [rows] = await connection.query(`SELECT '${long}' AS a, 1 AS b`)
          assert.isTrue(Array.isArray(rows) && JSON.stringify(rows) === JSON.stringify([{ a: long, b: 1 }]))
          const [again] = await connection.query("SELECT 2 AS b")
          assert.strictEqual(JSON.stringify(again), JSON.stringify([{ b: 2 }]))
        } finally {
          connection.destroy()
        }
      })
    })),
  60_000
)

/** Statements that begin like real ones. */
const openings = [
  "SELECT",
  "WITH a AS (SELECT 1) SELECT",
  "SHOW",
  "SHOW FULL",
  "SHOW ALTER TABLE COLUMN",
  "SHOW VARIABLES",
  "SET",
  "SET PASSWORD",
  "CREATE TABLE",
  "CREATE TABLE x (id INT",
  "CREATE USER",
  "ALTER USER",
  "GRANT",
  "REVOKE",
  "SHOW GRANTS FOR",
  "ALTER TABLE t",
  "ALTER TABLE d.t ADD COLUMN",
  "ALTER TABLE d.t RENAME",
  "CANCEL ALTER TABLE COLUMN FROM",
  "DROP TABLE IF EXISTS",
  "USE",
  "DESC",
  "ADMIN SHOW FRONTEND CONFIG",
  "SHOW PROC",
  ""
]

const fragments = (
  "a b t d d.t * ( ) , . = ; 'x' \"y\" `z` 1 1.5 -1 NULL FROM WHERE AND OR NOT IN LIKE '%' ORDER BY DESC LIMIT 1 OFFSET ON TO " +
  "SELECT INSERT ALL TABLES DATABASE DATABASES TABLE USER u@h 'u'@'%' IDENTIFIED BY WITH COLUMN INT VARCHAR(5) DEFAULT FIRST " +
  "AFTER PRIMARY KEY PROPERTIES @@x @y := 'constructor' constructor() '__proto__' JOIN UNION COLUMNS INDEX STATUS PARTITIONS SWAP SET COMMENT ? constructor __proto__"
).split(" ")

it.live("no statement is an internal error, whatever its words are", () =>
  Effect.scoped(Effect.gen(function*() {
    const { mysqlPort } = yield* endpoint
    yield* Effect.promise(async () => {
      const connection = await mysql.createConnection({
        host: "127.0.0.1",
        port: mysqlPort,
        user: "root",
        database: "d"
      })
      try {
        await connection.query("CREATE TABLE t (id INT, n INT) PRIMARY KEY (id) DISTRIBUTED BY HASH(id)")
        const next = random(0)
        for (let round = 0; round < 3000; round++) {
          const words = Array.from({ length: next(9) }, () => fragments[next(fragments.length)] ?? "")
          const statement = `${openings[next(openings.length)] ?? ""} ${words.join(" ")}`
          const said = await connection.query(statement).then(() => "", (error: unknown) => String(error))
          assert.notInclude(said, "internal error", `FUZZ_SEED=${seedFirst}: ${statement}`)
        }
      } finally {
        connection.destroy()
      }
    })
  })), 60_000)

interface Frame {
  readonly sequence: number
  readonly payload: Buffer
}

/** A client that sees packets. */
class RawClient {
  private readonly socket: Net.Socket
  private received = Buffer.alloc(0)
  private arrived: Array<Buffer> = []
  private arrivedBytes = 0
  private wanted: (() => void) | undefined
  constructor(port: number) {
    this.socket = Net.connect(port, "127.0.0.1")
    this.socket.on("error", () => undefined)
    this.socket.on("close", () => this.wanted?.())
    this.socket.on("data", (data) => {
      this.arrived.push(data)
      this.arrivedBytes += data.length
      this.wanted?.()
    })
  }
  send(...packets: ReadonlyArray<Buffer>): void {
    for (const packet of packets) this.socket.write(framed(packet, 0))
  }
  /** The next packet; an error when the server hung up instead. */
  async next(): Promise<Frame> {
    for (let needed = 4;;) {
      if (this.received.length + this.arrivedBytes >= needed) {
        this.received = Buffer.concat([this.received, ...this.arrived])
        this.arrived = []
        this.arrivedBytes = 0
      }
      const length = this.received.length >= 4 ? this.received.readUIntLE(0, 3) : Number.POSITIVE_INFINITY
      if (this.received.length >= 4 + length) {
        const frame = { sequence: this.received[3] ?? -1, payload: this.received.subarray(4, 4 + length) }
        this.received = this.received.subarray(4 + length)
        return frame
      }
      needed = Number.isFinite(length) ? 4 + length : 4
      if (this.received.length + this.arrivedBytes >= needed) continue
      if (this.socket.destroyed) throw new Error("the server hung up")
      await new Promise<void>((resolve) => {
        this.wanted = resolve
      })
    }
  }
  /** Logs in as root. */
  async login(): Promise<void> {
    await this.next()
    this.socket.write(framed(rootLogin(), 1))
    assert.strictEqual((await this.next()).payload[0], 0)
  }
  close(): void {
    this.socket.destroy()
  }
}

const withRaw = (port: number, use: (client: RawClient) => Promise<void>) =>
  Effect.promise(async () => {
    const client = new RawClient(port)
    try {
      await client.login()
      await use(client)
    } finally {
      client.close()
    }
  })

it.live(
  "malformed packets about prepared statements are answered, and the connection goes on",
  () =>
    Effect.scoped(Effect.gen(function*() {
      const { mysqlPort } = yield* endpoint
      yield* withRaw(mysqlPort, async (client) => {
        const text = Buffer.from("\u0016SELECT ? AS a, ? AS b")
        client.send(text)
        const prepared = (await client.next()).payload
        assert.strictEqual(prepared[0], 0)
        // Two parameters and two columns are described, each list with its end.
        for (let frame = 0; frame < 6; frame++) await client.next()
        // Statement 1, no flags, one iteration, no NULL, types bound anew: a text of 1 byte and a 64-bit number.
        const whole = Buffer.from([23, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 253, 0, 8, 0, 1, 0x78, 5, 0, 0, 0, 0, 0, 0, 0])
        for (let length = 1; length < whole.length; length++) {
          client.send(whole.subarray(0, length))
          const answer = (await client.next()).payload
          assert.strictEqual(answer[0], 0xff, `${length} bytes`)
          assert.include([1835, 1243], answer.readUInt16LE(1))
        }
        const unknownType = Buffer.from(whole)
        unknownType[12] = 99
        client.send(unknownType)
        assert.strictEqual((await client.next()).payload.readUInt16LE(1), 1835)
        // Nothing answers these: short closes, and data for parameters and statements that are not there.
        client.send(Buffer.from([25]), Buffer.from([25, 9]), Buffer.from([24]), Buffer.from([24, 9, 0, 0, 0, 0, 0, 1]))
        client.send(Buffer.from([26, 7]))
        assert.strictEqual((await client.next()).payload.readUInt16LE(1), 1243)
        client.send(whole)
        assert.deepStrictEqual([...(await client.next()).payload], [2])
        for (let frame = 0; frame < 3; frame++) await client.next()
        const row = (await client.next()).payload
        assert.deepStrictEqual([...row.subarray(0, 4)], [0, 0, 1, 0x78])
        await client.next()
        client.send(Buffer.from([14]))
        assert.strictEqual((await client.next()).payload[0], 0)
      })
    })),
  60_000
)

it.live(
  "a parameter that comes in pieces is put together, and reset forgets it",
  () =>
    Effect.scoped(Effect.gen(function*() {
      const { mysqlPort } = yield* endpoint
      yield* withRaw(mysqlPort, async (client) => {
        client.send(Buffer.from("\u0016SELECT ? AS a"))
        for (let frame = 0; frame < 5; frame++) await client.next()
        const piece = (text: string) => Buffer.concat([Buffer.from([24, 1, 0, 0, 0, 0, 0]), Buffer.from(text)])
        const execute = Buffer.from([23, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 252, 0])
        client.send(piece("it's "), piece("long"), execute)
        for (let frame = 0; frame < 3; frame++) await client.next()
        assert.strictEqual((await client.next()).payload.subarray(3).toString(), "it's long")
        await client.next()
        client.send(piece("gone"), Buffer.from([26, 1, 0, 0, 0]))
        assert.strictEqual((await client.next()).payload[0], 0)
        client.send(execute)
        assert.strictEqual((await client.next()).payload.readUInt16LE(1), 1835)
      })
    })),
  60_000
)

it.live(
  "packets of an answer are numbered one after the other, also when a row needs two",
  () =>
    Effect.scoped(Effect.gen(function*() {
      const { mysqlPort } = yield* endpoint
      yield* withRaw(mysqlPort, async (client) => {
        client.send(Buffer.from("\u0003SELECT repeat('x', 17000000) AS a FROM (SELECT 1 AS b UNION ALL SELECT 2) AS t"))
        const sequences: Array<number> = []
        // The count, a column, its end, two rows of two packets each, and the end.
        for (let frame = 0; frame < 8; frame++) sequences.push((await client.next()).sequence)
        assert.deepStrictEqual(sequences, [1, 2, 3, 4, 5, 6, 7, 8])
      })
    })),
  60_000
)
