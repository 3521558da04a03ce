import { assert, describe, it } from "@effect/vitest"
import * as Result from "effect/Result"
import { Batch } from "../../../src/domain/Batch.ts"
import type { Change, Reshape } from "../../../src/domain/Change.ts"
import { ChangeDecoder } from "../../../src/domain/ChangeDecoder.ts"
import * as Lsn from "../../../src/domain/Lsn.ts"
import * as NamePattern from "../../../src/domain/NamePattern.ts"
import * as RowEncoder from "../../../src/domain/RowEncoder.ts"
import type { SchemaChangePolicy } from "../../../src/domain/schema/SchemaChangePolicy.ts"
import * as ShapeChange from "../../../src/domain/schema/ShapeChange.ts"
import * as ShapeError from "../../../src/domain/schema/ShapeError.ts"
import * as ShapeNews from "../../../src/domain/schema/ShapeNews.ts"
import type { SourceColumn, TableMapping } from "../../../src/domain/Table.ts"
import { mapping } from "../../support/Mappings.ts"
import * as Bytes from "../../support/PgoutputBytes.ts"
import { loadsOf, rowsOf } from "../../support/Rows.ts"

const ID = { name: "id", oid: 20 }
const V = { name: "v", oid: 23 }
const W = { name: "w", oid: 25 }

const source = (name: string, typeOid: number, more: Partial<SourceColumn> = {}): SourceColumn => ({
  name,
  typeOid,
  declaredOid: typeOid,
  typeName: "",
  typmod: -1,
  notNull: false,
  generated: false,
  ...more
})
/** `t(id, v)` as the setup has found it on both sides. */
const TABLE: TableMapping = {
  ...mapping("t", ["id"], { id: "bigint(20)", v: "int(11)" }),
  types: new Map([[20, 20], [23, 23]]),
  sourceColumns: new Map([["id", source("id", 20, { attnum: 1 })], ["v", source("v", 23, { attnum: 2 })]])
}
const OTHER = mapping("u", ["id"], { id: "bigint(20)" })

const decode = (
  messages: ReadonlyArray<Buffer>,
  policy: SchemaChangePolicy = "evolve",
  table = TABLE
): ReadonlyArray<Change> => {
  const decoder = new ChangeDecoder([table, OTHER], "soft-delete", policy)
  return Result.getOrThrow(decoder.decode(messages.map((message) => Bytes.frame(message)))).changes
}
const tags = (changes: ReadonlyArray<Change>) => changes.map(({ _tag }) => _tag)
const reshapes = (changes: ReadonlyArray<Change>): ReadonlyArray<Reshape> =>
  changes.filter((change) => change._tag === "Reshape")

const plan = (
  relation: Buffer,
  columns: ReadonlyArray<SourceColumn>,
  policy: SchemaChangePolicy = "evolve",
  table = TABLE
) => {
  const [reshape] = reshapes(decode([Bytes.begin(1n), relation], "evolve", { ...table, isChanging: true }))
  return ShapeChange.plan({ relation: reshape!.relation, before: undefined, columns, mapping: table }, policy)
}

describe("A shape that the target does not have is announced in its place, and is not taken for another", () => {
  it("T50 T51 a relation of a new session, of the shape that the target holds or an older one, is no change", () => {
    const wider = {
      ...TABLE,
      targetColumns: new Map([...TABLE.targetColumns, ["w", { name: "w", type: "int(11)", nullable: true }]])
    }
    const rows = [Bytes.begin(1n), Bytes.relation(1, "t", [ID, V]), Bytes.insert(1, ["1", "2"]), Bytes.commit(1n, 2n)]
    assert.deepStrictEqual(tags(decode(rows)), ["Row", "Boundary"])
    assert.deepStrictEqual(tags(decode(rows, "evolve", wider)), ["Row", "Boundary"])
    assert.deepStrictEqual(tags(decode([...rows, ...rows.slice(0, 2)])), ["Row", "Boundary", "Reannounced"])
  })

  it("T54 the first relation of a session is told when its transaction is newer than what the setup has seen", () => {
    const rows = (commit: bigint) => [
      Bytes.begin(commit),
      Bytes.relation(1, "t", [ID, V]),
      Bytes.insert(1, ["1", "2"]),
      Bytes.commit(commit, commit + 1n)
    ]
    const seen = { ...TABLE, lookedAt: Lsn.Lsn.make(40n) }
    assert.deepStrictEqual(tags(decode(rows(40n), "evolve", seen)), ["Row", "Boundary"])
    for (const policy of ["evolve", "add", "stop"] as const) {
      assert.deepStrictEqual(tags(decode(rows(41n), policy, seen)), ["Reannounced", "Row", "Boundary"])
    }
  })

  it("T53 rows before and after it are of different routes, and every later shape of the table is looked up too", () => {
    const wide = Bytes.relation(1, "t", [ID, V, { name: "w", oid: 25 }])
    const changes = decode([
      Bytes.begin(1n),
      Bytes.relation(1, "t", [ID, V]),
      Bytes.insert(1, ["1", "2"]),
      wide,
      Bytes.insert(1, ["2", "2", "x"]),
      Bytes.relation(1, "t", [ID, V]),
      Bytes.insert(1, ["3", "2"]),
      Bytes.commit(1n, 2n)
    ])
    assert.deepStrictEqual(tags(changes), ["Row", "Reshape", "Row", "Reshape", "Row", "Boundary"])
    assert.deepStrictEqual(reshapes(changes).map(({ ordinal }) => ordinal), [1, 2])
    assert.deepStrictEqual(rowsOf(changes).map(({ ordinal }) => ordinal), [0, 1, 2])
    const batch = new Batch()
    for (const change of changes) batch.add(change)
    const share = [...batch.tables.values()][0]!
    assert.deepStrictEqual(share.segments.map((segment) => segment.length), [1, 1, 1])
    assert.deepStrictEqual(share.operations.map(({ after }) => after), [1, 2])
    assert.deepStrictEqual([batch.rowCount, batch.boundary], [3, 2n])
    // A row of the new shape is not to be had before the target has it.
    assert.throws(() => rowsOf(changes)[1]!.route.encoder)
    assert.throws(() => loadsOf([rowsOf(changes)[1]!]))
  })

  it("T53 T57 also when it is another identity alone: the setup does not know the types that the columns have by now", () => {
    const wide = [ID, { name: "v", oid: 20 }]
    const changes = decode([
      Bytes.begin(1n),
      Bytes.relation(1, "t", [ID, V]),
      Bytes.insert(1, ["1", "2"]),
      Bytes.relation(1, "t", wide),
      Bytes.insert(1, ["2", "2"]),
      Bytes.relation(1, "t", wide.map((column) => ({ ...column, key: column.name === "id" })), "public", "d"),
      Bytes.insert(1, ["3", "2"])
    ], "add")
    assert.deepStrictEqual(tags(changes), ["Row", "Reshape", "Row", "Reshape", "Row"])
    assert.throws(() => rowsOf(changes)[2]!.route.encoder)
  })

  it("types that the setup does not know, and a target that was being changed, are looked up", () => {
    const begin = Bytes.begin(1n)
    assert.deepStrictEqual(tags(decode([begin, Bytes.relation(1, "t", [ID, { name: "v", oid: 99_999 }])])), ["Reshape"])
    assert.deepStrictEqual(tags(decode([begin, Bytes.relation(1, "t", [ID, { name: "v", oid: 20 }])])), ["Reshape"])
    assert.deepStrictEqual(tags(decode([begin, Bytes.relation(1, "t", [ID, { name: "v", oid: 20 }])], "add")), [])
    assert.deepStrictEqual(
      tags(decode([begin, Bytes.relation(1, "t", [ID, V])], "evolve", { ...TABLE, isChanging: true })),
      ["Reshape"]
    )
    assert.deepStrictEqual(tags(decode([begin, Bytes.relation(1, "t", [ID, V, { name: "w", oid: 25 }])], "stop")), [
      "Stop"
    ])
  })
})

describe("ShapeChange: what is to be done follows from what is there", () => {
  it("adds what is missing as nullable, with the value of the rows that were there, and widens, each in one statement", () => {
    const relation = Bytes.relation(1, "t", [ID, { name: "v", oid: 20 }, { name: "a", oid: 25 }, {
      name: "b`c",
      oid: 23
    }])
    const columns = [source("id", 20), source("v", 20), source("a", 25, { missing: "x'" }), source("b", 23)]
    const named = Bytes.relation(1, "t", [ID, { name: "v", oid: 20 }, { name: "a", oid: 25 }, { name: "b", oid: 23 }])
    assert.deepStrictEqual(plan(named, columns).statements.map(({ sql }) => sql), [
      "ALTER TABLE `d`.`t` ADD COLUMN `a` VARCHAR(1048576) NULL DEFAULT 'x''', ADD COLUMN `b` INT NULL",
      "ALTER TABLE `d`.`t` MODIFY COLUMN `v` BIGINT NULL"
    ])
    assert.deepStrictEqual(plan(named, columns, "add").statements.map(({ kind }) => kind), ["add"])
    assert.deepStrictEqual(plan(relation, columns).problems.map(({ column }) => column), ["b`c"])
  })

  it("a name that StarRocks has already, or keeps for itself, is a problem and never an ALTER that fails for ever", () => {
    const names = ["V", "__op", "dbmazz_is_deleted", "DBMAZZ_OP_TYPE", "a=b"]
    const relation = Bytes.relation(1, "t", [ID, V, ...names.map((name) => ({ name, oid: 23 }))])
    const columns = [source("id", 20), source("v", 23), ...names.map((name) => source(name, 23))]
    assert.deepStrictEqual(plan(relation, columns).problems.map(({ column }) => column), names)
  })

  it("T47 of two new columns that differ only by case the second is a problem: StarRocks would take neither", () => {
    const columns = [ID, V, { name: "a", oid: 25 }, { name: "A", oid: 25 }]
    const found = plan(
      Bytes.relation(1, "t", columns),
      columns.map(({ name, oid }) => source(name, oid))
    )
    assert.deepStrictEqual(found.problems.map(({ column }) => column), ["A"])
    const selection = { key: ["id"], includes: undefined, excludes: [NamePattern.literal("a")] }
    const { problems, statements } = plan(
      Bytes.relation(1, "t", columns),
      columns.map(({ name, oid }) => source(name, oid)),
      "evolve",
      { ...TABLE, selection }
    )
    assert.deepStrictEqual(problems, [])
    assert.deepStrictEqual(statements.map((each) => each.columns), [["A"]])
    const [reshape] = reshapes(decode([Bytes.begin(1n), Bytes.relation(1, "t", columns)]))
    const { remediation } = ShapeError.make(reshape!.relation, TABLE, found.problems)
    assert.notInclude(remediation, "ADD COLUMN")
    assert.include(remediation, "COLUMNS_EXCLUDE")
  })

  it("T52 a new column under the name of one of ours is a problem whose remedy leaves ours as it is", () => {
    const columns = [ID, V, { name: "dbmazz_synced_at", oid: 25 }, { name: "dbmazz_op_type", oid: 23 }]
    const ours = mapping("t", ["id"], { dbmazz_synced_at: "datetime", dbmazz_op_type: "tinyint(4)" }).targetColumns
    const table = { ...TABLE, targetColumns: new Map([...TABLE.targetColumns, ...ours]) }
    const relation = Bytes.relation(1, "t", columns)
    const { problems } = plan(relation, columns.map(({ name, oid }) => source(name, oid)), "evolve", table)
    assert.deepStrictEqual(problems.map(({ column }) => column), ["dbmazz_synced_at", "dbmazz_op_type"])
    const [reshape] = reshapes(decode([Bytes.begin(1n), relation], "evolve", { ...table, isChanging: true }))
    const { remediation } = ShapeError.make(reshape!.relation, table, problems)
    assert.notInclude(remediation, "ALTER TABLE")
    assert.include(remediation, "COLUMNS_EXCLUDE")
  })

  it.each<readonly [from: Bytes.ColumnSpec, to: Bytes.ColumnSpec, stops: boolean]>([
    [{ name: "id", oid: 20 }, { name: "id", oid: 1700 }, true],
    [{ name: "id", oid: 20 }, { name: "id", oid: 23 }, true],
    [{ name: "id", oid: 23 }, { name: "id", oid: 20 }, false],
    [{ name: "id", oid: 77_777 }, { name: "id", oid: 20 }, false],
    [{ name: "id", oid: 1114 }, { name: "id", oid: 1184 }, true],
    [{ name: "id", oid: 1043, typmod: 14 }, { name: "id", oid: 1043, typmod: 24 }, false],
    [{ name: "id", oid: 1043, typmod: 24 }, { name: "id", oid: 1043, typmod: 14 }, true],
    [{ name: "id", oid: 1043, typmod: 24 }, { name: "id", oid: 25 }, false],
    [{ name: "id", oid: 25 }, { name: "id", oid: 1043, typmod: 24 }, true],
    [{ name: "id", oid: 1700, typmod: (6 << 16) + 2 + 4 }, { name: "id", oid: 1700, typmod: (9 << 16) + 2 + 4 }, false],
    [{ name: "id", oid: 1700, typmod: (6 << 16) + 2 + 4 }, { name: "id", oid: 1700, typmod: (9 << 16) + 3 + 4 }, true],
    [{ name: "id", oid: 1700, typmod: (6 << 16) + 2 + 4 }, { name: "id", oid: 1700 }, false],
    [{ name: "id", oid: 1700 }, { name: "id", oid: 1700, typmod: (6 << 16) + 2 + 4 }, true],
    [{ name: "id", oid: 1042, typmod: 14 }, { name: "id", oid: 25 }, true]
  ])(
    "a key whose type changes from %o to %o: stops %s, since rows that are there may have got other keys",
    (from, to, stops) => {
      const table = {
        ...TABLE,
        ...mapping("t", ["id"], { id: "varchar(99)", v: "int(11)" }),
        types: new Map([[77_777, 23]])
      }
      const rows = (column: Bytes.ColumnSpec) => [Bytes.relation(1, "t", [column, V]), Bytes.insert(1, ["1", "2"])]
      for (const policy of ["evolve", "add", "stop"] as const) {
        const changes = decode([Bytes.begin(1n), ...rows(from), ...rows(to)], policy, table)
        const after = tags(changes.slice(1))
        assert.deepStrictEqual(
          after,
          stops ? ["Stop"] : policy === "stop" ? ["Reannounced", "Row"] : ["Reshape", "Row"]
        )
        const [stop] = changes.filter((change) => change._tag === "Stop")
        if (stop !== undefined) assert.include(stop.error.remediation, "also when the key (id) is given back")
      }
    }
  )

  it("the remedy for a key that was renamed is nothing that StarRocks or a replay refuses", () => {
    const renamed = Bytes.relation(1, "t", [{ name: "key", oid: 20 }, V])
    const changes = decode([Bytes.begin(1n), Bytes.relation(1, "t", [ID, V]), renamed], "stop")
    const [stop] = changes.filter((change) => change._tag === "Stop")
    assert.notInclude(stop?.error.remediation, "ALTER TABLE")
    assert.match(stop?.error.remediation ?? "", /^Take the table out with TABLES_EXCLUDE, .* make `d`\.`t` anew/)
  })

  it("a default stays as it is when a type is widened", () => {
    const targetColumns = new Map(TABLE.targetColumns).set("v", {
      name: "v",
      type: "int(11)",
      nullable: false,
      default: "3"
    })
    const relation = Bytes.relation(1, "t", [ID, { name: "v", oid: 20 }])
    const { statements } = plan(relation, [source("id", 20), source("v", 20)], "evolve", { ...TABLE, targetColumns })
    assert.deepStrictEqual(statements.map(({ sql }) => sql), [
      "ALTER TABLE `d`.`t` MODIFY COLUMN `v` BIGINT NOT NULL DEFAULT '3'"
    ])
  })

  it("T71 a default that is a function is written as one: between quotes StarRocks takes it for a text", () => {
    const [announced] = reshapes(
      decode([Bytes.begin(1n), Bytes.relation(1, "t", [ID])], "evolve", { ...TABLE, isChanging: true })
    )
    for (const fallback of ["CURRENT_TIMESTAMP", "current_timestamp(6)"]) {
      const targetColumns = new Map(TABLE.targetColumns).set("at", {
        name: "at",
        type: "datetime",
        nullable: false,
        default: fallback
      })
      const error = ShapeError.make(announced!.relation, { ...TABLE, targetColumns }, [{ column: "at", problem: "…" }])
      assert.include(
        error.remediation,
        `ALTER TABLE \`d\`.\`t\` MODIFY COLUMN \`at\` DATETIME NULL DEFAULT ${fallback};`
      )
    }
  })

  it("rows that lack a column leave it as it is, and one that a new row must have is a problem", () => {
    const [announced] = reshapes(
      decode([Bytes.begin(1n), Bytes.relation(1, "t", [ID])], "evolve", { ...TABLE, isChanging: true })
    )
    const compiled = (column: { readonly nullable: boolean; readonly default?: string }) =>
      RowEncoder.compile(announced!.relation, {
        ...TABLE,
        targetColumns: new Map(TABLE.targetColumns).set("v", { name: "v", type: "int(11)", ...column })
      })
    for (const column of [{ nullable: true }, { nullable: false, default: "7" }]) {
      const { header, partial } = Result.getOrThrow(compiled(column)).whole
      assert.isTrue(partial)
      assert.match(header ?? "", /^`id`,dbmazz_op_type,/)
    }
    assert.isTrue(Result.isFailure(compiled({ nullable: false })))
  })

  it("T57 key-only old rows, and partitions with them, are told before their target has the columns", () => {
    const wide = (
      keyed: ReadonlyArray<string>,
      columns: ReadonlyArray<Bytes.ColumnSpec> = [ID, V, W],
      identity = "d"
    ) =>
      Bytes.relation(1, "t", columns.map((each) => ({ ...each, key: keyed.includes(each.name) })), "public", identity)
    const deleted = Bytes.remove(1, ["1", null, null], "K")
    const given = (table: TableMapping, ...messages: ReadonlyArray<Buffer>) =>
      decode([Bytes.begin(1n), ...messages], "evolve", table).map((change) =>
        change._tag === "Stop" ? change.error.code : change._tag
      )
    const keep: TableMapping = { ...TABLE, identity: "keep" }
    assert.deepStrictEqual(given(TABLE, wide(["id"]), deleted), ["Reshape", "REPLICA_IDENTITY_NOT_FULL"])
    assert.deepStrictEqual(given(keep, wide(["v"]), deleted), ["REPLICA_IDENTITY_NOT_FULL"])
    assert.deepStrictEqual(given(keep, wide([], [V, W])), ["Reshape"], "that the key is gone is told of its target")
    const leaf = Bytes.relation(2, "t_1", [ID, { ...V, key: false }, { ...W, key: false }], "public", "d")
    const partitions = [wide(["id"], [ID, V, W], "f"), leaf, Bytes.insert(1, ["1", "2", "x"])]
    assert.deepStrictEqual(given(TABLE, ...partitions, Bytes.remove(1, ["1", null, null])), [
      "Reshape",
      "Row",
      "REPLICA_IDENTITY_NOT_FULL"
    ])

    const changes = decode(
      [Bytes.begin(1n), wide(["id"]), deleted, Bytes.update(1, undefined, ["2", "3", undefined])],
      "evolve",
      keep
    )
    const [reshape] = reshapes(changes)
    const targetColumns = new Map(TABLE.targetColumns).set("w", { name: "w", type: "varchar(9)", nullable: true })
    const encoder = RowEncoder.compile(reshape!.relation, { ...keep, targetColumns })
    reshape!.route.settle(Result.getOrThrow(encoder))
    const loads = Result.getOrThrow(loadsOf(rowsOf(changes), {
      answer: (questions) => new Map(questions.map(({ key }) => [key.id, 0n]))
    }))
    assert.deepStrictEqual(loads.map(({ columns, partialUpdate }) => [columns?.split(",dbmazz")[0], partialUpdate]), [
      ["`id`", true],
      ["`id`,`v`", true]
    ])
  })

  it("T52 a renamed column is added without what the rows had in it once: a row would show that for its own value", () => {
    const relation = Bytes.relation(1, "t", [ID, { name: "w", oid: 23 }])
    const added = (attnum: number) =>
      plan(relation, [source("id", 20, { attnum: 1 }), source("w", 23, { attnum, missing: "5" })]).statements[0]?.sql
    assert.strictEqual(added(2), "ALTER TABLE `d`.`t` ADD COLUMN `w` INT NULL")
    assert.strictEqual(added(3), "ALTER TABLE `d`.`t` ADD COLUMN `w` INT NULL DEFAULT '5'")
  })

  it("T52 so is one that may be another renamed, since the catalogue is newer than the WAL; its values are told to be missing", () => {
    const before = Bytes.relation(1, "t", [ID, V, { name: "e", oid: 23 }])
    const relation = Bytes.relation(1, "t", [ID, V, { name: "f", oid: 23 }])
    const reshape = reshapes(decode([Bytes.begin(1n), before, relation])).at(-1)
    const columns = [
      source("id", 20, { attnum: 1 }),
      source("v", 23, { attnum: 2 }),
      source("f", 23, { attnum: 3, missing: "7" })
    ]
    const shape = (known: SourceColumn) => ({
      ...reshape!,
      columns,
      mapping: { ...TABLE, sourceColumns: new Map([...TABLE.sourceColumns!, ["e", known]]) }
    })
    const [lost, another] = [shape(source("e", 23)), shape(source("e", 23, { attnum: 9 }))]
    const added = (of: ShapeChange.Shape) => ShapeChange.plan(of, "evolve").statements[0]?.sql
    assert.strictEqual(added(lost), "ALTER TABLE `d`.`t` ADD COLUMN `f` INT NULL")
    assert.strictEqual(added(another), "ALTER TABLE `d`.`t` ADD COLUMN `f` INT NULL DEFAULT '7'")
    assert.include(
      ShapeNews.warnings(lost, new Set(["f"])).join(),
      "may have values in column 'f' which PostgreSQL did not send"
    )
    assert.notInclude(ShapeNews.warnings(another, new Set(["f"])).join(), "did not send")
  })

  it("T53 who adds a column by hand is told how the rows that were there get its values", () => {
    const relation = Bytes.relation(1, "t", [ID, V, { name: "w", oid: 23 }])
    const [reshape] = reshapes(decode([Bytes.begin(1n), relation], "evolve", { ...TABLE, isChanging: true }))
    const remedy = (column: string) =>
      ShapeError.make(reshape!.relation, TABLE, [{ column, problem: "it does not fit" }]).remediation
    assert.include(remedy("w"), "ADD COLUMN `w` INT NULL;")
    assert.include(remedy("w"), "UPDATE \"public\".\"t\" SET \"id\" = \"id\" WHERE \"w\" IS NOT NULL;")
    assert.notInclude(remedy("id"), "UPDATE")
  })

  it("T57 a type that StarRocks shows otherwise as text is told to be replaced and not modified, whatever the column must have", () => {
    const remedy = (type: string, oid: number, nullable = true) => {
      const targetColumns = new Map([...TABLE.targetColumns, ["v", { name: "v", type, nullable }]])
      const table = { ...TABLE, targetColumns }
      const relation = Bytes.relation(1, "t", [ID, { name: "v", oid }])
      const [reshape] = reshapes(decode([Bytes.begin(1n), relation], "evolve", { ...table, isChanging: true }))
      const { remediation } = ShapeError.make(reshape!.relation, table, [{ column: "v", problem: "it does not fit" }])
      return [...remediation.matchAll(/ALTER TABLE `d`.`t` (\w+ COLUMN [^;]+);/g)].map(([, clause]) => clause)
    }
    const replaced = ["RENAME COLUMN `v` TO `v_before`", "ADD COLUMN `v` VARCHAR(1048576) NULL"]
    assert.deepStrictEqual(remedy("decimal(38,9)", 25), replaced)
    assert.deepStrictEqual(remedy("datetime", 25), replaced)
    assert.deepStrictEqual(remedy("datetime", 25, false), ["MODIFY COLUMN `v` DATETIME NULL", ...replaced])
    assert.deepStrictEqual(remedy("int(11)", 25), ["MODIFY COLUMN `v` VARCHAR(1048576) NULL"])
  })

  it("T52 a column keeps its number when it is renamed: that is told, and not a drop", () => {
    const relation = Bytes.relation(1, "t", [ID, { name: "w", oid: 23 }])
    const [reshape] = reshapes(decode([Bytes.begin(1n), Bytes.relation(1, "t", [ID, V]), relation]))
    const told = (attnum: number) =>
      ShapeNews.warnings(
        { ...reshape!, mapping: TABLE, columns: [source("id", 20, { attnum: 1 }), source("w", 23, { attnum })] },
        new Set(["w"])
      )
    assert.lengthOf(told(2), 1)
    assert.include(told(2)[0], "is now called 'w'")
    assert.lengthOf(told(3), 1)
    assert.include(told(3)[0], "column 'v' of public.t is gone")
  })
})
