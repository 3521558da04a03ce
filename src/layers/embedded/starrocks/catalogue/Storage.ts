/** The DuckDB file under the endpoint: opening it, sessions on it, and one writer at a time. */
import type * as DuckDB from "@duckdb/node-api"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Semaphore from "effect/Semaphore"
import { mkdir } from "node:fs/promises"
import { join } from "node:path"
import { EmbeddedStartError } from "../EmbeddedStartError.ts"

/** DuckDB refused a statement or failed at it. */
export class StorageError extends Data.TaggedError("StorageError")<{
  readonly message: string
  readonly cause?: unknown
}> {}

/** A connection of its own; statements on it run one after the other. */
export interface Session {
  readonly connection: DuckDB.DuckDBConnection
  /** Runs a statement and gives its rows. Interruption stops the statement and waits for it to stop. */
  readonly run: (
    sql: string,
    parameters?: ReadonlyArray<DuckDB.DuckDBValue>
  ) => Effect.Effect<ReadonlyArray<ReadonlyArray<DuckDB.DuckDBValue>>, StorageError>
}

/** The open file. */
export interface Storage {
  readonly duckdb: typeof DuckDB
  /** Opens a session that closes with the scope. */
  readonly session: Effect.Effect<Session, StorageError, Scope.Scope>
  /** Holds the write lock around an effect: DuckDB refuses concurrent changes of one table instead of waiting. */
  readonly exclusive: <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
  /**
   * Runs an effect in a transaction of the session, under the write lock, not to be interrupted half-way. `committed` runs
   * after the commit, still under the lock: what it changes in memory agrees with the file for the next holder of the lock.
   */
  readonly transaction: <A, E, R>(
    session: Session,
    effect: Effect.Effect<A, E, R>,
    committed?: (value: A) => void
  ) => Effect.Effect<A, E | StorageError, R>
  /** A transaction in a session of its own. */
  readonly write: <A, E, R>(
    body: (session: Session) => Effect.Effect<A, E, R>,
    committed?: (value: A) => void
  ) => Effect.Effect<A, E | StorageError, R>
}

/** Memory DuckDB may use; what does not fit spills to files beside the database. */
const memoryLimit = "128MB"
/** DuckDB's worker threads: the machine's other core belongs to parsing. */
const threadCount = "2"
/** Bytes of the write-ahead log after which a commit also writes the main file. */
const checkpointThreshold = "64MB"

const message = (cause: unknown): string => cause instanceof Error ? cause.message : String(cause)

/**
 * Waits for a call on a connection. Interruption stops the connection's statement and waits for the call to end: nothing
 * may close a connection that native code still works on.
 */
export const call = <A, E>(
  connection: DuckDB.DuckDBConnection,
  start: () => Promise<A>,
  fail: (message: string, cause: unknown) => E
): Effect.Effect<A, E> =>
  Effect.callback((resume) => {
    const settled = start().then(
      (value) => resume(Effect.succeed(value)),
      (cause: unknown) => resume(Effect.fail(fail(message(cause), cause)))
    )
    return Effect.promise(() => {
      connection.interrupt()
      return settled
    })
  })

const sessionOf = (connection: DuckDB.DuckDBConnection): Session => ({
  connection,
  run: (sql, parameters) =>
    call(
      connection,
      () =>
        connection.run(sql, parameters === undefined ? undefined : [...parameters]).then((result) => result.getRows()),
      (text, cause) => new StorageError({ message: text, cause })
    )
})

/** DuckDB's package reads text with a decoder that takes a leading U+FEFF for a byte order mark, and drops it. */
const keepLeadingMarks = async (): Promise<void> => {
  const { default: accessors } = await import("@duckdb/node-api/lib/vectors/dataAccessors.js")
  Object.assign(accessors, { textDecoder: new TextDecoder("utf-8", { ignoreBOM: true }) })
}

const importDuckDB = Effect.tryPromise({
  try: async () => {
    await keepLeadingMarks()
    return import("@duckdb/node-api")
  },
  catch: (cause) =>
    new EmbeddedStartError({
      message:
        "the embedded StarRocks-compatible endpoint needs the optional package @duckdb/node-api, which is not installed",
      remediation: "npm install @duckdb/node-api",
      cause
    })
})

const openInstance = (duckdb: typeof DuckDB, dataDir: string) =>
  Effect.tryPromise({
    try: async () => {
      await mkdir(dataDir, { recursive: true })
      return duckdb.DuckDBInstance.create(join(dataDir, "endpoint.duckdb"), {
        memory_limit: memoryLimit,
        threads: threadCount,
        checkpoint_threshold: checkpointThreshold,
        temp_directory: join(dataDir, "spill"),
        preserve_insertion_order: "false",
        default_null_order: "nulls_first_on_asc_last_on_desc",
        autoinstall_known_extensions: "false",
        // A query reads tables, never files.
        enable_external_access: "false"
      })
    },
    catch: (cause) =>
      new EmbeddedStartError({
        message: `cannot open the data directory ${dataDir}: ${message(cause)}`,
        remediation: "stop the other endpoint that uses this directory, or choose another one with --data",
        cause
      })
  })

/** Opens the file in a directory; it closes with the scope. */
export const open = (dataDir: string): Effect.Effect<Storage, EmbeddedStartError, Scope.Scope> =>
  Effect.gen(function*() {
    const duckdb = yield* importDuckDB
    const instance = yield* Effect.acquireRelease(
      openInstance(duckdb, dataDir),
      (opened) => Effect.sync(() => opened.closeSync())
    )
    const lock = yield* Semaphore.make(1)
    const session = Effect.acquireRelease(
      Effect.tryPromise({
        try: () => instance.connect(),
        catch: (cause) => new StorageError({ message: message(cause), cause })
      }),
      (connection) => Effect.sync(() => connection.closeSync())
    ).pipe(Effect.map(sessionOf))
    const exclusive = lock.withPermits(1)
    const transaction: Storage["transaction"] = (own, effect, committed) =>
      exclusive(
        own.run("begin").pipe(
          Effect.andThen(effect),
          Effect.tap(() => own.run("commit")),
          Effect.onError(() => Effect.ignore(own.run("rollback"))),
          Effect.tap((value) => Effect.sync(() => committed?.(value))),
          Effect.uninterruptible
        )
      )
    return {
      duckdb,
      session,
      exclusive,
      transaction,
      write: (body, committed) =>
        Effect.scoped(Effect.flatMap(session, (own) => transaction(own, body(own), committed)))
    }
  })
