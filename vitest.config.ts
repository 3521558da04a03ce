import * as path from "node:path"
import { defineConfig } from "vitest/config"
import CountReporter from "./test/support/CountReporter.ts"

// Every program that a test starts compiles the same sources: once is enough.
process.env["NODE_COMPILE_CACHE"] ??= path.join(import.meta.dirname, "node_modules/.cache/compile")

const PURE = ["test/domain/**/*.test.ts", "test/streams/**/*.test.ts"]

export default defineConfig({
  test: {
    projects: [
      // Files that share nothing but pure code need no process of their own each: loading it is most of their time.
      { extends: true, test: { name: "pure", include: PURE, isolate: false } },
      { extends: true, test: { name: "servers", include: ["test/**/*.test.ts"], exclude: PURE } }
    ],
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
