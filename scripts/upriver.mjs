#!/usr/bin/env node
// The command line. Run it: npx upriver --help
// Plain JavaScript: it starts the Node that Upriver needs, which runs TypeScript, from any Node that npx uses.
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
// The package has built code; the repository has the sources.
const cli = [join(here, "cli.ts"), join(here, "..", "dist", "scripts", "cli.js")].find(existsSync);
const node = findNode();
if (!cli || !node) {
  console.error("Upriver is not installed completely. Run 'npm install' in its folder, then try again.");
  process.exit(1);
}
const child = spawn(node, [cli, ...process.argv.slice(2)], { stdio: "inherit" });
for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => child.kill(signal));
child.on("exit", (code, signal) => process.exit(code ?? (signal ? 1 : 0)));

// npm may install a dependency here or in any folder above.
function findNode() {
  try {
    const folder = dirname(createRequire(import.meta.url).resolve("node/package.json"));
    return [join(folder, "bin", "node"), join(folder, "bin", "node.exe")].find(existsSync);
  } catch {
    return undefined;
  }
}
