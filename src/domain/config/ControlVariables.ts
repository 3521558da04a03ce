/** Where the control plane listens, and whom it obeys. */
import { FILE, FLAG, integer, PORT_MAX, TEXT, type Variable } from "./Variable.ts"

export const CONTROL_VARIABLES = {
  controlHost: {
    names: ["CONTROL_HOST"],
    path: "control.host",
    type: TEXT,
    meaning:
      "address on which gRPC and HTTP listen; any but a loopback one needs CONTROL_TOKEN, client certificates, " +
      "or CONTROL_INSECURE=true",
    fallback: "127.0.0.1",
    example: "0.0.0.0"
  },
  grpcPort: {
    names: ["GRPC_PORT", "DBMAZZ_CONTROL_PORT"],
    path: "control.grpc_port",
    type: integer(0, PORT_MAX),
    meaning: "port of the gRPC control plane; 0: none",
    fallback: "50051",
    example: "50051"
  },
  httpPort: {
    names: ["HTTP_PORT", "HTTP_API_PORT"],
    path: "control.http_port",
    type: integer(0, PORT_MAX),
    meaning: "port of the HTTP control plane; 0: none",
    fallback: "8080",
    example: "8080"
  },
  controlToken: {
    names: ["CONTROL_TOKEN"],
    path: "control.token",
    type: TEXT,
    meaning: "bearer token that every client of the control plane must present",
    fallback: "",
    example: "4f1c6a…",
    secret: true
  },
  controlTlsCert: {
    names: ["CONTROL_TLS_CERT"],
    path: "control.tls.cert",
    type: FILE,
    meaning: "PEM file with the certificate of the control plane; with it gRPC and HTTP speak TLS",
    fallback: "",
    example: "/etc/dbmazz/tls.crt"
  },
  controlTlsKey: {
    names: ["CONTROL_TLS_KEY"],
    path: "control.tls.key",
    type: FILE,
    meaning: "PEM file with the key of that certificate",
    fallback: "",
    example: "/etc/dbmazz/tls.key"
  },
  controlTlsCa: {
    names: ["CONTROL_TLS_CA"],
    path: "control.tls.ca",
    type: FILE,
    meaning: "PEM file with the certificates that sign those of clients; with it a client without one is refused",
    fallback: "",
    example: "/etc/dbmazz/ca.crt"
  },
  controlInsecure: {
    names: ["CONTROL_INSECURE"],
    path: "control.insecure",
    type: FLAG,
    meaning: "true: anybody who reaches CONTROL_HOST may control the job",
    fallback: "false",
    example: "true"
  }
} as const satisfies Record<string, Variable>
