/** The plugin through which `pg-logical-replication` hands over raw messages and starts replication with our options. */
import type { Client } from "pg"
import { type Pgoutput, PgoutputPlugin } from "pg-logical-replication"
import * as Identifier from "../domain/Identifier.ts"

/** Values are text, and text depends on the session: these are the forms the row encoder reads. */
const SESSION_SETTINGS =
  "select set_config('DateStyle', 'ISO', false), set_config('IntervalStyle', 'iso_8601', false), " +
  "set_config('TimeZone', 'UTC', false), set_config('bytea_output', 'hex', false), " +
  "set_config('extra_float_digits', '1', false), set_config('client_encoding', 'UTF8', false), pg_backend_pid() as pid"

/** The library wants a decoded message back; frames are decoded elsewhere, so it gets this one every time. */
const HANDED_OVER: Pgoutput.Message = { tag: "origin", originLsn: null, originName: "" }

/**
 * `onMessage` gets each pgoutput message as a view of pg's receive buffer, which pg reuses: copy what is kept. `onClient`
 * gets the connected client before anything is asked of it, `onPid` the server's process before replication starts.
 */
export class FramePlugin extends PgoutputPlugin {
  readonly #onMessage: (message: Buffer) => void
  readonly #onClient: (client: Client) => void
  readonly #onPid: (pid: number) => void
  readonly #publication: string

  constructor(
    publication: string,
    onMessage: (message: Buffer) => void,
    onClient: (client: Client) => void,
    onPid: (pid: number) => void
  ) {
    super({ protoVersion: 1, publicationNames: [publication] })
    this.#publication = publication
    this.#onMessage = onMessage
    this.#onClient = onClient
    this.#onPid = onPid
  }

  override parse(message: Buffer): Pgoutput.Message {
    this.#onMessage(message)
    return HANDED_OVER
  }

  override async start(client: Client, slotName: string, lastLsn: string): Promise<unknown> {
    this.#onClient(client)
    const { rows } = await client.query<{ pid: number }>(SESSION_SETTINGS)
    // The pid that the login told may be a pooler's invention.
    if (rows[0] !== undefined) this.#onPid(rows[0].pid)
    // publication_names is a list of identifiers inside a string literal.
    const names = Identifier.quotePg(this.#publication).replaceAll("'", "''")
    return client.query(
      `START_REPLICATION SLOT ${Identifier.quotePg(slotName)} LOGICAL ${lastLsn} ` +
        `(proto_version '1', publication_names '${names}')`
    )
  }
}
