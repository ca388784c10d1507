import { join } from "node:path";
import { cloudflareTest } from "@cloudflare/vitest-plugin";
import { defineConfig, type TestProjectInlineConfiguration } from "vitest/config";
import { freePort } from "#scripts/local/ports.ts";
import { testBindings } from "./helpers/bindings.ts";
import { SlowestFirst } from "./sequencer.ts";

const root = join(import.meta.dirname, "..");
// Vitest reads this file once per project; all projects use the same ports.
process.env.UPRIVER_TEST_ORIGIN_PORT ??= String(await freePort());
process.env.UPRIVER_TEST_SHARED_PORT ??= String(await freePort());
process.env.UPRIVER_TEST_ABOVE_PORT ??= String(await freePort());
const originPort = process.env.UPRIVER_TEST_ORIGIN_PORT;
// Processes that tests start (the command line, wrangler, origins) compile the same sources: once is enough.
process.env.NODE_COMPILE_CACHE ??= join(root, "node_modules/.cache/compiled");
// The tests bind their own secrets: wrangler's warning that its config lacks them does not apply.
process.env.WRANGLER_LOG ??= "error";
const reporters = process.env.CI ? ["default", join(import.meta.dirname, "ci-reporter.ts")] : ["default"];

/** Files of Node that need a process of their own: they set up TensorFlow.js with other backends. */
const aloneInNode = ["test/origin/backend/*.test.ts"];
/** Files of workerd that need empty stores: they count everything. */
const aloneInWorkerd = ["test/durable-objects/{console-cost,cost}.test.ts", "test/edge/{checks,metrics}.test.ts"];
/** Mathematics that runs in Node only: workerd runs the same code in V8, too. */
const inNodeOnly = ["test/core/{budget,confidence,regress,semantic-cache}/**", "test/core/head/!(softmax).test.ts"];
// Pictures take minutes: `npm run screens` takes them.
const screens = process.env.SCREENSHOTS ? [] : ["test/console/screens.test.ts"];

function inWorkerd(
  name: string,
  isolate: boolean,
  include: string[],
  exclude: string[],
): TestProjectInlineConfiguration {
  return {
    root,
    plugins: [
      cloudflareTest({
        wrangler: { configPath: join(root, "wrangler.toml") },
        miniflare: {
          bindings: {
            ...testBindings,
            // `npm run faults` injects more of them.
            FAULTS: process.env.FAULTS ?? "",
            FAULTS_SEED: process.env.FAULTS_SEED ?? "",
            NEXT_RUNG_URL: `http://127.0.0.1:${originPort}`,
            TEST_SHARED_URL: `http://127.0.0.1:${process.env.UPRIVER_TEST_SHARED_PORT}`,
            TEST_ABOVE_URL: `http://127.0.0.1:${process.env.UPRIVER_TEST_ABOVE_PORT}`,
          },
        },
      }),
    ],
    // TensorFlow.js ships ES modules that Node's rules, and so workerd's loader, take for CommonJS.
    ssr: { noExternal: [/@tensorflow/] },
    test: {
      ...{ name, isolate, include, exclude, testTimeout: 60_000, hookTimeout: 60_000 },
      setupFiles: [join(import.meta.dirname, "helpers/tfjs.setup.ts")],
    },
  };
}

export default defineConfig({
  root,
  test: {
    // Twice the cores of CI: tests wait for alarms, reports and processes a third of the time.
    maxWorkers: 4,
    sequence: { sequencer: SlowestFirst },
    reporters,
    // Nothing is timed here: a busy machine takes longer, and a test that hangs still ends.
    expect: { poll: { timeout: 30_000, interval: 20 } },
    // What the rungs log of each question would bury the rest; a test that reads it listens for itself.
    onConsoleLog: (text) => !/^\{"event":.*"rung":/.test(text),
    globalSetup: ["temporary", "origin", "shared", "above"].map((name) =>
      join(import.meta.dirname, `helpers/${name}.setup.ts`),
    ),
    projects: [
      inWorkerd(
        "workerd",
        false,
        ["test/{core,edge,durable-objects}/**/*.test.ts"],
        ["**/*.node.test.ts", ...aloneInWorkerd, ...inNodeOnly],
      ),
      inWorkerd("workerd-alone", true, aloneInWorkerd, []),
      {
        root,
        test: {
          name: "node",
          isolate: false,
          include: ["test/{client,console,core,journeys,origin,scripts}/**/*.test.ts"],
          exclude: [...aloneInNode, ...screens],
          testTimeout: 180_000,
          hookTimeout: 300_000,
        },
      },
      {
        root,
        test: {
          name: "node-alone",
          include: aloneInNode,
          testTimeout: 180_000,
          hookTimeout: 300_000,
        },
      },
    ],
  },
});
