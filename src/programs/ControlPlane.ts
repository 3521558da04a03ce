/** The servers of the control plane, as the settings want them, and what goes out by itself: metrics and traces. */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import packageJson from "../../package.json" with { type: "json" }
import type { ControlSettings } from "../domain/config/ControlSettings.ts"
import type { Settings } from "../domain/config/Settings.ts"
import * as Metering from "../layers/control/Metering.ts"
import * as Metrics from "../layers/Metrics.ts"
import type { TelemetryOptions } from "../layers/Telemetry.ts"

export const isOn = ({ grpcPort, httpPort }: ControlSettings): boolean => grpcPort > 0 || httpPort > 0

// They are a third of all that the program loads: each is loaded when it is wanted.
const loaded = <A, E, R>(load: () => Promise<Layer.Layer<A, E, R>>) => Layer.unwrap(Effect.promise(load))
const grpc = (control: ControlSettings) =>
  loaded(async () => (await import("../layers/control/GrpcServer.ts")).layer(control))
const http = (control: ControlSettings) =>
  loaded(async () => (await import("../layers/control/HttpControl.ts")).layer(control))
const handlers = (slot: string) => loaded(async () => (await import("../layers/control/Handlers.ts")).layer(slot))
const exporters = (options: TelemetryOptions) =>
  loaded(async () => (await import("../layers/Telemetry.ts")).layer(options))

/** Listens when it is built, and serves until its scope closes. Fails with a `SetupError` when it cannot listen. */
export const layer = ({ bufferBytesMax, control, slot, telemetry }: Settings) => {
  const { version } = packageJson
  const servers = Layer.merge(
    control.grpcPort > 0 ? grpc(control) : Layer.empty,
    control.httpPort > 0 ? http(control) : Layer.empty
  )
  return Layer.mergeAll(
    isOn(control) ? Layer.provide(servers, handlers(slot)) : Layer.empty,
    Metering.layer(bufferBytesMax),
    Metrics.layer(version),
    (telemetry.endpoint ?? "") === "" ? Layer.empty : exporters({ ...telemetry, version })
  )
}
