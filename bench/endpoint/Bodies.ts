/** Bodies of the demo's `orders` rows: one template whose ids are written anew for every load, so that making them is cheap. */

/** The id of the first row: ids keep their number of digits, so that a body keeps its length. */
const ID_FIRST = 10_000_000
const DIGITS = 8
const ZERO = 0x30

export const CREATE = `
  CREATE TABLE bench.orders (
    id BIGINT NOT NULL,
    customer_id INT NULL,
    status STRING NULL,
    total DECIMAL(12, 2) NULL,
    note STRING NULL,
    paid BOOLEAN NULL,
    created_at DATETIME NULL,
    updated_at DATETIME NULL,
    dbmazz_synced_at DATETIME NULL,
    dbmazz_cdc_version BIGINT NULL
  ) PRIMARY KEY (id) DISTRIBUTED BY HASH(id) PROPERTIES ("replication_num" = "1")`

const STATUSES = ["new", "paid", "shipped"]

const row = (index: number): string =>
  JSON.stringify({
    id: ID_FIRST,
    customer_id: index % 50_000,
    status: STATUSES[index % STATUSES.length],
    total: (index % 100_000 / 100).toFixed(2),
    note: `order number ${index} of the benchmark`,
    paid: index % 2 === 0,
    created_at: "2026-01-02 03:04:05.678901",
    updated_at: "2026-01-02 03:04:05.678901",
    dbmazz_synced_at: "2026-01-02 03:04:06.000000",
    dbmazz_cdc_version: 23_456_789_012 + index
  }) + "\n"

export interface Template {
  readonly body: Buffer
  /** Where the ids' digits are. */
  readonly idOffsets: ReadonlyArray<number>
}

/** A body of at most so many bytes. */
export const template = (bytesMax: number): Template => {
  const lines: Array<string> = []
  const idOffsets: Array<number> = []
  let bytes = 0
  for (let index = 0;; index++) {
    const line = row(index)
    if (bytes + line.length > bytesMax) break
    idOffsets.push(bytes + "{\"id\":".length)
    lines.push(line)
    bytes += line.length
  }
  return { body: Buffer.from(lines.join(""), "latin1"), idOffsets }
}

/** Gives the rows the ids from `first` on. */
export const number = ({ body, idOffsets }: Template, first: number): void => {
  for (let index = 0; index < idOffsets.length; index++) {
    let id = ID_FIRST + first + index
    const offset = idOffsets[index] ?? 0
    for (let digit = DIGITS - 1; digit >= 0; digit--) {
      body[offset + digit] = ZERO + id % 10
      id = Math.floor(id / 10)
    }
  }
}
