/** An open replication session, as the streams see it. */
import type * as Effect from "effect/Effect"
import type * as Pull from "effect/Pull"
import type { SetupError } from "../domain/errors/SetupError.ts"
import type { TransientError } from "../domain/errors/TransientError.ts"
import type * as Lsn from "../domain/Lsn.ts"
import type { Frames } from "./WaitingFrames.ts"

export type FramePull = Pull.Pull<Frames, TransientError | SetupError>

/** What a session looks like from outside. */
export interface SessionState {
  /** WAL position of the last frame or keepalive received. */
  readonly received: Lsn.Lsn
  /** The server's own position, from its last keepalive or frame. */
  readonly server: Lsn.Lsn
  /** Every transaction that ended up to here has been received whole. */
  readonly whole: Lsn.Lsn
  readonly confirmed: Lsn.Lsn
  /** Bytes received and not released. */
  readonly bufferedBytes: number
  /** Reading is paused because the buffer is full. */
  readonly paused: boolean
}

/** An open session. Everything ends with the scope it was opened in. */
export interface ReplicationSession {
  /** All frames that are waiting, at least one. Ends after `drain`, fails when the connection is lost. */
  readonly pull: FramePull
  /** Fails when the connection is lost, whether somebody pulls or not; never after `drain`. */
  readonly lost: Effect.Effect<never, TransientError | SetupError>
  /** Tells the server that everything before this position is durable. Never moves back. */
  readonly confirm: (position: Lsn.Lsn) => Effect.Effect<void>
  /** Gives bytes of frames back to the buffer; reading goes on when there is room again. */
  readonly release: (bytes: number) => Effect.Effect<void>
  /** Stops reading: the frames already received are still given, then the stream ends. */
  readonly drain: Effect.Effect<void>
  /**
   * Sends the last confirmation again and waits until the server is heard: a dead one answers nothing (false). What it says may
   * have been under way before; it has read the confirmation when it has let go of the slot.
   */
  readonly flushConfirmations: Effect.Effect<boolean>
  readonly state: Effect.Effect<SessionState>
}
