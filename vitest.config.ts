import * as path from "node:path"
import { defineConfig } from "vitest/config"
import CountReporter from "./test/support/CountReporter.ts"

// Every program that a test starts compiles the same sources: once is enough.
process.env["NODE_COMPILE_CACHE"] ??= path.join(import.meta.dirname, "node_modules/.cache/compile")

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    pool: "forks",
    // Of two cores: files of integration tests wait for their servers half of the time.
    maxWorkers: 3,
    testTimeout: 60_000,
    hookTimeout: 60_000,
    passWithNoTests: false,
    allowOnly: false,
    reporters: ["default", new CountReporter()]
  }
})
