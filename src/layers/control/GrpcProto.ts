/** The proto files that the gRPC server serves, loaded once. Requests and answers have the forms of the types in proto/. */
import type { ServiceDefinition as GrpcServiceDefinition } from "@grpc/grpc-js"
import { loadSync, type Options, type PackageDefinition, type ServiceDefinition } from "@grpc/proto-loader"
import { createRequire } from "node:module"
import * as path from "node:path"
import { fileURLToPath } from "node:url"
import type { CdcControlServiceDefinition } from "./proto/dbmazz/CdcControlService.ts"
import type { CdcMetricsServiceDefinition } from "./proto/dbmazz/CdcMetricsService.ts"
import type { CdcStatusServiceDefinition } from "./proto/dbmazz/CdcStatusService.ts"
import type { HealthServiceDefinition } from "./proto/dbmazz/HealthService.ts"
import type { HealthDefinition } from "./proto/grpc/health/v1/Health.ts"

/** Names as in the file; 64-bit numbers as decimal strings and enums as names, as in the JSON of the operations. */
const FORMS: Options = { keepCase: true, longs: String, enums: String, defaults: true }

/** The same from src/layers/control and from dist/layers/control. */
const own = (name: string): string => fileURLToPath(new URL(`../../../proto/${name}`, import.meta.url))

const REFLECTION_VERSIONS = ["v1", "v1alpha"] as const
const reflection = (version: string): string =>
  path.join(
    path.dirname(createRequire(import.meta.url).resolve("@grpc/reflection/package.json")),
    `build/proto/grpc/reflection/${version}/reflection.proto`
  )

const dbmazz = loadSync(own("dbmazz.proto"), FORMS)
const health = loadSync(own("health.proto"), FORMS)

const isService = (definition: PackageDefinition[string] | undefined): definition is ServiceDefinition =>
  definition !== undefined && !("format" in definition)

/** The generated type says what the proto file says. */
const serviceOf = <A extends GrpcServiceDefinition>(definitions: PackageDefinition, name: string): A => {
  const definition = definitions[name]
  if (!isService(definition)) throw new Error(`the proto files of this installation have no service ${name}`)
  return definition as ServiceDefinition & A
}

export const HealthService = serviceOf<HealthServiceDefinition>(dbmazz, "dbmazz.HealthService")
export const CdcControlService = serviceOf<CdcControlServiceDefinition>(dbmazz, "dbmazz.CdcControlService")
export const CdcStatusService = serviceOf<CdcStatusServiceDefinition>(dbmazz, "dbmazz.CdcStatusService")
export const CdcMetricsService = serviceOf<CdcMetricsServiceDefinition>(dbmazz, "dbmazz.CdcMetricsService")
export const Health = serviceOf<HealthDefinition>(health, "grpc.health.v1.Health")

/** Full names of the product's own services. */
export const OWN_SERVICES: ReadonlyArray<string> = Object.keys(dbmazz).filter((name) => isService(dbmazz[name]))

/** Everything that is served, for reflection to describe. */
export const everything = (): PackageDefinition =>
  Object.assign({}, dbmazz, health, ...REFLECTION_VERSIONS.map((version) => loadSync(reflection(version), FORMS)))
