/** The CREATE TABLE statement of a table: what SHOW CREATE TABLE answers, and CREATE TABLE reads back the same. */
import { keys, type Table } from "../catalogue/Table.ts"
import { quotedName, quotedText } from "../syntax/Quoting.ts"
import * as ColumnType from "../values/ColumnType.ts"

const quotedList = (names: ReadonlyArray<string>): string => names.map(quotedName).join(", ")

/** The CREATE TABLE statement of a table. */
export const createStatement = (table: Table): string => {
  const columns = table.columns.map((column) => {
    const value = column.default
    const written = value.kind === "now"
      ? " DEFAULT CURRENT_TIMESTAMP"
      : value.kind === "none" || value.text === null
      ? ""
      : ` DEFAULT ${quotedText(value.text)}`
    return `  ${quotedName(column.name)} ${ColumnType.render(column.type)} ${
      column.nullable ? "NULL" : "NOT NULL"
    }${written}` +
      ` COMMENT ${quotedText(column.comment)}`
  })
  const keyNames = quotedList(keys(table).map((column) => column.name))
  const model = table.model === "PRI_KEYS"
    ? `PRIMARY KEY(${keyNames})\n`
    : keyNames === ""
    ? ""
    : `DUPLICATE KEY(${keyNames})\n`
  const comment = table.comment === "" ? "" : `COMMENT ${quotedText(table.comment)}\n`
  const distribution = table.distribution.length === 0 ? "RANDOM" : `HASH(${quotedList(table.distribution)})`
  const order = table.orderBy.length === 0 ? "" : `ORDER BY(${quotedList(table.orderBy)})\n`
  const properties = Object.entries({ replication_num: "1", ...table.properties })
  return `CREATE TABLE ${quotedName(table.name)} (\n${columns.join(",\n")}\n) ENGINE=OLAP \n${model}${comment}` +
    `DISTRIBUTED BY ${distribution} BUCKETS ${table.buckets} \n${order}` +
    `PROPERTIES (\n${properties.map(([name, value]) => `${quotedText(name)} = ${quotedText(value)}`).join(",\n")}\n);`
}
