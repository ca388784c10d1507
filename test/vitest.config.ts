import { join } from "node:path";
import { cloudflareTest } from "@cloudflare/vitest-plugin";
import { defineConfig } from "vitest/config";
import { testBindings } from "./helpers/bindings.ts";

const root = join(import.meta.dirname, "..");
const reporters = process.env.CI ? ["default", join(import.meta.dirname, "ci-reporter.ts")] : ["default"];

export default defineConfig({
  root,
  test: {
    reporters,
    projects: [
      {
        root,
        plugins: [
          cloudflareTest({
            wrangler: { configPath: join(root, "wrangler.toml") },
            miniflare: { bindings: testBindings },
          }),
        ],
        // TensorFlow.js ships ES modules that Node's rules, and so workerd's loader, take for CommonJS.
        ssr: { noExternal: [/@tensorflow/] },
        test: {
          name: "workerd",
          include: ["test/{core,edge,durable-objects}/**/*.test.ts"],
          testTimeout: 30_000,
        },
      },
      {
        root,
        test: {
          name: "node",
          include: ["test/{core,origin,client,scripts,journeys}/**/*.test.ts"],
          testTimeout: 60_000,
          hookTimeout: 180_000,
        },
      },
    ],
  },
});
