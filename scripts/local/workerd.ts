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
}

/** Bundles a worker into its folder, as `wrangler deploy` does. */
export async function bundle({ config, folder }: WorkerdOptions): Promise<void> {
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
}: WorkerdOptions): Promise<{ stop: () => Promise<void> }> {
  const modulesRoot = join(folder, "bundle");
  const files = await readdir(modulesRoot);
  const scripts = files.filter((file) => file.endsWith(".js"));
  const binaries = files.filter((file) => file.endsWith(".wasm"));
  const miniflare = new Miniflare(
    convertV4MiniflareOptions({
      name: "bench",
      host: "127.0.0.1",
      port,
      cf: false,
      compatibilityDate: "2026-11-01",
      modulesRoot,
      modules: [
        ...scripts.map((file) => ({ type: "ESModule" as const, path: join(modulesRoot, file) })),
        ...binaries.map((file) => ({ type: "CompiledWasm" as const, path: join(modulesRoot, file) })),
      ],
      bindings,
      kvNamespaces: ["CACHE"],
      r2Buckets: ["ARTEFACTS"],
      resourcePersistencePath: join(folder, "state"),
      ...(bindings.NODE_ID ? { durableObjects } : {}),
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
