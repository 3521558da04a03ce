/** Bytes that are not a pgoutput message. */
import * as Schema from "effect/Schema"

/**
 * `kind` names the message (its type letter when unknown), `offset` counts bytes from the message's start, `problem` says
 * what was expected. Never holds the bytes: they may be row values.
 */
export class DecodeError extends Schema.TaggedError<DecodeError>()("DecodeError", {
  kind: Schema.String,
  offset: Schema.Int,
  problem: Schema.String
}) {
  override get message(): string {
    return `malformed ${this.kind} message at byte ${this.offset}: ${this.problem}`
  }
}
