import { appendFile, mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { parseEnv } from "node:util";
import { edgeSettings } from "#scripts/bench/settings.ts";
import type { EdgeOptions } from "#scripts/local/edge.ts";
import { root } from "#scripts/local/process.ts";
import { startWorkerd } from "#scripts/local/workerd.ts";
import { edgeBundle } from "./shared.ts";

/**
 * Starts the edge from the bundle that `wrangler deploy` would upload. All test files share it: `wrangler dev` would
 * bundle the same sources again for each.
 */
export async function startBundledEdge({ folder, port, nextRungUrl = "", allowedOrigins = "" }: EdgeOptions) {
  const bundled = await edgeBundle();
  const secrets = parseEnv(await readFile(join(folder, ".dev.vars"), "utf8")) as Record<string, string>;
  const log = join(folder, ".upriver", "edge.log");
  await mkdir(join(folder, ".upriver"), { recursive: true });
  let written = Promise.resolve();
  return startWorkerd({
    ...{ folder, port, bundled },
    bindings: { ...edgeSettings, ...secrets, NEXT_RUNG_URL: nextRungUrl, ALLOWED_ORIGINS: allowedOrigins },
    assets: join(root, "workers/console/dist"),
    onLog: (line) => {
      written = written.then(() => appendFile(log, `${line}\n`));
    },
  });
}
