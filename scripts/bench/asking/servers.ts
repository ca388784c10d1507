import { readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { UpriverClient } from "#client/index.ts";
import type { TensorManifest } from "#core/contract/index.ts";
import { sha256Hex } from "#core/hash.ts";
import type { Token } from "#core/tokens.ts";
import { publish } from "#origin/publish.ts";
import type { Artefact, ManifestDraft, Unpublished } from "#origin/train/index.ts";
import { freePort } from "../../local/ports.ts";
import { type Credentials, makeSecrets } from "../../local/secrets.ts";
import { bundle, settingsOf, startWorkerd } from "../../local/workerd.ts";

/** A workerd that can be restarted. */
export interface Server {
  url: string;
  pid: () => number;
  restart(): Promise<void>;
}

/** The edge and the bare worker, each in a workerd of its own. */
export interface Servers {
  edge: Server & { credentials: Credentials };
  bare: Server;
  stop(): Promise<void>;
}

/** A token of the scope `ask` with a rate that no load reaches. */
export const benchToken = "bench-token";

/** Starts both. */
export async function startServers(): Promise<Servers> {
  const folder = await mkdtemp(join(tmpdir(), "upriver-bench-"));
  const ports = { edge: await freePort(), bare: await freePort() };
  const { credentials, vars } = await makeSecrets({ edge: `http://127.0.0.1:${ports.edge}`, origin: "" });
  const limits = { questionsPerMinute: Number.MAX_SAFE_INTEGER };
  const own: Partial<Token> = { id: "bench", sha256: await sha256Hex(benchToken), scopes: ["ask"], limits };
  const bundled = await bundle("wrangler.toml");
  const bindings = {
    ...{ ...(await settingsOf(bundled)), ...vars },
    UPRIVER_TOKENS: JSON.stringify([...JSON.parse(vars.UPRIVER_TOKENS), own]),
  };
  const edge = await serve({ bundled, state: join(folder, "edge"), port: ports.edge, bindings });
  const bare = await serve({
    ...{ bundled: await bundle("scripts/bench/bare.toml"), state: join(folder, "bare"), port: ports.bare },
  });
  return {
    edge: Object.assign(edge.server, { credentials }),
    bare: bare.server,
    async stop() {
      await Promise.all([edge.stop(), bare.stop()]);
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** Publishes a model and rolls it out. */
export async function publishBench(
  { edge: url, tokens, signingKey }: Credentials,
  artefact: Artefact | Artefact<Unpublished<TensorManifest>>,
): Promise<void> {
  const client = new UpriverClient({ url, token: tokens.publish });
  const { version } = await publish<ManifestDraft | Unpublished<TensorManifest>>(client, artefact, signingKey);
  await client.rollout(artefact.draft.model, { version });
}

async function serve(
  options: Parameters<typeof startWorkerd>[0],
): Promise<{ server: Server; stop: () => Promise<void> }> {
  const start = async () => {
    const before = new Set(childrenOf(process.pid));
    const running = await startWorkerd(options);
    return { running, pid: childrenOf(process.pid).find((pid) => !before.has(pid)) ?? 0 };
  };
  let now = await start();
  const server: Server = {
    url: `http://127.0.0.1:${options.port}`,
    pid: () => now.pid,
    async restart() {
      await now.running.stop();
      now = await start();
    },
  };
  return { server, stop: () => now.running.stop() };
}

/** Lists the children of a process; none where there is no /proc. */
export function childrenOf(pid: number): number[] {
  try {
    return readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").split(" ").filter(Boolean).map(Number);
  } catch {
    return [];
  }
}
