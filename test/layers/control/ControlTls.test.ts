import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import * as ControlTls from "../../../src/layers/control/ControlTls.ts"
import { openssl } from "../../support/Certificates.ts"
import * as ControlCertificates from "../../support/ControlCertificates.ts"
import * as TemporaryDirectory from "../../support/TemporaryDirectory.ts"

describe("ControlTls: a control plane without its certificate, and nobody told which file is wrong", () => {
  it.live("loads certificate, key and client CA", () =>
    Effect.gen(function*() {
      const { ca, server } = yield* ControlCertificates.make
      const pem = yield* ControlTls.load({ ...server, ca })
      assert.deepStrictEqual(pem, {
        cert: readFileSync(server.cert, "utf8"),
        key: readFileSync(server.key, "utf8"),
        ca: readFileSync(ca, "utf8")
      })
      assert.isUndefined((yield* ControlTls.load({ ...server, ca: undefined })).ca)
    }))

  it.live("names the variable, the file and what is wrong with it", () =>
    Effect.gen(function*() {
      const directory = yield* TemporaryDirectory.make("control-tls")
      const { ca, client, server } = yield* ControlCertificates.make
      const file = (name: string, content: string | Buffer): string => {
        const path = join(directory, name)
        writeFileSync(path, content)
        return path
      }
      const garbage = file("garbage.pem", "-----BEGIN CERTIFICATE-----\nSECRET\n-----END CERTIFICATE-----\n")
      const large = file("large.pem", Buffer.alloc(1024 * 1024 + 1))
      const locked = join(directory, "locked.key")
      yield* Effect.promise(() =>
        openssl("ec", "-in", server.key, "-aes256", "-passout", "pass:SECRET", "-out", locked)
      )
      const missing = join(directory, "missing")
      const cases = [
        [
          { ...server, ca: undefined, cert: missing },
          `CONTROL_TLS_CERT: '${missing}' cannot be read: there is no such`
        ],
        [{ ...server, ca: undefined, cert: directory }, `CONTROL_TLS_CERT: '${directory}' is not a file`],
        [{ ...server, ca: undefined, key: missing }, `CONTROL_TLS_KEY: '${missing}' cannot be read: there is no such`],
        [{ ...server, ca: missing }, `CONTROL_TLS_CA: '${missing}' cannot be read: there is no such file`],
        [
          { ...server, ca: undefined, cert: garbage },
          `CONTROL_TLS_CERT: '${garbage}' holds no certificate`
        ],
        [
          { ...server, ca: undefined, key: garbage },
          `CONTROL_TLS_KEY: '${garbage}' holds no private key`
        ],
        [{ ...server, ca: undefined, key: locked }, `CONTROL_TLS_KEY: '${locked}' is encrypted with a passphrase`],
        [{ ...server, ca: garbage }, `CONTROL_TLS_CA: '${garbage}' holds no certificate`],
        [{ ...server, ca: large }, `CONTROL_TLS_CA: '${large}' is larger than 1048576 bytes`],
        [
          { ...server, ca, key: client.key },
          `CONTROL_TLS_KEY: '${client.key}' does not go with the certificate in '${server.cert}'`
        ]
      ] as const
      for (const [tls, wanted] of cases) {
        const error = yield* Effect.flip(ControlTls.load(tls))
        assert.strictEqual(error.code, "ConfigurationInvalid")
        assert.include(error.message, wanted)
        assert.notInclude(JSON.stringify(error), "SECRET")
      }
    }))
})
