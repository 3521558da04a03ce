/** X.509 certificates made by the `openssl` program, in a directory that goes with the scope. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { execFile } from "node:child_process"
import { writeFile } from "node:fs/promises"
import { join } from "node:path"
import { promisify } from "node:util"
import * as TemporaryDirectory from "./TemporaryDirectory.ts"

export interface KeyPair {
  /** Paths of PEM files. */
  readonly cert: string
  readonly key: string
}

export interface Authority {
  readonly ca: string
  /** A certificate for a common name; `altNames` as openssl writes them, `DNS:a,IP:127.0.0.1`. */
  readonly issue: (
    commonName: string,
    options?: { readonly altNames?: string; readonly expired?: boolean }
  ) => Effect.Effect<KeyPair>
}

const openssl = (...args: ReadonlyArray<string>): Promise<unknown> => promisify(execFile)("openssl", args)
const KEY = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]

/** An authority of its own, believed by nobody. */
export const authority: Effect.Effect<Authority, never, Scope.Scope> = Effect.gen(function*() {
  const directory = yield* TemporaryDirectory.make("certificates")
  let count = 0
  const ca = join(directory, "ca.crt")
  const caKey = join(directory, "ca.key")
  yield* Effect.promise(() =>
    openssl("req", "-x509", ...KEY, "-keyout", caKey, "-out", ca, "-days", "2", "-subj", "/CN=dbmazz test authority")
  )
  return {
    ca,
    issue: (commonName, { altNames, expired = false } = {}) =>
      Effect.promise(async () => {
        const at = join(directory, String(++count))
        const pair: KeyPair = { cert: `${at}.crt`, key: `${at}.key` }
        await openssl("req", ...KEY, "-keyout", pair.key, "-out", `${at}.csr`, "-subj", `/CN=${commonName}`)
        await writeFile(`${at}.ext`, altNames === undefined ? "" : `subjectAltName=${altNames}\n`)
        const days = expired ? "-1" : "2"
        const signedBy = ["-CA", ca, "-CAkey", caKey, "-CAcreateserial", "-days", days, "-extfile", `${at}.ext`]
        await openssl("x509", "-req", "-in", `${at}.csr`, ...signedBy, "-out", pair.cert)
        return pair
      })
  }
})
