/** The commands that steer a running dbmazz, as the command line registers them. */
import * as Drain from "./Drain.ts"
import * as Health from "./Health.ts"
import * as Metrics from "./Metrics.ts"
import * as Pause from "./Pause.ts"
import * as Reload from "./Reload.ts"
import * as Resume from "./Resume.ts"
import * as Snapshot from "./Snapshot.ts"
import * as Status from "./Status.ts"
import * as Stop from "./Stop.ts"

export const commands: readonly [
  typeof Health.command,
  typeof Status.command,
  typeof Metrics.command,
  typeof Pause.command,
  typeof Resume.command,
  typeof Reload.command,
  typeof Drain.command,
  typeof Stop.command,
  typeof Snapshot.command
] = [
  Health.command,
  Status.command,
  Metrics.command,
  Pause.command,
  Resume.command,
  Reload.command,
  Drain.command,
  Stop.command,
  Snapshot.command
]
