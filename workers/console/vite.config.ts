import { join } from "node:path";
import { defineConfig } from "vite";

/** Builds the console as static files under /console, for scripts/build-console.ts. */
export default defineConfig({
  root: import.meta.dirname,
  base: "/console/",
  build: {
    outDir: join(import.meta.dirname, "dist/console"),
    emptyOutDir: true,
    target: "es2022",
    // One small script loads faster than several requests.
    modulePreload: false,
    // TensorFlow.js, of the device's worker.
    chunkSizeWarningLimit: 2_000,
    cssCodeSplit: false,
    // Names without a hash: a page opened before a deploy still finds its files afterwards.
    rolldownOptions: {
      checks: { bundlerTimings: false },
      output: { entryFileNames: "console.js", chunkFileNames: "[name].js", assetFileNames: "[name][extname]" },
    },
  },
  // The device's worker, which is loaded where somebody asks on the device; it loads TensorFlow.js for models that need it.
  worker: {
    format: "es",
    rolldownOptions: {
      output: {
        entryFileNames: "device-worker.js",
        chunkFileNames: "device-[name].js",
        assetFileNames: "[name][extname]",
      },
    },
  },
});
