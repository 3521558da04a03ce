/**
 * The standby status message (PostgreSQL: "Streaming Replication Protocol"): `r`, three positions (8 bytes each), the
 * client's clock (8), reply requested (1).
 */
import { PG_EPOCH_MICROS } from "./Envelope.ts"

const STANDBY_STATUS = 0x72
const STANDBY_STATUS_BYTES = 34
const CLOCK_AT = 25
const MICROS_PER_MS = 1000n

/**
 * Writes the clock into a status message, in place. PostgreSQL shows it again as `pg_stat_replication.reply_time`, by
 * which we know what of ours has arrived; the replication library's own clock is days off and stands still for an hour.
 */
export const stamp = (message: Buffer, nowMs: number): Buffer => {
  if (message.length === STANDBY_STATUS_BYTES && message[0] === STANDBY_STATUS) {
    message.writeBigInt64BE(BigInt(Math.trunc(nowMs)) * MICROS_PER_MS - PG_EPOCH_MICROS, CLOCK_AT)
  }
  return message
}
