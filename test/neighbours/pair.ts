import { execFile } from "node:child_process";
import { mkdtemp, readdir, readFile, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { convertV4MiniflareOptions, Miniflare } from "miniflare";
import { unstable_readConfig } from "wrangler";
import { root } from "#scripts/local/process.ts";
import { testBindings } from "../helpers/bindings.ts";

const run = promisify(execFile);

/** A bundled Worker of one version, with the names of the methods of its objects. */
export interface Version {
  bundle: string;
  /** Its settings, as wrangler.toml has them. */
  settings: Record<string, string>;
  /** Its objects' classes by the name of their binding. */
  classes: Record<string, string>;
  methods: Record<ObjectName, string[]>;
}

export const objectNames = ["REGION", "REGISTRY", "REVIEW"] as const;
export type ObjectName = (typeof objectNames)[number];
const classes: Record<ObjectName, string> = {
  REGION: "RegionObject",
  REGISTRY: "RegistryObject",
  REVIEW: "ReviewObject",
};

/** Bundles the Worker of a commit, or of the working tree. The caller deletes `folder`. */
export async function versionOf(commit: string | null): Promise<Version & { folder: string }> {
  const folder = await mkdtemp(join(tmpdir(), "upriver-neighbour-"));
  const source = commit === null ? root : join(folder, "source");
  if (commit !== null) {
    await run("git", ["worktree", "add", "--detach", source, commit], { cwd: root });
    await symlink(join(root, "node_modules"), join(source, "node_modules"));
  }
  try {
    const bundle = join(folder, "bundle");
    const wrangler = join(root, "node_modules/wrangler/bin/wrangler.js");
    const args = [wrangler, "deploy", "--dry-run", "--config", join(source, "wrangler.toml"), "--outdir", bundle];
    await run(process.execPath, args, { cwd: source, env: { ...process.env, WRANGLER_SEND_METRICS: "false" } });
    const methods = Object.fromEntries(
      await Promise.all(objectNames.map(async (name) => [name, await methodsIn(source, name.toLowerCase())] as const)),
    ) as Version["methods"];
    const config = unstable_readConfig({ config: join(source, "wrangler.toml") });
    const classes = Object.fromEntries(
      config.durable_objects.bindings.map((one: { name: string; class_name: string }) => [one.name, one.class_name]),
    );
    return { bundle, settings: config.vars as Record<string, string>, classes, methods, folder };
  } finally {
    if (commit !== null) await run("git", ["worktree", "remove", "--force", source], { cwd: root });
  }
}

async function methodsIn(source: string, folder: string): Promise<string[]> {
  const text = await readFile(join(source, "durable-objects", folder, "api.ts"), "utf8");
  const api = text.slice(text.search(/export interface \w+Api \{/));
  return [...api.matchAll(/^ {2}(\w+)\(/gm)].map(([, name]) => name as string);
}

/** A recorded call of an object's method. */
export interface RecordedCall {
  /** The step of the journey in which it was made. */
  step: number;
  object: ObjectName;
  name: string;
  method: string;
  args: unknown[];
  reply?: unknown;
  error?: string;
}

interface Pair {
  url: string;
  /** Says which step of the journey is next, for the calls that it makes. */
  onStep: (step: number) => void;
  calls: RecordedCall[];
  stop: () => Promise<void>;
}

/** Starts the Worker of one version with the objects of another, and records each call between them and among the objects. */
export async function startPair(worker: Version, objects: Version): Promise<Pair> {
  const state = await mkdtemp(join(tmpdir(), "upriver-neighbours-"));
  const calls: RecordedCall[] = [];
  let step = 0;
  const onStep = (next: number) => {
    step = next;
  };
  const shared = {
    compatibilityDate: "2026-11-01",
    kvNamespaces: { CACHE: "cache" },
    r2Buckets: { ARTEFACTS: "artefacts" },
  };
  const through = (scriptName: string) =>
    Object.fromEntries(objectNames.map((name) => [name, { className: classes[name], scriptName, useSQLite: true }]));
  const settingsOf = (version: Version) => ({
    ...version.settings,
    LOG_ANSWERS: "off",
    ...testBindings,
    UPRIVER_TOKENS: plainTokens(),
  });
  // A class that only one of the two has is new with it: its objects run its code.
  const alone = ({ classes: all }: Version) =>
    Object.fromEntries(
      Object.entries(all)
        .filter(([name]) => !(objectNames as readonly string[]).includes(name))
        .map(([name, className]) => [name, { className, useSQLite: true }]),
    );
  const own = Object.values(classes).map((className) => ({ className, useSQLite: true }));
  const miniflare = new Miniflare(
    convertV4MiniflareOptions({
      host: "127.0.0.1",
      port: 0,
      resourcePersistencePath: state,
      handleStructuredLogs: ({ message }: { message: string }) => {
        const text = /^RPC (.*)$/s.exec(message)?.[1];
        if (text) calls.push({ step, ...JSON.parse(text) } as RecordedCall);
      },
      workers: [
        {
          ...shared,
          name: "worker",
          bindings: settingsOf(worker),
          ...(await modulesOf(worker.bundle)),
          durableObjects: { ...through("recorder"), ...alone(worker) },
        },
        {
          ...shared,
          name: "recorder",
          modules: [{ type: "ESModule", path: "recorder.js", contents: recorder({ worker, objects }) }],
          durableObjects: through("objects"),
          additionalUnboundDurableObjects: own,
        },
        {
          ...shared,
          name: "objects",
          bindings: settingsOf(objects),
          ...(await modulesOf(objects.bundle)),
          durableObjects: { ...through("recorder"), ...alone(objects) },
          additionalUnboundDurableObjects: own,
        },
      ],
    } as never),
  );
  const url = String(await miniflare.ready).replace(/\/$/, "");
  const stop = async () => {
    await miniflare.dispose();
    await rm(state, { recursive: true, force: true });
  };
  return { url, calls, onStep, stop };
}

/** The tokens, without fields and scopes that an earlier version refuses: an operator adds those after a deployment. */
function plainTokens(): string {
  const all = JSON.parse(testBindings.UPRIVER_TOKENS) as { scopes: string[]; limits?: unknown; trusted?: unknown }[];
  const known = all.filter(({ scopes }) => !scopes.includes("rung"));
  return JSON.stringify(known.map(({ limits: _, trusted: __, ...token }) => token));
}

async function modulesOf(bundle: string) {
  // The main module comes first.
  const files = (await readdir(bundle)).filter((name) => /\.(js|wasm)$/.test(name));
  files.sort((a, b) => Number(b.endsWith(".js")) - Number(a.endsWith(".js")));
  const type = (name: string) => (name.endsWith(".js") ? ("ESModule" as const) : ("CompiledWasm" as const));
  return { modulesRoot: bundle, modules: files.map((name) => ({ type: type(name), path: join(bundle, name) })) };
}

/**
 * The Worker between the two: objects of the same names that pass each call on to the real ones. It knows the methods of both
 * versions; the real object refuses one that it lacks, as it would in a deployment.
 */
function recorder({ worker, objects }: Record<"worker" | "objects", Version>): string {
  const methods = Object.fromEntries(
    objectNames.map((name) => [name, [...new Set([...worker.methods[name], ...objects.methods[name]])]]),
  );
  return `import { DurableObject } from "cloudflare:workers";
function passing(object, methods) {
  class Passing extends DurableObject {}
  for (const method of methods) {
    Passing.prototype[method] = async function (...args) {
      const name = this.ctx.id.name;
      const namespace = this.env[object];
      try {
        const reply = await namespace.get(namespace.idFromName(name))[method](...args);
        console.log("RPC " + JSON.stringify({ object, name, method, args, reply }));
        return reply;
      } catch (error) {
        console.log("RPC " + JSON.stringify({ object, name, method, args, error: String(error) }));
        throw error;
      }
    };
  }
  return Passing;
}
${objectNames.map((name) => `export const ${classes[name]} = passing("${name}", ${JSON.stringify(methods[name])});`).join("\n")}
export default { fetch: () => new Response(null, { status: 404 }) };
`;
}
