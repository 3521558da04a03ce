/** The servers of the control plane, as the settings want them, and what goes out by itself: metrics and traces. */
import * as Layer from "effect/Layer"
import packageJson from "../../package.json" with { type: "json" }
import type { ControlSettings } from "../domain/config/ControlSettings.ts"
import type { Settings } from "../domain/config/Settings.ts"
import * as GrpcServer from "../layers/control/GrpcServer.ts"
import * as Handlers from "../layers/control/Handlers.ts"
import * as HttpControl from "../layers/control/HttpControl.ts"
import * as Metering from "../layers/control/Metering.ts"
import * as Metrics from "../layers/Metrics.ts"
import * as Telemetry from "../layers/Telemetry.ts"

export const isOn = ({ grpcPort, httpPort }: ControlSettings): boolean => grpcPort > 0 || httpPort > 0

/** Listens when it is built, and serves until its scope closes. Fails with a `SetupError` when it cannot listen. */
export const layer = ({ bufferBytesMax, control, slot, telemetry }: Settings) => {
  const { version } = packageJson
  const servers = Layer.merge(
    GrpcServer.layer(control),
    control.httpPort > 0 ? HttpControl.layer(control) : Layer.empty
  )
  return Layer.mergeAll(
    Layer.provide(servers, Handlers.layer(slot)),
    Metering.layer(bufferBytesMax),
    Metrics.layer(version),
    Telemetry.layer({ ...telemetry, version })
  )
}
