/** A request on its way from one program to the model sink. */
import type { Answer, exchange } from "../../src/layers/HttpExchange.ts"
import type { Incarnation } from "./Incarnation.ts"

type Reply = (answer: Answer) => void

/** What the program says of itself at the time of a request. */
export interface Sender {
  /** The replication session that it has, counted over all programs. */
  readonly session: number
  /** Source tables, `schema.name`, that it has stopped. */
  readonly stopped: ReadonlyArray<string>
}

/** One request of the program. */
export interface Request {
  readonly call: Parameters<typeof exchange>[0]
  readonly incarnation: Incarnation
  readonly reply: Reply
  /** As `reply`, without the way back: the program itself gives up. */
  readonly giveUp: Reply
  readonly sender: Sender
  readonly isOpen: () => boolean
}
