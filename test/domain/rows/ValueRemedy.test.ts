import { assert, describe, it } from "@effect/vitest"
import * as ValueRemedy from "../../../src/domain/rows/ValueRemedy.ts"
import type { SourceColumn, TableMapping, TargetColumn } from "../../../src/domain/Table.ts"
import * as Problem from "../../../src/domain/values/Problem.ts"
import * as ValuePolicy from "../../../src/domain/values/ValuePolicy.ts"
import { mapping } from "../../support/Mappings.ts"

const OIDS = {
  bytea: 17,
  bigint: 20,
  text: 25,
  float8: 701,
  varchar: 1043,
  date: 1082,
  timestamptz: 1184,
  numeric: 1700,
  uuid: 2950,
  jsonb: 3802
} as const

interface Case {
  readonly type: keyof typeof OIDS
  readonly typmod?: number
  readonly target: string
  readonly column?: Partial<TargetColumn>
  readonly valueClass: ValuePolicy.ValueClass
  readonly policies?: Partial<ValuePolicy.Policies>
  /** The policy asks for NULL, which the column cannot hold either. */
  readonly isAsked?: boolean
  readonly table?: Partial<TableMapping>
  readonly source?: Partial<SourceColumn>
}

const BEFORE = { sourceColumns: new Map(), targetColumns: new Map() }

const remedy = (
  { column, isAsked = false, policies, source, table, target, type, typmod = -1, valueClass }: Case
): string => {
  const base = mapping("t", ["id"], { id: "bigint(20)", v: target })
  const v = { name: "v", typeOid: OIDS[type], typeName: type, typmod, notNull: false, generated: false, ...source }
  const { sourceColumns, targetColumns, ...rest } = { ...BEFORE, ...table }
  return ValueRemedy.make(
    {
      ...base,
      targetColumns: new Map([
        ...base.targetColumns,
        ["v", { name: "v", type: target, nullable: true, ...column }],
        ...targetColumns
      ]),
      sourceColumns: new Map([["v", v], ...sourceColumns]),
      policies: { ...ValuePolicy.DEFAULTS, ...policies },
      ...rest
    },
    "v",
    (isAsked ? Problem.NULL_ASKED : Problem.NO_FORM)[valueClass]
  )
}

const alters = (text: string): ReadonlyArray<string> =>
  [...text.matchAll(/ALTER TABLE ([^;]+);/g)].map((found) => found[1]!)
const modify = (type: string, rest = "NULL") => [`\`d\`.\`t\` MODIFY COLUMN \`v\` ${type} ${rest}`]
const replace = (type: string, name = "v_before") => [
  `\`d\`.\`t\` RENAME COLUMN \`v\` TO \`${name}\``,
  `\`d\`.\`t\` ADD COLUMN \`v\` ${type} NULL`
]
const TEXT = "VARCHAR(1048576)"
const numeric = (precision: number, scale: number) => (precision << 16) + scale + 4

describe("The remedy of a value that its column cannot hold is one that StarRocks carries out", () => {
  it.each<readonly [Case, ReadonlyArray<string>]>([
    [{ type: "timestamptz", target: "datetime", valueClass: "dateRange" }, replace(TEXT)],
    [{ type: "date", target: "date", valueClass: "dateRange" }, replace(TEXT)],
    [{ type: "numeric", target: "decimal(38, 9)", valueClass: "notFinite" }, replace(TEXT)],
    [{ type: "float8", target: "double", valueClass: "notFinite" }, replace(TEXT)],
    [{ type: "numeric", target: "decimal(9, 2)", valueClass: "numericScale" }, replace(TEXT)],
    [{ type: "numeric", target: "bigint(20)", valueClass: "numericScale" }, replace(TEXT)],
    [
      { type: "numeric", typmod: numeric(12, 4), target: "decimal(9, 2)", valueClass: "numericOverflow" },
      modify("DECIMAL(12,4)")
    ],
    [
      { type: "numeric", typmod: numeric(12, 2), target: "decimal(9, 4)", valueClass: "numericOverflow" },
      modify("DECIMAL(14,4)")
    ],
    [
      { type: "numeric", typmod: numeric(12, 4), target: "int(11)", valueClass: "numericScale" },
      replace("DECIMAL(12,4)")
    ],
    [
      { type: "numeric", typmod: numeric(50, 4), target: "decimal(38, 4)", valueClass: "numericOverflow" },
      replace(TEXT)
    ],
    [{ type: "bigint", target: "int(11)", valueClass: "numericOverflow" }, modify("BIGINT")],
    [{ type: "bigint", target: "decimal(9, 0)", valueClass: "numericOverflow" }, replace("BIGINT")],
    [{ type: "text", target: "varchar(10)", valueClass: "length" }, modify(TEXT)],
    [{ type: "varchar", typmod: 24, target: "char(9)", valueClass: "length" }, modify("VARCHAR(80)")],
    [{ type: "varchar", typmod: 24, target: "varchar(100)", valueClass: "length" }, modify(TEXT)],
    [{ type: "uuid", target: "varchar(9)", valueClass: "length" }, modify("VARCHAR(36)")],
    [{ type: "bytea", target: "varbinary(4)", valueClass: "length" }, modify("VARBINARY")],
    [{ type: "bytea", target: "varchar(4)", valueClass: "length" }, modify(TEXT)],
    [{ type: "jsonb", target: "json", valueClass: "jsonNumber" }, replace(TEXT)],
    [{ type: "jsonb", target: "json", valueClass: "jsonNull" }, replace(TEXT)],
    [
      { type: "text", target: "varchar(10)", column: { nullable: false, default: "x" }, valueClass: "length" },
      modify(TEXT, "NOT NULL DEFAULT 'x'")
    ],
    [
      { type: "date", target: "date", column: { nullable: false }, valueClass: "dateRange" },
      [...modify("DATE"), ...replace(TEXT)]
    ],
    [
      {
        type: "date",
        target: "date",
        column: { nullable: false },
        valueClass: "dateRange",
        policies: { dateRange: "null" },
        isAsked: true
      },
      modify("DATE")
    ],
    [
      {
        type: "date",
        target: "date",
        valueClass: "dateRange",
        table: { targetColumns: new Map([["V_BEFORE", { name: "V_BEFORE", type: "date", nullable: true }]]) }
      },
      replace(TEXT, "v_before2")
    ]
  ])("%o", (given, expected) => {
    const found = remedy(given)
    assert.deepStrictEqual(alters(found), expected)
    assert.include(found, "start again")
    const isReplaced = expected.some((each) => each.includes("ADD COLUMN"))
    assert.strictEqual(found.includes("UPDATE \"public\".\"t\" SET \"v\" = \"v\" WHERE \"v\" IS NOT NULL;"), isReplaced)
  })

  it("names the policies that let such values through, and no other, and where rows are kept", () => {
    const value = { type: "date", target: "date", valueClass: "dateRange" } as const
    assert.include(remedy(value), "VALUE_POLICY_DATE_RANGE=null|clamp ")
    assert.include(remedy({ ...value, column: { nullable: false } }), "VALUE_POLICY_DATE_RANGE=clamp ")
    assert.include(
      remedy({ type: "jsonb", target: "json", valueClass: "jsonNull" }),
      "VALUE_POLICY_JSON_NULL=null|string "
    )
    assert.include(remedy({ type: "uuid", target: "varchar(9)", valueClass: "length" }), "VALUE_POLICY_LENGTH=null ")
    assert.include(
      remedy({ type: "text", target: "varchar(9)", valueClass: "length" }),
      "VALUE_POLICY_LENGTH=null|clamp "
    )
    assert.include(remedy(value), "ON_REJECTED_ROW=divert")
    const keep = remedy({ ...value, table: { identity: "keep" } })
    assert.notInclude(keep, "divert")
    assert.include(keep, "while the replica identity of the table is FULL")
  })

  it("a value that is too long for every type is told so, and nothing is to be altered", () => {
    for (const [type, target] of [["text", "varchar(1048576)"], ["bytea", "varbinary(1048576)"]] as const) {
      const found = remedy({ type, target, valueClass: "length" })
      assert.deepStrictEqual(alters(found), [])
      assert.match(found, /no type that holds more .* VALUE_POLICY_LENGTH=null\|clamp .*=divert .* COLUMNS_EXCLUDE/)
    }
  })

  it("the UPDATE sets no column that nobody may set", () => {
    for (const barred of [{ always: true }, { computed: "stored" }] as const) {
      const found = remedy({ type: "date", target: "date", valueClass: "dateRange", source: barred })
      assert.include(found, "SET \"id\" = \"id\" WHERE \"v\" IS NOT NULL;")
    }
  })

  it("a column of the key is not altered: its table is made anew with a type that a key may have", () => {
    for (
      const [type, valueClass, wanted] of [
        ["date", "dateRange", "STRING"],
        ["uuid", "length", "VARCHAR(36)"],
        ["bigint", "numericOverflow", "BIGINT"]
      ] as const
    ) {
      const found = remedy({ type, target: "date", valueClass, table: { key: ["v"] } })
      assert.deepStrictEqual(alters(found), [])
      assert.include(found, `make \`d\`.\`t\` anew with a column \`v\` ${wanted}, take it off TABLES_EXCLUDE`)
      assert.notInclude(found, "VALUE_POLICY")
    }
  })

  it("what no type of a column mends is not told to be mended by one", () => {
    const table = mapping("t", ["id"], { id: "bigint(20)", v: "decimal(19, 2)" })
    const found = ValueRemedy.make(table, "v", Problem.of("noForm", "it is money"))
    assert.match(found, /^Mend what the message says, or set ON_REJECTED_ROW=divert .*, then start again\.$/)
  })
})
