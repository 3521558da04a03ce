/** What is read: PostgreSQL and its tables. */
import * as ReplicaIdentity from "../postgres/ReplicaIdentity.ts"
import { choice, FILE, LIST, TEXT, type Variable } from "./Variable.ts"

/** PostgreSQL's limit for names (NAMEDATALEN − 1), in bytes. */
const NAME_BYTES_MAX = 63

export const SOURCE_VARIABLES = {
  databaseUrl: {
    names: ["SOURCE_URL", "DATABASE_URL"],
    path: "source.url",
    type: TEXT,
    meaning: "the PostgreSQL database to read; `?replication=database` is accepted and not needed",
    example: "postgres://dbmazz:secret@db.example:5432/shop",
    secret: true
  },
  sourceTlsCa: {
    names: ["SOURCE_TLS_CA"],
    path: "source.tls.ca",
    type: FILE,
    meaning:
      "PEM file with the authorities that sign PostgreSQL's certificate, as `sslrootcert` in the URL; `system`: " +
      "those that Node ships. With it and no `sslmode`, certificate and host name are checked (verify-full)",
    fallback: "",
    example: "/etc/dbmazz/postgres-ca.crt"
  },
  sourceTlsCert: {
    names: ["SOURCE_TLS_CERT"],
    path: "source.tls.cert",
    type: FILE,
    meaning: "PEM file with the client certificate shown to PostgreSQL, as `sslcert` in the URL",
    fallback: "",
    example: "/etc/dbmazz/postgres.crt"
  },
  sourceTlsKey: {
    names: ["SOURCE_TLS_KEY"],
    path: "source.tls.key",
    type: FILE,
    meaning: "PEM file with the key of that certificate, as `sslkey` in the URL",
    fallback: "",
    example: "/etc/dbmazz/postgres.key"
  },
  slot: {
    names: ["SOURCE_SLOT_NAME", "SLOT_NAME"],
    path: "source.slot",
    type: {
      kind: "text",
      pattern: "^[a-z0-9_]+$",
      bytesMax: NAME_BYTES_MAX,
      rule: "may hold only lower-case letters, digits and _ (at most 63)"
    },
    meaning:
      "replication slot, also the key of the checkpoint; created when missing, dropped only by a stop that says so",
    fallback: "dbmazz_slot",
    example: "dbmazz_slot"
  },
  publication: {
    names: ["SOURCE_PUBLICATION_NAME", "PUBLICATION_NAME"],
    path: "source.publication",
    type: {
      kind: "text",
      pattern: "^[^\\u0000]+$",
      bytesMax: NAME_BYTES_MAX,
      rule: "must be a name of at most 63 bytes"
    },
    meaning: "publication; created or extended when needed",
    fallback: "dbmazz_pub",
    example: "dbmazz_pub"
  },
  replicaIdentity: {
    names: ["REPLICA_IDENTITY"],
    path: "source.replica_identity",
    type: choice(...ReplicaIdentity.POLICIES),
    meaning:
      "full: the setup gives every table REPLICA IDENTITY FULL, so that an old row is whole; keep: it alters no table, " +
      "and an old row may hold only its key (docs/tables-and-columns.md)",
    fallback: "full",
    example: "keep"
  },
  tables: {
    names: ["TABLES"],
    path: "tables",
    type: LIST,
    meaning: "tables to replicate; a bare name is in schema public, `*` stands for any characters of a name " +
      "(docs/tables-and-columns.md)",
    fallback: "orders,order_items",
    example: "orders,sales.order_*"
  },
  tablesExclude: {
    names: ["TABLES_EXCLUDE"],
    path: "tables_exclude",
    type: LIST,
    meaning: "tables that TABLES names or matches and that are not replicated, with the same patterns",
    fallback: "",
    example: "public.tmp_*,*.audit"
  },
  targetTables: {
    names: ["TARGET_TABLES"],
    path: "target_tables",
    type: LIST,
    meaning:
      "tables that have another name in StarRocks, as `table=target` or `schema.table=target`; with patterns, and `*` in " +
      "the target for the table's name",
    fallback: "",
    example: "sales.orders=sales_orders,archive.*=archive_*"
  },
  columnsInclude: {
    names: ["COLUMNS_INCLUDE"],
    path: "columns_include",
    type: LIST,
    meaning: "of the tables in this list only these columns and the primary key are replicated: `table.column` or " +
      "`schema.table.column`, with the same patterns",
    fallback: "",
    example: "customers.name,customers.country"
  },
  columnsExclude: {
    names: ["COLUMNS_EXCLUDE"],
    path: "columns_exclude",
    type: LIST,
    meaning:
      "columns that are not replicated, written like COLUMNS_INCLUDE and stronger than it; never of the primary key",
    fallback: "",
    example: "customers.email,*.*.secret_*"
  }
} as const satisfies Record<string, Variable>
