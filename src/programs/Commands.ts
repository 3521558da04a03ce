/** The commands by name. Each is loaded when it is wanted: scripts call `health` often, and drivers take long to load. */

import type * as Check from "./Check.ts"
import type * as Steering from "./control/Commands.ts"
import type * as Demo from "./Demo.ts"
import type * as EmbeddedStarRocks from "./EmbeddedStarRocks.ts"
import type * as Run from "./Run.ts"
import type * as Traffic from "./Traffic.ts"
import type * as Verify from "./Verify.ts"

type Loaded =
  | typeof Run.command
  | typeof Check.command
  | typeof Steering.commands[number]
  | typeof Demo.command
  | typeof Verify.command
  | typeof Traffic.command
  | typeof EmbeddedStarRocks.command

/** The commands that steer a running dbmazz, and what they are loaded with. */
const steering = {
  names: ["health", "status", "metrics", "pause", "resume", "reload", "drain", "stop", "snapshot"],
  load: async () => (await import("./control/Commands.ts")).commands
} as const

const groups = [
  { names: ["run"], load: async () => [(await import("./Run.ts")).command] },
  { names: ["check"], load: async () => [(await import("./Check.ts")).command] },
  steering,
  { names: ["demo"], load: async () => [(await import("./Demo.ts")).command] },
  { names: ["verify"], load: async () => [(await import("./Verify.ts")).command] },
  { names: ["traffic"], load: async () => [(await import("./Traffic.ts")).command] },
  { names: ["embedded-starrocks"], load: async () => [(await import("./EmbeddedStarRocks.ts")).command] }
] as const

/** Flags that speak of all commands, wherever they stand. */
const ALL = /^--(completions|wizard)(=|$)/

/** The commands that a command line can mean: the one it begins with, or all of them when that is not the name of one. */
export const load = async (args: ReadonlyArray<string>): Promise<ReadonlyArray<Loaded>> => {
  const wanted = args.some((arg) => ALL.test(arg))
    ? []
    : groups.filter((group) => group.names.some((name) => name === args[0]))
  return (await Promise.all((wanted.length === 0 ? groups : wanted).map((group) => group.load()))).flat()
}
