/** The certificate, key and client CA of the control plane: read once, when it starts. */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import type { ControlTls } from "../../domain/config/ControlSettings.ts"
import { VARIABLES } from "../../domain/config/Variables.ts"
import * as SetupError from "../../domain/errors/SetupError.ts"
import * as TlsFiles from "../TlsFiles.ts"

/** PEM text. With `ca` only clients whose certificate it has signed may be heard. */
export interface ControlPem {
  readonly cert: string
  readonly key: string
  readonly ca: string | undefined
}

const named = (name: "controlTlsCert" | "controlTlsKey" | "controlTlsCa", path: string): TlsFiles.NamedFile => ({
  setting: VARIABLES[name].names[0],
  path
})

/** Reads and checks the files. Fails with the variable, the file and what is wrong; no text holds what is in a file. */
export const load = (tls: ControlTls): Effect.Effect<ControlPem, SetupError.SetupError> =>
  Effect.suspend(() => {
    const pem = TlsFiles.load({
      cert: named("controlTlsCert", tls.cert),
      key: named("controlTlsKey", tls.key),
      ca: tls.ca === undefined ? undefined : named("controlTlsCa", tls.ca)
    })
    if (Result.isSuccess(pem)) {
      const { ca, cert = "", key = "" } = pem.success
      return Effect.succeed({ cert, key, ca })
    }
    const { path, remedy, setting, why } = pem.failure
    return Effect.fail(
      SetupError.make({ _tag: "ConfigurationInvalid", problems: [`${setting}: '${path}' ${why}. ${remedy}`] })
    )
  })
