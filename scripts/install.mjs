// Installs what is missing. Run by npm before start, test, check and bench; by hand: node scripts/install.mjs
// Plain JavaScript for Node 20: it runs before the dependencies, and their newer Node, are there.
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
  console.error(
    `Upriver needs Node ${minNodeMajor} or newer to install; this is ${process.version}. Install a newer Node.`,
  );
  process.exit(1);
}
if (!isInstalled()) {
  console.error("Installing what is missing (about 1 GB, a minute or so) …");
  // Not `npm ci`: it wants every platform's optional packages in the lock, which not every registry has.
  const args = ["install", "--no-save", "--no-fund", "--no-audit", "--loglevel=error"];
  const npm = process.platform === "win32" ? "npm.cmd" : "npm";
  const { status } = spawnSync(npm, args, {
    cwd: root,
    stdio: "inherit",
  });
  if (status !== 0) {
    console.error(`'npm install' failed. Is the npm registry reachable ('npm ping')? Mend that and run this again.`);
    process.exit(1);
  }
}
// Tests and benches load the Worker without wrangler, which builds it else.
const node = join(root, "node_modules", ".bin", process.platform === "win32" ? "node.cmd" : "node");
const { status } = spawnSync(node, [join(root, "scripts", "build-console.ts")], { cwd: root, stdio: "inherit" });
if (status !== 0) {
  console.error("The console could not be built; what is wrong stands above.");
  process.exit(1);
}
