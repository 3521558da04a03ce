/** Where it goes: StarRocks. */
import { choice, FILE, FLAG, integer, PORT_MAX, TEXT, type Variable } from "./Variable.ts"

/** Tablets of one table; more than this is a mistake in any cluster. */
const BUCKETS_MAX = 10_000

export const SINK_VARIABLES = {
  starrocksUrl: {
    names: ["SINK_URL", "STARROCKS_URL"],
    path: "sink.url",
    type: TEXT,
    meaning: "StarRocks HTTP address of a front end (8030) or a back end (8040); without a port it is 8040",
    example: "http://starrocks.example:8030"
  },
  starrocksSqlPort: {
    names: ["SINK_PORT", "STARROCKS_PORT"],
    path: "sink.port",
    type: integer(1, PORT_MAX),
    meaning: "StarRocks MySQL port on the same host",
    fallback: "9030",
    example: "9030"
  },
  starrocksDatabase: {
    names: ["SINK_DATABASE", "STARROCKS_DB"],
    path: "sink.database",
    type: TEXT,
    meaning: "StarRocks database that holds the target tables",
    example: "shop"
  },
  starrocksUser: {
    names: ["SINK_USER", "STARROCKS_USER"],
    path: "sink.user",
    type: TEXT,
    meaning: "StarRocks user, for HTTP and for SQL",
    fallback: "root",
    example: "dbmazz"
  },
  starrocksPassword: {
    names: ["SINK_PASSWORD", "STARROCKS_PASS"],
    path: "sink.password",
    type: TEXT,
    meaning: "StarRocks password",
    fallback: "",
    example: "secret",
    secret: true
  },
  sinkTls: {
    names: ["SINK_TLS"],
    path: "sink.tls.mode",
    type: choice("disable", "require", "verify-ca", "verify-full"),
    meaning:
      "TLS of the MySQL protocol to StarRocks; require checks nothing, verify-full also the host name; an https:// " +
      "address is always checked, but for verify-ca without the host name",
    fallback: "disable",
    example: "verify-full"
  },
  sinkTlsCa: {
    names: ["SINK_TLS_CA"],
    path: "sink.tls.ca",
    type: FILE,
    meaning:
      "PEM file with the authorities that sign StarRocks' certificates, for HTTPS and SQL; none: those that Node ships",
    fallback: "",
    example: "/etc/dbmazz/starrocks-ca.crt"
  },
  sinkTlsCert: {
    names: ["SINK_TLS_CERT"],
    path: "sink.tls.cert",
    type: FILE,
    meaning: "PEM file with the client certificate shown to StarRocks, over HTTPS and SQL",
    fallback: "",
    example: "/etc/dbmazz/starrocks.crt"
  },
  sinkTlsKey: {
    names: ["SINK_TLS_KEY"],
    path: "sink.tls.key",
    type: FILE,
    meaning: "PEM file with the key of that certificate",
    fallback: "",
    example: "/etc/dbmazz/starrocks.key"
  },
  autoCreateTables: {
    names: ["AUTO_CREATE_TABLES"],
    path: "auto_create.tables",
    type: FLAG,
    meaning: "create target tables that are missing, and their database, as docs/creating-tables.md says",
    fallback: "false",
    example: "true"
  },
  autoCreateBuckets: {
    names: ["AUTO_CREATE_BUCKETS"],
    path: "auto_create.buckets",
    type: integer(0, BUCKETS_MAX),
    meaning: "buckets of a table that is created; 0: StarRocks chooses",
    fallback: "0",
    example: "12"
  }
} as const satisfies Record<string, Variable>
