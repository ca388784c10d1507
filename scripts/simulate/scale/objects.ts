import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { convertV4MiniflareOptions, Miniflare } from "miniflare";
import { durableObjects } from "../../local/workerd.ts";
import { countBilled } from "./billing.ts";

/** A call of an object by its name. */
export interface NamedCall {
  binding: keyof typeof durableObjects;
  name: string;
  method: string;
  values: unknown[];
}

/** What an object has done since the start, by what is billed; `bytes` is the size of its database. */
export type ObjectTally = Record<string, number>;

/** A runtime whose objects are called by name, and count what they do. */
export interface CountedObjects {
  /** Makes calls at once. Returns the replies; a call that failed has its error. */
  call: (calls: NamedCall[]) => Promise<{ value?: unknown; error?: string }[]>;
  /** The regions that have a head pointer in KV, as "version region": what isolates would see there. */
  pointersInKv: () => Promise<string[]>;
  /** What each object has done, as "binding name"; "edge" is the Worker itself. */
  tallies: (withBytes?: boolean) => Promise<Record<string, ObjectTally>>;
  stop: () => Promise<void>;
}

/** What the runtime runs. */
interface ObjectsOptions {
  bundled: string;
  bindings: Record<string, string>;
  folder: string;
  port: number;
}

/** The name of the one object of the tokens. */
const tokensName = "tokens";

const classes = Object.entries(durableObjects).map(([binding, { className }]) => ({ binding, className }));

// The Worker as it is, in a wrapper that counts. Objects tell their names when they are made.
const entry = `
import worker, * as all from "./index.js";

const countBilled = ${countBilled};
const tallies = {};
const names = new WeakMap();
let isCounting = false;
// A stub has no binding: the names of objects tell their classes, since nothing is reviewed here.
const tokens = "${tokensName}";
const called = ({ name }) => (name.includes("~") ? "REGION" : name === tokens ? "TOKENS" : "REGISTRY") + " " + name;
function count(what, n, by) {
  if (n === 0) return;
  const key = what === "objectRequests" ? called(by) : (names.get(by) ?? "edge");
  const tally = (tallies[key] ??= {});
  tally[what] = (tally[what] ?? 0) + n;
}
function named(Base, binding) {
  return class extends Base {
    constructor(ctx, env) {
      const { storage } = ctx;
      const key = binding + " " + ctx.id.name;
      names.set(storage, key);
      names.set(storage.sql, key);
      if (!isCounting) {
        isCounting = true;
        const samples = { storage, kv: env.CACHE, r2: env.ARTEFACTS, namespace: env.REGION, objects: [] };
        countBilled(samples, count);
      }
      super(ctx, env);
      names.set(this, key);
    }
    alarm() {
      count("alarms", 1, this);
      return super.alarm();
    }
    billedBytes() {
      return this.ctx.storage.sql.databaseSize;
    }
  };
}
${classes.map(({ binding, className }) => `export const ${className} = named(all.${className}, "${binding}");`).join("\n")}

async function one(env, { binding, name, method, values }) {
  try {
    return { value: await env[binding].get(env[binding].idFromName(name))[method](...values) };
  } catch (error) {
    return { error: String(error) };
  }
}
async function withBytes(env) {
  for (const [key, tally] of Object.entries(tallies)) {
    const [binding, name] = [key.slice(0, key.indexOf(" ")), key.slice(key.indexOf(" ") + 1)];
    if (!env[binding]) continue;
    tally.bytes = await env[binding].get(env[binding].idFromName(name)).billedBytes();
    tally.objectRequests--;
  }
}
export default {
  async fetch(request, env, context) {
    const { pathname } = new URL(request.url);
    if (pathname === "/simulated/calls") {
      return Response.json(await Promise.all((await request.json()).map((call) => one(env, call))));
    }
    if (pathname === "/simulated/pointers") {
      const names = [];
      for (let cursor; ; ) {
        const page = await env.CACHE.list({ prefix: "head/", cursor });
        names.push(...page.keys.map(({ name }) => name.split("/").slice(2).join(" ")));
        if (page.list_complete) break;
        cursor = page.cursor;
      }
      // The simulation looks, and nothing that is billed.
      delete tallies.edge?.kvLists;
      return Response.json(names);
    }
    if (pathname === "/simulated/tallies") {
      if (request.headers.has("x-bytes")) await withBytes(env);
      return Response.json(tallies);
    }
    return worker.fetch(request, env, context);
  },
};`;

/** Starts the Worker with its real objects in workerd. */
export async function startCountedObjects({
  bundled,
  bindings,
  folder,
  port,
}: ObjectsOptions): Promise<CountedObjects> {
  const files = await readdir(bundled);
  const named = (end: string) => files.filter((file) => file.endsWith(end));
  const miniflare = new Miniflare(
    convertV4MiniflareOptions({
      ...{ name: "scale", host: "127.0.0.1", port, cf: false, compatibilityDate: "2026-11-01", modulesRoot: bundled },
      modules: [
        { type: "ESModule", path: join(bundled, "entry.js"), contents: entry },
        ...named(".js").map((file) => ({ type: "ESModule" as const, path: join(bundled, file) })),
        ...named(".wasm").map((file) => ({ type: "CompiledWasm" as const, path: join(bundled, file) })),
      ],
      ...{ bindings, kvNamespaces: ["CACHE"], r2Buckets: ["ARTEFACTS"], durableObjects },
      resourcePersistencePath: folder,
      handleStructuredLogs: () => {},
    }),
  );
  await miniflare.ready;
  const url = `http://127.0.0.1:${port}/simulated`;
  return {
    call: async (calls) => {
      if (calls.length === 0) return [];
      const response = await fetch(`${url}/calls`, { method: "POST", body: JSON.stringify(calls) });
      if (!response.ok)
        throw new Error(
          `The objects did not take ${calls.length} calls: status ${response.status}, ${await response.text()}`,
        );
      return response.json() as Promise<{ value?: unknown; error?: string }[]>;
    },
    pointersInKv: async () => (await fetch(`${url}/pointers`)).json() as Promise<string[]>,
    tallies: async (withBytes = false) => {
      const response = await fetch(`${url}/tallies`, { headers: withBytes ? { "x-bytes": "1" } : {} });
      return response.json() as Promise<Record<string, ObjectTally>>;
    },
    stop: () => miniflare.dispose(),
  };
}
