import * as path from "node:path"
import { defineConfig } from "vitest/config"
import CountReporter from "./test/support/CountReporter.ts"
import LongestFirst from "./test/support/LongestFirst.ts"

// Every program that a test starts compiles the same sources: once is enough.
process.env["NODE_COMPILE_CACHE"] ??= path.join(import.meta.dirname, "node_modules/.cache/compile")

/** Files that leave nothing behind in their process. */
const SHARING = [
  "test/contract/**/*.test.ts",
  "test/differential/**/*.test.ts",
  "test/domain/**/*.test.ts",
  "test/ground/**/*.test.ts",
  "test/integration/**/*.test.ts",
  "test/layers/*.{pg,sr}.test.ts",
  "test/layers/control/**/*.test.ts",
  "test/layers/embedded/starrocks/**/*.test.ts",
  "test/programs/control/**/*.test.ts",
  "test/property/**/*.test.ts",
  "test/simulation/{CsvBody,Model}*.test.ts",
  "test/streams/**/*.test.ts"
]

/** Of these, the ones that replace a module or watch the whole process. */
const ALONE = [
  "test/layers/control/GrpcSecurity.test.ts",
  "test/layers/embedded/starrocks/{HttpFuzz,MysqlFuzz,Start}.test.ts"
]

export default defineConfig({
  test: {
    projects: [
      { extends: true, test: { name: "alone", include: ALONE } },
      { extends: true, test: { name: "servers", include: ["test/**/*.test.ts"], exclude: [...SHARING, ...ALONE] } },
      // No process of their own each: loading it, and until it is fast, is much of their time.
      { extends: true, test: { name: "sharing", include: SHARING, exclude: ALONE, isolate: false } }
    ],
    pool: "forks",
    // Of two cores: files of integration tests wait for their servers half of the time.
    maxWorkers: 3,
    sequence: { sequencer: LongestFirst },
    globalSetup: "test/support/RunDirectory.ts",
    testTimeout: 60_000,
    hookTimeout: 60_000,
    passWithNoTests: false,
    allowOnly: false,
    reporters: ["default", new CountReporter()]
  }
})
