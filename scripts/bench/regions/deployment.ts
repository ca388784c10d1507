import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { pathToFileURL } from "node:url";
import { Worker } from "node:worker_threads";
import type { Miniflare } from "miniflare";
import { UpriverClient } from "#client/index.ts";
import type { ModelPointer, Policy, VersionList } from "#core/contract/index.ts";
import { publish } from "#origin/publish.ts";
import { freePort } from "../../local/ports.ts";
import { program as programOf, root } from "../../local/process.ts";
import type * as local from "../../local/secrets.ts";
import type { Credentials } from "../../local/secrets.ts";
import { bundle, settingsOf } from "../../local/workerd.ts";
import { startEdgeApart, startObjects } from "../load/runtimes.ts";
import { benchArtefact, benchInstance, benchModel } from "../model.ts";

/** The model with many regions. Its edge accepts nothing, so that each region's object gets its questions. */
const manyModel = "many";
const originDelayMs = 1;
const askedAtOnce = 50;
const pollMs = 200;

/** What the benchmark asks of a model's registry object, past the Worker. */
interface RegistryStub {
  regions(): Promise<string[]>;
  list(): Promise<VersionList>;
}

/** One version of the code as a deployment: an edge in one runtime, all objects in another, and many regions. */
export class Deployment {
  readonly name: string;
  readonly edgeUrl: string;
  private readonly objects: Miniflare;
  private readonly credentials: Credentials;
  private readonly client: UpriverClient;
  private readonly regionNames: readonly string[];
  private readonly stops: (() => Promise<unknown>)[];

  private constructor(
    name: string,
    edgeUrl: string,
    objects: Miniflare,
    credentials: Credentials,
    regionNames: readonly string[],
    stops: (() => Promise<unknown>)[],
  ) {
    this.name = name;
    this.edgeUrl = edgeUrl;
    this.objects = objects;
    this.credentials = credentials;
    this.client = new UpriverClient({ url: credentials.edge, token: credentials.tokens.publish });
    this.regionNames = regionNames;
    this.stops = stops;
  }

  /** Starts a deployment whose model has `count` regions. `checkout` is the folder of the code, if not this one. */
  static async start(name: string, count: number, checkout?: string): Promise<Deployment> {
    const folder = await mkdtemp(join(tmpdir(), "upriver-regions-"));
    const stops: (() => Promise<unknown>)[] = [() => rm(folder, { recursive: true, force: true })];
    const origin = new Worker(programOf("scripts/bench/load/origin.worker"), {
      workerData: { delayMs: originDelayMs },
    });
    stops.unshift(() => origin.terminate());
    const originPort = await new Promise<number>((resolve) => origin.once("message", resolve));
    const ports = { objects: await freePort(), edge: await freePort() };
    // Another release may not know every scope of these tokens.
    const { href } = pathToFileURL(join(checkout ?? root, "scripts/local/secrets.ts"));
    const { makeSecrets }: typeof local = await import(href);
    const { credentials, vars } = await makeSecrets({ edge: `http://127.0.0.1:${ports.objects}`, origin: "" });
    const bundled = await bundleOf(checkout);
    const bindings = {
      ...{ ...(await settingsOf(bundled)), ...vars },
      ...{ NEXT_RUNG_URL: `http://127.0.0.1:${originPort}`, LOG_ANSWERS: "off" },
    };
    await mkdir(folder, { recursive: true });
    const objects = await startObjects({ bundled, bindings, folder, port: ports.objects });
    stops.unshift(() => objects.dispose());
    const regionNames = Array.from({ length: count }, (_, i) => `region-${String(i).padStart(4, "0")}`);
    const url = `http://127.0.0.1:${ports.edge}`;
    const deployment = new Deployment(name, url, objects, credentials, regionNames, stops);
    await deployment.fill();
    const edge = await startEdgeApart({ bundled, bindings, folder, port: ports.edge }, "edge");
    stops.unshift(() => edge.dispose());
    return deployment;
  }

  async stop(): Promise<void> {
    for (const stop of this.stops) await stop();
  }

  /** What load asks the edge: a question that it accepts. */
  get probe(): { url: string; headers: Record<string, string>; body: string } {
    return {
      url: `${this.edgeUrl}/v1/models/${benchModel}/ask`,
      headers: { authorization: `Bearer ${this.credentials.tokens.ask}`, "content-type": "application/json" },
      body: JSON.stringify({ instance: benchInstance }),
    };
  }

  /** Reads a path as an admin; returns its time and size. */
  async read(path: string): Promise<{ ms: number; bytes: number }> {
    const headers = { authorization: `Bearer ${this.credentials.tokens.admin}` };
    const startedAt = performance.now();
    const response = await fetch(`${this.credentials.edge}${path.replace("{model}", manyModel)}`, { headers });
    const { byteLength: bytes } = await response.arrayBuffer();
    if (!response.ok) throw new Error(`Status ${response.status} at ${path}`);
    return { ms: performance.now() - startedAt, bytes };
  }

  /** Publishes the next version of the model with many regions. */
  async publishNext(): Promise<number> {
    const { draft, blobs } = await benchArtefact();
    const thin = { ...draft.thin, rule: { ...draft.thin.rule, threshold: 1.01 } };
    const policy: Policy = {
      ...draft.policy,
      ladder: ["edge", "region", "origin"],
      regions: { from: "field", name: "region", keys: [...this.regionNames], parent: "world" },
    };
    const artefact = { draft: { ...draft, model: manyModel, thin, policy }, blobs };
    return (await publish(this.client, artefact, this.credentials.signingKey)).version;
  }

  /** Waits until no region prepares for a version. */
  async untilPrepared(version: number): Promise<void> {
    const registry = await this.registry();
    await until(async () => {
      const { versions } = await registry.list();
      return versions.find((row) => row.version === version)?.preparing.length === 0;
    });
  }

  /** Moves the pointer; returns the ms until KV has it. */
  async move(how: "rollback" | { version: number }): Promise<number> {
    const kv = (await this.objects.getKVNamespace("CACHE")) as unknown as {
      get(key: string, type: "json"): Promise<unknown>;
    };
    const startedAt = performance.now();
    const moved = how === "rollback" ? this.client.rollback(manyModel) : this.client.rollout(manyModel, how);
    const { revision } = await moved;
    for (;;) {
      const pointer = (await kv.get(`current/${manyModel}`, "json")) as ModelPointer | null;
      if (pointer && pointer.revision >= revision) return performance.now() - startedAt;
      await wait(1);
    }
  }

  // Publishes both models, and asks every region a question.
  private async fill(): Promise<void> {
    const { draft, blobs } = await benchArtefact();
    const accepted = await publish(this.client, { draft, blobs }, this.credentials.signingKey);
    await this.client.rollout(benchModel, { version: accepted.version });
    await this.client.rollout(manyModel, { version: await this.publishNext() });
    for (let from = 0; from < this.regionNames.length; from += askedAtOnce) {
      const questions = this.regionNames.slice(from, from + askedAtOnce).map((region) => {
        return { region, instance: benchInstance };
      });
      const headers = { authorization: `Bearer ${this.credentials.tokens.admin}`, "content-type": "application/json" };
      const path = `${this.credentials.edge}/v1/models/${manyModel}/ask`;
      const response = await fetch(path, { method: "POST", headers, body: JSON.stringify({ questions }) });
      if (!response.ok) throw new Error(`Status ${response.status}: ${await response.text()}`);
      await response.arrayBuffer();
    }
    const registry = await this.registry();
    await until(async () => (await registry.regions()).length === this.regionNames.length);
  }

  private async registry(): Promise<RegistryStub> {
    const namespace = await this.objects.getDurableObjectNamespace("REGISTRY");
    return namespace.get(namespace.idFromName(manyModel)) as unknown as RegistryStub;
  }
}

async function until(holds: () => Promise<boolean>): Promise<void> {
  while (!(await holds())) await wait(pollMs);
}

// Another checkout bundles its own sources.
async function bundleOf(checkout: string | undefined): Promise<string> {
  if (checkout === undefined) return bundle("wrangler.toml");
  const { href } = pathToFileURL(join(checkout, "scripts/local/workerd.ts"));
  const other = (await import(href)) as { bundle: typeof bundle };
  return other.bundle("wrangler.toml");
}
