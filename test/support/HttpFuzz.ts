/** Requests no client would send, made from a seed: the same seed gives the same bytes and the same manners. */
import * as Net from "node:net"
import { gzipSync } from "node:zlib"
import { SeededRandom } from "../../src/domain/SeededRandom.ts"

/** How the client takes its leave: after an answer, with half a connection, with a reset, or byte by byte. */
export type Leave = "wait" | "half-close" | "reset" | "drip"

/** One case. */
export interface FuzzCase {
  readonly seed: number
  readonly bytes: Buffer
  readonly leave: Leave
}

/** Where requests go: a table that exists, and who may load into it. */
export interface FuzzAim {
  readonly port: "FE" | "BE" | "admin"
  readonly database: string
  readonly table: string
  readonly authorization: string
}

/** Labels the cases share, so that they also meet each other's loads. */
export const fuzzLabels: ReadonlyArray<string> = Array.from({ length: 150 }, (_, index) => `fuzz_${index}`)

/** Labels of transactions: what begins one may leave it open. */
export const fuzzTransactions: ReadonlyArray<string> = Array.from({ length: 20 }, (_, index) => `fuzz_txn_${index}`)

/** Bytes of the noise, of a long header value, and of one beyond what a server takes. */
const noiseBytesMax = 4096
const longBytesMax = 5000
const headerBytesBeyond = 1_100_000

const latin1 = (text: string): Buffer => Buffer.from(text, "latin1")

const flags = ["true", "false", "TRUE", "yes", "1", ""] as const
const numbers = ["0", "1", "-1", "0.5", "1e9", "99999999999999999999", "NaN", "Infinity", "0x10", " 7 ", "1;2"] as const
const texts = [
  "",
  " ",
  "id",
  "id,n",
  "id,n,__op",
  "id,,n",
  "id=",
  "=id",
  "id,n=to_binary(id,'hex')",
  "id,n=sleep(10)",
  "id,id",
  "nope",
  "'",
  "\"",
  "`",
  "\\",
  "\\x01",
  "\\xzz",
  "$.id",
  "[\"$.id\",\"$.n\"]",
  "[\"$..\"]",
  "[",
  "%00",
  "%zz",
  "../..",
  "a b",
  "\u00ff\u00fe",
  "\tid\t",
  "id); drop table t; --",
  "n > 1",
  "n >",
  "n > (select 1)",
  "1 = 1 or n = 'x'",
  "((((((((((",
  "\u0000"
] as const

const choices: Readonly<Record<string, ReadonlyArray<string>>> = {
  label: [...fuzzLabels, ...fuzzTransactions, "a b", "", "x".repeat(129), "\u00e4"],
  format: ["json", "csv", "JSON", "xml", "parquet"],
  compression: ["gzip", "bzip2", "lz4_frame", "zstd", "deflate", "snappy"],
  "content-encoding": ["gzip", "zstd", "identity", "br"],
  partial_update_mode: ["row", "auto", "column", "diagonal"],
  authorization: ["Basic", "Basic !!!", "Basic cm9vdA==", "Bearer x", "Basic cm9vdDp3cm9uZw=="],
  expect: ["100-continue", "200-ok", "100-Continue, 100-continue"],
  op: ["begin", "load", "prepare", "commit", "rollback"]
}

/** Every header of section 1.6, and those of transactions. */
const headerNames = (
  "label format columns where column_separator row_delimiter skip_header trim_space enclose escape jsonpaths json_root " +
  "strip_outer_array ignore_json_size max_filter_ratio strict_mode timeout timezone load_mem_limit partitions " +
  "temporary_partitions partial_update partial_update_mode merge_condition compression content-encoding " +
  "log_rejected_record_num warehouse enable_merge_commit merge_commit_async merge_commit_interval_ms " +
  "merge_commit_parallel envelope negative transmission_compression_type load_dop exec_mem_limit prepared_timeout " +
  "idle_transaction_timeout transaction_type channel_num channel_id db table authorization expect op"
).split(" ")

const flagNames = /_mode$|^is_|^strip|^ignore|^partial_update$|^enable|_async$|^trim|^negative/

const headerValue = (random: SeededRandom, name: string): string => {
  const own = choices[name]
  if (own !== undefined && random.chance(0.8)) return own[random.below(own.length)] ?? ""
  if (flagNames.test(name) && random.chance(0.6)) return random.pick(flags)
  if (random.chance(0.3)) return random.pick(numbers)
  if (random.chance(0.1)) return random.bytes(random.below(longBytesMax)).toString("latin1").replace(/[\r\n\0]/g, "")
  return random.pick(texts)
}

const row = (random: SeededRandom): string => {
  const value = random.pick([
    ...numbers,
    "null",
    "\"x\"",
    "{}",
    "[1,[2,[3]]]",
    "\"\\ud800\"",
    "true",
    "-",
    "1e400",
    "\"\\u0000\""
  ])
  if (random.chance(0.9)) return `{"id":${random.below(50)},"n":${random.below(9)},"__op":${random.below(2)}}`
  return `{"id":${random.chance(0.9) ? random.below(50) : value},"n":${value},"__op":${random.pick(["0", "1", value])}}`
}

const rows = (random: SeededRandom): string => Array.from({ length: random.below(30) }, () => row(random)).join("\n")

const body = (random: SeededRandom): Buffer => {
  switch (random.below(10)) {
    case 0:
      return random.bytes(random.below(noiseBytesMax))
    case 1:
      return gzipSync(rows(random))
    case 2:
      return gzipSync(rows(random)).subarray(0, random.between(1, 40))
    case 3:
      return latin1("[".repeat(random.below(20_000)))
    case 4:
      return latin1(`[${rows(random).replaceAll("\n", ",")}]`)
    case 5:
      return latin1("1,2\n3\t4\n\\N,\"\n\"\"\n,,,\r\n".repeat(random.below(20)))
    default:
      return Buffer.from(rows(random))
  }
}

interface Parts {
  readonly line: string
  readonly headers: ReadonlyArray<readonly [string, string]>
  readonly body: Buffer
  readonly chunked: boolean
}

const chunks = (random: SeededRandom, bytes: Buffer): Buffer => {
  const parts: Array<Buffer> = []
  for (let at = 0; at < bytes.length;) {
    const part = bytes.subarray(at, at + random.between(1, 2000))
    parts.push(latin1(`${part.length.toString(16)}\r\n`), part, latin1("\r\n"))
    at += part.length
  }
  return Buffer.concat([...parts, latin1("0\r\n\r\n")])
}

const written = (random: SeededRandom, parts: Parts): Buffer => {
  const length: ReadonlyArray<readonly [string, string]> = parts.chunked
    ? [["Transfer-Encoding", "chunked"]]
    : parts.body.length > 0
    ? [["Content-Length", String(parts.body.length)]]
    : []
  const head = [...parts.headers, ...length].map(([name, value]) => `${name}: ${value}\r\n`).join("")
  return Buffer.concat([
    latin1(`${parts.line} HTTP/1.1\r\n${head}\r\n`),
    parts.chunked ? chunks(random, parts.body) : parts.body
  ])
}

/** A request a server should understand: a load, a question, a transaction's step, or the admin port's. */
const valid = (random: SeededRandom, aim: FuzzAim): Parts => {
  const { authorization, database, table } = aim
  const label = fuzzLabels[random.below(fuzzLabels.length)] ?? ""
  const base: ReadonlyArray<readonly [string, string]> = [["Host", "127.0.0.1"], ["Authorization", authorization]]
  const nothing = { headers: base, body: Buffer.alloc(0), chunked: false }
  const load = { body: Buffer.from(rows(random)), chunked: random.chance(0.4) }
  if (aim.port === "admin") {
    const admin: ReadonlyArray<readonly [string, string]> = [
      ["POST /faults", "{\"kind\":\"memory\",\"table\":\"nobody\",\"count\":1}"],
      ["PUT /duplicate-labels", "{\"mode\":\"classic\"}"],
      ["DELETE /faults", ""],
      ["DELETE /faults/memory", ""],
      ["GET /faults", ""]
    ]
    const [line, text] = admin[random.below(admin.length)] ?? ["", ""]
    return { line, headers: [["Host", "127.0.0.1"]], body: Buffer.from(text), chunked: random.chance(0.3) }
  }
  const loadHeaders: Parts["headers"] = [...base, ["label", label], ["format", "json"], ["strict_mode", "true"]]
  const expect: Parts["headers"] = random.chance(0.5) ? [["Expect", "100-continue"]] : []
  switch (aim.port === "BE" && random.chance(0.7) ? 8 : random.below(9)) {
    case 0:
      return { ...nothing, line: "GET /api/health" }
    case 1:
      return { ...nothing, line: `GET /api/${database}/get_load_state?label=${label}` }
    case 2:
      return { ...nothing, line: `POST /api/${database}/${table}/_cancel?label=${label}` }
    case 3:
      return { ...nothing, line: "GET /api/_load_error_log?file=error_log_1_2" }
    case 4: {
      const operation = random.pick(["begin", "begin", "prepare", "commit", "rollback"])
      const transaction = fuzzTransactions[random.below(fuzzTransactions.length)] ?? ""
      const named: Parts["headers"] = [["label", transaction], ["db", database], ["table", table]]
      return { ...nothing, line: `POST /api/transaction/${operation}`, headers: [...base, ...named, ...expect] }
    }
    default:
      return { line: `PUT /api/${database}/${table}/_stream_load`, headers: [...loadHeaders, ...expect], ...load }
  }
}

const inserts = ["\0", "\r\n", "\n", "\r\n\r\n", "\u00ff", ":", " ", "%", "0\r\n\r\n", "-", "\t"] as const
const lengths = ["-1", "1e30", "abc", "0x10", "5, 6", "", "18446744073709551617", "00", "+5", " "] as const
const sizes = ["-5", "ffffffffffffffff", "zz", "", "10;ext=1", "fffffff0", "0x5", " 5", "1"] as const
const lines = [
  "PUT /api/%zz/%/_stream_load",
  "PUT /api///_stream_load",
  "PUT /api/d%00/t/_stream_load",
  "PUT http://evil.example/api/d/t/_stream_load",
  "PUT *",
  "CONNECT 127.0.0.1:1",
  "BREW /coffee",
  "GET /api/d/get_load_state?label=%zz&label",
  "GET /api/_load_error_log?file=../../../../etc/passwd",
  "DELETE /faults/nope%2F",
  "GET /?" + "a=b&".repeat(5000)
] as const

const withLine = (parts: Parts, line: string): Parts => ({ ...parts, line })
const withHeader = (parts: Parts, name: string, value: string): Parts => ({
  ...parts,
  headers: [...parts.headers, [name, value]]
})

/** Changes what a request says. */
const misspoken = (random: SeededRandom, parts: Parts): Parts => {
  switch (random.below(7)) {
    case 0:
      return withLine(parts, random.pick(lines))
    case 1:
      return withHeader(parts, "Content-Length", random.pick(lengths))
    case 2:
      return withHeader(parts, "Transfer-Encoding", random.pick(["chunked", "gzip, chunked", "x"]))
    case 3:
      return withHeader(parts, "X", "y".repeat(random.chance(0.1) ? headerBytesBeyond : random.below(50_000)))
    case 4:
      return { ...parts, headers: [...parts.headers, ...parts.headers, ...parts.headers] }
    case 5:
      return { ...parts, headers: Array.from({ length: random.below(2500) }, (_, n) => [`h${n}`, "v"] as const) }
    default:
      return { ...parts, headers: parts.headers.slice(1) }
  }
}

/** Changes bytes wherever they are. */
const mangled = (random: SeededRandom, bytes: Buffer): Buffer => {
  const at = random.below(bytes.length + 1)
  const to = Math.min(bytes.length, at + random.below(200))
  switch (random.below(6)) {
    case 0:
      return bytes.subarray(0, at)
    case 1:
      return Buffer.concat([bytes.subarray(0, to), bytes.subarray(at)])
    case 2:
      return Buffer.concat([bytes.subarray(0, at), bytes.subarray(to)])
    case 3:
      return Buffer.concat([bytes.subarray(0, at), latin1(random.pick(inserts)), bytes.subarray(at)])
    case 4:
      return latin1(bytes.toString("latin1").replace(/\r\n[0-9a-f]+\r\n/, `\r\n${random.pick(sizes)}\r\n`))
    default: {
      const changed = Buffer.from(bytes)
      for (let times = random.between(1, 8); times > 0 && changed.length > 0; times--) {
        changed[random.below(changed.length)] = random.below(256)
      }
      return changed
    }
  }
}

const bytesOf = (random: SeededRandom, aim: FuzzAim): Buffer => {
  const kind = random.below(20)
  if (kind === 0) return random.bytes(random.below(noiseBytesMax))
  if (kind <= 9 && aim.port !== "admin") {
    const headersEach = random.pick([0.02, 0.05, 0.2])
    const inTransaction = random.chance(0.2)
    const labels = inTransaction ? fuzzTransactions : fuzzLabels
    const line = inTransaction ? "PUT /api/transaction/load" : `PUT /api/${aim.database}/${aim.table}/_stream_load`
    // A well-formed load with headers nobody asked for.
    const chosen = headerNames.filter(() => random.chance(headersEach)).map((name) =>
      [name, headerValue(random, name)] as const
    )
    const names = new Set<string>(chosen.map(([name]) => name))
    const usual: Parts["headers"] = [
      ["authorization", aim.authorization],
      ["format", "json"],
      ["label", labels[random.below(labels.length)] ?? ""],
      ...random.chance(0.7) ? [["expect", "100-continue"] as const] : [],
      ...inTransaction ? [["db", aim.database], ["table", aim.table]] as const : []
    ]
    const headers: Parts["headers"] = [["Host", "127.0.0.1"], ...usual.filter(([name]) => !names.has(name)), ...chosen]
    return written(random, { line, headers, body: body(random), chunked: random.chance(0.3) })
  }
  let parts = valid(random, aim)
  if (random.chance(0.4)) parts = misspoken(random, parts)
  const bytes = written(random, parts)
  if (random.chance(0.4)) return bytes
  if (random.chance(0.5)) return mangled(random, bytes)
  // The head is right, what follows is not.
  const head = bytes.indexOf("\r\n\r\n") + 4
  return Buffer.concat([bytes.subarray(0, head), mangled(random, bytes.subarray(head))])
}

/** Makes a case. */
export const fuzzCase = (seed: number, aim: FuzzAim): FuzzCase => {
  const random = new SeededRandom(seed)
  const leave = random.pick<Leave>(["wait", "wait", "wait", "half-close", "reset", "drip"])
  return { seed, leave, bytes: bytesOf(random, aim) }
}

/** Plays a case and gives what came back within the time, which may be nothing. */
export const play = (port: number, { bytes, leave, seed }: FuzzCase, waitMs: number): Promise<string> =>
  new Promise((resolve) => {
    const random = new SeededRandom(seed ^ 0x5eed)
    const socket = Net.connect({ host: "127.0.0.1", port, noDelay: true, allowHalfOpen: true })
    let received = ""
    const finish = (): void => {
      clearTimeout(timer)
      socket.destroy()
      resolve(received)
    }
    const timer = setTimeout(finish, waitMs)
    socket.on("error", finish)
    socket.on("close", finish)
    socket.on("end", finish)
    socket.on("data", (chunk: Buffer) => {
      received += chunk.toString("latin1")
    })
    const drip = (at: number): void => {
      if (socket.destroyed) return
      if (at >= bytes.length) return void socket.end()
      const next = at + random.between(1, Math.max(1, bytes.length >> 3))
      socket.write(bytes.subarray(at, next), () => setImmediate(drip, next))
    }
    socket.on("connect", () => {
      if (leave === "drip") return drip(0)
      socket.write(bytes, () => {
        // At once, or while the server is at work.
        if (leave === "reset") setTimeout(() => socket.resetAndDestroy(), random.below(20))
        if (leave === "half-close") socket.end()
      })
    })
  })
