import { execFile } from "node:child_process";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { convertV4MiniflareOptions, Miniflare } from "miniflare";
import { bin, root } from "./process.ts";

interface WorkerdOptions {
  /** Path of the worker's wrangler configuration within the project. */
  config: string;
  /** The folder of bundle and data. */
  folder: string;
  port: number;
  bindings?: Record<string, string>;
  /** The folder of the bundle, where it is not `bundle` in the folder. */
  bundled?: string;
  /** The folder of the files that are served beside the worker. */
  assets?: string;
  /** Receives each line that the worker logs. */
  onLog?: (line: string) => void;
}

/** Bundles a worker into its folder, as `wrangler deploy` does. */
export async function bundle({ config, folder }: Pick<WorkerdOptions, "config" | "folder">): Promise<void> {
  const args = ["deploy", "--dry-run", "--config", join(root, config), "--outdir", join(folder, "bundle")];
  await promisify(execFile)(bin("wrangler"), args, {
    cwd: root,
    env: { ...process.env, WRANGLER_SEND_METRICS: "false" },
  });
}

/** Starts a bundled worker in workerd. */
export async function startWorkerd({
  folder,
  port,
  bindings = {},
  bundled = join(folder, "bundle"),
  assets,
  onLog,
}: Omit<WorkerdOptions, "config">): Promise<{ stop: () => Promise<void> }> {
  const files = await readdir(bundled);
  const scripts = files.filter((file) => file.endsWith(".js"));
  const binaries = files.filter((file) => file.endsWith(".wasm"));
  const miniflare = new Miniflare(
    convertV4MiniflareOptions({
      name: "upriver",
      host: "127.0.0.1",
      port,
      cf: false,
      compatibilityDate: "2026-11-01",
      modulesRoot: bundled,
      modules: [
        ...scripts.map((file) => ({ type: "ESModule" as const, path: join(bundled, file) })),
        ...binaries.map((file) => ({ type: "CompiledWasm" as const, path: join(bundled, file) })),
      ],
      bindings,
      kvNamespaces: ["CACHE"],
      r2Buckets: ["ARTEFACTS"],
      resourcePersistencePath: join(folder, "state"),
      ...(bindings.NODE_ID ? { durableObjects } : {}),
      ...(assets ? { assets: { directory: assets, routerConfig: { has_user_worker: true } } } : {}),
      ...(onLog ? { handleStructuredLogs: ({ message }) => onLog(message) } : {}),
      // The route that runs the cron trigger, as in `wrangler dev`.
      unsafeTriggerHandlers: true,
    }),
  );
  await miniflare.ready;
  return { stop: () => miniflare.dispose() };
}

const durableObjects = {
  REGION: { className: "RegionObject", useSQLite: true },
  REGISTRY: { className: "RegistryObject", useSQLite: true },
  REVIEW: { className: "ReviewObject", useSQLite: true },
};
