import type { Reporter, TestModule } from "vitest/node";

/** Prints the plain count that CI reads, as the very last line. */
export default class CiReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[]): void {
    const counts = { passed: 0, failed: 0, skipped: 0 };
    for (const module of modules) {
      // A file that could not be loaded has no tests to fail.
      if (module.state() === "failed" && module.children.size === 0) counts.failed++;
      for (const test of module.children.allTests()) {
        const { state } = test.result();
        if (state !== "pending") counts[state]++;
      }
    }
    const { passed, failed, skipped } = counts;
    process.once("exit", () =>
      console.log(`${passed} passed, ${failed} failed${skipped ? `, ${skipped} skipped` : ""}`),
    );
  }
}
