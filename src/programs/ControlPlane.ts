/** The servers of the control plane, as the settings want them. */
import * as Layer from "effect/Layer"
import type { ControlSettings } from "../domain/config/ControlSettings.ts"
import type { Settings } from "../domain/config/Settings.ts"
import * as Handlers from "../layers/control/Handlers.ts"

export const isOn = ({ grpcPort, httpPort }: ControlSettings): boolean => grpcPort > 0 || httpPort > 0

/** Listens when it is built, and serves until its scope closes. */
export const layer = (settings: Settings) => Handlers.layer(settings.slot).pipe(Layer.provideMerge(Layer.empty))
