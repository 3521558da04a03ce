/** Receives the slot's messages with the bare client library and throws them away: the most this client can do. */
import type { Client } from "pg"
import { LogicalReplicationService, type Pgoutput, PgoutputPlugin } from "pg-logical-replication"
import { report, task } from "./Child.ts"

const given = task()
const NOTHING: Pgoutput.Message = { tag: "origin", originLsn: null, originName: "" }
const TAG_INSERT = 0x49
const TAG_COMMIT = 0x43
const startedAt = performance.now()
let rows = 0

class Discard extends PgoutputPlugin {
  override parse(message: Buffer): Pgoutput.Message {
    if (message[0] === TAG_INSERT) rows += 1
    else if (message[0] === TAG_COMMIT && rows >= given.rows) report(startedAt)
    return NOTHING
  }

  override start(client: Client, slotName: string, lastLsn: string): Promise<unknown> {
    return client.query(
      `START_REPLICATION SLOT "${slotName}" LOGICAL ${lastLsn} (proto_version '1', publication_names 'bench_pub')`
    )
  }
}

const service = new LogicalReplicationService(
  { host: given.host, port: given.port, user: given.user, password: given.password, database: given.database },
  { acknowledge: { auto: false, timeoutSeconds: 0 } }
)
await service.subscribe(new Discard({ protoVersion: 1, publicationNames: ["bench_pub"] }), given.slot, given.start)
