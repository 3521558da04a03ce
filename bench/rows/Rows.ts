/**
 * What a row costs between its frame and the body of its load, without servers: decoding, merging and encoding, in ns a row
 * and bytes sent a row, for inserts, for updates, and for updates that leave a document alone which StarRocks has or lacks. The time is that of the
 * fastest round: what is slower shared the machine with something else.
 */
import * as Result from "effect/Result"
import { ByteWriter } from "../../src/domain/ByteWriter.ts"
import type { RowChange } from "../../src/domain/Change.ts"
import { ChangeDecoder } from "../../src/domain/ChangeDecoder.ts"
import * as LoadFormat from "../../src/domain/LoadFormat.ts"
import * as Lsn from "../../src/domain/Lsn.ts"
import type { TableMapping } from "../../src/domain/Table.ts"
import { type LoadOptions, TableLoads } from "../../src/domain/TableLoads.ts"
import * as Bytes from "../../test/support/PgoutputBytes.ts"

const ROWS_DEFAULT = 10_000
const ROUNDS_DEFAULT = 60
/** Rounds before the compiler has done its work. */
const ROUNDS_COLD = 10
const DOCUMENT_BYTES = 8 * 1024

const COLUMNS = [
  ["id", 20, "bigint(20)"],
  ["customer_id", 23, "int(11)"],
  ["status", 25, "varchar(65533)"],
  ["total", 1700, "decimal(12, 2)"],
  ["note", 25, "varchar(65533)"],
  ["paid", 16, "tinyint(1)"],
  ["created_at", 1184, "datetime"],
  ["document", 25, "varchar(65533)"]
] as const

const MAPPING: TableMapping = {
  source: { schema: "public", name: "orders" },
  target: { schema: "bench", name: "orders" },
  key: ["id"],
  targetColumns: new Map(COLUMNS.map(([name, , type]) => [name, { name, type, nullable: name !== "id" }]))
}
const OPTIONS: LoadOptions = {
  origin: { systemIdentifier: "7", timeline: 1, database: "bench", slot: "s", run: "r" },
  trustedAfter: Lsn.ZERO,
  syncedAt: "2026-01-02 03:04:05",
  bytesMax: 16 * 1024 * 1024
}

const cells = (id: number, document: Bytes.Cell): ReadonlyArray<Bytes.Cell> => [
  String(id),
  String(id % 50_000),
  "shipped",
  `${id}.25`,
  `order number ${id} of the benchmark`,
  "t",
  "2026-01-02 03:04:05.123456+00",
  document
]

const DOCUMENT = "d".repeat(DOCUMENT_BYTES)

/** The cases: a message of row `id`, and whether StarRocks says that it has the rows. */
const CASES: ReadonlyArray<readonly [name: string, known: boolean, message: (id: number) => Buffer]> = [
  ["inserts", true, (id) => Bytes.insert(1, cells(id, null))],
  ["updates", true, (id) => Bytes.update(1, cells(id, null), cells(id, null))],
  ["document kept, row known", true, (id) => Bytes.update(1, cells(id, DOCUMENT), cells(id, undefined))],
  ["document kept, row unknown", false, (id) => Bytes.update(1, cells(id, DOCUMENT), cells(id, undefined))]
]

const loadAll = (changes: ReadonlyArray<RowChange>, writer: ByteWriter, known: boolean): number => {
  const loads = new TableLoads(changes, writer, OPTIONS)
  if (known) loads.answer(new Map(loads.questions.map(({ key }) => [key.id, 0n])))
  let bytes = 0
  for (;;) {
    const request = Result.getOrThrow(loads.next())
    if (request === undefined) return bytes
    bytes += request.body.length
  }
}

const measure = (
  table: TableMapping,
  message: (id: number) => Buffer,
  known: boolean,
  rows: number,
  rounds: number
) => {
  const relation = Bytes.relation(1, "orders", COLUMNS.map(([name, oid]) => ({ name, oid })))
  const frames = [relation, Bytes.begin(1n), ...Array.from({ length: rows }, (_, id) => message(id))]
    .map((each) => Bytes.frame(each))
  const writer = new ByteWriter(1024 * 1024)
  const times: Array<number> = []
  let bytes = 0
  for (let round = 0; round < rounds + ROUNDS_COLD; round++) {
    const startedAt = performance.now()
    const { changes } = Result.getOrThrow(new ChangeDecoder([table], "fail", "stop").decode(frames))
    bytes = loadAll(changes.filter((change) => change._tag === "Row"), writer, known)
    if (round >= ROUNDS_COLD) times.push(performance.now() - startedAt)
  }
  return { nsPerRow: Math.round(Math.min(...times) * 1e6 / rows), bytesPerRow: Math.round(bytes / rows) }
}

const option = (args: ReadonlyArray<string>, name: string, fallback: number): number => {
  const at = args.indexOf(name)
  return at < 0 ? fallback : Number(args[at + 1])
}

/** `--rows N` (10,000 a batch), `--rounds N` (60), `--format csv` (json). */
export const main = (args: ReadonlyArray<string>): Promise<void> => {
  const rows = option(args, "--rows", ROWS_DEFAULT)
  const rounds = option(args, "--rounds", ROUNDS_DEFAULT)
  const format = LoadFormat.FORMATS.find((each) => args[args.indexOf("--format") + 1] === each) ?? LoadFormat.DEFAULT
  const results = CASES.map(([name, known, message]) => {
    // Rows with documents are many times as long.
    const count = name.startsWith("document") ? Math.ceil(rows / 10) : rows
    const result = { case: name, rows: count, ...measure({ ...MAPPING, format }, message, known, count, rounds) }
    console.log(
      `${name.padEnd(28)}${String(result.nsPerRow).padStart(8)} ns/row${
        String(result.bytesPerRow).padStart(8)
      } bytes/row`
    )
    return result
  })
  console.log(JSON.stringify({ benchmark: "rows", format, results, node: process.version }))
  return Promise.resolve()
}
