/** The write-ahead log as a stream of frames: each element is one message of the server, each chunk all that was waiting. */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type { SetupError } from "../domain/errors/SetupError.ts"
import type { TransientError } from "../domain/errors/TransientError.ts"
import type { WalFrame } from "../domain/pgoutput/Envelope.ts"
import type { ReplicationSession } from "../layers/ReplicationSession.ts"

/** Frames in the server's order. Run it once a session; the frames' bytes stay unchanged for as long as they are held. */
export const frames = (session: ReplicationSession): Stream.Stream<WalFrame, TransientError | SetupError> =>
  Stream.fromPull(Effect.succeed(session.pull))
