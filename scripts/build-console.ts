// Builds the console into workers/console/dist, which the Worker serves. Run it: node scripts/build-console.ts
// Wrangler runs it before dev and deploy, scripts/install.mjs before tests. It does nothing when dist is up to date.
import { cp, mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { dirname, join, relative } from "node:path";
import { root } from "./local/process.ts";
import { hashOfSources } from "./local/sources.ts";

const here = join(root, "workers/console");
const target = join(here, "dist");
const stamp = "stamp";

const sources = await hashOfSources(
  [here, join(root, "workers/client"), join(root, "workers/core")],
  [import.meta.filename, join(root, "package-lock.json")],
);
const known = await readFile(join(target, stamp), "utf8").catch(() => "");
if (known !== sources) {
  // Built in another folder and moved file by file, the page last, since another process may be serving dist.
  const fresh = await mkdtemp(join(here, ".dist-"));
  try {
    // Loaded only when needed, since loading vite takes a second.
    const { build } = await import("vite");
    await build({
      configFile: join(here, "vite.config.ts"),
      logLevel: "warn",
      build: { outDir: join(fresh, "console") },
    });
    await writeFile(join(fresh, "_headers"), headers());
    await writeFile(join(fresh, ".assetsignore"), `${stamp}\n`);
    await replaceFiles(fresh);
    await writeFile(join(target, stamp), sources);
  } finally {
    await rm(fresh, { recursive: true, force: true });
  }
}

async function replaceFiles(fresh: string): Promise<void> {
  const files = await filesOf(fresh);
  const isPage = (file: string) => file.endsWith(".html");
  for (const file of files.sort((a, b) => Number(isPage(a)) - Number(isPage(b)))) {
    await mkdir(dirname(join(target, file)), { recursive: true });
    // Copied under another name first, so that no process reads half a file.
    const partial = join(target, `${file}.${process.pid}`);
    await cp(join(fresh, file), partial);
    await rename(partial, join(target, file));
  }
  const isStale = (file: string) => file !== stamp && !files.includes(file);
  for (const file of (await filesOf(target)).filter(isStale)) await rm(join(target, file), { force: true });
}

async function filesOf(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).map((entry) => relative(folder, join(entry.parentPath, entry.name)));
}

/** Headers that restrict scripts and connections to this deployment; reports have inline styles and images. */
function headers(): string {
  const policy = [
    "default-src 'none'",
    // The worker of a device compiles its engine.
    "script-src 'self' 'wasm-unsafe-eval'",
    "worker-src 'self'",
    "style-src 'self' 'unsafe-inline'",
    "img-src 'self' data: blob:",
    "media-src 'self' blob:",
    "connect-src 'self'",
    "frame-src 'self' blob:",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join("; ");
  return [
    "/console/*",
    `  Content-Security-Policy: ${policy}`,
    "  X-Content-Type-Options: nosniff",
    "  Referrer-Policy: no-referrer",
    "  Permissions-Policy: camera=(self), microphone=(), geolocation=()",
    "",
  ].join("\n");
}
