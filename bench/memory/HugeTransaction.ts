/** One transaction of millions of rows: it is loaded in parts while it is read, so its size does not matter. */
import * as Orders from "../e2e/Orders.ts"
import * as Bench from "./Bench.ts"
import * as Resident from "./Resident.ts"

const TABLES: Bench.Tables = {
  name: "orders",
  source: Orders.CREATE,
  target: `CREATE TABLE orders (
      id BIGINT NOT NULL, customer_id INT NULL, status STRING NULL, total DECIMAL(12, 2) NULL, note STRING NULL,
      paid BOOLEAN NULL, created_at DATETIME NULL, updated_at DATETIME NULL
    ) PRIMARY KEY (id) DISTRIBUTED BY HASH(id) PROPERTIES ("replication_num" = "1")`
}

export const run = (rows: number): Promise<Resident.Measurement> =>
  Bench.measure(TABLES, async (bench) => {
    const watch = Resident.watch(bench.daemon.pid)
    await bench.postgres.query(Orders.FILL, [rows])
    await bench.caughtUp()
    watch.stop()
    return { samples: watch.samples, steady: Resident.secondHalf(watch.samples) }
  })
