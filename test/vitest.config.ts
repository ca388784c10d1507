import { join } from "node:path";
import { cloudflareTest } from "@cloudflare/vitest-plugin";
import { defineConfig } from "vitest/config";
import { freePort } from "#scripts/local/ports.ts";
import { testBindings } from "./helpers/bindings.ts";

const root = join(import.meta.dirname, "..");
// Vitest reads this file once a project: all of them mean the same origin.
process.env.UPRIVER_TEST_ORIGIN_PORT ??= String(await freePort());
const originPort = process.env.UPRIVER_TEST_ORIGIN_PORT;
// Once a file, wrangler would tell of secrets that it misses in its config: the tests bind their own.
process.env.WRANGLER_LOG ??= "error";
const reporters = process.env.CI ? ["default", join(import.meta.dirname, "ci-reporter.ts")] : ["default"];

export default defineConfig({
  root,
  test: {
    // Two at a time: a ladder waits much of its time, and CI has two cores.
    maxWorkers: 2,
    reporters,
    // Nothing is timed here: a machine that is busy takes its time, and a test that hangs still ends.
    expect: { poll: { timeout: 30_000 } },
    // What the rungs say of each question would bury the rest; a test that reads it listens for itself.
    onConsoleLog: (text) => !/^\{"event":.*"rung":/.test(text),
    globalSetup: [join(import.meta.dirname, "helpers/origin.setup.ts")],
    projects: [
      {
        root,
        plugins: [
          cloudflareTest({
            wrangler: { configPath: join(root, "wrangler.toml") },
            miniflare: { bindings: { ...testBindings, NEXT_RUNG_URL: `http://127.0.0.1:${originPort}` } },
          }),
        ],
        // TensorFlow.js ships ES modules that Node's rules, and so workerd's loader, take for CommonJS.
        ssr: { noExternal: [/@tensorflow/] },
        test: {
          name: "workerd",
          include: ["test/{core,edge,durable-objects}/**/*.test.ts"],
          exclude: ["**/*.node.test.ts"],
          testTimeout: 60_000,
          hookTimeout: 60_000,
        },
      },
      {
        root,
        test: {
          name: "node",
          include: ["test/{core,origin,client,console,scripts,journeys}/**/*.test.ts"],
          // Pictures take minutes: `npm run screens` takes them.
          exclude: process.env.SCREENSHOTS ? [] : ["test/console/screens.test.ts"],
          testTimeout: 180_000,
          hookTimeout: 300_000,
        },
      },
    ],
  },
});
