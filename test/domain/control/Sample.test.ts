import { assert, describe, it } from "@effect/vitest"
import * as Sample from "../../../src/domain/control/Sample.ts"

const CAUGHT_UP: Sample.Sample = {
  nowMs: 1_000_000,
  rows: 100,
  batches: 3,
  checkpoint: 500n,
  walEnd: 500n,
  received: 500n,
  pending: 0,
  settled: true,
  oldest: undefined,
  connected: true,
  upToDateMs: 999_500,
  memoryBytes: 1_234,
  cpuUs: 10_000
}

describe("Sample", () => {
  it("has no rates in the first sample, and rates over the time since the one before later", () => {
    const first = Sample.metrics(CAUGHT_UP, undefined)
    assert.deepStrictEqual([first.events_per_second, first.cpu_millicores], [0, 0n])
    const later = Sample.metrics({ ...CAUGHT_UP, nowMs: 1_002_000, rows: 600, cpuUs: 1_010_000 }, CAUGHT_UP)
    assert.strictEqual(later.events_per_second, 250)
    assert.strictEqual(later.cpu_millicores, 500n)
    assert.deepStrictEqual(
      [later.timestamp, later.memory_bytes, later.total_events_processed, later.total_batches_sent],
      [1_002n, 1_234n, 600n, 3n]
    )
    const sameMoment = Sample.metrics(CAUGHT_UP, CAUGHT_UP)
    assert.deepStrictEqual([sameMoment.events_per_second, sameMoment.cpu_millicores], [0, 0n])
  })

  it("measures the lag in bytes from the server's own position, or what was received after it was asked", () => {
    const lag = (part: Partial<Sample.Sample>) => Sample.lagBytes({ ...CAUGHT_UP, settled: false, ...part })
    assert.strictEqual(lag({}), 0n)
    // An idle job stores no checkpoint for what concerns nobody.
    assert.strictEqual(lag({ settled: true, received: 900n, walEnd: 900n }), 0n)
    assert.strictEqual(lag({ settled: true, received: 800n, walEnd: 900n }), 100n)
    assert.strictEqual(lag({ settled: true, received: undefined, walEnd: 900n }), 400n)
    assert.strictEqual(lag({ walEnd: 900n }), 400n)
    assert.strictEqual(lag({ walEnd: 900n, received: 950n }), 450n)
    assert.strictEqual(lag({ walEnd: undefined, received: 700n }), 200n)
    assert.strictEqual(lag({ walEnd: 900n, received: undefined }), 400n)
    assert.strictEqual(lag({ walEnd: 400n, received: undefined }), 0n)
    assert.isUndefined(lag({ checkpoint: undefined }))
    assert.strictEqual(Sample.metrics({ ...CAUGHT_UP, checkpoint: undefined }, undefined).lag_bytes, 0n)
  })

  it("lets the age of the oldest transaction grow during a stall, and is 0 when idle and caught up", () => {
    const lag = (part: Partial<Sample.Sample>) => Sample.lagMs({ ...CAUGHT_UP, ...part })
    assert.strictEqual(lag({}), 0)
    assert.strictEqual(lag({ oldest: 990_000_000n, pending: 1 }), 10_000)
    assert.strictEqual(lag({ oldest: 990_000_000n, pending: 1, nowMs: 1_060_000 }), 70_000)
    // Clocks differ.
    assert.strictEqual(lag({ oldest: 2_000_000_000n, pending: 1 }), 0)
  })

  it("T04 counts from the last good moment when a server that is heard does not send what it has", () => {
    const lag = (sinceMs: number) => Sample.lagMs({ ...CAUGHT_UP, upToDateMs: CAUGHT_UP.nowMs - sinceMs })
    assert.strictEqual(lag(Sample.UNSENT_MS_MAX), 0)
    assert.strictEqual(lag(Sample.UNSENT_MS_MAX + 1), Sample.UNSENT_MS_MAX + 1)
    assert.strictEqual(lag(180_000), 180_000)
    assert.strictEqual(lag(-5), 0)
  })

  it("counts from the last good moment while the server is not heard", () => {
    const lag = (part: Partial<Sample.Sample>) => Sample.lagMs({ ...CAUGHT_UP, connected: false, ...part })
    assert.strictEqual(lag({}), 500)
    assert.strictEqual(lag({ nowMs: 1_100_000 }), 100_500)
  })

  it("makes a status of it: what was received, or the checkpoint while there is no connection", () => {
    const job = { state: "PAUSED", slot: "s", tables: ["items"] } as const
    const status = Sample.status({ ...CAUGHT_UP, received: 700n, pending: 7 }, job)
    assert.deepInclude(status, {
      state: "PAUSED",
      current_lsn: 700n,
      confirmed_lsn: 500n,
      pending_events: 7n,
      slot_name: "s",
      tables: ["items"],
      snapshot_active: false,
      snapshot_chunks_total: 0n,
      snapshot_chunks_done: 0n,
      snapshot_rows_synced: 0n,
      table_progress: [],
      snapshot_paused: false
    })
    assert.strictEqual(Sample.status({ ...CAUGHT_UP, received: undefined }, job).current_lsn, 500n)
    const early = Sample.status({ ...CAUGHT_UP, received: undefined, checkpoint: undefined }, job)
    assert.deepStrictEqual([early.current_lsn, early.confirmed_lsn], [0n, 0n])
  })
})
