import { assert, describe, it } from "@effect/vitest"
import * as SetupError from "../../../src/domain/errors/SetupError.ts"
import * as ReplicaIdentity from "../../../src/domain/postgres/ReplicaIdentity.ts"
import type { Partition, TableFacts, UniqueIndex } from "../../../src/domain/postgres/SourceFacts.ts"
import * as SourceKey from "../../../src/domain/postgres/SourceKey.ts"

const table = (changes: Partial<TableFacts> = {}): TableFacts => ({
  name: { schema: "public", name: "orders" },
  oid: 1,
  kind: "r",
  persistence: "p",
  replicaIdentity: "d",
  identityColumns: ["id"],
  columns: [{ name: "id", typeOid: 20, typeName: "bigint", typmod: -1, notNull: true, generated: false }],
  primaryKey: ["id"],
  primaryKeyDeferrable: false,
  readable: true,
  owned: true,
  ...changes
})

const partition = (changes: Partial<Partition> = {}): Partition => ({
  name: { schema: "public", name: "orders_1" },
  oid: 2,
  kind: "r",
  persistence: "p",
  replicaIdentity: "d",
  identityColumns: ["id"],
  owned: true,
  ...changes
})

const kept = (changes: Partial<TableFacts>) => ReplicaIdentity.problems(table(changes), "keep", "cdc")

describe("REPLICA_IDENTITY=keep: what the server does not write cannot be found in StarRocks", () => {
  it("DEFAULT and an index are enough when they hold the key", () => {
    assert.deepStrictEqual(kept({}), [])
    assert.deepStrictEqual(kept({ replicaIdentity: "i", identityColumns: ["region", "id"] }), [])
    assert.deepStrictEqual(kept({ replicaIdentity: "f", identityColumns: [] }), [])
    assert.deepStrictEqual(kept({ primaryKey: [], identityColumns: [] }), [], "a missing key is told as such, once")
  })

  it("NOTHING, a lost index and one without the key are refused, with the statement that mends it", () => {
    const remedies = [
      { replicaIdentity: "n" },
      { replicaIdentity: "i", identityColumns: [] },
      { replicaIdentity: "i", identityColumns: ["code"] },
      { identityColumns: [], keyIndex: "orders_id" }
    ].map((changes) => {
      const [problem, ...others] = kept(changes)
      assert.deepStrictEqual(others, [])
      return problem === undefined ? "" : SetupError.remedy(problem)
    })
    const sets = "Run as the table's owner: ALTER TABLE \"public\".\"orders\" REPLICA IDENTITY"
    assert.deepStrictEqual(remedies.map((text) => text.split(";")[0]), [
      `${sets} DEFAULT`,
      `${sets} DEFAULT`,
      `${sets} DEFAULT`,
      `${sets} USING INDEX "orders_id"`
    ])
  })

  it("T57 every partition counts, and a partition below a table that is FULL must be FULL, too", () => {
    const of = (...partitions: ReadonlyArray<Partition>) => kept({ kind: "p", partitions })
    assert.deepStrictEqual(of(partition()), [])
    assert.deepStrictEqual(of(partition(), partition({ replicaIdentity: "n" })).map(({ _tag }) => _tag), [
      "PgIdentityUnfit"
    ])
    const mixed = kept({ kind: "p", replicaIdentity: "f", partitions: [partition()] })
    assert.deepStrictEqual(mixed.map(({ _tag }) => _tag), ["PgIdentityUnfit"])
  })
})

describe("REPLICA_IDENTITY=full", () => {
  it("T57 NOTHING becomes FULL as everything else, partitions before their table, and every owner is asked for", () => {
    const parted = table({
      kind: "p",
      replicaIdentity: "n",
      partitions: [partition(), partition({ replicaIdentity: "f" })]
    })
    assert.deepStrictEqual(ReplicaIdentity.unset(parted).map(({ oid }) => oid), [2, 1])
    assert.deepStrictEqual(ReplicaIdentity.problems(parted, "full", "cdc"), [])
    const foreign = { ...parted, partitions: [partition({ owned: false })] }
    assert.deepStrictEqual(ReplicaIdentity.problems(foreign, "full", "cdc"), [
      { _tag: "PgReplicaIdentityFailed", table: "public.orders_1", error: "role 'cdc' does not own the table" }
    ])
  })
})

describe("SourceKey: the same key at every start, or each start finds another target", () => {
  const index = (name: string, columns: ReadonlyArray<string>, isIdentity = false): UniqueIndex => ({
    name,
    columns,
    isIdentity
  })
  const chosen = (policy: "full" | "keep", ...uniqueIndexes: ReadonlyArray<UniqueIndex>) => {
    const { keyIndex, primaryKey } = SourceKey.choose(table({ primaryKey: [], uniqueIndexes }), policy)
    return [keyIndex, ...primaryKey]
  }

  it("a primary key is the key, whatever indexes there are", () => {
    assert.isUndefined(SourceKey.choose(table({ uniqueIndexes: [index("a", ["x"])] }), "full").keyIndex)
  })

  it("T49 without one: fewest columns, then by name, in index order; with keep the identity's index first", () => {
    const [wide, b, a] = [index("wide", ["y", "x"], true), index("b", ["x"]), index("a", ["z"])]
    assert.deepStrictEqual(chosen("full", wide, b, a), ["a", "z"])
    assert.deepStrictEqual(chosen("full", a, wide, b), ["a", "z"])
    assert.deepStrictEqual(chosen("keep", b, wide, a), ["wide", "y", "x"])
    assert.deepStrictEqual(chosen("full", wide), ["wide", "y", "x"])
    assert.deepStrictEqual(
      chosen("full", { ...wide, isIdentity: false }),
      chosen("full", wide),
      "FULL forgets the index"
    )
    assert.deepStrictEqual(chosen("full"), [undefined])
  })
})
