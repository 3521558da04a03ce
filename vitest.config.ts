import { defineConfig } from "vitest/config"
import CountReporter from "./test/support/CountReporter.ts"

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    pool: "forks",
    // Two cores: each integration file starts real servers, so more workers only make them wait for each other.
    maxWorkers: 2,
    testTimeout: 60_000,
    hookTimeout: 60_000,
    passWithNoTests: false,
    allowOnly: false,
    reporters: ["default", new CountReporter()]
  }
})
