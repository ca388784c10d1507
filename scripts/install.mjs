// Installs missing dependencies and builds the console; npm runs it before start and test. Run it: node scripts/install.mjs
// Plain JavaScript for Node 20, since it runs before the newer Node of the dependencies is installed.
import { spawnSync } from "node:child_process";
import { existsSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const minNodeMajor = 20;

function isInstalled() {
  const stamp = join(root, "node_modules", ".package-lock.json");
  const lock = join(root, "package-lock.json");
  return existsSync(stamp) && (!existsSync(lock) || statSync(stamp).mtimeMs >= statSync(lock).mtimeMs);
}

if (Number(process.versions.node.split(".")[0]) < minNodeMajor) {
  console.error(`Upriver needs Node ${minNodeMajor} or newer; this is ${process.version}. Install a newer Node.`);
  process.exit(1);
}
if (!isInstalled()) {
  console.error("Installing dependencies (about 1 GB, about a minute) …");
  // Not `npm ci`: it needs every platform's optional packages, which not every registry has.
  const args = ["install", "--no-save", "--no-fund", "--no-audit", "--loglevel=error"];
  const npm = process.platform === "win32" ? "npm.cmd" : "npm";
  const { status } = spawnSync(npm, args, {
    cwd: root,
    stdio: "inherit",
  });
  if (status !== 0) {
    console.error(`'npm install' failed. Check that the npm registry is reachable ('npm ping'), then run this again.`);
    process.exit(1);
  }
}
// Tests and benchmarks load the Worker without wrangler, which otherwise builds the console.
const node = join(root, "node_modules", ".bin", process.platform === "win32" ? "node.cmd" : "node");
const { status } = spawnSync(node, [join(root, "scripts", "build-console.ts")], { cwd: root, stdio: "inherit" });
if (status !== 0) {
  console.error("Building the console failed; see the messages above.");
  process.exit(1);
}
