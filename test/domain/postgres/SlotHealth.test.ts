import { assert, describe, it } from "@effect/vitest"
import * as Lsn from "../../../src/domain/Lsn.ts"
import type { OpenTransaction } from "../../../src/domain/postgres/OpenTransaction.ts"
import * as SlotHealth from "../../../src/domain/postgres/SlotHealth.ts"

const MIB = 1024 * 1024
const lsn = (value: number) => Lsn.Lsn.make(BigInt(value))

const health = (changes: Partial<SlotHealth.SlotHealth> = {}): SlotHealth.SlotHealth => ({
  slot: "s",
  walEnd: lsn(1000 * MIB),
  restart: lsn(900 * MIB),
  confirmed: lsn(950 * MIB),
  retainedBytes: 100 * MIB,
  unconfirmedBytes: 50 * MIB,
  safeWalBytes: undefined,
  walStatus: "reserved",
  active: true,
  invalidation: undefined,
  inactiveMs: undefined,
  oldest: undefined,
  ...changes
})

const OLD: OpenTransaction = {
  pid: 4711,
  prepared: undefined,
  database: "shop",
  applicationName: "psql",
  state: "idle in transaction",
  ageMs: 3_600_000
}

const warned = (now: SlotHealth.SlotHealth, before?: SlotHealth.SlotHealth, idle = true) =>
  SlotHealth.warnings({ since: SlotHealth.since(before, now, idle), now }).join("\n")

describe("SlotHealth", () => {
  it("says in one line what an operator asks for", () => {
    assert.strictEqual(
      SlotHealth.describe(health({ safeWalBytes: 3 * 1024 * MIB, oldest: OLD })),
      "slot 's' keeps 100.0 MiB of WAL, 50.0 MiB not confirmed, confirmed 0/3B600000, restart 0/38400000, " +
        "3.0 GiB until it is lost, WAL reserved, " +
        "oldest transaction pid 4711 (psql, idle in transaction, open for 3600 s)"
    )
  })

  it("is silent while all is well, also under load and with little growth", () => {
    assert.strictEqual(warned(health()), "")
    assert.strictEqual(warned(health({ retainedBytes: 110 * MIB }), health()), "")
    assert.strictEqual(warned(health({ retainedBytes: 900 * MIB }), health(), false), "", "we are busy with it")
    assert.strictEqual(warned(health({ safeWalBytes: SlotHealth.SAFE_WAL_BYTES_MIN })), "")
  })

  it("T05 T06 a slot that is about to be lost is told before it is, with what to run", () => {
    assert.include(warned(health({ safeWalBytes: 100 * MIB })), "will be lost after 100.0 MiB more WAL")
    assert.include(warned(health({ safeWalBytes: 100 * MIB })), "max_slot_wal_keep_size")
    assert.include(warned(health({ walStatus: "unreserved", safeWalBytes: -5 })), "will be lost after 0 B")
    assert.include(warned(health({ walStatus: "lost", restart: undefined })), "is lost")
    assert.include(warned(health({ invalidation: "idle_timeout" })), "is lost (idle_timeout)")
  })

  it("T04 WAL that piles up while nothing is in flight is told", () => {
    const grown = health({ retainedBytes: 200 * MIB })
    assert.include(warned(grown, health()), "keeps 100.0 MiB more WAL than before: nothing was confirmed")
  })

  it("T04 WAL that piles up a little at each look is measured from where it began", () => {
    let reference: SlotHealth.SlotHealth | undefined = undefined
    const told: Array<number> = []
    for (let look = 0; look < 10; look++) {
      const now = health({ retainedBytes: (100 + 10 * look) * MIB })
      reference = SlotHealth.since(reference, now, true)
      if (SlotHealth.warnings({ since: reference, now }).length > 0) told.push(look)
    }
    assert.deepStrictEqual(told, [7, 8, 9])
  })

  it("T03 a restart point held by a transaction is told with its pid, though the confirmed position moves", () => {
    const held = health({ retainedBytes: 200 * MIB, confirmed: lsn(1000 * MIB), oldest: { ...OLD, ageMs: 1_000 } })
    const text = warned(held, health())
    assert.include(text, "the restart point stands still; it is held by pid 4711 (psql, idle in transaction")
    assert.include(warned(health({ oldest: OLD })), "SELECT pg_terminate_backend(4711);")
  })
})
