/** Where the control plane listens, and whom it obeys. */
import * as Redacted from "effect/Redacted"
import type { Reader } from "./Reader.ts"

/** Files in PEM form. With `ca` only clients whose certificate it has signed are heard. */
export interface ControlTls {
  readonly cert: string
  readonly key: string
  readonly ca: string | undefined
}

export interface ControlSettings {
  readonly host: string
  /** 0: no gRPC server. */
  readonly grpcPort: number
  /** 0: no HTTP server. */
  readonly httpPort: number
  /** What every client must present as a bearer token. */
  readonly token: Redacted.Redacted<string> | undefined
  readonly tls: ControlTls | undefined
  /** Whoever reaches an address that is not a loopback one is obeyed. */
  readonly insecure: boolean
}

/** Whether only processes of this machine reach the address. */
export const isLoopback = (host: string): boolean =>
  host === "localhost" || host === "::1" || /^127(\.\d{1,3}){3}$/.test(host)

const readTls = (reader: Reader): ControlTls | undefined => {
  const cert = reader.text("controlTlsCert") ?? ""
  const key = reader.text("controlTlsKey") ?? ""
  const ca = reader.text("controlTlsCa") ?? ""
  if (cert === "" && key === "" && ca === "") return undefined
  if (!reader.sound("controlTlsCert", "controlTlsKey", "controlTlsCa")) return undefined
  if (cert === "") reader.problem("controlTlsCert", "must be set when the key or the CA is")
  if (key === "") reader.problem("controlTlsKey", "must be set when the certificate or the CA is")
  return { cert, key, ca: ca === "" ? undefined : ca }
}

/** An address that others reach needs a token, client certificates, or the word that it needs neither. */
export const readControl = (reader: Reader): ControlSettings => {
  const host = reader.text("controlHost") ?? ""
  const token = reader.text("controlToken") ?? ""
  const control: ControlSettings = {
    host,
    grpcPort: reader.integer("grpcPort"),
    httpPort: reader.integer("httpPort"),
    token: token === "" ? undefined : Redacted.make(token),
    tls: readTls(reader),
    insecure: reader.flag("controlInsecure")
  }
  if (!reader.sound("controlHost", "controlToken", "controlTlsCa", "controlInsecure", "grpcPort", "httpPort")) {
    return control
  }
  const isGuarded = control.token !== undefined || control.tls?.ca !== undefined || control.insecure
  if (!isLoopback(host) && !isGuarded && (control.grpcPort > 0 || control.httpPort > 0)) {
    reader.problem(
      "controlHost",
      `'${host}' can be reached from other machines: set CONTROL_TOKEN, or CONTROL_TLS_CERT, CONTROL_TLS_KEY and ` +
        "CONTROL_TLS_CA, or CONTROL_INSECURE=true"
    )
  }
  if (control.grpcPort > 0 && control.grpcPort === control.httpPort) {
    reader.problem("httpPort", "must not be the port of gRPC")
  }
  return control
}
