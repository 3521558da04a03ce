/** Parses CREATE TABLE and checks it against the rules of primary keys. */
import { type ColumnDefinition, columnDefinition } from "../catalogue/ColumnDefinition.ts"
import type { Column, Model, TableClauses } from "../catalogue/Table.ts"
import { analysis, detail, duplicateColumn, unsupported } from "../syntax/SqlError.ts"
import type { TokenCursor } from "../syntax/TokenCursor.ts"
import * as ColumnType from "../values/ColumnType.ts"

/** A CREATE TABLE statement that passed every check a statement can pass by itself. */
export interface CreateTable extends TableClauses {
  readonly database: string | undefined
  readonly ifNotExists: boolean
}

/** Buckets of a table that names none; the server derives it from the cluster, which is one node here. */
const bucketsDefault = 1
/** Characters of the longest table name. */
const tableNameLengthMax = 1024

/** Refuses a table's name that is empty or too long. */
export const checkTableName = (name: string): void => {
  if (name === "" || name.length > tableNameLengthMax) throw detail(`Incorrect table name '${name.slice(0, 64)}'`)
}

/** `("a" = "b", ..)` after PROPERTIES. */
export const properties = (cursor: TokenCursor): Record<string, string> => {
  const found: Record<string, string> = {}
  cursor.need("(")
  do {
    const name = cursor.text()
    cursor.need("=")
    found[name] = cursor.text()
  } while (cursor.take(","))
  cursor.need(")")
  return found
}

const skipParenthesis = (cursor: TokenCursor): void => {
  cursor.need("(")
  for (let depth = 1; depth > 0;) {
    if (cursor.done) throw cursor.unexpected()
    if (cursor.take("(")) depth += 1
    else if (cursor.take(")")) depth -= 1
    else cursor.at += 1
  }
}

const checkKeys = (definitions: ReadonlyArray<ColumnDefinition>, keys: ReadonlyArray<string>, model: Model): void => {
  keys.forEach((key, index) => {
    const definition = definitions.find((candidate) => candidate.name.toLowerCase() === key.toLowerCase())
    if (definition === undefined) throw detail(`Key column(${key}) doesn't exist`)
    if (definitions[index] !== definition) throw detail("Key columns should be a ordered prefix of the schema")
    if (!ColumnType.mayDistribute(definition.type) && model !== "PRI_KEYS") {
      throw detail(`Invalid data type of key column '${definition.name}': '${ColumnType.render(definition.type)}'`)
    }
    if (model !== "PRI_KEYS") return
    if (!ColumnType.mayBeKey(definition.type)) {
      throw detail(
        `primary key column[${definition.name}] type not supported: ${ColumnType.render(definition.type).toUpperCase()}`
      )
    }
    if (definition.nullable === true) throw detail(`primary key column[${definition.name}] cannot be nullable`)
  })
}

/** Parses a CREATE TABLE statement; refusals are thrown. */
export const createTable = (cursor: TokenCursor): CreateTable => {
  cursor.need("CREATE")
  if (cursor.is("EXTERNAL") || cursor.is("TEMPORARY")) {
    throw unsupported(`CREATE ${cursor.peek()?.text.toUpperCase() ?? ""} TABLE`)
  }
  cursor.need("TABLE")
  const ifNotExists = cursor.take("IF", "NOT", "EXISTS")
  const { database, name } = cursor.qualified()
  checkTableName(name)
  if (cursor.is("AS") || cursor.is("SELECT")) throw unsupported("CREATE TABLE AS SELECT")
  cursor.need("(")
  const definitions: Array<ColumnDefinition> = []
  do {
    if (cursor.take("INDEX")) {
      cursor.name()
      skipParenthesis(cursor)
      if (cursor.take("USING")) cursor.name()
    } else definitions.push(columnDefinition(cursor))
  } while (cursor.take(","))
  cursor.need(")")
  if (cursor.is("AS") || cursor.is("SELECT")) throw unsupported("CREATE TABLE AS SELECT")
  const seen = new Set<string>()
  for (const definition of definitions) {
    if (seen.has(definition.name.toLowerCase())) throw duplicateColumn(definition.name)
    seen.add(definition.name.toLowerCase())
  }
  return tableOptions(cursor, { database, name, ifNotExists }, definitions)
}

const tableOptions = (
  cursor: TokenCursor,
  named: Pick<CreateTable, "database" | "name" | "ifNotExists">,
  definitions: ReadonlyArray<ColumnDefinition>
): CreateTable => {
  let model: Model = "DUP_KEYS"
  let keys: ReadonlyArray<string> = []
  let distribution: ReadonlyArray<string> = []
  let buckets = bucketsDefault
  let orderBy: ReadonlyArray<string> = []
  let comment = ""
  let found: Record<string, string> = {}
  let random = false
  while (!cursor.done) {
    if (cursor.take("ENGINE")) {
      cursor.take("=")
      const engine = cursor.name()
      if (engine.toLowerCase() !== "olap") throw detail(`Unknown engine name: ${engine}`)
    } else if (cursor.take("PRIMARY", "KEY")) {
      model = "PRI_KEYS"
      keys = cursor.names()
    } else if (cursor.take("DUPLICATE", "KEY")) keys = cursor.names()
    else if (cursor.is("UNIQUE") || cursor.is("AGGREGATE")) {
      throw analysis("UNIQUE KEY and AGGREGATE KEY tables are not supported by this endpoint")
    } else if (cursor.take("COMMENT")) comment = cursor.text()
    else if (cursor.is("PARTITION")) throw unsupported("PARTITION BY")
    else if (cursor.is("AS")) throw unsupported("CREATE TABLE AS SELECT")
    else if (cursor.is("ROLLUP")) throw unsupported("ROLLUP")
    else if (cursor.take("DISTRIBUTED", "BY")) {
      if (cursor.take("RANDOM")) random = true
      else {
        cursor.need("HASH")
        distribution = cursor.names()
      }
      if (cursor.take("BUCKETS")) buckets = cursor.integer()
    } else if (cursor.take("ORDER", "BY")) orderBy = cursor.names()
    else if (cursor.take("PROPERTIES")) found = properties(cursor)
    else throw cursor.unexpected()
  }
  checkKeys(definitions, keys, model)
  const primary = model === "PRI_KEYS"
  if (primary && random) throw detail("Primary key table only support hash distribution")
  for (const bucketColumn of distribution) {
    const known = definitions.find((candidate) => candidate.name.toLowerCase() === bucketColumn.toLowerCase())
    if (known === undefined) throw detail(`Distribution column(${bucketColumn}) doesn't exist`)
    if (!ColumnType.mayDistribute(known.type)) {
      throw detail(`${ColumnType.render(known.type)} column can not be distribution column`)
    }
    if (primary && !keys.some((key) => key.toLowerCase() === bucketColumn.toLowerCase())) {
      throw detail(`The distribution columns of a primary key table must be key columns: ${bucketColumn}`)
    }
  }
  const replicas = found["replication_num"]
  if (replicas !== undefined && !/^[1-9]\d*$/.test(replicas)) throw detail(`Invalid replication_num: ${replicas}`)
  if (replicas !== undefined && Number(replicas) > 1) {
    throw analysis(
      `Unexpected exception: Unable to find ${replicas} alive nodes on cluster, insufficient nodes: 1 is alive`
    )
  }
  const evolution = found["fast_schema_evolution"]
  if (evolution !== undefined && !/^(true|false)$/i.test(evolution)) {
    throw detail(`Invalid fast_schema_evolution: ${evolution}`)
  }
  const keySet = new Set(keys.map((key) => key.toLowerCase()))
  return {
    ...named,
    model,
    columns: definitions.map((definition) => complete(definition, keySet.has(definition.name.toLowerCase()), primary)),
    distribution: distribution.length === 0 ? keys : distribution,
    buckets,
    orderBy,
    comment,
    properties: found
  }
}

const complete = (definition: ColumnDefinition, key: boolean, primary: boolean): Column => {
  const nullable = definition.nullable ?? !(key && primary)
  if (!nullable && definition.default.kind === "constant" && definition.default.text === null) {
    throw detail(`Can not set null default value to non nullable column: ${definition.name}`)
  }
  return { ...definition, nullable, key }
}
