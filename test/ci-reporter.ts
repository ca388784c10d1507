import { relative } from "node:path";
import type { Reporter, TestModule } from "vitest/node";

const slowestFiles = 10;

/** Prints the slowest files and, as the last line of the process, the count that CI reads. */
export default class CiReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[]): void {
    const counts = { passed: 0, failed: 0, skipped: 0 };
    for (const module of modules) {
      const states = [...module.children.allTests()].map((test) => test.result().state);
      for (const state of states) if (state !== "pending") counts[state]++;
      // A file that could not be loaded, or prepared, has no test that fails.
      if (module.state() === "failed" && !states.includes("failed")) counts.failed++;
    }
    const { passed, failed, skipped } = counts;
    const slowest = modules
      .map((module) => ({ seconds: secondsOf(module), name: relative(process.cwd(), module.moduleId) }))
      .sort((a, b) => b.seconds - a.seconds)
      .slice(0, slowestFiles);
    process.once("exit", () => {
      console.log("The slowest files:");
      for (const { seconds, name } of slowest) console.log(`${seconds.toFixed(1).padStart(6)} s  ${name}`);
      console.log(`${passed} passed, ${failed} failed${skipped ? `, ${skipped} skipped` : ""}`);
    });
  }
}

/** Returns how long a file took with its imports and hooks. */
function secondsOf(module: TestModule): number {
  const { collectDuration, setupDuration, duration } = module.diagnostic();
  return (collectDuration + setupDuration + duration) / 1_000;
}
