import { existsSync } from "node:fs";
import { join } from "node:path";
import { bin, type LocalProcessOptions, root, startProcess, stopProcess, untilReady } from "./process.ts";

export interface EdgeOptions {
  /** The folder of `.dev.vars`, logs and data. */
  folder: string;
  port: number;
  /** Address of the next rung; none by default. */
  nextRungUrl?: string;
  /** Web origins whose pages may ask; none by default. */
  allowedOrigins?: string | undefined;
  onDeath?: LocalProcessOptions["onDeath"] | undefined;
}

/** Starts the edge in workerd with local R2, KV and objects, and waits until it answers. */
export async function startEdge(options: EdgeOptions): Promise<{ stop: () => Promise<void> }> {
  const { folder, port, nextRungUrl, allowedOrigins, onDeath } = options;
  const args = [
    "dev",
    "--config",
    join(root, "wrangler.toml"),
    "--ip",
    "127.0.0.1",
    "--port",
    String(port),
    "--inspector-port",
    "0",
  ];
  args.push("--persist-to", join(folder, ".wrangler", "state"), "--show-interactive-dev-session=false");
  if (nextRungUrl) args.push("--var", `NEXT_RUNG_URL:${nextRungUrl}`);
  if (allowedOrigins) args.push("--var", `ALLOWED_ORIGINS:${allowedOrigins}`);
  const vars = join(folder, ".dev.vars");
  if (folder !== root && existsSync(vars)) args.push("--env-file", vars);
  const env = { WRANGLER_SEND_METRICS: "false", WRANGLER_LOG: "log", CI: "1" };
  const edge = await startProcess({ name: "edge", command: bin("wrangler"), args, env, folder, onDeath });
  try {
    await untilReady(edge, `http://127.0.0.1:${port}/readyz`);
  } catch (error) {
    await stopProcess(edge);
    throw error;
  }
  return { stop: () => stopProcess(edge) };
}
