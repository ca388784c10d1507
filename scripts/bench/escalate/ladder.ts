import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { convertV4MiniflareOptions, Miniflare } from "miniflare";
import { UpriverClient } from "#client/index.ts";
import type { Policy } from "#core/contract/index.ts";
import { publish } from "#origin/publish.ts";
import { freePort } from "../../local/ports.ts";
import { root, startProcess, stopProcess, untilReady } from "../../local/process.ts";
import type * as local from "../../local/secrets.ts";
import type { Credentials } from "../../local/secrets.ts";
import type * as workerd from "../../local/workerd.ts";
import { durableObjects } from "../../local/workerd.ts";
import { workerdPids } from "../cpu.ts";
import { benchArtefact, benchModel } from "../model.ts";

/** A ladder whose edge accepts nothing: one process of workerd, and an origin. */
export interface EscalatingLadder {
  url: string;
  token: string;
  /** The processes whose CPU time counts. */
  pids: { workerd: number; origin: number };
  /** Counts rows from now on: read and written by the region objects. */
  countRows: () => Promise<void>;
  rows: () => Promise<{ rowsRead: number; rowsWritten: number; alarms: number }>;
  stop: () => Promise<void>;
}

// Counts what the objects' storage is billed for, once that is asked for; before, nothing is wrapped.
const countingEntry = `
import worker, { RegionObject as Region } from "./index.js";
export * from "./index.js";
let counted = null;
let isWrapped = false;
function wrap(storage) {
  if (isWrapped) return;
  isWrapped = true;
  const [sqls, storages] = [storage.sql, storage].map(Object.getPrototypeOf);
  const { exec } = sqls;
  const { setAlarm } = storages;
  sqls.exec = function (...given) {
    const cursor = exec.apply(this, given);
    counted?.cursors.push(cursor);
    return cursor;
  };
  storages.setAlarm = function (...given) {
    if (counted) counted.alarms++;
    return setAlarm.apply(this, given);
  };
}
export class RegionObject extends Region {
  constructor(context, env) {
    super(context, env);
    if (env.COUNT_ROWS) wrap(context.storage);
  }
}
export default {
  ...worker,
  fetch(request, env, context) {
    const { pathname } = new URL(request.url);
    if (pathname === "/bench/count") {
      counted = { cursors: [], alarms: 0 };
      return new Response();
    }
    if (pathname === "/bench/rows") {
      const sum = (of) => counted.cursors.reduce((total, cursor) => total + cursor[of], 0);
      return Response.json({ rowsRead: sum("rowsRead"), rowsWritten: sum("rowsWritten"), alarms: counted.alarms });
    }
    return worker.fetch(request, env, context);
  },
};`;

interface LadderOptions {
  /** The repository whose Worker and origin run. */
  checkout: string;
  folder: string;
  regions: readonly string[];
  /** Whether rows can be counted, which makes each statement slower. */
  isCounting: boolean;
}

/** Starts a ladder of some checkout and publishes the benchmark's model. */
export async function startEscalatingLadder(options: LadderOptions): Promise<EscalatingLadder> {
  const { checkout, folder, regions } = options;
  const ports = { edge: await freePort(), origin: await freePort() };
  const urls = { edge: `http://127.0.0.1:${ports.edge}`, origin: `http://127.0.0.1:${ports.origin}` };
  // Another release may not know every scope of these tokens.
  const { makeSecrets, hashed }: typeof local = await import(join(checkout, "scripts/local/secrets.ts"));
  const { credentials, vars } = await makeSecrets(urls);
  const before = new Set(await workerdPids());
  const miniflare = await startWorker(options, ports.edge, { ...vars, NEXT_RUNG_URL: urls.origin });
  const [workerd = 0] = (await workerdPids()).filter((pid) => !before.has(pid));
  await publishEscalating(credentials, regions);
  const origin = await startProcess({
    name: "origin",
    command: process.execPath,
    args: [join(checkout, "workers/origin/index.ts")],
    env: {
      ORIGIN_PORT: String(ports.origin),
      ORIGIN_TOKENS: JSON.stringify([
        { ...(await hashed("publish", credentials.originToken)), id: "edge", scopes: ["ask", "rung", "publish"] },
      ]),
      EDGE_URL: credentials.edge,
      EDGE_TOKEN: credentials.tokens.publish,
      SIGNING_KEY: JSON.stringify(credentials.signingKey),
      ORIGIN_DATA: join(folder, "origin"),
      ORIGIN_RECIPES: folder,
      ORIGIN_BACKEND: "wasm",
    },
    folder,
  });
  await untilReady(origin, `${urls.origin}/readyz`);
  return {
    url: urls.edge,
    token: credentials.tokens.admin,
    pids: { workerd, origin: origin.child.pid ?? 0 },
    countRows: async () => void (await fetch(`${urls.edge}/bench/count`)),
    rows: async () => (await fetch(`${urls.edge}/bench/rows`)).json() as ReturnType<EscalatingLadder["rows"]>,
    stop: async () => {
      await stopProcess(origin);
      await miniflare.dispose();
    },
  };
}

async function startWorker(
  { checkout, folder, isCounting }: LadderOptions,
  port: number,
  vars: Record<string, string>,
): Promise<Miniflare> {
  const local: typeof workerd = await import(join(checkout, "scripts/local/workerd.ts"));
  const bundled = await local.bundle("wrangler.toml");
  const files = await readdir(bundled);
  const named = (end: string) => files.filter((file) => file.endsWith(end));
  // Here the log would go through Miniflare, as in no deployment.
  const miniflare = new Miniflare(
    convertV4MiniflareOptions({
      ...{ name: "upriver", host: "127.0.0.1", port, cf: false, compatibilityDate: "2026-11-01" },
      modulesRoot: bundled,
      modules: [
        ...(isCounting
          ? [{ type: "ESModule" as const, path: join(bundled, "entry.js"), contents: countingEntry }]
          : []),
        ...named(".js")
          .sort((a, b) => Number(b === "index.js") - Number(a === "index.js"))
          .map((file) => ({ type: "ESModule" as const, path: join(bundled, file) })),
        ...named(".wasm").map((file) => ({ type: "CompiledWasm" as const, path: join(bundled, file) })),
      ],
      bindings: {
        ...(await local.settingsOf(bundled)),
        ...vars,
        LOG_ANSWERS: "off",
        ...(isCounting ? { COUNT_ROWS: "yes" } : {}),
      },
      ...{ kvNamespaces: ["CACHE"], r2Buckets: ["ARTEFACTS"], durableObjects },
      resourcePersistencePath: join(folder, "state"),
      handleStructuredLogs: () => {},
    }),
  );
  await miniflare.ready;
  return miniflare;
}

async function publishEscalating({ edge, tokens, signingKey }: Credentials, regions: readonly string[]): Promise<void> {
  const { draft, blobs } = await benchArtefact();
  const thin = { ...draft.thin, rule: { ...draft.thin.rule, threshold: 1.01 } };
  const ladder: Policy["ladder"] = ["edge", "region", "origin"];
  const policy: Policy = { ...draft.policy, ladder, regions: { from: "cf", keys: [...regions], parent: "world" } };
  const full = draft.thin;
  const metrics = { ...draft.metrics, full: draft.metrics.thin };
  const client = new UpriverClient({ url: edge, token: tokens.publish });
  const { version } = await publish(client, { draft: { ...draft, thin, full, metrics, policy }, blobs }, signingKey);
  await client.rollout(benchModel, { version });
}

/** The repository that runs this benchmark. */
export const thisCheckout = root;
