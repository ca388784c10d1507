#!/usr/bin/env node
// The command line. Run it: npx upriver --help
// Plain JavaScript: it starts the project's own Node, which runs TypeScript, from any Node that npx uses.
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
const node = join(here, "..", "node_modules", ".bin", "node");
if (!existsSync(node)) {
  console.error("Upriver is not installed yet. Run 'npm install' in its folder, then try again.");
  process.exit(1);
}
const child = spawn(node, [join(here, "cli.ts"), ...process.argv.slice(2)], { stdio: "inherit" });
for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => child.kill(signal));
child.on("exit", (code, signal) => process.exit(code ?? (signal ? 1 : 0)));
