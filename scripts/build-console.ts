// Builds the console into workers/console/dist, which the Worker serves: node scripts/build-console.ts
// Wrangler runs it before each dev and deploy, and `npm install`'s stand-in before tests; what is fresh is left alone.
import { createHash } from "node:crypto";
import { cp, mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { dirname, join, relative } from "node:path";
import { root } from "./local/process.ts";

const here = join(root, "workers/console");
const target = join(here, "dist");
const stamp = "stamp";

const sources = await hashOfSources();
const known = await readFile(join(target, stamp), "utf8").catch(() => "");
if (known !== sources) {
  // Built beside and put in file by file, the page last: another process may be serving, and watching, what is there.
  const fresh = await mkdtemp(join(here, ".dist-"));
  try {
    // Only now: where all is fresh, nobody waits for the builder to load.
    const { build } = await import("vite");
    await build({
      configFile: join(here, "vite.config.ts"),
      logLevel: "warn",
      build: { outDir: join(fresh, "console") },
    });
    await writeFile(join(fresh, "_headers"), headers());
    await writeFile(join(fresh, ".assetsignore"), `${stamp}\n`);
    await putIn(fresh);
    await writeFile(join(target, stamp), sources);
  } finally {
    await rm(fresh, { recursive: true, force: true });
  }
}

async function putIn(fresh: string): Promise<void> {
  const files = await filesOf(fresh);
  const isPage = (file: string) => file.endsWith(".html");
  for (const file of files.sort((a, b) => Number(isPage(a)) - Number(isPage(b)))) {
    await mkdir(dirname(join(target, file)), { recursive: true });
    // Under another name first: nobody is to read half a file.
    const part = join(target, `${file}.${process.pid}`);
    await cp(join(fresh, file), part);
    await rename(part, join(target, file));
  }
  const isStale = (file: string) => file !== stamp && !files.includes(file);
  for (const file of (await filesOf(target)).filter(isStale)) await rm(join(target, file), { force: true });
}

async function filesOf(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).map((entry) => relative(folder, join(entry.parentPath, entry.name)));
}

async function hashOfSources(): Promise<string> {
  const hash = createHash("sha256");
  for (const folder of [here, join(root, "workers/client"), join(root, "workers/core")]) {
    const files = await readdir(folder, { recursive: true });
    const own = files.filter((file) => /\.(tsx?|css|html|svg|json)$/.test(file) && !/(^|\/)\.?dist/.test(file)).sort();
    for (const file of own) hash.update(file).update(await readFile(join(folder, file)));
  }
  for (const file of [import.meta.filename, join(root, "package-lock.json")]) hash.update(await readFile(file));
  return hash.digest("hex");
}

/** Only what comes from here runs, and only this deployment is asked; reports are pages with styles and pictures of their own. */
function headers(): string {
  const policy = [
    "default-src 'none'",
    "script-src 'self'",
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
