/** `dbmazz status`: what the job has been told, and where it stands. */
import * as Command from "effect/cli/Command"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as Operations from "../../domain/control/Operations.ts"
import * as Lsn from "../../domain/Lsn.ts"
import { ControlChannel } from "../../layers/control/ControlChannel.ts"
import * as Connection from "./Connection.ts"
import * as Output from "./Output.ts"
import * as Quantity from "./Quantity.ts"

const LABEL_WIDTH = 12

const encode = Schema.encodeSync(Operations.StatusResponse)

const position = (value: bigint): string => Lsn.format(Lsn.fromBigint(value))

/** What is loaded and not yet confirmed, or not yet loaded. */
const behind = ({ confirmed_lsn, current_lsn }: Operations.StatusResponse): string =>
  Quantity.bytes(current_lsn > confirmed_lsn ? current_lsn - confirmed_lsn : 0n)

const snapshot = (status: Operations.StatusResponse): string => {
  const { snapshot_active, snapshot_chunks_done, snapshot_chunks_total, snapshot_paused, snapshot_rows_synced } = status
  const state = snapshot_paused ? "paused" : snapshot_active ? "running" : snapshot_chunks_total > 0n ? "over" : "none"
  if (snapshot_chunks_total === 0n) return state
  return `${state}, ${Quantity.count(snapshot_chunks_done)} of ${Quantity.count(snapshot_chunks_total)} chunks, ` +
    `${Quantity.count(snapshot_rows_synced)} rows`
}

const describe = (status: Operations.StatusResponse): ReadonlyArray<string> => {
  const rows: ReadonlyArray<readonly [string, string]> = [
    ["state", status.state],
    ["slot", Quantity.plain(status.slot_name)],
    ["received", position(status.current_lsn)],
    ["confirmed", `${position(status.confirmed_lsn)} (${behind(status)} behind)`],
    ["pending", `${Quantity.count(status.pending_events)} rows`],
    ["snapshot", snapshot(status)],
    ...status.table_progress.map((table): readonly [string, string] => [
      "",
      `${Quantity.plain(table.table_name)}: ${Quantity.count(table.chunks_done)} of ` +
      `${Quantity.count(table.chunks_total)} chunks, ${Quantity.count(table.rows_synced)} rows`
    ]),
    ...(status.tables.length === 0 ? [["tables", "none"] as const] : []),
    ...status.tables.map((table, index): readonly [string, string] => [
      index === 0 ? "tables" : "",
      Quantity.plain(table)
    ])
  ]
  return rows.map(([label, value]) => `${label.padEnd(LABEL_WIDTH)}${value}`.trimEnd())
}

export const command = Command.make(
  "status",
  Connection.flags,
  Effect.fnUntraced(function*(values) {
    const status = yield* Effect.flatMap(ControlChannel, (channel) => channel.status).pipe(
      Effect.provide(Connection.layer(values))
    )
    yield* Output.print(values.json ? [JSON.stringify(encode(status))] : describe(status))
  })
).pipe(Command.withDescription("say where the job stands: state, positions, tables, snapshot"))
