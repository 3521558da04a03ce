/** Standard output, line by line: waits for a slow reader, and says when nobody reads any more. */
import * as Context from "effect/Context"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"

/** The reader has closed its end, as `head` does. */
export class ReaderGone extends Data.TaggedError("ReaderGone") {}

/** Standard output took nothing, for example because a disk is full. */
export class OutputFailed extends Data.TaggedError("OutputFailed")<{ readonly message: string }> {}

interface Output {
  /** Writes one line, and goes on when the reader's side has taken it. */
  readonly writeLine: (line: string) => Effect.Effect<void, ReaderGone | OutputFailed>
}

const standardOutput = (): Output => {
  // The callback of each write gets the error; without a listener it would end the process as well.
  process.stdout.on("error", () => undefined)
  return {
    writeLine: (line) =>
      Effect.callback((resume) => {
        process.stdout.write(`${line}\n`, (error) => {
          if (error === null || error === undefined) return resume(Effect.void)
          const isGone = "code" in error && (error.code === "EPIPE" || error.code === "ERR_STREAM_DESTROYED")
          resume(
            Effect.fail(
              isGone ? new ReaderGone() : new OutputFailed({ message: `standard output failed: ${error.message}` })
            )
          )
        })
      })
  }
}

export const Output = Context.Reference<Output>("dbmazz/programs/control/Output", { defaultValue: standardOutput })

/** Writes one line. */
export const writeLine = (line: string): Effect.Effect<void, ReaderGone | OutputFailed> =>
  Effect.flatMap(Output, (output) => output.writeLine(line))

/** Writes what a command has found; when nobody reads it, the exit code still says it. */
export const print = (lines: ReadonlyArray<string>): Effect.Effect<void, OutputFailed> =>
  lines.length === 0 ? Effect.void : Effect.catchTag(writeLine(lines.join("\n")), "ReaderGone", () => Effect.void)
