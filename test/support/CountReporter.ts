/**
 * Prints the run's outcome as the last line of standard output, alone: `N passed, N failed` and, if any, `, N skipped`.
 *
 * Continuous integration reads that line. A file that does not load and an error outside a test count as one failure
 * each, so the line never says "0 failed" about a run that failed; a run in which no test ran fails.
 */
import * as fs from "node:fs"
import type { Reporter, TestModule } from "vitest/node"

const STDOUT = 1

export interface Counts {
  readonly passed: number
  readonly failed: number
  readonly skipped: number
}

/** What the reporter needs to know of a test file. */
interface FileOutcome {
  readonly state: string
  readonly tests: ReadonlyArray<string>
}

/** Adds up the outcomes of files and of errors that belong to no test. */
export const count = (files: ReadonlyArray<FileOutcome>, errorCount: number): Counts => {
  let passed = 0
  let failed = errorCount
  let skipped = 0
  for (const file of files) {
    const failedTests = file.tests.filter((state) => state === "failed").length
    passed += file.tests.filter((state) => state === "passed").length
    skipped += file.tests.filter((state) => state === "skipped" || state === "pending").length
    failed += failedTests === 0 && file.state === "failed" ? 1 : failedTests
  }
  return { passed, failed, skipped }
}

/** The line itself. */
export const line = (counts: Counts): string =>
  `${counts.passed} passed, ${counts.failed} failed${counts.skipped === 0 ? "" : `, ${counts.skipped} skipped`}`

const outcome = (module: TestModule): FileOutcome => ({
  state: module.state(),
  tests: Array.from(module.children.allTests(), (test) => test.result().state)
})

export default class CountReporter implements Reporter {
  onTestRunEnd(modules: ReadonlyArray<TestModule>, errors: ReadonlyArray<unknown>): void {
    const counts = count(modules.map(outcome), errors.length)
    // At exit, so that no other reporter prints after it; written synchronously, so that a pipe gets it too.
    process.once("exit", () => {
      if (counts.passed + counts.failed === 0) {
        process.exitCode = 1
        fs.writeSync(STDOUT, "no test ran\n")
      }
      fs.writeSync(STDOUT, `${line(counts)}\n`)
    })
  }
}
