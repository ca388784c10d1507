import { cp, readdir } from "node:fs/promises";
import { join } from "node:path";
import { convertV4MiniflareOptions, Miniflare } from "miniflare";
import { durableObjects } from "../../local/workerd.ts";

/** What both runtimes run. */
interface RuntimeOptions {
  /** The folder of the Worker's bundle. */
  bundled: string;
  bindings: Record<string, string>;
  /** The folder of stores, of objects and of the registry by which the runtimes find each other. */
  folder: string;
  port: number;
}

// A stub of another runtime does not know the object's name: the gateway addresses the object by it.
const objectsEntry = `
import { WorkerEntrypoint } from "cloudflare:workers";
import worker from "./index.js";
export { ${Object.values(durableObjects)
  .map(({ className }) => className)
  .join(", ")} } from "./index.js";
export class Gateway extends WorkerEntrypoint {
  call(binding, name, method, values) {
    const namespace = this.env[binding];
    return namespace.get(namespace.idFromName(name))[method](...values);
  }
}
export default worker;`;

const edgeEntry = `
import worker from "./index.js";
const apart = new WeakMap();
const namespaceOf = (gateway, binding) => ({
  idFromName: (name) => name,
  get: (name) => new Proxy({}, {
    get: (_, method) => (method === "then" ? undefined : (...values) => gateway.call(binding, name, method, values)),
  }),
});
function envOf(env) {
  if (!apart.has(env)) {
    const named = ${JSON.stringify(Object.keys(durableObjects))}.map((name) => [name, namespaceOf(env.GATEWAY, name)]);
    apart.set(env, { ...env, ...Object.fromEntries(named) });
  }
  return apart.get(env);
}
export default { fetch: (request, env, context) => worker.fetch(request, envOf(env), context) };`;

/** Starts the Worker with its objects, as one runtime. */
export function startObjects(options: RuntimeOptions): Promise<Miniflare> {
  return start(options, "objects", objectsEntry, { durableObjects });
}

/** Starts the Worker without objects in a runtime of its own: it calls those of the other. Copies what that one stored. */
export async function startEdgeApart(options: RuntimeOptions, name: string): Promise<Miniflare> {
  for (const store of ["kv", "r2"]) {
    await cp(join(options.folder, "objects", store), join(options.folder, name, store), { recursive: true });
  }
  return start(options, name, edgeEntry, {
    serviceBindings: { GATEWAY: { name: "objects", entrypoint: "Gateway" } },
  });
}

async function start(
  { bundled, bindings, folder, port }: RuntimeOptions,
  name: string,
  entry: string,
  own: object,
): Promise<Miniflare> {
  const files = await readdir(bundled);
  const named = (end: string) => files.filter((file) => file.endsWith(end));
  const miniflare = new Miniflare(
    convertV4MiniflareOptions({
      ...{ name, host: "127.0.0.1", port, cf: false, compatibilityDate: "2026-11-01", modulesRoot: bundled },
      modules: [
        { type: "ESModule", path: join(bundled, "entry.js"), contents: entry },
        ...named(".js").map((file) => ({ type: "ESModule" as const, path: join(bundled, file) })),
        ...named(".wasm").map((file) => ({ type: "CompiledWasm" as const, path: join(bundled, file) })),
      ],
      ...{ bindings, kvNamespaces: ["CACHE"], r2Buckets: ["ARTEFACTS"] },
      resourcePersistencePath: join(folder, name),
      unsafeDevRegistryPath: join(folder, "registry"),
      handleStructuredLogs: () => {},
      ...own,
    }),
  );
  await miniflare.ready;
  return miniflare;
}
