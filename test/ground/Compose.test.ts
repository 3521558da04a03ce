import { assert, describe, it } from "@effect/vitest"
import { Ajv2020 } from "ajv/dist/2020.js"
import * as fs from "node:fs"
import * as path from "node:path"
import { parse } from "yaml"
import schema from "./compose-spec.schema.json" with { type: "json" }

const root = path.join(import.meta.dirname, "../..")

interface Service {
  readonly image?: string
  readonly command?: ReadonlyArray<string>
  readonly environment?: Readonly<Record<string, string>>
  readonly volumes?: ReadonlyArray<string>
  readonly depends_on?: Readonly<Record<string, { readonly condition: string }>>
  readonly healthcheck?: { readonly test: ReadonlyArray<string> }
}

interface Compose {
  readonly services: Readonly<Record<string, Service>>
  readonly volumes: Readonly<Record<string, unknown>>
}

const compose: Compose = parse(fs.readFileSync(path.join(root, "docker-compose.yml"), "utf8"), { merge: true })
const services = Object.entries(compose.services)

/** `strict: false` because the schema uses annotations and formats of its own. */
const validate = new Ajv2020({ strict: false, validateFormats: false, allErrors: true }).compile(schema)

describe("docker-compose.yml", () => {
  it("is a Compose file: it fits the specification's schema", () => {
    assert.isTrue(validate(compose), JSON.stringify(validate.errors, null, 2))
  })

  it("would be refused by the schema if a service had a misspelt key", () => {
    assert.isFalse(validate({ ...compose, services: { ...compose.services, extra: { imagee: "postgres:17" } } }))
  })

  it("waits only for services it has, in a way they can answer", () => {
    for (const [name, service] of services) {
      for (const [other, { condition }] of Object.entries(service.depends_on ?? {})) {
        const target = compose.services[other]
        assert.isDefined(target, `${name} waits for ${other}, which does not exist`)
        if (condition === "service_healthy") assert.isDefined(target?.healthcheck, `${other} has no health check`)
      }
    }
  })

  it("mounts only files of this repository and volumes it declares", () => {
    for (const [name, service] of services) {
      for (const volume of service.volumes ?? []) {
        const source = volume.split(":")[0] ?? ""
        const known = source.startsWith("./") ? fs.existsSync(path.join(root, source)) : source in compose.volumes
        assert.isTrue(known, `${name} mounts ${source}`)
      }
    }
  })

  it("pins every image to a version", () => {
    for (const [name, service] of services) assert.match(service.image ?? "", /^[\w./-]+:\d[\w.-]*$/, name)
  })

  it("starts a PostgreSQL that can replicate, and dbmazz only when both sides hold their tables", () => {
    assert.include(compose.services["postgres"]?.command ?? [], "wal_level=logical")
    assert.deepStrictEqual(compose.services["dbmazz"]?.depends_on, {
      "init-postgres": { condition: "service_completed_successfully" },
      "init-starrocks": { condition: "service_completed_successfully" }
    })
  })

  it("configures dbmazz with the variables that existing deployments use", () => {
    const environment = compose.services["dbmazz"]?.environment ?? {}
    assert.sameMembers(Object.keys(environment), [
      "DATABASE_URL",
      "TABLES",
      "STARROCKS_URL",
      "STARROCKS_PORT",
      "STARROCKS_DB",
      "STARROCKS_USER",
      "STARROCKS_PASS",
      "FLUSH_SIZE",
      "FLUSH_INTERVAL_MS",
      "GRPC_PORT",
      "HTTP_PORT",
      "CONTROL_HOST",
      "CONTROL_INSECURE"
    ])
    assert.strictEqual(new URL(environment["DATABASE_URL"] ?? "").searchParams.get("replication"), "database")
  })
})

describe("the demo's schema", () => {
  const tables = (name: string): Map<string, ReadonlyArray<string>> => {
    const sql = fs.readFileSync(path.join(root, "demo/sql", name), "utf8")
    const bodies = sql.matchAll(/create table if not exists (\w+) \(\n([\s\S]*?)\n\)/gi)
    return new Map(Array.from(bodies, ([, table = "", body = ""]) => [
      table,
      body.split("\n").map((row) => row.trim().split(" ")[0] ?? "")
    ]))
  }

  it("has the same tables and columns on both sides, in the same order", () => {
    const source = tables("postgres.sql")
    assert.deepStrictEqual(Array.from(source.keys()), ["orders", "order_items", "toast_test"])
    assert.deepStrictEqual(tables("starrocks.sql"), source)
  })

  it("can be run statement by statement: a semicolon only ever ends a statement", () => {
    for (const name of ["postgres.sql", "starrocks.sql"]) {
      const sql = fs.readFileSync(path.join(root, "demo/sql", name), "utf8")
      assert.notMatch(sql, /;[^\n]/, name)
      assert.notMatch(sql, /--.*;/, name)
    }
  })
})
