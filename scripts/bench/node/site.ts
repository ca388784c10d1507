import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { UpriverClient } from "#client/index.ts";
import { sha256Hex } from "#core/hash.ts";
import type { Scope } from "#core/tokens.ts";
import { freePort } from "../../local/ports.ts";
import { type Credentials, makeSecrets } from "../../local/secrets.ts";
import { bundle, settingsOf, startWorkerd } from "../../local/workerd.ts";
import { type RunningNode, startNode } from "../../node/start.ts";
import { benchToken, childrenOf } from "../asking/servers.ts";
import { type Line, startLine } from "./line.ts";

interface Rung {
  url: string;
  credentials: Credentials;
  client: (scope: Scope) => UpriverClient;
}

/** A near edge, a node under it, and the line between them. */
export interface Site {
  folder: string;
  edge: Rung & { pid: () => number };
  line: Line;
  node: Rung & {
    /** The folder of everything that it stores. */
    data: string;
    pid: () => number;
    start: () => Promise<void>;
    /** Ends its workerd by SIGKILL. */
    kill: () => Promise<void>;
  };
  stop: () => Promise<void>;
}

const nodeToken = "token-of-the-node";

/** Starts the three. Both rungs have `benchToken`, whose rate no load reaches. */
export async function startSite(): Promise<Site> {
  const folder = await mkdtemp(join(tmpdir(), "upriver-site-"));
  const ports = { edge: await freePort(), node: await freePort() };
  const limits = { questionsPerMinute: Number.MAX_SAFE_INTEGER, openQuestions: 1_000_000, reviewQuestions: 1_000_000 };
  const bench = { id: "bench", sha256: await sha256Hex(benchToken), scopes: ["ask", "teach"], limits };
  const scopes = ["rung", "ask", "teach", "contribute"];
  const below = { id: "plant", sha256: await sha256Hex(nodeToken), scopes, limits };
  const [above, own] = await Promise.all([
    makeSecrets({ edge: `http://127.0.0.1:${ports.edge}`, origin: "" }),
    makeSecrets({ edge: `http://127.0.0.1:${ports.node}`, origin: "" }),
  ]);
  const withTokens = (vars: { UPRIVER_TOKENS: string }, more: readonly object[]) => {
    return {
      ...vars,
      UPRIVER_TOKENS: JSON.stringify([...JSON.parse(vars.UPRIVER_TOKENS), ...more]),
      LOG_ANSWERS: "off",
    };
  };
  const bundled = await bundle("wrangler.toml");
  const bindings = { ...(await settingsOf(bundled)), ...withTokens(above.vars, [bench, below]) };
  const before = new Set(childrenOf(process.pid));
  const edge = await startWorkerd({
    bundled,
    state: join(folder, "edge"),
    port: ports.edge,
    bindings,
    onLog: () => {},
  });
  const edgePid = childrenOf(process.pid).find((pid) => !before.has(pid)) ?? 0;
  const line = await startLine(ports.edge);
  const data = join(folder, "node");
  const settings = {
    ...{
      ...withTokens(own.vars, [bench]),
      NODE_ID: "plant",
      UPLINK_SECONDS: "1",
      PUBLISH_KEYS: above.vars.PUBLISH_KEYS,
    },
    ...{ NEXT_RUNG_URL: line.url, NEXT_RUNG_TOKEN: nodeToken },
  };
  let running: RunningNode | null = null;
  const start = async () => {
    running = await startNode({ data, host: "127.0.0.1", port: ports.node, settings });
  };
  await start();
  const rung = (credentials: Credentials): Rung => ({
    ...{ url: credentials.edge, credentials },
    client: (scope) => new UpriverClient({ url: credentials.edge, token: credentials.tokens[scope] }),
  });
  return {
    ...{ folder, line, edge: { ...rung(above.credentials), pid: () => edgePid } },
    node: {
      ...{ ...rung(own.credentials), data, start },
      pid: () => running?.pid ?? 0,
      async kill() {
        process.kill(running?.pid ?? 0, "SIGKILL");
        await running?.ended;
      },
    },
    async stop() {
      await running?.stop();
      line.stop();
      await edge.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
