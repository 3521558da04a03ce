/** Certificates made for one test: an authority, what it has signed, and what another one has. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { execFile } from "node:child_process"
import { writeFile } from "node:fs/promises"
import { join } from "node:path"
import { promisify } from "node:util"
import * as TemporaryDirectory from "./TemporaryDirectory.ts"

/** Paths of PEM files. */
export interface Pair {
  readonly cert: string
  readonly key: string
}

export interface Certificates {
  readonly directory: string
  readonly ca: string
  /** For 127.0.0.1 and localhost. */
  readonly server: Pair
  readonly client: Pair
  readonly strangerCa: string
  /** Signed by the other authority. */
  readonly stranger: Pair
}

/** Runs openssl there; its arguments hold no spaces. */
export const openssl = (directory: string, args: string): Effect.Effect<unknown> =>
  Effect.promise(() => promisify(execFile)("openssl", args.split(" "), { cwd: directory }))

const NEW_KEY = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes"

const authority = (directory: string, name: string) =>
  openssl(
    directory,
    `req -x509 ${NEW_KEY} -days 2 -subj /CN=${name} -addext basicConstraints=critical,CA:TRUE ` +
      `-keyout ${name}.key -out ${name}.crt`
  )

const signed = Effect.fnUntraced(function*(directory: string, name: string, by: string) {
  yield* openssl(directory, `req -new ${NEW_KEY} -subj /CN=${name} -keyout ${name}.key -out ${name}.csr`)
  yield* openssl(
    directory,
    `x509 -req -in ${name}.csr -CA ${by}.crt -CAkey ${by}.key -CAcreateserial -days 2 -extfile names.cnf -out ${name}.crt`
  )
  return { cert: join(directory, `${name}.crt`), key: join(directory, `${name}.key`) }
})

/** Makes them with openssl; deleted with the scope. */
export const make: Effect.Effect<Certificates, never, Scope.Scope> = Effect.gen(function*() {
  const directory = yield* TemporaryDirectory.make("certificates")
  yield* Effect.promise(() => writeFile(join(directory, "names.cnf"), "subjectAltName=IP:127.0.0.1,DNS:localhost\n"))
  yield* authority(directory, "ca")
  yield* authority(directory, "stranger-ca")
  return {
    directory,
    ca: join(directory, "ca.crt"),
    server: yield* signed(directory, "server", "ca"),
    client: yield* signed(directory, "client", "ca"),
    strangerCa: join(directory, "stranger-ca.crt"),
    stranger: yield* signed(directory, "stranger", "stranger-ca")
  }
})
