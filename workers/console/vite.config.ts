import { join } from "node:path";
import { defineConfig } from "vite";

/** The console as static files under /console, of which the Worker's assets are made: scripts/build-console.ts runs it. */
export default defineConfig({
  root: import.meta.dirname,
  base: "/console/",
  build: {
    outDir: join(import.meta.dirname, "dist/console"),
    emptyOutDir: true,
    target: "es2022",
    // One script: it is small, and a page that needs one request is there sooner.
    modulePreload: false,
    cssCodeSplit: false,
    // Plain names, revalidated by their ETag: a page that was opened before a deploy finds its files after it.
    rolldownOptions: {
      output: { entryFileNames: "console.js", assetFileNames: "[name][extname]" },
    },
  },
});
