import { assert, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import mysql from "mysql2/promise"
import * as Net from "node:net"
import { ContractServer, external, type Shape, tColumns } from "./ContractServer.ts"
import { administrator, connect } from "./SqlClient.ts"

const live = { excludeTestServices: true } as const

const alterState = (server: Shape, table: string) =>
  server.sql(
    `SHOW ALTER TABLE COLUMN FROM ${server.database} WHERE TableName = '${table}' ORDER BY CreateTime DESC LIMIT 1`
  ).pipe(Effect.map((rows) => rows[0]?.["State"]))

const finished = (server: Shape, table: string) =>
  alterState(server, table).pipe(
    Effect.repeat({ schedule: Schedule.spaced("10 millis"), until: (state) => state === "FINISHED" })
  )

/** A table whose new columns are more than metadata: adding one waits for the loads that run at that moment. */
const unevolving = (server: Shape) => {
  const name = `slow_${process.pid}_${Date.now()}`
  const properties = "PROPERTIES (\"replication_num\" = \"1\", \"fast_schema_evolution\" = \"false\")"
  return Effect.as(
    server.sql(
      `CREATE TABLE ${server.database}.${name} (${tColumns}) PRIMARY KEY (id) DISTRIBUTED BY HASH(id) ${properties}`
    ),
    name
  )
}

/** Does something while a load of the table is open, so that a job which it starts cannot end. */
const duringJob = <E>(server: Shape, table: string, use: Effect.Effect<void, E>) =>
  Effect.gen(function*() {
    const reply = yield* server.load({ table, rows: [{ id: 10 }], beforeEnd: Effect.orDie(use) })
    assert.strictEqual(reply["Status"], "Success")
  })

const code = (server: Shape, statement: string) =>
  Effect.flip(server.sql(statement)).pipe(Effect.map((error) => error.code))

layer(ContractServer.layer, live)("the MySQL port", (it) => {
  it.effect("112: the version can be parsed, and the comment says StarRocks", () =>
    Effect.gen(function*() {
      const server = yield* ContractServer
      const [row] = yield* server.sql("SELECT current_version() AS v, @@version_comment AS c")
      assert.match(String(row?.["v"]), /^\d+\.\d+\.\d+/)
      assert.match(String(row?.["c"]), /^StarRocks/)
    }))

  it.effect("113, 114: unknown databases and tables have the new codes", () =>
    Effect.gen(function*() {
      const server = yield* ContractServer
      const use = yield* Effect.flip(server.sql("USE nope"))
      assert.deepStrictEqual([use.code, use.state], [5501, "3F000"])
      assert.strictEqual(yield* code(server, "SELECT * FROM nope.t"), 5501)
      const table = yield* Effect.flip(server.sql(`SELECT * FROM ${server.database}.nope`))
      assert.deepStrictEqual([table.code, table.state], [5502, "42602"])
      assert.strictEqual(yield* code(server, "SELECT 1 FROM `nope` AS x JOIN y"), 5502)
    }))

  it.effect("115: key types that cannot be keys, nullable keys and keys out of order are refused with 1064", () =>
    Effect.gen(function*() {
      const server = yield* ContractServer
      for (const type of ["DECIMAL(10,2)", "CHAR(5)", "DOUBLE", "JSON", "VARBINARY"]) {
        const error = yield* Effect.flip(server.table(`id ${type} NOT NULL`))
        assert.strictEqual(error.code, 1064)
        assert.match(error.message, /primary key column\[id\] type not supported/)
      }
      const nullable = yield* Effect.flip(server.table("id BIGINT NULL"))
      assert.match(nullable.message, /primary key column\[id\] cannot be nullable/)
      assert.strictEqual((yield* Effect.flip(server.table("n INT, id BIGINT NOT NULL"))).code, 1064)
    }))

  it.effect("117: more replicas than nodes are refused with 1064", () =>
    Effect.gen(function*() {
      const server = yield* ContractServer
      const error = yield* Effect.flip(server.sql(
        `CREATE TABLE replicated (id BIGINT NOT NULL) PRIMARY KEY (id) DISTRIBUTED BY HASH(id) PROPERTIES ("replication_num" = "3")`
      ))
      assert.strictEqual(error.code, 1064)
    }))

  it.effect("118: creating a table twice is 1050, or nothing with IF NOT EXISTS; a database likewise", () =>
    Effect.gen(function*() {
      const server = yield* ContractServer
      const rest =
        "(id BIGINT NOT NULL) PRIMARY KEY (id) DISTRIBUTED BY HASH(id) PROPERTIES (\"replication_num\" = \"1\")"
      yield* server.sql(`CREATE TABLE twice ${rest}`)
      yield* server.sql(`CREATE TABLE IF NOT EXISTS twice ${rest}`)
      assert.strictEqual(yield* code(server, `CREATE TABLE twice ${rest}`), 1050)
      yield* server.sql(`CREATE DATABASE IF NOT EXISTS ${server.database}`)
      assert.strictEqual(yield* code(server, `CREATE DATABASE ${server.database}`), 1007)
      yield* server.sql("DROP TABLE twice")
      assert.strictEqual(yield* code(server, "DROP TABLE twice"), 5502)
      yield* server.sql("DROP TABLE IF EXISTS twice")
    }))

  it.effect("119: ADD COLUMN is a job; when it is FINISHED the column is there and old rows have its default", () =>
    Effect.gen(function*() {
      const server = yield* ContractServer
      const table = yield* server.table(tColumns)
      yield* server.load({ table, rows: [{ id: 1 }] })
      yield* server.sql(
        `ALTER TABLE ${table} ADD COLUMN a INT NULL, ADD COLUMN b VARCHAR(5) NOT NULL DEFAULT "x" AFTER name`
      )
      yield* finished(server, table)
      const fields = (yield* server.sql(`DESC ${table}`)).map((row) => row["Field"])
      assert.deepStrictEqual(fields, ["id", "name", "b", "n", "ts", "a"])
      const [row] = yield* server.sql(`SELECT * FROM ${table}`)
      assert.deepStrictEqual(Object.keys(row ?? {}), fields)
      assert.deepStrictEqual([row?.["a"], row?.["b"]], [null, "x"])
    }))

  it.effect("120: while a job runs, a second ALTER is refused, and goes through when the first is FINISHED", () =>
    Effect.gen(function*() {
      const server = yield* ContractServer
      const table = yield* unevolving(server)
      yield* duringJob(
        server,
        table,
        Effect.gen(function*() {
          yield* server.sql(`ALTER TABLE ${table} ADD COLUMN a INT`)
          const second = yield* Effect.flip(server.sql(`ALTER TABLE ${table} ADD COLUMN b INT`))
          assert.match(second.message, /state is not NORMAL/)
          if (!external) assert.strictEqual(second.code, 5014)
        })
      )
      yield* finished(server, table)
      yield* server.sql(`ALTER TABLE ${table} ADD COLUMN b INT`)
      yield* finished(server, table)
      const columns = (yield* server.sql(`DESC ${table}`)).map((row) => row["Field"])
      assert.deepStrictEqual(columns.slice(-2), ["a", "b"])
    }))

  it.effect("123: a member for a new column is ignored before FINISHED and loaded after it", () =>
    Effect.gen(function*() {
      const server = yield* ContractServer
      const table = yield* unevolving(server)
      yield* duringJob(
        server,
        table,
        Effect.gen(function*() {
          yield* server.sql(`ALTER TABLE ${table} ADD COLUMN a INT`)
          assert.strictEqual((yield* server.load({ table, rows: [{ id: 1, a: 5 }] }))["Status"], "Success")
          assert.notStrictEqual(yield* alterState(server, table), "FINISHED")
        })
      )
      yield* finished(server, table)
      assert.strictEqual((yield* server.load({ table, rows: [{ id: 2, a: 6 }] }))["Status"], "Success")
      const rows = yield* server.sql(`SELECT id, a FROM ${table} WHERE id < 10 ORDER BY id`)
      assert.deepStrictEqual(rows.map((row) => row["a"]), [null, 6])
    }))

  it.effect("122: ADD COLUMN NOT NULL needs a default; known names, keys and wrong changes are refused", () =>
    Effect.gen(function*() {
      const server = yield* ContractServer
      const table = yield* server.table(tColumns)
      assert.strictEqual(yield* code(server, `ALTER TABLE ${table} ADD COLUMN a INT NOT NULL`), 1064)
      assert.include([1060, 1064], yield* code(server, `ALTER TABLE ${table} ADD COLUMN NAME INT`))
      assert.strictEqual(yield* code(server, `ALTER TABLE ${table} DROP COLUMN id`), 1064)
      assert.strictEqual(yield* code(server, `ALTER TABLE ${table} MODIFY COLUMN name VARCHAR(5)`), 1064)
      yield* server.sql(`ALTER TABLE ${table} MODIFY COLUMN name VARCHAR(20), MODIFY COLUMN n BIGINT`)
      yield* finished(server, table)
      assert.strictEqual(
        (yield* server.load({ table, rows: [{ id: 1, name: "123456789012", n: 3e9 }] }))["Status"],
        "Success"
      )
      yield* server.sql(`ALTER TABLE ${table} DROP COLUMN n`)
      yield* Effect.repeat(server.sql(`DESC ${table}`), {
        schedule: Schedule.spaced("10 millis"),
        until: (rows) => rows.length === 3
      })
    }))

  it.effect("124: after TRUNCATE the table is empty", () =>
    Effect.gen(function*() {
      const server = yield* ContractServer
      const table = yield* server.table(tColumns)
      yield* server.load({ table, rows: [{ id: 1 }] })
      yield* server.sql(`TRUNCATE TABLE ${table}`)
      assert.lengthOf(yield* server.sql(`SELECT * FROM ${table}`), 0)
    }))

  it.effect("a labelled INSERT of a SELECT writes whole rows of the table it reads, once", () =>
    Effect.gen(function*() {
      const server = yield* ContractServer
      const table = yield* server.table(tColumns)
      yield* server.load({ table, rows: [{ id: 1, name: "a", n: 1 }, { id: 2, name: "b", n: null }, { id: 3, n: 7 }] })
      const label = `insert-${process.pid}-${Date.now()}`
      const insert = (value: number) =>
        `INSERT INTO ${server.database}.${table} WITH LABEL \`${label}\`
           (\`id\`, name, n) SELECT /*+ SET_VAR(insert_timeout = 600) */ \`id\`, name, ${value} FROM ${server.database}.${table} WHERE n IS NULL OR n = 1`
      yield* server.sql(insert(5))
      const rows = server.sql(`SELECT id, name, n FROM ${table} ORDER BY id`)
      const written = ["1,a,5", "2,b,5", "3,,7"]
      const texts = (found: ReadonlyArray<object>) => found.map((row) => Object.values(row).join())
      assert.deepStrictEqual(texts(yield* rows), written)
      // Without a row there is no load; a label is used up by one.
      yield* server.sql(`INSERT INTO ${table} (id, name, n) SELECT id, name, 9 FROM ${table} WHERE id > 5`)
      const again = yield* Effect.flip(server.sql(insert(6).replace("n = 1", "n = 5")))
      assert.match(again.message, /label \[.*\] has already been used/i)
      assert.deepStrictEqual(texts(yield* rows), written)
      const key = yield* Effect.flip(server.sql(`INSERT INTO ${table} (name, n) SELECT name, n FROM ${table}`))
      assert.include(key.message, "id")
    }))

  it.effect("125: information_schema describes keys, model and types", () =>
    Effect.gen(function*() {
      const server = yield* ContractServer
      const table = yield* server.table("id LARGEINT NOT NULL, b BOOLEAN, s STRING, d DECIMAL(12,3) COMMENT \"it's\"")
      const where = `WHERE TABLE_SCHEMA = '${server.database}' AND TABLE_NAME = '${table}'`
      const columns = yield* server.sql(
        `SELECT COLUMN_NAME, COLUMN_KEY, DATA_TYPE, COLUMN_TYPE, IS_NULLABLE FROM information_schema.columns ${where} ORDER BY ORDINAL_POSITION`
      )
      assert.deepStrictEqual(columns.map((row) => Object.values(row)), [
        ["id", "PRI", "bigint unsigned", "bigint(20) unsigned", "NO"],
        ["b", "", "tinyint", "tinyint(1)", "YES"],
        ["s", "", "varchar", "varchar(65533)", "YES"],
        ["d", "", "decimal", "decimal(12,3)", "YES"]
      ])
      const [config] = yield* server.sql(
        `SELECT TABLE_MODEL, PRIMARY_KEY FROM information_schema.tables_config ${where}`
      )
      assert.deepStrictEqual(Object.values(config ?? {}), ["PRI_KEYS", "`id`"])
      const [found] = yield* server.sql(`SELECT TABLE_TYPE, ENGINE FROM information_schema.tables ${where}`)
      assert.deepStrictEqual(Object.values(found ?? {}), ["BASE TABLE", "StarRocks"])
      const [created] = yield* server.sql(`SHOW CREATE TABLE ${table}`)
      assert.match(String(created?.["Create Table"]), /PRIMARY KEY\(`id`\)/)
    }))

  it.effect("126: preparing an INSERT is refused", () =>
    Effect.gen(function*() {
      const server = yield* ContractServer
      const refused = yield* Effect.promise(async () => {
        const connection = await mysql.createConnection({ host: server.host, port: server.mysqlPort, user: "root" })
        try {
          return await connection.execute("INSERT INTO t VALUES (?)", [1]).then(() => "accepted", (error: Error) =>
            error.message)
        } finally {
          connection.destroy()
        }
      })
      assert.notStrictEqual(refused, "accepted")
    }))

  it.effect("127: SHOW BACKENDS tells the port that the FE redirects to", () =>
    Effect.gen(function*() {
      const server = yield* ContractServer
      const [row] = yield* server.sql("SHOW BACKENDS")
      assert.strictEqual(row?.["Alive"], "true")
      assert.strictEqual(Number(row?.["HttpPort"]), server.bePort)
    }))

  it.effect("ordinary queries: joins, aggregates, limits, quoting, functions and names of columns", () =>
    Effect.gen(function*() {
      const server = yield* ContractServer
      const table = yield* server.table(tColumns)
      yield* server.load({
        table,
        rows: [{ id: 1, name: "a", n: 1 }, { id: 2, name: "b", n: 2 }, { id: 3, name: "a" }]
      })
      const joined = yield* server.sql(
        `SELECT a.name, count(*), sum(b.n) AS total FROM \`${table}\` a JOIN ${server.database}.${table} AS b ON a.id = b.id ` +
          "WHERE a.name <> \"z\" GROUP BY a.name ORDER BY a.name LIMIT 0, 5"
      )
      assert.deepStrictEqual(joined.map((row) => [row["name"], Number(row["count(*)"]), Number(row["total"])]), [
        ["a", 2, 1],
        ["b", 1, 2]
      ])
      const [row] = yield* server.sql(
        "SELECT 1, 'it''s', \"say \\\"hi\\\"\", IF(1 > 2, 'y', 'n') AS f, concat('a', 1), NULL <=> NULL AS e, database() AS d"
      )
      assert.deepStrictEqual(Object.values(row ?? {}), [1, "it's", "say \"hi\"", "n", "a1", 1, server.database])
      const nulls = yield* server.sql(`SELECT n FROM ${table} ORDER BY n`)
      assert.deepStrictEqual(nulls.map((entry) => entry["n"]), [null, 1, 2])
    }))

  it.effect("statements nobody knows are 1064 with their first words; settings of drivers are accepted", () =>
    Effect.gen(function*() {
      const server = yield* ContractServer
      const error = yield* Effect.flip(server.sql("FROBNICATE the whole thing at once"))
      assert.strictEqual(error.code, 1064)
      if (!external) assert.include(error.message, "FROBNICATE the whole thing")
      for (
        const statement of ["SET NAMES utf8mb4", "SET autocommit = 1, @@session.sql_mode = 'ANSI'", "SHOW WARNINGS"]
      ) {
        yield* server.sql(statement)
      }
      assert.strictEqual(yield* code(server, "SET no_such_thing = 1"), 1193)
      assert.strictEqual(yield* code(server, "SET sql_mode = concat('a', 'b')"), 1064)
      for (
        const broken of [
          "SELECT FROM WHERE",
          "SELECT (",
          "CREATE TABLE",
          "ALTER TABLE x",
          "SHOW",
          ";",
          "SELECT 1; SELECT 2"
        ]
      ) {
        assert.isAbove(yield* code(server, broken), 1000, broken)
      }
    }))

  it.effect("JDBC and MariaDB connectors set up their connection", () =>
    Effect.gen(function*() {
      const server = yield* ContractServer
      const names = (
        "auto_increment_increment character_set_client character_set_connection character_set_results " +
        "character_set_server collation_server collation_connection init_connect interactive_timeout license " +
        "lower_case_table_names max_allowed_packet net_write_timeout performance_schema query_cache_size " +
        "query_cache_type sql_mode system_time_zone time_zone transaction_isolation wait_timeout"
      ).split(" ")
      const [row] = yield* server.sql(
        "/* mysql-connector-j-8.0.33 (Revision: 7d6b0800528b6b25c68b52dc10d6c1c8429c100c) */SELECT  " +
          `@@session.${names.map((name) => `${name} AS ${name}`).join(", @@")}`
      )
      assert.deepStrictEqual(Object.keys(row ?? {}), names)
      assert.strictEqual(String(row?.["auto_increment_increment"]), "1")
      const [unnamed] = yield* server.sql("select @@session.tx_read_only, @@max_allowed_packet,@@time_zone")
      assert.include(Object.keys(unnamed ?? {}), "@@session.tx_read_only")
      const old = yield* server.sql(
        "/* mysql-connector-java-5.1.49 */SHOW VARIABLES WHERE Variable_name ='language' OR Variable_name = " +
          "'net_write_timeout' OR (Variable_name = 'sql_mode' AND Value LIKE '%') OR Variable_name IN ('autocommit')"
      )
      assert.includeMembers(old.map((entry) => entry["Variable_name"]), ["autocommit", "net_write_timeout", "sql_mode"])
      const statements = [
        "SET character_set_results = NULL",
        "SET NAMES utf8mb4",
        "SET autocommit=1;",
        "SET sql_mode='STRICT_TRANS_TABLES'",
        "SET SESSION TRANSACTION READ WRITE",
        "SET @@session.wait_timeout = 100",
        "SHOW WARNINGS",
        "SELECT @@session.transaction_isolation",
        "-- a comment\nSELECT 1",
        "# another\nSELECT 1 ; ",
        "SELECT DATABASE() -- at the end",
        "SHOW COLLATION",
        "SHOW CHARACTER SET",
        "SHOW ENGINES",
        "SHOW STATUS",
        "SHOW GLOBAL STATUS LIKE 'x'",
        "SHOW PROCESSLIST",
        "SHOW FULL PROCESSLIST",
        "SHOW COMPUTE NODES",
        "SHOW PROC '/backends'",
        "SHOW PROC '/frontends'",
        "SHOW PROC '/dbs'",
        "SHOW CATALOGS",
        "SHOW PLUGINS",
        "ADMIN SHOW FRONTEND CONFIG LIKE 'max_running%'"
      ]
      for (const statement of statements) yield* server.sql(statement)
    }))

  it.effect("DatabaseMetaData of JDBC and the queries of Flink's connectors find their tables and columns", () =>
    Effect.gen(function*() {
      const server = yield* ContractServer
      const { database } = server
      const table = yield* server.table(tColumns)
      const [found] = yield* server.sql(
        "SELECT TABLE_SCHEMA AS TABLE_CAT, NULL AS TABLE_SCHEM, table_name, CASE WHEN TABLE_TYPE='BASE TABLE' THEN 'TABLE' " +
          "ELSE TABLE_TYPE END AS TABLE_TYPE, TABLE_COMMENT AS REMARKS FROM INFORMATION_SCHEMA.TABLES WHERE " +
          `TABLE_SCHEMA = '${database}' AND TABLE_NAME LIKE '${table}' ORDER BY TABLE_TYPE, TABLE_SCHEMA, TABLE_NAME`
      )
      assert.deepStrictEqual(Object.keys(found ?? {}), [
        "TABLE_CAT",
        "TABLE_SCHEM",
        "table_name",
        "TABLE_TYPE",
        "REMARKS"
      ])
      assert.strictEqual(found?.["table_name"], table)
      const columns = yield* server.sql(
        "SELECT `COLUMN_NAME`, `ORDINAL_POSITION`, `COLUMN_KEY`, `DATA_TYPE`, `COLUMN_SIZE`, `DECIMAL_DIGITS` " +
          `FROM \`information_schema\`.\`COLUMNS\` WHERE \`TABLE_SCHEMA\`='${database}' AND \`TABLE_NAME\`='${table}' ` +
          "ORDER BY `ORDINAL_POSITION`;"
      )
      assert.deepStrictEqual(columns.map((row) => [row["COLUMN_NAME"], row["COLUMN_KEY"], row["DATA_TYPE"]]), [
        ["id", "PRI", "bigint"],
        ["name", "", "varchar"],
        ["n", "", "int"],
        ["ts", "", "datetime"]
      ])
      const full = yield* server.sql(`SHOW FULL TABLES FROM \`${database}\` LIKE '${table}'`)
      assert.deepStrictEqual(Object.values(full[0] ?? {}), [table, "BASE TABLE"])
      assert.lengthOf(
        yield* server.sql(`SHOW FULL TABLES FROM ${database} WHERE Tables_in_${database} = '${table}'`),
        1
      )
      const fields = yield* server.sql(`SHOW FULL COLUMNS FROM \`${table}\` FROM \`${database}\` LIKE 'n%'`)
      assert.deepStrictEqual(fields.map((row) => row["Field"]), ["name", "n"])
      yield* server.sql(`SHOW KEYS FROM \`${table}\` FROM \`${database}\``)
      yield* server.sql(`SHOW INDEX FROM ${table}`)
      yield* server.sql("SHOW TRIGGERS")
      yield* server.sql("SHOW EVENTS")
      assert.lengthOf(yield* server.sql(`SHOW DATABASES LIKE '${database}'`), 1)
      const [status] = yield* server.sql(`SHOW TABLE STATUS FROM ${database} LIKE '${table}'`)
      assert.strictEqual(status?.["Name"], table)
      assert.lengthOf(yield* server.sql(`SHOW PARTITIONS FROM ${database}.${table}`), 1)
      const [config] = yield* server.sql(
        `SELECT * FROM information_schema.tables_config WHERE table_schema = '${database}' AND table_name = '${table}'`
      )
      assert.strictEqual(config?.["TABLE_MODEL"], "PRI_KEYS")
      yield* server.sql("SELECT * FROM information_schema.partitions_meta LIMIT 1")
      yield* server.sql("SELECT * FROM information_schema.be_configs LIMIT 1")
      yield* server.sql("SELECT * FROM information_schema.loads WHERE LABEL = 'no such label'")
      yield* server.sql("SELECT * FROM information_schema.views LIMIT 1")
      assert.strictEqual(yield* code(server, "SELECT * FROM information_schema.no_such_view"), 5502)
      assert.lengthOf(yield* server.sql(`SELECT t.id FROM default_catalog.${database}.${table} t`), 0)
    }))

  it.effect("Connector/J's getTables, getColumns, getIndexInfo and getSQLKeywords", () =>
    Effect.gen(function*() {
      const server = yield* ContractServer
      const { database } = server
      const table = yield* server.table(tColumns)
      const tables = yield* server.sql(
        "SELECT TABLE_SCHEMA AS TABLE_CAT, NULL AS TABLE_SCHEM, TABLE_NAME, CASE WHEN TABLE_TYPE='BASE TABLE' THEN CASE " +
          "WHEN TABLE_SCHEMA = 'mysql' OR TABLE_SCHEMA = 'performance_schema' THEN 'SYSTEM TABLE' ELSE 'TABLE' END WHEN " +
          "TABLE_TYPE='TEMPORARY' THEN 'LOCAL_TEMPORARY' ELSE TABLE_TYPE END AS TABLE_TYPE, TABLE_COMMENT AS REMARKS, NULL " +
          "AS TYPE_CAT FROM INFORMATION_SCHEMA.TABLES WHERE TABLE_SCHEMA = " +
          `'${database}' AND TABLE_NAME LIKE '${table}' HAVING TABLE_TYPE IN ('TABLE','VIEW',null,null,null) ` +
          "ORDER BY TABLE_TYPE, TABLE_SCHEMA, TABLE_NAME"
      )
      assert.deepStrictEqual(tables.map((row) => [row["TABLE_CAT"], row["TABLE_NAME"], row["TABLE_TYPE"]]), [
        [database, table, "TABLE"]
      ])
      const columns = yield* server.sql(
        "SELECT TABLE_SCHEMA, TABLE_NAME, COLUMN_NAME, CASE UPPER(DATA_TYPE) WHEN 'INT' THEN 4 ELSE 12 END AS DATA_TYPE, " +
          "UPPER(CASE WHEN LOCATE('UNSIGNED', UPPER(COLUMN_TYPE)) != 0 AND LOCATE('SET', UPPER(DATA_TYPE)) <> 1 THEN " +
          "CONCAT(DATA_TYPE, ' UNSIGNED') ELSE DATA_TYPE END) AS TYPE_NAME, UPPER(CASE WHEN " +
          "UPPER(DATA_TYPE)='DATE' THEN 10 WHEN CHARACTER_MAXIMUM_LENGTH > 2147483647 THEN 2147483647 ELSE " +
          "CHARACTER_MAXIMUM_LENGTH END) AS COLUMN_SIZE, CASE WHEN IS_NULLABLE = 'NO' THEN 0 ELSE 1 END AS NULLABLE, " +
          "CASE WHEN EXTRA LIKE '%auto_increment%' THEN 'YES' ELSE 'NO' END AS IS_AUTOINCREMENT FROM " +
          `INFORMATION_SCHEMA.COLUMNS WHERE TABLE_SCHEMA = '${database}' AND TABLE_NAME LIKE '${table}' ` +
          "ORDER BY TABLE_SCHEMA, TABLE_NAME, ORDINAL_POSITION"
      )
      assert.deepStrictEqual(columns.map((row) => [row["COLUMN_NAME"], row["TYPE_NAME"], row["COLUMN_SIZE"]]), [
        ["id", "BIGINT", null],
        ["name", "VARCHAR", "10"],
        ["n", "INT", null],
        ["ts", "DATETIME", null]
      ])
      yield* server.sql(
        "SELECT TABLE_SCHEMA AS TABLE_CAT, NULL AS TABLE_SCHEM, TABLE_NAME, NON_UNIQUE, NULL AS INDEX_QUALIFIER, " +
          "INDEX_NAME, 3 AS TYPE, SEQ_IN_INDEX AS ORDINAL_POSITION, COLUMN_NAME, COLLATION AS ASC_OR_DESC, CARDINALITY, 0 " +
          `AS PAGES, NULL AS FILTER_CONDITION FROM INFORMATION_SCHEMA.STATISTICS WHERE TABLE_SCHEMA = '${database}' AND ` +
          `TABLE_NAME = '${table}' ORDER BY NON_UNIQUE, INDEX_NAME, SEQ_IN_INDEX`
      )
      if (external) return
      const words = yield* server.sql(
        "SELECT WORD FROM INFORMATION_SCHEMA.KEYWORDS WHERE RESERVED=1 ORDER BY WORD"
      )
      assert.includeMembers(words.map((row) => row["WORD"]), ["SELECT", "LARGEINT", "QUALIFY"])
    }))

  it.effect("information_schema describes itself: its database, its tables and their columns", () =>
    Effect.gen(function*() {
      const server = yield* ContractServer
      const schemata = yield* server.sql("SELECT SCHEMA_NAME FROM information_schema.schemata")
      assert.includeMembers(schemata.map((row) => row["SCHEMA_NAME"]), ["information_schema", server.database])
      const table = yield* server.table(tColumns)
      const [created] = yield* server.sql(
        `SELECT CREATE_TIME FROM information_schema.tables WHERE TABLE_NAME = '${table}'`
      )
      assert.match(String(created?.["CREATE_TIME"]), /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$/)
      const partitions = yield* server.sql(
        `SELECT TABLE_NAME FROM information_schema.partitions WHERE TABLE_SCHEMA = '${server.database}' AND TABLE_NAME = '${table}'`
      )
      assert.lengthOf(partitions, 1)
      const names = yield* server.sql("SHOW TABLES FROM information_schema")
      for (const name of names.map((row) => String(Object.values(row)[0]))) {
        const described = (yield* server.sql(`DESC information_schema.${name}`)).map((row) => row["Field"])
        const shown = (yield* server.sql(`SHOW COLUMNS FROM ${name} FROM information_schema`)).map((row) =>
          row["Field"]
        )
        assert.deepStrictEqual(shown, described)
        const client = yield* connect(server, administrator)
        const fields = yield* Effect.promise(() =>
          client.connection.query(`SELECT * FROM information_schema.${name} LIMIT 0`).then(([, found]) => found)
        )
        assert.deepStrictEqual(fields.map((field) => field.name), described, name)
      }
      assert.strictEqual(yield* code(server, "DESC information_schema.no_such_table"), 5502)
    }).pipe(Effect.scoped))

  it.effect.skipIf(external)("settings tell the limits that hold", () =>
    Effect.gen(function*() {
      const server = yield* ContractServer
      const rows = yield* server.sql("ADMIN SHOW FRONTEND CONFIG")
      const settings = Object.fromEntries(rows.map((row) => [row["Key"], row["Value"]]))
      assert.strictEqual(settings["qe_max_connection"], "256")
      assert.strictEqual(settings["label_keep_max_second"], "259200")
      assert.strictEqual(settings["label_keep_max_num"], "1000")
      assert.strictEqual(settings["max_running_txn_num_per_db"], "1000")
    }))

  it.effect("variables that were never set are NULL, members of maps are values, names of columns need no quotes", () =>
    Effect.gen(function*() {
      const server = yield* ContractServer
      const table = yield* server.table(
        "id BIGINT NOT NULL, m MAP<VARCHAR(5),INT>, a ARRAY<INT>, ts DATETIME, at INT, collation INT"
      )
      yield* server.load({
        table,
        rows: [{ id: 1, m: { k: 7 }, a: [4, 5], ts: "2024-01-02 03:04:05", at: 1, collation: 2 }]
      })
      const [row] = yield* server.sql(
        "SELECT @never_set, element_at(m, 'k') AS k, element_at(m, 'x') AS x, element_at(a, 2) AS e, m['k'] AS b, " +
          `ts + interval 1 day, at, t.collation FROM ${table} t WHERE at = 1`
      )
      assert.deepStrictEqual(row, {
        "@never_set": null,
        k: 7,
        x: null,
        e: 5,
        b: 7,
        "ts + interval 1 day": "2024-01-03 03:04:05",
        at: 1,
        collation: 2
      })
    }))

  it.effect("a column is called what the client wrote, whatever the case", () =>
    Effect.gen(function*() {
      const server = yield* ContractServer
      const table = yield* server.table(tColumns)
      yield* server.load({ table, rows: [{ id: 1, name: "a" }] })
      const [row] = yield* server.sql(`SELECT ID, t.Name, n AS Other, Ts FROM ${table} t WHERE NAME = 'a' ORDER BY Id`)
      assert.deepStrictEqual(Object.keys(row ?? {}), ["ID", "Name", "Other", "Ts"])
    }))

  it.effect("6.2: every refusal has its number, its state and its text", () =>
    Effect.gen(function*() {
      const server = yield* ContractServer
      const table = yield* server.table(tColumns)
      const expected: ReadonlyArray<readonly [statement: string, code: number, state: string, text: RegExp]> = [
        ["USE nope", 5501, "3F000", /Unknown database 'nope'/],
        ["SHOW TABLES FROM nope", 5501, "3F000", /Unknown database 'nope'/],
        ["SELECT * FROM nope.t", 5501, "3F000", /Unknown database 'nope'/],
        ["DROP TABLE nope", 5502, "42602", /Unknown table 'nope'/],
        ["DESC nope", 5502, "42602", /Unknown table 'nope'/],
        [`SELECT * FROM ${table}, nope`, 5502, "42602", /Unknown table 'nope'/],
        ["SELEC 1", 1064, "HY000", /SELEC/],
        [`SELECT nope FROM ${table}`, 1064, "HY000", /Column 'nope' cannot be resolved/],
        ["SELECT no_such_function(1)", 1064, "HY000", /No matching function/],
        [
          "CREATE TABLE x\n(id INT,\n oops !) PRIMARY KEY (id)",
          1064,
          "HY000",
          /Getting syntax error at line 3, column 6\. Detail message: /
        ],
        [`ALTER TABLE ${table} ADD COLUMN n INT`, 1060, "42S21", /Duplicate column name 'n'/],
        [`CREATE DATABASE ${server.database}`, 1007, "HY000", /database exists/],
        [`CREATE TABLE ${table} LIKE ${table}`, 1050, "42S01", /already exists/],
        ["SET no_such_thing = 1", 1193, "HY000", /Unknown system variable 'no_such_thing'/],
        ["SELECT @@no_such_thing", 1193, "HY000", /Unknown system variable 'no_such_thing'/],
        ["SET version = 'x'", 1621, "HY000", /read only/],
        ["SET sql_mode = (SELECT 1)", 1064, "HY000", /Set statement only support constant expr/],
        ["SHOW PROC '/nope'", 5001, "HY000", /Proc path '\/nope' doesn't exist/]
      ]
      for (const [statement, number, state, text] of expected) {
        const error = yield* Effect.flip(server.sql(statement))
        if (external) continue
        assert.deepStrictEqual([error.code, error.state], [number, state], statement)
        assert.match(error.message, text, statement)
      }
      const nowhere = yield* connect(server, administrator)
      const noDatabase = yield* Effect.flip(nowhere.query(`SELECT * FROM ${table}`))
      assert.deepStrictEqual([noDatabase.code, noDatabase.state], [1046, "3D000"])
    }).pipe(Effect.scoped))

  it.effect.skipIf(external)("what is not supported is refused by its name, with 1064", () =>
    Effect.gen(function*() {
      const server = yield* ContractServer
      const table = yield* server.table(tColumns)
      const statements = {
        "EXPLAIN SELECT 1": "EXPLAIN",
        "KILL 1": "KILL",
        [`INSERT INTO ${table} VALUES (1)`]: "INSERT",
        [`INSERT INTO ${table} (id) VALUES (1)`]: "INSERT",
        [`INSERT OVERWRITE ${table} (id) SELECT 1`]: "INSERT OVERWRITE",
        [`UPDATE ${table} SET n = 1 WHERE id = 1`]: "UPDATE",
        [`DELETE FROM ${table} WHERE id = 1`]: "DELETE",
        "CREATE VIEW v AS SELECT 1": "CREATE VIEW",
        "CREATE MATERIALIZED VIEW v AS SELECT 1": "CREATE MATERIALIZED",
        "CREATE ROLE r": "CREATE ROLE",
        "CREATE TABLE c AS SELECT 1": "CREATE TABLE AS SELECT",
        "CREATE TABLE p (id INT) PRIMARY KEY (id) PARTITION BY (id)": "PARTITION BY",
        "CREATE TABLE a (id BIGINT AUTO_INCREMENT) PRIMARY KEY (id)": "AUTO_INCREMENT",
        "SHOW STREAM LOAD": "SHOW STREAM LOAD",
        "SELECT 1; SELECT 2": "several statements",
        "ADMIN SET FRONTEND CONFIG (\"a\" = \"b\")": "ADMIN"
      }
      for (const [statement, name] of Object.entries(statements)) {
        const error = yield* Effect.flip(server.sql(statement))
        assert.strictEqual(error.code, 1064, statement)
        assert.include(error.message, name)
      }
    }))

  it.effect("changing the user and resetting the connection leave nothing of the session before", () =>
    Effect.gen(function*() {
      const server = yield* ContractServer
      const client = yield* connect(server, { ...administrator, database: server.database })
      yield* client.query("SET @mine = 5")
      yield* Effect.promise(() =>
        client.connection.changeUser({
          user: administrator.user,
          password: administrator.password ?? "",
          database: "information_schema"
        })
      )
      const [row] = yield* client.query("SELECT database() AS d, @mine AS m")
      assert.strictEqual(row?.["d"], "information_schema")
      assert.notStrictEqual(String(row?.["m"]), "5")
      const wrong = yield* Effect.promise(() =>
        client.connection.changeUser({ user: "nobody_here", password: "x" }).then(
          () => 0,
          (error: unknown) => error instanceof Error && "errno" in error ? error.errno : -1
        )
      )
      assert.strictEqual(wrong, 1045)
    }).pipe(Effect.scoped))

  it.effect.skipIf(external)("bytes that are no protocol end their own connection only", () =>
    Effect.gen(function*() {
      const server = yield* ContractServer
      for (let seed = 1; seed <= 40; seed++) {
        yield* Effect.callback<void>((resume) => {
          const socket = Net.connect(server.mysqlPort, server.host)
          const bytes = Buffer.from(Array.from({ length: seed * 7 }, (_, index) => (index * seed * 31 + seed) & 0xff))
          socket.on("connect", () => socket.end(bytes))
          socket.on("error", () => undefined)
          socket.on("close", () => resume(Effect.void))
          socket.resume()
        })
      }
      assert.lengthOf(yield* server.sql("SELECT 1"), 1)
    }))
})
