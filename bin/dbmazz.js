#!/usr/bin/env -S node --max-semi-space-size=2
import * as module from "node:module"

// Looks at the Node.js version before anything modern is loaded, then starts the built program.
const WANTED = [22, 19]
const EXIT_SETUP = 78

const [major, minor] = process.versions.node.split(".").map(Number)
if (major < WANTED[0] || (major === WANTED[0] && minor < WANTED[1])) {
  console.error(`dbmazz needs Node.js ${WANTED.join(".")} or newer; this is ${process.version} (${process.execPath})`)
  process.exit(EXIT_SETUP)
}
// Scripts call commands often: what was compiled once is kept for the next start.
module.enableCompileCache?.()
await import("../dist/programs/Main.js")
