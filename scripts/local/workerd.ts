import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { basename, delimiter, dirname, join } from "node:path";
import { promisify } from "node:util";
import { bin, isInstalled, root } from "./process.ts";
import { hashOfSources } from "./sources.ts";

interface WorkerdOptions {
  /** The folder of the worker's bundle. */
  bundled: string;
  /** The folder of R2, KV and objects. */
  state: string;
  port: number;
  bindings?: Record<string, string>;
  /** The folder of the files that are served beside the worker. */
  assets?: string;
  /** Whether requests carry this machine's location, as in a deployment; looking it up needs the internet. */
  isLocated?: boolean;
  /** Receives each line that the worker logs. */
  onLog?: (line: string) => void;
}

const bundles = join(root, "node_modules", ".cache", "upriver");
/** The bundles of the installed package, which are built once, when it is packed. */
const packedBundles = join(root, "bundles");
const settingsFile = "settings.json";
const sourceFolders = ["workers/core", "workers/edge", "durable-objects"].map((folder) => join(root, folder));

/**
 * Bundles a worker as `wrangler deploy` does; returns the folder of the bundle. `config` is the path of its wrangler
 * configuration within the project. Unchanged sources are bundled once.
 */
export async function bundle(config: string): Promise<string> {
  if (isInstalled) return join(packedBundles, basename(config, ".toml"));
  const path = join(root, config);
  const own = dirname(path) === root ? [] : [dirname(path)];
  const hash = await hashOfSources([...sourceFolders, ...own], [path, join(root, "package-lock.json")]);
  const name = basename(config, ".toml");
  const folder = join(bundles, `${name}-${hash.slice(0, 16)}`);
  if (existsSync(folder)) return folder;
  await mkdir(bundles, { recursive: true });
  const making = await mkdtemp(join(bundles, "making-"));
  const args = [bin("wrangler"), "deploy", "--dry-run", "--config", path, "--outdir", making];
  // Wrangler starts `node` to build the console; the one of the system may be older than this.
  const searched = [dirname(process.execPath), process.env.PATH].join(delimiter);
  const env = { ...process.env, PATH: searched, WRANGLER_SEND_METRICS: "false" };
  try {
    await promisify(execFile)(process.execPath, args, { cwd: root, env });
    await writeFile(join(making, settingsFile), JSON.stringify(await readSettings(path)));
    await rename(making, folder).catch((error) => {
      // Another process may have made the same bundle meanwhile.
      if (!existsSync(folder)) throw error;
    });
  } finally {
    await rm(making, { recursive: true, force: true });
  }
  const stale = (await readdir(bundles)).filter((other) => other.startsWith(`${name}-`) && other !== basename(folder));
  for (const other of stale) await rm(join(bundles, other), { recursive: true, force: true });
  return folder;
}

/** Reads the `[vars]` of a wrangler configuration. */
export async function readSettings(config: string): Promise<Record<string, string>> {
  // Loaded only here, since loading wrangler takes a second.
  const { unstable_readConfig } = await import("wrangler");
  return unstable_readConfig({ config }).vars as Record<string, string>;
}

/** Reads the settings of a bundled worker: the `[vars]` of its wrangler configuration. */
export async function settingsOf(bundled: string): Promise<Record<string, string>> {
  return JSON.parse(await readFile(join(bundled, settingsFile), "utf8"));
}

/** Starts a bundled worker in workerd. */
export async function startWorkerd(options: WorkerdOptions): Promise<{ stop: () => Promise<void> }> {
  const { bundled, state, port, bindings = {}, assets, isLocated = false, onLog } = options;
  // Loaded only here: a node bundles and starts without it, in a fraction of the memory.
  const { convertV4MiniflareOptions, Miniflare } = await import("miniflare");
  const files = await readdir(bundled);
  const scripts = files.filter((file) => file.endsWith(".js"));
  const binaries = files.filter((file) => file.endsWith(".wasm"));
  const miniflare = new Miniflare(
    convertV4MiniflareOptions({
      name: "upriver",
      host: "127.0.0.1",
      port,
      cf: isLocated,
      compatibilityDate: "2026-11-01",
      modulesRoot: bundled,
      modules: [
        ...scripts.map((file) => ({ type: "ESModule" as const, path: join(bundled, file) })),
        ...binaries.map((file) => ({ type: "CompiledWasm" as const, path: join(bundled, file) })),
      ],
      bindings,
      kvNamespaces: ["CACHE"],
      r2Buckets: ["ARTEFACTS"],
      resourcePersistencePath: state,
      ...(bindings.NODE_ID ? { durableObjects } : {}),
      ...(assets ? { assets: { directory: assets, routerConfig: { has_user_worker: true } } } : {}),
      ...(onLog ? { handleStructuredLogs: ({ message }) => onLog(message) } : {}),
      // The route that runs the cron trigger: /cdn-cgi/local/scheduled.
      unsafeTriggerHandlers: true,
    }),
  );
  await miniflare.ready;
  return { stop: () => miniflare.dispose() };
}

/** The Worker's Durable Objects, by binding. */
export const durableObjects = {
  REGION: { className: "RegionObject", useSQLite: true },
  REGISTRY: { className: "RegistryObject", useSQLite: true },
  REVIEW: { className: "ReviewObject", useSQLite: true },
  TOKENS: { className: "TokensObject", useSQLite: true },
};
