/**
 * Mistakes in how a table's new shape is carried over, as in `simulate-mutant-list.ts`.
 *
 * Not in the list, because nothing is lost by it: beginning anew before the change of a table that was put aside is over,
 * which only puts it aside again; taking a schema change that was cancelled for one that runs, which only takes longer;
 * looking at a table whose mapping is known to change, which is missing what its rows need and is looked at all the same; and
 * a batch that does not part rows by their route: a change of the table stands between rows of two routes, and parts them.
 */
import { type Mutant, SOURCE } from "./Mutant.ts"

export const SCHEMA_MUTANTS: ReadonlyArray<Mutant> = [
  {
    name: "loads rows of a new shape before their table is changed",
    file: SOURCE.schemaAttempt,
    search: "        if (next === undefined) return compile(task)\n",
    replace:
      "        const names = task.columns.map(({ name }) => [name, { name, type: \"string\", nullable: true }] as const)\n" +
      "        task.mapping = { ...mapping, targetColumns: new Map([...names, ...mapping.targetColumns]) }\n" +
      "        if (next === undefined || next.kind === \"add\") return compile(task)\n"
  },
  {
    name: "loads rows of a wider type before their column has it",
    file: SOURCE.schemaAttempt,
    search: "          task.sent.push(next)\n",
    replace: "          task.sent.push(next)\n" +
      "          const wide = [...mapping.targetColumns].map(([name, column]) =>\n" +
      "            [name, next.columns.includes(name) ? { ...column, type: \"bigint\" } : column] as const)\n" +
      "          task.mapping = { ...mapping, targetColumns: new Map(wide) }\n" +
      "          if (next.kind === \"widen\" && /bigint| INT /i.test(next.sql)) return compile(task)\n"
  },
  {
    name: "writes rows of a new shape for the columns before",
    file: SOURCE.schemaAttempt,
    search: "RowEncoder.compile(relation, task.mapping)",
    replace: "RowEncoder.compile(relation, task.reshape.mapping)"
  },
  {
    name: "widens a type without remembering it",
    file: SOURCE.schemaAttempt,
    search: "    if (kind === \"widen\") yield* remember\n",
    replace: ""
  },
  {
    name: "widens a type at any time after it has asked",
    file: SOURCE.schemaAttempt,
    search: "kind === \"add\" || !heartbeat.isStale(permit, false)",
    replace: "kind === \"add\" || permit.atMs >= 0"
  },
  {
    name: "sends a widening whose answer was lost again at once",
    file: SOURCE.schemaAttempt,
    search: "retryAfterMs: BEGIN_MS",
    replace: "retryAfterMs: 0"
  },
  {
    name: "counts rows of a table that was put aside as loaded",
    file: SOURCE.loads,
    search: "complete: stopped.size === 0 && reshapes.count() === 0",
    replace: "complete: stopped.size === 0"
  },
  {
    name: "goes on with a table that was put aside",
    file: SOURCE.loads,
    search: "stopped.has(share.mapping) || reshapes.isAside(share.mapping)",
    replace: "stopped.has(share.mapping)"
  },
  {
    name: "loads the rest of the batch in which a table was put aside",
    file: SOURCE.loads,
    search: "            return\n",
    replace: "            break\n"
  },
  {
    name: "forgets that a table was put aside",
    file: SOURCE.reshapes,
    search: "    aside.add(table)\n",
    replace: ""
  },
  {
    name: "does not begin anew when a table that was put aside is ready",
    file: SOURCE.reshapes,
    search: "      Effect.andThen(Effect.fail(again(table, \", which is over\"))),\n",
    replace: ""
  },
  {
    name: "ends a drain well that has left out a table",
    file: SOURCE.reshapes,
    search: "table === undefined ? Effect.void : Effect.fail(again(table, \", which is not over yet\"))",
    replace: "table === undefined ? Effect.void : Effect.asVoid(Effect.succeed(table))"
  },
  {
    name: "trusts rows of another shape to have what an update leaves out",
    file: SOURCE.trust,
    search: "if (lookedAt === undefined) return at",
    replace: "if (lookedAt === undefined) return trusted"
  },
  {
    name: "does not see that a column has another name",
    file: SOURCE.trust,
    search: "version !== undefined && sourceColumns?.get(name)?.version === version",
    replace: "version !== undefined && sourceColumns?.get(name)?.version !== name"
  },
  {
    name: "does not see that a table, or a column of it, was not published for a while",
    file: SOURCE.tableCatalogue,
    search: "'version', tree.stamp || ${PUBLISHED},",
    replace: "'version', tree.stamp,"
  },
  {
    name: "does not see that partitions came or went",
    file: SOURCE.tableCatalogue,
    search: "'version', tree.stamp || ${PUBLISHED},",
    replace: "'version', ${PUBLISHED},"
  },
  {
    name: "does not tell that a table was published otherwise for a while",
    file: SOURCE.publicationChange,
    search: "if (now.membership?.place !== before.membership?.place) {",
    replace: "if (now.membership === undefined) {"
  },
  {
    name: "does not tell what became of the publication while no program ran",
    file: SOURCE.replication,
    search: "const seen = isLeft ? left.tables : known",
    replace: "const seen = known"
  },
  {
    name: "forgets what became of the publication of a table that had stopped for another reason",
    file: SOURCE.publicationWatch,
    search: "if (reason.code === error.code) return",
    replace: "if (reason !== undefined) return"
  },
  {
    name: "trusts rows that another run has loaded to have what an update leaves out",
    file: SOURCE.trust,
    search: "from === undefined ? start : Lsn.max(start, from)",
    replace: "from ?? (start && Lsn.ZERO)"
  },
  {
    name: "trusts a row of a later version to have what an update leaves out",
    file: SOURCE.omission,
    search: "version > trustedAfter && version < row.since",
    replace: "version > trustedAfter"
  }
]
