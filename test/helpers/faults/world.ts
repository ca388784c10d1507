import { runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import type { Answer, HeadManifest, Instance, ModelPointer } from "#core/contract/index.ts";
import { decodeHead } from "#core/head/head.ts";
import { loadNetwork, type Network } from "#core/model/network.ts";
import { servingEngine } from "#core/model/serving-engine.ts";
import { ModelRung } from "#core/rung/model-rung.ts";
import { sign } from "#core/sign.ts";
import { nodeOf } from "#edge/node.ts";
import { regionObjectName } from "#objects/names.ts";
import type { RegionObject } from "#objects/region/index.ts";
import type { RegistryObject } from "#objects/registry/index.ts";
import { customRows } from "../custom-rows.ts";
import { call, publishBuilt } from "../edge.ts";
import { testKeys } from "../keys.ts";
import { type ModelOptions, type TestModel, testModel } from "../model.ts";
import type { Victim } from "./inject.ts";

const region = "north";
/** Jobs that are brought forward: the others wait for their day. */
const driven = ["escalate", "register", "retrain", "rule", "heads", "outbox", "prepare", "copy", "adopt", "end-canary"];
const driveMaxMs = 15_000;

/** A question that a caller has an answer to, as the caller knows it. */
export interface Asked {
  id: string;
  instance: Instance;
  truth: string;
  answer: Answer;
}

/** What callers and operators of one model know, to compare the system with. */
export class World {
  /** The model that learns, and one whose every question goes up. */
  readonly model: string;
  readonly above: string;
  readonly asked = new Map<string, Asked>();
  readonly taught = new Map<string, string>();
  /** The revision of the model's pointer that was seen last. */
  lastRevision = 0;
  /** Each head that ever was, by the version that answers name. */
  readonly heads = new Map<string, HeadManifest>();
  /** The weights of each head, by the SHA-256 of its blob. */
  readonly weights = new Map<string, ArrayBuffer>();
  latest = 1;
  private readonly random: () => number;
  private readonly built: TestModel;
  private readonly networks = new Map<number, Network>();
  private readonly rows: { instance: Instance; label: string }[];
  private calls = 0;

  private constructor(model: string, built: TestModel, random: () => number) {
    this.model = model;
    this.above = `${model}-above`;
    this.built = built;
    this.random = random;
    this.rows = customRows(5_000, region, 77);
  }

  /** Publishes both models, and gives the region a head and a valid certificate. */
  static async create(model: string, random: () => number): Promise<World> {
    const policy = { keep: "all", truth: "complete", ladder: ["edge", "region", "origin"] } as const;
    const options = { model, threshold: 0.5, policy: { ...policy, ladder: [...policy.ladder] } };
    const built = await certifiable(options);
    await publishBuilt(built);
    const world = new World(model, built, random);
    await publishBuilt(await certifiable({ ...options, model: world.above, threshold: 1.01 }));
    const rows = customRows(250, region, 5);
    const truths = rows.map(({ instance, label }, i) => ({
      label,
      question: { id: `${model}~${region}~taught-${i}`, region, instance, at: 1_000 + i },
    }));
    await world.post(`/v1/models/${model}/truths`, { truths });
    for (const { label, question } of truths) world.taught.set(question.id, label);
    await world.retrain();
    await world.drive();
    for (let i = 0; i < 3; i++) {
      await world.ask(model, 60);
      await world.teach(60);
    }
    await world.drive();
    world.forgetMemory();
    return world;
  }

  registry(model = this.model): DurableObjectStub<RegistryObject> {
    return env.REGISTRY.get(env.REGISTRY.idFromName(model)) as DurableObjectStub<RegistryObject>;
  }

  region(model = this.model): DurableObjectStub<RegionObject> {
    return env.REGION.get(env.REGION.idFromName(regionObjectName(model, region))) as DurableObjectStub<RegionObject>;
  }

  victim(stub: DurableObjectStub<RegionObject> | DurableObjectStub<RegistryObject>): Promise<Victim> {
    return runInDurableObject(stub as never, (_, context) => ({ context, sql: context.storage.sql }));
  }

  /** What the isolate knows, gone: the next request reads as a new isolate would. */
  forgetMemory(): void {
    const node = nodeOf(env);
    node.manifests.clear();
    node.pointers.clear();
    node.headPointers.clear();
    node.headFaults.clear();
    node.headless.clear();
    node.cache.pausedUntil = 0;
    for (const { head } of this.heads.values()) node.heads.delete(head.blob.sha256);
    for (let version = 1; version <= this.latest; version++) {
      node.models.delete(`models/${this.model}/versions/${version}.json`);
    }
  }

  /** Asks questions under a key: a repeated call asks the same. */
  async ask(model: string, count: number, more: object = {}, key = `${model}-${++this.calls}`): Promise<Answer[]> {
    return this.askRows(model, this.someRows(count), more, key);
  }

  async askRows(model: string, rows: World["rows"], more: object, key: string): Promise<Answer[]> {
    const body = { questions: rows.map(({ instance }) => ({ instance, region })), ...more };
    const reply = (await this.post(`/v1/models/${model}/ask`, body, { "idempotency-key": key })) as {
      answers: Answer[];
    };
    for (const [i, answer] of reply.answers.entries()) {
      const { instance, label } = rows[i] as World["rows"][0];
      this.asked.set(answer.id, { id: answer.id, instance, truth: label, answer });
    }
    return reply.answers;
  }

  someRows(count: number): World["rows"] {
    const from = Math.floor(this.random() * (this.rows.length - count));
    return this.rows.slice(from, from + count);
  }

  nextKey(): string {
    return `key-${++this.calls}`;
  }

  /** Questions whose label nobody has given yet. */
  unlabelled(count: number): Asked[] {
    const open = [...this.asked.values()].filter(
      ({ id, answer }) => answer.model === this.model && !this.taught.has(id),
    );
    return open.filter((one) => isStored(one.answer)).slice(-count);
  }

  async teach(count: number, asked = this.unlabelled(count)): Promise<void> {
    if (asked.length === 0) return;
    await this.post(`/v1/models/${this.model}/truths`, {
      truths: asked.map(({ id, truth }) => ({ id, label: truth })),
    });
    for (const { id, truth } of asked) this.taught.set(id, truth);
  }

  async retrain(): Promise<void> {
    await this.post(`/v1/models/${this.model}/regions/${region}/retrain`, {}, { prefer: "wait=3" });
  }

  /** Publishes the next version: the same networks under another number. */
  async publishNext(version: number): Promise<void> {
    const { policy } = this.built.manifest;
    const { manifest } = await certifiable({ model: this.model, version, threshold: 0.5, policy });
    await this.send("PUT", `/v1/models/${this.model}/versions/${version}`, manifest);
    this.latest = Math.max(this.latest, version);
  }

  async rollout(body: object): Promise<void> {
    await this.post(`/v1/models/${this.model}/rollout`, body);
  }

  async rollback(): Promise<void> {
    await this.post(`/v1/models/${this.model}/rollback`, {});
  }

  /** Loses the registry: its tables are empty, as those of a new one. */
  async loseRegistry(): Promise<void> {
    await runInDurableObject(this.registry(), async (_, { storage }) => {
      await storage.deleteAlarm();
      await storage.deleteAll();
    });
    const { context } = await this.victim(this.registry());
    await runInDurableObject(this.registry(), () => context.abort("lost by the test of faults")).catch(() => {});
  }

  async restore(): Promise<void> {
    await this.post(`/v1/models/${this.model}/restore`, {});
  }

  /** Runs the objects' jobs until nothing waits: open questions, retrains, outboxes. Returns whether that came. */
  async drive(): Promise<boolean> {
    const deadline = performance.now() + driveMaxMs;
    while (performance.now() < deadline) {
      const waiting = await Promise.all([
        ...[this.model, this.above].map((model) => this.runJobs(this.region(model), regionWaits)),
        ...[this.model, this.above].map((model) => this.runJobs(this.registry(model), registryWaits)),
      ]);
      if (waiting.every((count) => count === 0)) return true;
      await scheduler.wait(10);
    }
    return false;
  }

  private async runJobs(stub: DurableObjectStub<RegionObject> | DurableObjectStub<RegistryObject>, waits: string[]) {
    try {
      return await runInDurableObject(stub as DurableObjectStub<RegionObject>, async (object, { storage: { sql } }) => {
        const count = () => waits.reduce((sum, query) => sum + countOf(sql, query), 0);
        if (countOf(sql, "SELECT count(*) AS n FROM sqlite_master WHERE name = 'questions'") > 0) {
          sql.exec("UPDATE questions SET escalateAt = 1 WHERE escalateAt IS NOT NULL");
        }
        const kinds = driven.map((kind) => `'${kind}'`).join(", ");
        sql.exec(`UPDATE jobs SET due = 1 WHERE kind IN (${kinds}) AND (kind <> 'rule' OR due < 1e15)`);
        await object.alarm();
        return count();
      });
    } catch {
      // It was killed meanwhile: the next round meets a new instance.
      return 1;
    }
  }

  pointer(): Promise<ModelPointer> {
    return runInDurableObject(this.registry(), (object) => object.pointer());
  }

  /** Whether the region has a head on a version. */
  async hasHead(base: number): Promise<boolean> {
    return (await runInDurableObject(this.registry(), (object) => object.headPointer(base, region))).head !== null;
  }

  /** What a version answers when nothing is broken, by the heads as they were published; null for one that never was. */
  async expected({ version, id }: Answer): Promise<Answer | null> {
    const asked = this.asked.get(id) as Asked;
    const [base = "", head] = version.split("+");
    const manifest = { ...this.built.manifest, version: Number(base) };
    const network = await this.network(Number(base));
    const known = head === undefined ? null : this.heads.get(version);
    if (known === undefined) return null;
    const weights = known && this.weights.get(known.head.blob.sha256);
    const rung = new ModelRung({
      ...{ name: "edge", manifest, network },
      servingOf: () => ({
        head: known && weights ? { manifest: known, weights: decodeHead(known.head, weights) } : null,
        rule: null,
      }),
    });
    const hop = { owner: "", remainingMs: 1_000, via: [], trace: false };
    const [reply] = await rung.ask([{ id, region, instance: asked.instance, at: 0 }], hop);
    return reply?.answer ?? null;
  }

  private async network(version: number): Promise<Network> {
    const known = this.networks.get(version);
    if (known) return known;
    const read = async ({ sha256 }: { sha256: string }) => {
      return (this.built.blobs.get(sha256) as Uint8Array<ArrayBuffer>).slice().buffer;
    };
    const network = await loadNetwork(servingEngine, this.built.manifest.thin, read);
    this.networks.set(version, network);
    return network;
  }

  private post(path: string, body: object, headers: Record<string, string> = {}): Promise<unknown> {
    return this.send("POST", path, body, headers);
  }

  private async send(
    method: string,
    path: string,
    body: object,
    headers: Record<string, string> = {},
  ): Promise<unknown> {
    const response = await call(method, path, { body, headers });
    const text = await response.text();
    if (!response.ok) throw new RequestError(response.status, text);
    return JSON.parse(text);
  }
}

/** A model whose regions are certified after some hundred labels. */
async function certifiable(options: ModelOptions): Promise<TestModel> {
  const { manifest, blobs } = await testModel(options);
  manifest.thin.rule.targetRisk = 0.3;
  return { manifest: await sign(manifest, testKeys.publish.signing), blobs };
}

/** A request that was not acknowledged. */
export class RequestError extends Error {
  readonly status: number;
  constructor(status: number, text: string) {
    super(`status ${status}: ${text.slice(0, 300)}`);
    this.status = status;
  }
}

/** Whether the system promises that an answer's question can be read: all but the edge's own in place of a region's. */
export function isStored({ status, rung, accepted }: Answer): boolean {
  return status === "open" || rung !== "edge" || accepted;
}

const regionWaits = [
  "SELECT count(*) AS n FROM questions WHERE status = 'open'",
  "SELECT count(*) AS n FROM runs WHERE status = 'running'",
];
const registryWaits = [
  "SELECT count(*) AS n FROM outbox",
  "SELECT count(*) AS n FROM jobs WHERE kind IN ('adopt', 'prepare')",
];

function countOf(sql: SqlStorage, query: string): number {
  return sql.exec<{ n: number }>(query).one().n;
}
