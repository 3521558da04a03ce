/** The bytes of a body as they come, and those that wait to be parsed. */

/**
 * The chunks of a body until `stopped` rejects, which then ends the reading. The body itself stays open when its reader
 * stops early: `for await` over it would destroy the request, and with it the way back to the client.
 */
export const taking = async function*(
  body: AsyncIterable<Buffer>,
  stopped?: Promise<never>
): AsyncGenerator<Buffer, void, undefined> {
  const chunks = body[Symbol.asyncIterator]()
  for (;;) {
    const chunk = await (stopped === undefined ? chunks.next() : Promise.race([chunks.next(), stopped]))
    if (chunk.done === true) return
    yield chunk.value
  }
}

/** Collects bytes until a slice is together: large enough to be cheap per row, small enough to keep the event loop free. */
export class BodySlices {
  private readonly sliceBytes: number
  private pending: Array<Buffer> = []
  private pendingBytes = 0
  private enoughBytes: number

  constructor(sliceBytes: number) {
    this.sliceBytes = sliceBytes
    this.enoughBytes = sliceBytes
  }

  /** Adds bytes and says whether there is enough to parse. */
  push(bytes: Buffer): boolean {
    this.pending.push(bytes)
    this.pendingBytes += bytes.length
    return this.pendingBytes >= this.enoughBytes
  }

  /** All that waits, as one piece. */
  joined(): Buffer {
    const [first] = this.pending
    return this.pending.length === 1 && first !== undefined ? first : Buffer.concat(this.pending)
  }

  /** Keeps what a parser could not use yet in the place of all that waited, and gives its length. */
  keep(rest: Buffer): number {
    this.pending = rest.length === 0 ? [] : [rest]
    this.pendingBytes = rest.length
    // A row longer than what is there is read again only when twice as much has arrived.
    this.enoughBytes = Math.max(this.sliceBytes, rest.length * 2)
    return rest.length
  }
}
