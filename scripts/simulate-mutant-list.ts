/**
 * Mistakes that the simulation must find: each is a change of one place in `src` that loses rows, makes them stale, or
 * confirms too early. The text to replace must stand in its file exactly once.
 *
 * Not in the list, because two defences stand behind each other and one alone changes nothing: a position that would move
 * back (`Checkpoints.next`, the statement of `CheckpointStore` and `ReplicationConnection.confirm` each refuse it), a turn of
 * two loads a table (`Loads` sends one at a time), forgetting a load without a result (its label is in the store, too),
 * splitting a load whose label was not asked for (the table's next load waits for it), and `Publish Timeout` sent again (the
 * label is taken, and finished).
 */

import { type Mutant, SOURCE } from "./Mutant.ts"
import { SCHEMA_MUTANTS } from "./simulate-schema-mutants.ts"
import { TRUNCATION_MUTANTS } from "./simulate-truncation-mutants.ts"

const LOADS_EACH = "Stream.mapEffect((batch) => Effect.andThen(Told.mayLoad, loads.load(batch))),"

export const MUTANTS: ReadonlyArray<Mutant> = [
  {
    name: "sends the text that CSV has for NULL as CSV",
    file: SOURCE.csvForm,
    search: "return LIKE_NULL",
    replace: "void LIKE_NULL"
  },
  {
    name: "does not escape the escape of CSV",
    file: SOURCE.csvForm,
    search: "if (byte !== ENCLOSE_BYTE && byte !== ESCAPE_BYTE) continue",
    replace: "if (byte !== ENCLOSE_BYTE) continue"
  },
  {
    name: "names the fields of CSV in another order than it sends them",
    file: SOURCE.columnSet,
    search: "return [...members, ...AuditColumns.NAMES, ...computed].join(\",\")",
    replace: "return [...members.toReversed(), ...AuditColumns.NAMES, ...computed].join(\",\")"
  },
  {
    name: "confirms before it stores",
    file: SOURCE.checkpoints,
    search: "return store.advance(slot, run, moved.position).pipe(",
    replace: "return session.confirm(moved.position).pipe(Effect.andThen(store.advance(slot, run, moved.position)),"
  },
  {
    name: "takes a keepalive inside a transaction for a boundary",
    file: SOURCE.changeDecoder,
    search: "if (this.#transaction === undefined) this.#boundary(",
    replace: "if (frame.start >= 0) this.#boundary("
  },
  {
    name: "confirms a keepalive's position while rows are in flight",
    file: SOURCE.replicationConnection,
    search: "if (shouldRespond) this.#acknowledge(false)",
    replace: "if (shouldRespond) this.confirm(position)"
  },
  {
    name: "takes the beginning of a transaction for a boundary",
    file: SOURCE.changeDecoder,
    search: "this.#transaction = { commitLsn: message.finalLsn, commitTime: message.commitTime, xid: message.xid }",
    replace: "this.#transaction = { commitLsn: message.finalLsn, commitTime: message.commitTime, xid: message.xid }\n" +
      "        this.#boundary(message.finalLsn, undefined, 0)"
  },
  {
    name: "takes a commit record's start for its end",
    file: SOURCE.changeDecoder,
    search: "this.#boundary(message.endLsn, message.commitTime, weight)",
    replace: "this.#boundary(message.commitLsn, message.commitTime, weight)"
  },
  {
    name: "acknowledges the end, to which the library adds one",
    file: SOURCE.replicationConnection,
    search: "Lsn.format(Lsn.minus(this.#confirmed, 1n))",
    replace: "Lsn.format(this.#confirmed)"
  },
  {
    name: "sends no signs of life",
    file: SOURCE.replicationSource,
    search: "Effect.repeat(Schedule.spaced(limits.statusEveryMs)),",
    replace: "Effect.repeat(Schedule.recurs(0)),"
  },
  {
    name: "drops what was received when it drains",
    file: SOURCE.replicationConnection,
    search: "if (chunk === undefined) return this.#end ?? this.#arrival",
    replace: "if (chunk === undefined || this.#end !== undefined) return this.#end ?? this.#arrival"
  },
  {
    name: "sends a retry with a new label",
    file: SOURCE.streamLoader,
    search: "return yield* client.load(request, permit)",
    replace: "const at = yield* Clock.currentTimeMillis\n" +
      "    return yield* client.load({ ...request, label: `${request.label}_${at}` }, permit)"
  },
  {
    name: "takes an uncertain outcome for a success",
    file: SOURCE.loadAttempts,
    search: `if (outcome._tag !== "Uncertain") return outcome`,
    replace: `if (outcome._tag !== "Uncertain") return outcome\n` +
      `    if (request.rowCount > 0) return { _tag: "Committed", visible: false } as const`
  },
  {
    name: "takes a running label for a finished one",
    file: SOURCE.loadAttempts,
    search: `if (outcome.job === "finished") return`,
    replace: `if (outcome.job !== "unknown") return`
  },
  {
    name: "takes an unknown label for a committed one",
    file: SOURCE.loadAttempts,
    search: `case "COMMITTED":\n          return {`,
    replace: `case "COMMITTED":\n        case "UNKNOWN":\n          return {`
  },
  {
    name: "takes an aborted label for a committed one",
    file: SOURCE.loadAttempts,
    search: `case "COMMITTED":\n          return {`,
    replace: `case "COMMITTED":\n        case "ABORTED":\n          return {`
  },
  {
    name: "does not wait for a load that was interrupted",
    file: SOURCE.loadFence,
    search: "if (left === undefined || left.label === next.label) return",
    replace: "if (left === undefined || left !== undefined) return"
  },
  {
    name: "gives a load up after three attempts",
    file: SOURCE.loadAttempts,
    search: "for (let attempts = 1;; attempts++) {",
    replace: "for (let attempts = 1; attempts <= 3; attempts++) {"
  },
  {
    name: "takes a refusal for a success",
    file: SOURCE.outcome,
    search: "return refused(reply)",
    replace: `return { _tag: "Loaded", loadedRows: rowCount, visible: true }`
  },
  {
    name: "takes a proxy's error page for a success",
    file: SOURCE.outcome,
    search: `if (httpStatus >= 500) return broken("SR_UNAVAILABLE", why, bodySent)`,
    replace: `if (httpStatus >= 500) return { _tag: "Loaded", loadedRows: rowCount, visible: true }`
  },
  {
    name: "takes a lost reply for a refused connection",
    file: SOURCE.outcome,
    search: "bodySent ? { _tag: \"Uncertain\", code, why } : { _tag: \"Transient\", code, why }",
    replace: "{ _tag: \"Transient\", code, why }"
  },
  {
    name: "takes Publish Timeout for a rejection",
    file: SOURCE.outcome,
    search: `case "Publish Timeout":`,
    replace:
      `case "Publish Timeout":\n      if (!/^S/.test(reply.status)) return { _tag: "Permanent", code: "SR_REJECTED_LOAD", why: "" }`
  },
  {
    name: "leaves the row's number out of the label",
    file: SOURCE.label,
    search: "`${row.commitLsn.toString(16)}-${row.ordinal.toString(16)}`",
    replace: "row.commitLsn.toString(16)"
  },
  {
    name: "leaves the part out of the label",
    file: SOURCE.label,
    search: "_${range.from.toString(16)}-${range.to.toString(16)}",
    replace: ""
  },
  {
    name: "counts rows anew after a relation was sent again",
    file: SOURCE.knownRelations,
    search: "const known = this.#relations.get(relation.relationId)",
    replace: "const known = this.#relations.get(-1)"
  },
  {
    name: "finds a table by its bare name",
    file: SOURCE.knownRelations,
    search: "this.#mappings.get(Identifier.show({ schema: relation.schema, name: relation.name }))",
    replace: `this.#mappings.get(Identifier.show({ schema: "public", name: relation.name }))`
  },
  {
    name: "keeps the first row of a key",
    file: SOURCE.merge,
    search: "const earlier = positions.get(key)",
    replace: "if (positions.has(key)) return\n    const earlier = positions.get(key)"
  },
  {
    name: "leaves the row of the old key when the key changes",
    file: SOURCE.merge,
    search: "if (moved) {",
    replace: "if (moved && oldKey === undefined) {"
  },
  {
    name: "leaves a value out that an earlier change of the batch has set",
    file: SOURCE.gaps,
    search: ": { place, stored: false }",
    replace: ": { place, stored: true }"
  },
  {
    name: "leaves a value out of a row that got another key",
    file: SOURCE.merge,
    search: "(column) => !moved && !",
    replace: "(column) => !"
  },
  {
    name: "takes a deleted row from the new tuple",
    file: SOURCE.merge,
    search: "deleted ? change.oldTuple : change.newTuple",
    replace: "Math.max(change.newTuple, change.oldTuple)"
  },
  {
    name: "writes the transaction's version one too high",
    file: SOURCE.tableLoads,
    search: "const version = Lsn.toBigint(transaction.commitLsn)",
    replace: "const version = Lsn.toBigint(transaction.commitLsn) + 1n"
  },
  {
    name: "writes an unchanged TOASTed value as null",
    file: SOURCE.rowWriter,
    search: "const problem = gap === undefined\n",
    replace: "const problem = gap === undefined || !omits.has(index)\n"
  },
  {
    name: "does not mark deleted rows",
    file: SOURCE.auditColumns,
    search: `"dbmazz_is_deleted":\${op === OP_DELETE}`,
    replace: `"dbmazz_is_deleted":false`
  },
  {
    name: "takes a row inside a transaction for a boundary",
    file: SOURCE.batch,
    search: "this.rowCount += 1\n",
    replace: "this.rowCount += 1\n    this.boundary = change.transaction.commitLsn\n"
  },
  {
    name: "loses the change after a full batch",
    file: SOURCE.batches,
    search: "return chunk.slice(index + 1)",
    replace: "return chunk.slice(index + 2)"
  },
  {
    name: "commits batches in the order in which they were loaded",
    file: SOURCE.pipeline,
    search: LOADS_EACH,
    replace: "Stream.mapEffect(loads.load, { concurrency: 2, unordered: true }),"
  },
  {
    name: "gives a batch's bytes back before it is loaded",
    file: SOURCE.pipeline,
    search: LOADS_EACH,
    replace: "Stream.mapEffect((batch) => Effect.andThen(session.release(batch.bytes), loads.load(batch))),"
  },
  {
    name: "does not wait for a load before the next one of its table",
    file: SOURCE.loads,
    search: "yield* loader.load(request.success).pipe(",
    replace: "yield* Effect.forkDetach(loader.load(request.success)).pipe("
  },
  {
    name: "does not stop reading when the buffer is full",
    file: SOURCE.replicationConnection,
    search: "if (!this.#paused && !this.#hasRoom()) {",
    replace: "if (this.#paused && !this.#hasRoom()) {"
  },
  {
    name: "gives loads of different runs the same label",
    file: SOURCE.label,
    search: "    origin.run,\n",
    replace: ""
  },
  {
    name: "forgets rows whose commit comes in the next batch",
    file: SOURCE.checkpoints,
    search: "const rows = current.rowsBehind || batch.rowCount > 0",
    replace: "const rows = batch.rowCount > 0"
  },
  {
    name: "never moves the checkpoint",
    file: SOURCE.checkpoints,
    search: "if (boundary === undefined || boundary <= current.position)",
    replace: "if (boundary === undefined || boundary >= current.position)"
  },
  {
    name: "forgets what a killed program left on its way",
    file: SOURCE.inFlightLoads,
    search: "isLoaded: checkpoint > lastCommit",
    replace: "isLoaded: checkpoint >= 0n"
  },
  {
    name: "takes any later checkpoint for the end of a left load",
    file: SOURCE.inFlightLoads,
    search: "Lsn.format(load.lastCommitLsn), load.run",
    replace: "'0/1', load.run"
  },
  {
    name: "lets a run store a checkpoint whose slot another has claimed",
    file: SOURCE.checkpointStore,
    search: "where stored.slot_name = $1 and stored.run = $3 and",
    replace: "where stored.slot_name = $1 and $3::text is not null and"
  },
  {
    name: "counts rows of a stopped table as loaded",
    file: SOURCE.loads,
    search: "complete: stopped.size === 0",
    replace: "complete: true"
  },
  {
    name: "goes on after a truncation that is to stop its table",
    file: SOURCE.changeDecoder,
    search: "        this.#relations.stop(mapping, TableStop.truncated(mapping, transaction.commitLsn), 0)\n",
    replace: ""
  },
  {
    name: "goes on with a table that has stopped",
    file: SOURCE.loads,
    search: "stopped.has(share.mapping) || reshapes.isAside(share.mapping)",
    replace: "reshapes.isAside(share.mapping)"
  },
  {
    name: "takes a refused password for a success",
    file: SOURCE.outcome,
    search: `return { _tag: "Permanent", code: "SR_ACCESS_DENIED", why }`,
    replace: `return { _tag: "Loaded", loadedRows: rowCount, visible: true }`
  },
  {
    name: "does not look at the position when it claims the slot",
    file: SOURCE.checkpointStore,
    search: "slot_name = $1 and lsn = $2::bigint and not exists (",
    replace: "slot_name = $1 and $2::bigint is not null and not exists ("
  },
  {
    name: "lets a run send whose slot another has claimed",
    file: SOURCE.inFlightLoads,
    search: "c.slot_name = $1 and c.run = $5 and",
    replace: "c.slot_name = $1 and $5::text is not null and"
  },
  {
    name: "takes a predecessor's label that is unknown for over at once",
    file: SOURCE.loadFence,
    search: "return mayNotBegin",
    replace: "return mayNotBegin || !mayNotBegin"
  },
  {
    name: "takes a predecessor's label that was aborted for over at once",
    file: SOURCE.loadFence,
    search: "case \"ABORTED\":\n    case \"UNKNOWN\":",
    replace: "case \"ABORTED\":\n      return true\n    case \"UNKNOWN\":"
  },
  {
    name: "never says that a load is stale",
    file: SOURCE.heartbeat,
    search: "return this.#standstills !== permit.standstills ||",
    replace: "if (permit.atMs >= 0) return false\n    return this.#standstills !== permit.standstills ||"
  },
  {
    name: "begins a body at any time after it has asked",
    file: SOURCE.heartbeat,
    search: "this.#elapsedMs() - permit.atMs > BODY_START_MS_MAX",
    replace: "this.#elapsedMs() - permit.atMs < 0"
  },
  {
    name: "takes what another program stores meanwhile for another server's",
    file: SOURCE.postgresSetup,
    search: "checkpoint !== undefined && checkpoint > server.walEnd",
    replace: "checkpoint !== undefined && checkpoint < 0n"
  },
  {
    name: "waits for a slot in use for ever",
    file: SOURCE.replication,
    search: `const wasWell = stage === "cdc" && nowMs`,
    replace: "const wasWell = nowMs"
  },
  ...SCHEMA_MUTANTS,
  ...TRUNCATION_MUTANTS
]
