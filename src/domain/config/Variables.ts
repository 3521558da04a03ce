/**
 * The variables dbmazz reads, one entry each: names, meaning, default, example. The command line's help, the error
 * texts and docs/configuration.md are made from this list, so it is the only place that says them.
 */

export interface Variable {
  /** The name, and the older or newer names of the same thing; the first that is set is used. */
  readonly names: readonly [string, ...ReadonlyArray<string>]
  readonly meaning: string
  readonly unit?: string
  /** Undefined: the variable is required. */
  readonly fallback?: string
  readonly example: string
  /** Its value is never printed. */
  readonly secret?: boolean
}

const MIB = 1024 * 1024

export const VARIABLES = {
  databaseUrl: {
    names: ["SOURCE_URL", "DATABASE_URL"],
    meaning: "the PostgreSQL database to read; `?replication=database` is accepted and not needed",
    example: "postgres://dbmazz:secret@db.example:5432/shop",
    secret: true
  },
  sourceTlsCa: {
    names: ["SOURCE_TLS_CA"],
    meaning:
      "PEM file with the authorities that sign PostgreSQL's certificate, as `sslrootcert` in the URL; `system`: " +
      "those that Node ships. With it and no `sslmode`, certificate and host name are checked (verify-full)",
    fallback: "",
    example: "/etc/dbmazz/postgres-ca.crt"
  },
  sourceTlsCert: {
    names: ["SOURCE_TLS_CERT"],
    meaning: "PEM file with the client certificate shown to PostgreSQL, as `sslcert` in the URL",
    fallback: "",
    example: "/etc/dbmazz/postgres.crt"
  },
  sourceTlsKey: {
    names: ["SOURCE_TLS_KEY"],
    meaning: "PEM file with the key of that certificate, as `sslkey` in the URL",
    fallback: "",
    example: "/etc/dbmazz/postgres.key"
  },
  slot: {
    names: ["SOURCE_SLOT_NAME", "SLOT_NAME"],
    meaning: "replication slot, also the key of the checkpoint; created when missing, never dropped",
    fallback: "dbmazz_slot",
    example: "dbmazz_slot"
  },
  publication: {
    names: ["SOURCE_PUBLICATION_NAME", "PUBLICATION_NAME"],
    meaning: "publication; created or extended when needed",
    fallback: "dbmazz_pub",
    example: "dbmazz_pub"
  },
  tables: {
    names: ["TABLES"],
    meaning:
      "tables to replicate, comma separated; a bare name is in schema public, `*` stands for any characters of a " +
      "name (docs/tables-and-columns.md)",
    fallback: "orders,order_items",
    example: "orders,sales.order_*"
  },
  tablesExclude: {
    names: ["TABLES_EXCLUDE"],
    meaning: "tables that TABLES names or matches and that are not replicated, comma separated, with the same patterns",
    fallback: "",
    example: "public.tmp_*,*.audit"
  },
  columnsInclude: {
    names: ["COLUMNS_INCLUDE"],
    meaning: "of the tables in this list only these columns and the primary key are replicated: `table.column` or " +
      "`schema.table.column`, comma separated, with the same patterns",
    fallback: "",
    example: "customers.name,customers.country"
  },
  columnsExclude: {
    names: ["COLUMNS_EXCLUDE"],
    meaning:
      "columns that are not replicated, written like COLUMNS_INCLUDE and stronger than it; never of the primary key",
    fallback: "",
    example: "customers.email,*.*.secret_*"
  },
  starrocksUrl: {
    names: ["SINK_URL", "STARROCKS_URL"],
    meaning: "StarRocks HTTP address of a front end (8030) or a back end (8040)",
    example: "http://starrocks.example:8030"
  },
  starrocksSqlPort: {
    names: ["SINK_PORT", "STARROCKS_PORT"],
    meaning: "StarRocks MySQL port on the same host",
    fallback: "9030",
    example: "9030"
  },
  starrocksDatabase: {
    names: ["SINK_DATABASE", "STARROCKS_DB"],
    meaning: "StarRocks database that holds the target tables",
    example: "shop"
  },
  starrocksUser: {
    names: ["SINK_USER", "STARROCKS_USER"],
    meaning: "StarRocks user, for HTTP and for SQL",
    fallback: "root",
    example: "dbmazz"
  },
  starrocksPassword: {
    names: ["SINK_PASSWORD", "STARROCKS_PASS"],
    meaning: "StarRocks password",
    fallback: "",
    example: "secret",
    secret: true
  },
  sinkTls: {
    names: ["SINK_TLS"],
    meaning:
      "TLS of the MySQL protocol to StarRocks: disable, require (no check), verify-ca, verify-full; an https:// " +
      "address is always checked, but for verify-ca without the host name",
    fallback: "disable",
    example: "verify-full"
  },
  sinkTlsCa: {
    names: ["SINK_TLS_CA"],
    meaning:
      "PEM file with the authorities that sign StarRocks' certificates, for HTTPS and SQL; none: those that Node " +
      "ships",
    fallback: "",
    example: "/etc/dbmazz/starrocks-ca.crt"
  },
  sinkTlsCert: {
    names: ["SINK_TLS_CERT"],
    meaning: "PEM file with the client certificate shown to StarRocks, over HTTPS and SQL",
    fallback: "",
    example: "/etc/dbmazz/starrocks.crt"
  },
  sinkTlsKey: {
    names: ["SINK_TLS_KEY"],
    meaning: "PEM file with the key of that certificate",
    fallback: "",
    example: "/etc/dbmazz/starrocks.key"
  },
  flushRows: {
    names: ["FLUSH_SIZE"],
    meaning: "a batch is loaded when it holds this many row changes",
    unit: "rows",
    fallback: "10000",
    example: "50000"
  },
  flushEveryMs: {
    names: ["FLUSH_INTERVAL_MS"],
    meaning: "a batch is loaded when its first change is this old",
    unit: "ms",
    fallback: "5000",
    example: "1000"
  },
  flushBytes: {
    names: ["FLUSH_BYTES"],
    meaning: "a batch is loaded when it holds this much WAL; also the size at which a load is split",
    unit: "bytes",
    fallback: String(16 * MIB),
    example: String(64 * MIB)
  },
  bufferBytesMax: {
    names: ["MAX_BUFFER_BYTES"],
    meaning: "reading pauses while this much is read and not yet acknowledged by StarRocks",
    unit: "bytes",
    fallback: String(64 * MIB),
    example: String(256 * MIB)
  },
  retryBaseMs: {
    names: ["RETRY_BASE_MS"],
    meaning: "first wait after a transient failure; it doubles, jittered",
    unit: "ms",
    fallback: "200",
    example: "500"
  },
  retryMaxMs: {
    names: ["RETRY_MAX_MS"],
    meaning: "longest wait between two tries",
    unit: "ms",
    fallback: "30000",
    example: "60000"
  },
  retryMaxElapsedMs: {
    names: ["RETRY_MAX_ELAPSED_MS"],
    meaning: "how long the same failure is retried before the table or the job stops; 0: for ever",
    unit: "ms",
    fallback: "0",
    example: "3600000"
  },
  controlHost: {
    names: ["CONTROL_HOST"],
    meaning:
      "address on which gRPC and HTTP listen; any but a loopback one needs CONTROL_TOKEN, client certificates, " +
      "or CONTROL_INSECURE=true",
    fallback: "127.0.0.1",
    example: "0.0.0.0"
  },
  grpcPort: {
    names: ["GRPC_PORT", "DBMAZZ_CONTROL_PORT"],
    meaning: "port of the gRPC control plane; 0: none",
    fallback: "50051",
    example: "50051"
  },
  httpPort: {
    names: ["HTTP_PORT", "HTTP_API_PORT"],
    meaning: "port of the HTTP control plane; 0: none",
    fallback: "8080",
    example: "8080"
  },
  controlToken: {
    names: ["CONTROL_TOKEN"],
    meaning: "bearer token that every client of the control plane must present",
    fallback: "",
    example: "4f1c6a…",
    secret: true
  },
  controlTlsCert: {
    names: ["CONTROL_TLS_CERT"],
    meaning: "PEM file with the certificate of the control plane; with it gRPC and HTTP speak TLS",
    fallback: "",
    example: "/etc/dbmazz/tls.crt"
  },
  controlTlsKey: {
    names: ["CONTROL_TLS_KEY"],
    meaning: "PEM file with the key of that certificate",
    fallback: "",
    example: "/etc/dbmazz/tls.key"
  },
  controlTlsCa: {
    names: ["CONTROL_TLS_CA"],
    meaning: "PEM file with the certificates that sign those of clients; with it a client without one is refused",
    fallback: "",
    example: "/etc/dbmazz/ca.crt"
  },
  controlInsecure: {
    names: ["CONTROL_INSECURE"],
    meaning: "true: anybody who reaches CONTROL_HOST may control the job",
    fallback: "false",
    example: "true"
  },
  logLevel: {
    names: ["LOG_LEVEL"],
    meaning:
      "least severe level that is logged: trace, debug, info, warn, error, off; and of single modules (docs/logs.md)",
    fallback: "info",
    example: "info,StreamLoader=debug"
  },
  logFormat: {
    names: ["LOG_FORMAT"],
    meaning: "json, or pretty for people",
    fallback: "json",
    example: "pretty"
  }
} as const satisfies Record<string, Variable>

export type VariableKey = keyof typeof VARIABLES
