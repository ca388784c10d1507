import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { describe, expect, it } from "vitest";
import { blobKey, manifestKey } from "#core/artefacts.ts";
import type {
  Answer,
  CanaryCount,
  CanaryReply,
  CanaryState,
  Instance,
  ModelPointer,
  VersionList,
} from "#core/contract/index.ts";
import { loadNetwork } from "#core/model/network.ts";
import { servingEngine } from "#core/model/serving-engine.ts";
import { ModelRung } from "#core/rung/model-rung.ts";
import { nodeOf } from "#edge/node.ts";
import type { RegistryObject } from "#objects/registry/index.ts";
import { customRows } from "../helpers/custom-rows.ts";
import { alertsOf, call, eventually, expectOk, publish } from "../helpers/edge.ts";
import type { ModelOptions, TestModel } from "../helpers/model.ts";
import { TestRegion } from "../helpers/region.ts";

const complete = { keep: "all", truth: "complete", ladder: ["edge", "region"] } as const;
const callers = Array.from({ length: 30 }, (_, i) => `caller-${i}`);
const instances = customRows(200).map((row) => row.instance);
const other = { version: 2, seed: 7 };

/** What a version answers to each of the instances, without a regional head. */
async function labelsOf({ manifest, blobs }: TestModel): Promise<string[]> {
  const read = async ({ sha256 }: { sha256: string }) => (blobs.get(sha256) as Uint8Array<ArrayBuffer>).slice().buffer;
  const network = await loadNetwork(servingEngine, manifest.thin, read);
  const questions = instances.map((instance, i) => ({ id: String(i), region: "north", instance, at: 0 }));
  const hop = { owner: "", remainingMs: 1_000, via: [], trace: false };
  const replies = await new ModelRung({ name: "edge", manifest, network }).ask(questions, hop);
  network.release();
  return replies.map(({ answer }) => answer.label);
}

/** A model with the stable version 1, and version 2 as a canary for half of the callers. */
class Contest {
  readonly model: string;
  /** What both versions answer to each of the instances. */
  readonly labels: Record<"1" | "2", string[]> = { "1": [], "2": [] };
  private asked = 0;

  constructor(model: string) {
    this.model = model;
  }

  async publish(options: ModelOptions = {}, canary: ModelOptions = other): Promise<void> {
    const policy = { ...complete, ladder: [...complete.ladder] };
    const known = { model: this.model, threshold: 0, policy, ...options };
    this.labels["1"] = await labelsOf(await publish(known));
    this.labels["2"] = await labelsOf(await publish({ ...known, ...canary }, null));
  }

  /** Starts to watch the canary, and waits until the known regions compare. */
  async watch(watch: object | true = true, share = 0.5): Promise<void> {
    await expectOk(this.rollout({ version: 2, share, watch }));
    await eventually(async () => expect((await this.state())?.regions).not.toEqual([]));
  }

  rollout(body: object): Promise<Response> {
    return call("POST", `/v1/models/${this.model}/rollout`, { body });
  }

  /** Each caller asks `each` questions in one request. */
  async ask(each: number): Promise<Answer[]> {
    return (await Promise.all(callers.map((caller) => this.askAs(caller, each)))).flat();
  }

  askAs(caller: string, n: number): Promise<Answer[]> {
    const numbers = Array.from({ length: n }, () => this.asked++);
    const asked = numbers.map((number) => instances[number % instances.length] as Instance);
    return this.region.ask(
      asked,
      numbers.map((number) => `${this.model}~north~${number}`),
      { caller },
    );
  }

  /** What a version without a regional head answers to a question. */
  labelOf(version: "1" | "2", { id }: Answer): string {
    return this.labels[version][Number(id.split("~")[2]) % instances.length] as string;
  }

  async teach(answers: readonly Answer[], truthOf: (answer: Answer) => string): Promise<void> {
    const truths = answers.map((answer) => ({ id: answer.id, label: truthOf(answer) }));
    for (let at = 0; at < truths.length; at += 1_000) await this.region.teach(truths.slice(at, at + 1_000));
  }

  /** Sends the truths by which a version without a regional head is always right. */
  teachFor(version: "1" | "2", answers: readonly Answer[]): Promise<void> {
    return this.teach(answers, (answer) => this.labelOf(version, answer));
  }

  /** Sends truths by which each of two versions is right in turn: no verdict follows. */
  teachEvenly(answers: readonly Answer[]): Promise<void> {
    const right = new Map(answers.map((answer, i) => [answer, i % 2 === 0 ? "1" : "2"] as const));
    return this.teach(answers, (answer) => this.labelOf(right.get(answer) as "1" | "2", answer));
  }

  /** Computes the second answers that are due, and has the registry compare. */
  async compare(): Promise<CanaryCount> {
    await this.region.inside(async (object, { storage }) => {
      storage.sql.exec("UPDATE jobs SET due = 1 WHERE kind = 'second-answers'");
      await object.alarm();
    });
    await this.evaluate();
    return (await this.state())?.regions[0] as CanaryCount;
  }

  get region(): TestRegion {
    return new TestRegion(this.model);
  }

  async state(): Promise<CanaryState | null> {
    const path = `/v1/models/${this.model}/canary`;
    return (await (await expectOk(call("GET", path, { token: "ask-token" }))).json<{ canary: CanaryState }>()).canary;
  }

  /** The registry's pointer: isolates may know an older one for some seconds. */
  pointer(): Promise<ModelPointer> {
    return runInDurableObject(this.registry, (object) => object.pointer());
  }

  async versions(): Promise<VersionList> {
    return (await expectOk(call("GET", `/v1/models/${this.model}/versions`))).json();
  }

  get registry(): DurableObjectStub<RegistryObject> {
    return env.REGISTRY.get(env.REGISTRY.idFromName(this.model)) as DurableObjectStub<RegistryObject>;
  }

  /** Runs the job `canary` now. */
  evaluate(): Promise<void> {
    return runInDurableObject(this.registry, async (object, { storage }) => {
      storage.sql.exec("UPDATE jobs SET due = 1 WHERE kind = 'canary'");
      await object.alarm();
    });
  }
}

function otherThan(label: string): string {
  return label === "a" ? "b" : "a";
}

/** A contest whose region the registry knows, because a caller has asked. */
async function contest(model: string, options: ModelOptions = {}, canary?: ModelOptions): Promise<Contest> {
  const made = new Contest(model);
  await made.publish(options, canary);
  const first = await made.askAs(callers[0] as string, 30);
  if (!options.policy) await made.teach(first, ({ label }) => label);
  await eventually(async () => {
    expect(await runInDurableObject(made.registry, (object) => object.regions())).toEqual(["north"]);
  });
  return made;
}

/** The share of answers that are not the truth. */
const shareOf = (answers: readonly Answer[], isWrong: (answer: Answer) => boolean) =>
  answers.filter(isWrong).length / answers.length;

const verdictsOf = async (model: string) =>
  (await alertsOf(model)).filter(({ kind }) => kind === "canary").map(({ title }) => title);

describe("a watched canary", () => {
  it("is rolled back when its error is higher, and the history gives the reason", async () => {
    const worse = await contest("worse");
    await worse.watch({ margin: 0.1 });
    const answers = await worse.ask(10);
    // Callers see only the version that serves them.
    expect(new Set(answers.map(({ version }) => version))).toEqual(new Set(["1", "2"]));
    for (const answer of answers) expect(answer.label).toBe(worse.labelOf(answer.version as "1" | "2", answer));
    await worse.teachFor("1", answers);
    await eventually(async () => expect((await worse.pointer()).canary).toBeNull());
    expect(await worse.pointer()).toMatchObject({ stable: 1, canary: null });
    expect(await worse.state()).toMatchObject({
      outcome: "rolled back",
      reason: expect.stringMatching(/with confidence between \+/),
    });
    expect(await verdictsOf("worse")).toEqual(["Canary 2 rolled back"]);
    const { versions, history } = await worse.versions();
    expect(history[0]).toMatchObject({ action: "rollback", version: 2 });
    expect(history[0]?.reason).toMatch(
      /^rolled back: on \d+ labelled questions that both versions answered .*: error \+\d/,
    );
    expect(versions.map(({ version, state }) => [version, state])).toEqual([
      [2, "retired"],
      [1, "stable"],
    ]);
    nodeOf(env).pointers.clear();
    await eventually(async () => {
      expect(new Set((await worse.ask(1)).map(({ version }) => version))).toEqual(new Set(["1"]));
    });
  });

  it("is promoted once when its error is not higher, however often the alarm fires", async () => {
    const better = await contest("better");
    await better.watch({ margin: 0.1 });
    await better.teachFor("2", await better.ask(10));
    await eventually(async () => expect((await better.pointer()).stable).toBe(2));
    const { revision } = await better.pointer();
    await better.evaluate();
    await better.evaluate();
    expect(await better.pointer()).toMatchObject({ stable: 2, previous: 1, canary: null, revision });
    const { history } = await better.versions();
    expect(history.filter(({ reason }) => reason?.startsWith("promoted: "))).toHaveLength(1);
    expect(await verdictsOf("better")).toEqual(["Canary 2 promoted"]);
    // The region deletes what it compared.
    await eventually(async () => expect(await better.region.rows("SELECT * FROM canary_answers")).toEqual([]));
  });

  it("is rolled back as undecided at the deadline", async () => {
    const slow = await contest("slow");
    await expectOk(slow.rollout({ version: 2, share: 0.5, watch: { deadlineHours: 1e-7 } }));
    await eventually(async () => {
      expect(await slow.state()).toMatchObject({ outcome: "rolled back", reason: expect.stringMatching(/^undecided/) });
    });
    expect((await slow.pointer()).canary).toBeNull();
  });

  it("keeps its pairs when its objects are evicted", async () => {
    const evicted = await contest("evicted");
    await evicted.watch({ margin: 0.1 });
    const answers = await evicted.ask(10);
    await evicted.teachFor("2", answers.slice(0, 20));
    await evictDurableObject(evicted.region.stub);
    await evicted.state();
    await evictDurableObject(evicted.registry);
    await evicted.teachFor("2", answers.slice(20));
    await runDurableObjectAlarm(evicted.registry);
    await eventually(async () => expect((await evicted.pointer()).stable).toBe(2));
    expect((await evicted.state())?.outcome).toBe("promoted");
  });

  it("is no longer watched when the pointer is moved by hand", async () => {
    const moved = await contest("moved-by-hand");
    await moved.watch();
    await expectOk(moved.rollout({ version: 2 }));
    expect(await moved.state()).toMatchObject({ outcome: "ended", reason: expect.stringMatching(/by hand/) });
    await moved.evaluate();
    expect(await moved.pointer()).toMatchObject({ stable: 2, canary: null });
    await expectOk(call("POST", "/v1/models/moved-by-hand/rollback", { body: {} }));
    await moved.watch();
    await expectOk(call("POST", "/v1/models/moved-by-hand/rollback", { body: {} }));
    expect(await moved.state()).toMatchObject({ outcome: "ended" });
    expect(await moved.pointer()).toMatchObject({ stable: 1, canary: null });
  });

  it("is judged by the regions that answer, and by a silent one when it answers again", {
    timeout: 90_000,
  }, async () => {
    const silent = await contest("silent");
    // The region has not read the canary's manifest yet, and can't.
    const key = manifestKey("silent", 2);
    const manifest = (await (await env.ARTEFACTS.get(key))?.text()) as string;
    await evictDurableObject(silent.region.stub);
    await env.ARTEFACTS.put(key, "nonsense");
    await runInDurableObject(silent.registry, (object) => {
      const plan = { margin: 0.1, coverageMargin: null, delta: 0.05 };
      object.rolloutWatched({ version: 2, share: 0.5, plan, deadlineMs: 3600_000 });
    });
    await silent.evaluate();
    expect(await silent.state()).toMatchObject({
      outcome: null,
      regions: [],
      verdict: { decision: "continue", pairs: 0 },
    });
    await env.ARTEFACTS.put(key, manifest);
    await silent.evaluate();
    expect((await silent.state())?.regions).toMatchObject([{ region: "north" }]);
    // The edge reads the pointer from KV, since the registry was called directly.
    await eventually(async () => {
      nodeOf(env).pointers.clear();
      expect(new Set((await silent.ask(1)).map(({ version }) => version))).toEqual(new Set(["1", "2"]));
    }, 60_000);
    await silent.teachFor("2", await silent.ask(10));
    await eventually(async () => expect((await silent.pointer()).stable).toBe(2));
  });

  it("is rolled back when it accepts much less, though its error is not higher", async () => {
    const policy = { keep: "audited", truth: "some", auditShare: 0.8, ladder: ["edge", "region"] } as const;
    const options = { policy: { ...policy, ladder: [...policy.ladder] } };
    const shy = await contest("shy-canary", options, { version: 2, threshold: 1.01 });
    await shy.watch();
    const answers = await shy.ask(8);
    // What was accepted is kept after the answer.
    await eventually(async () => {
      expect((await shy.region.rows("SELECT id FROM canary_answers")).length).toBeGreaterThan(150);
    });
    const kept = new Set((await shy.region.rows("SELECT id FROM questions")).map(({ id }) => id));
    await shy.teachFor(
      "1",
      answers.filter(({ id }) => kept.has(id)),
    );
    await eventually(async () => {
      expect(await shy.state()).toMatchObject({
        outcome: "rolled back",
        reason: expect.stringMatching(/; coverage −100\.0 points/),
      });
    });
  });
});

describe("a region's comparison of a canary", () => {
  it("has what both versions answer to each labelled question: repeated, corrected, forgotten", async () => {
    const paired = await contest("paired-canary");
    // The margin is too small to be proven.
    await paired.watch({ margin: 1e-6 });
    const answers = (await paired.ask(1)).slice(0, 24);
    const [right, wrong] = [new Set(answers.filter((_, i) => i % 3 > 0)), (label: string) => otherThan(label)];
    const truthOf = (answer: Answer) => {
      const label = paired.labelOf("1", answer);
      return right.has(answer) ? label : wrong(label);
    };
    const expected = (of: (answer: Answer) => string) => {
      const errorOf = (version: "1" | "2") =>
        shareOf(answers, (answer) => paired.labelOf(version, answer) !== of(answer));
      const [stable, canary] = [errorOf("1"), errorOf("2")];
      return {
        ...{ pairs: 24, labelled: 24, questions: 24, waiting: 0 },
        stable: { error: expect.closeTo(stable, 10), coverage: 1 },
        canary: { error: expect.closeTo(canary, 10), coverage: 1 },
      };
    };
    await paired.teach(answers, truthOf);
    expect(await paired.compare()).toMatchObject(expected(truthOf));
    // A repeated label changes nothing; a correction replaces it, without another computation.
    await paired.teach(answers, truthOf);
    expect(await paired.compare()).toMatchObject(expected(truthOf));
    const corrected = (answer: Answer) => paired.labelOf(answers.indexOf(answer) % 2 === 0 ? "1" : "2", answer);
    await paired.teach(answers, corrected);
    expect(await paired.region.rows("SELECT * FROM jobs WHERE kind = 'second-answers'")).toEqual([]);
    expect(await paired.compare()).toMatchObject(expected(corrected));
    // A forgotten question stays as a count without its id, so that errors can't be removed by forgetting.
    const { id } = answers[0] as Answer;
    await expectOk(call("DELETE", `/v1/questions/${id}`));
    const left = await paired.region.rows(
      "SELECT id, label, prediction, otherPrediction, groupKey FROM canary_answers WHERE id = ? OR prediction = ''",
      id,
    );
    const name = expect.stringMatching(/^forgotten \d+$/);
    expect(left).toEqual([{ id: name, label: "", prediction: "", otherPrediction: "", groupKey: name }]);
    expect(await paired.compare()).toMatchObject(expected(corrected));
  });

  it("computes the second answer with the head that the region had when the question was asked", async () => {
    const headed = await contest("headed-canary");
    const { region } = headed;
    await region.teach(region.labelledQuestions(200));
    expect(await region.retrain()).toMatchObject({ status: "promoted" });
    const before = await region.inside((object) => object.state(1));
    await runInDurableObject(headed.registry, (object) => {
      const plan = { margin: 1e-6, coverageMargin: null, delta: 0.05 };
      object.rolloutWatched({ version: 2, share: 0.99, plan, deadlineMs: 3600_000 });
      return object.pointer();
    });
    await eventually(async () => expect((await headed.pointer()).heldBack).toEqual({}));
    await eventually(async () => {
      await headed.evaluate();
      expect((await headed.state())?.regions).toHaveLength(1);
    });
    // The region is held back on the stable version until it has a head for the canary.
    const answers = await eventually(async () => {
      nodeOf(env).pointers.clear();
      const found = (await headed.ask(1)).filter(({ version }) => version.startsWith("2"));
      expect(found.length).toBeGreaterThan(20);
      return found;
    });
    // The current head answers otherwise: it is the global one.
    await region.inside((object) => object.setHead(1, { revision: 1_000, head: null, rule: null }));
    await headed.teachFor("1", answers);
    await headed.compare();
    const rows = await region.rows(
      "SELECT id, otherPrediction, otherRevision FROM canary_answers WHERE label IS NOT NULL",
    );
    expect(rows).toHaveLength(answers.length);
    expect(before.headManifest).not.toBeNull();
    const truths = customRows(200);
    const byCustom = rows.filter(({ id, otherPrediction }) => {
      return truths[Number(String(id).split("~")[2]) % instances.length]?.label === otherPrediction;
    });
    // The regional head has learned the custom of the region, and a random global head has not.
    expect(byCustom.length / rows.length).toBeGreaterThan(0.75);
    const byGlobal = rows.filter(({ id, otherPrediction }) => {
      return headed.labels["1"][Number(String(id).split("~")[2]) % instances.length] === otherPrediction;
    });
    expect(byGlobal.length).toBeLessThan(rows.length);
  });

  it("computes the second answer of an opened region with its parent's head", async () => {
    const named = { from: "field", name: "region", keys: ["south"], parent: "world" } as const;
    const regions = { ...named, keys: [...named.keys], open: { perTokenPerDay: 100 } };
    const policy = { ...complete, ladder: [...complete.ladder], regions };
    const opened = await contest("opened-canary", { policy });
    const parent = new TestRegion("opened-canary", "world");
    await parent.teach(parent.labelledQuestions(200));
    expect(await parent.retrain()).toMatchObject({ status: "promoted" });
    await opened.watch({ margin: 1e-6 }, 0.99);
    const answers = (await opened.ask(1)).filter(({ version }) => version.startsWith("2"));
    await opened.teach(answers, (answer) => opened.labelOf("2", answer));
    await opened.compare();
    const rows = await opened.region.rows(
      "SELECT id, otherPrediction, otherRevision FROM canary_answers WHERE error = 0",
    );
    expect(rows.length).toBeGreaterThan(20);
    const isCustom = ({ id, otherPrediction }: (typeof rows)[0]) => {
      return customRows(200)[Number(String(id).split("~")[2]) % instances.length]?.label === otherPrediction;
    };
    expect(rows.filter(isCustom).length / rows.length).toBeGreaterThan(0.75);
    expect(rows.every(({ otherRevision }) => otherRevision === 0)).toBe(true);
  });

  it("weights each pair by the probability with which the serving version planned its label, and counts no other", async () => {
    const policy = { keep: "all", truth: "some", ladder: ["edge", "region"], auditShare: 0.5 } as const;
    const known = { ...policy, ladder: [...policy.ladder] };
    const canary = { ...other, policy: { ...known, auditShare: 0.9 } };
    const audited = await contest("audited-canary", { policy: known }, canary);
    await audited.watch({ margin: 1e-6 });
    // Truths come for all questions, more than were planned.
    const answers = await audited.ask(4);
    await audited.teachEvenly(answers);
    const rows = await audited.region.rows("SELECT base, inclusionProbability AS p FROM canary_answers");
    for (const { base, p } of rows) expect(p).toBe(base === 1 ? 0.5 : 0.9);
    for (const [base, share] of [
      [1, 0.5],
      [2, 0.9],
    ] as const) {
      const asked = answers.filter(({ version }) => version === `${base}`).length;
      const planned = rows.filter((row) => row.base === base).length;
      expect(Math.abs(planned - share * asked)).toBeLessThan(4 * Math.sqrt(share * (1 - share) * asked));
    }
    const count = await audited.compare();
    expect(count).toMatchObject({ planned: rows.length, pairs: rows.length, canary: { coverage: 1 } });
    expect(count.questions).toBeCloseTo(
      rows.reduce((sum, { p }) => sum + 1 / (p as number), 0),
      6,
    );
    expect((await audited.state())?.plan).toEqual({ margin: 1e-6, coverageMargin: 0.05, delta: 0.05 });
  });

  it("keeps no instance for longer than the second answer takes, where the policy keeps none", async () => {
    const policy = { ...complete, ladder: [...complete.ladder], keepInputs: false };
    const discreet = await contest("discreet-canary", { policy });
    await discreet.watch({ margin: 1e-6 });
    const answers = await discreet.ask(1);
    await discreet.teachEvenly(answers.slice(0, 20));
    const kept = () => discreet.region.rows("SELECT id FROM questions WHERE instance <> 'null'");
    expect(await discreet.compare()).toMatchObject({ planned: 30, pairs: 20, waiting: 0 });
    expect(await kept()).toHaveLength(10);
    await expectOk(discreet.rollout({ version: 1 }));
    await eventually(async () => expect(await kept()).toEqual([]));
  });

  it("leaves out what the other version can't answer, and says so", { timeout: 60_000 }, async () => {
    const broken = await contest("broken-canary");
    await broken.watch({ margin: 1e-6 });
    const answers = await broken.ask(2);
    const of = (version: string) => answers.filter((answer) => answer.version === version);
    const [forgotten, huge] = of("1");
    await broken.region.rows("UPDATE questions SET instance = 'null' WHERE id = ?", forgotten?.id as string);
    await broken.region.rows(
      "UPDATE questions SET instance = json_set(instance, '$.x0', 1e300) WHERE id = ?",
      huge?.id as string,
    );
    await broken.teachEvenly(of("1"));
    const unpaired = { instance: 1, input: 1, failure: 0 };
    expect(await broken.compare()).toMatchObject({ pairs: of("1").length - 2, waiting: 0, unpaired });
    // The weights of the stable version are gone.
    const manifest = JSON.parse((await (await env.ARTEFACTS.get(manifestKey("broken-canary", 1)))?.text()) as string);
    const key = blobKey(manifest.thin.backbone.shards[0].sha256);
    const weights = (await (await env.ARTEFACTS.get(key))?.arrayBuffer()) as ArrayBuffer;
    await env.ARTEFACTS.delete(key);
    await broken.teachEvenly(of("2"));
    for (let attempt = 0; attempt < 6; attempt++) await broken.compare();
    await env.ARTEFACTS.put(key, weights);
    expect(await broken.compare()).toMatchObject({
      ...{ pairs: of("1").length - 2, waiting: 0 },
      unpaired: { ...unpaired, failure: of("2").length },
    });
    const metricsFor = async (token: string) => (await expectOk(call("GET", "/metrics", { token }))).text();
    const metrics = await metricsFor("metrics-token");
    expect(metrics).toContain(`upriver_canary_pairs{model="broken-canary"} ${of("1").length - 2}`);
    expect(metrics).toContain('upriver_canary_unpaired{model="broken-canary",reason="input"} 1');
    expect(metrics).toContain('upriver_canary_error_difference{model="broken-canary",bound="upper"} ');
    // A token that is limited to a region sees nothing that is about the others.
    expect(await metricsFor("south-token")).not.toContain("upriver_canary_pairs{");
    const regionsFor = async (token: string) => {
      const reply = await expectOk(call("GET", "/v1/models/broken-canary/canary", { token }));
      return ((await reply.json()) as CanaryReply).canary?.regions.map(({ region }) => region);
    };
    expect(await regionsFor("north-token")).toEqual(["north"]);
    expect(await regionsFor("south-token")).toEqual([]);
    expect((await broken.state())?.verdict?.reason).toMatch(
      /; not compared: 1 without a kept instance, 1 that do not fit the other version's input, \d+ that the other version failed to answer$/,
    );
  });

  it("has nothing of the canary while the region is held back on the stable version", async () => {
    const heldBack = await contest("held-canary");
    const region = new TestRegion("held-canary");
    await region.teach(region.labelledQuestions(200));
    expect(await region.retrain()).toMatchObject({ status: "promoted" });
    const plan = { margin: 0.15, coverageMargin: null, delta: 0.05 };
    // The registry has to regard the region as not ready.
    await runInDurableObject(heldBack.registry, async (object, { storage }) => {
      storage.sql.exec("DELETE FROM head_pointers WHERE base = 2");
      object.rolloutWatched({ version: 2, share: 0.5, plan, deadlineMs: 3600_000 });
      expect(object.pointer().heldBack).toEqual({ north: 1 });
      storage.sql.exec("UPDATE jobs SET due = ? WHERE kind = 'prepare'", Date.now() + 3600_000);
    });
    nodeOf(env).pointers.clear();
    await heldBack.evaluate();
    const answers = await heldBack.ask(2);
    expect(answers.every(({ version }) => version.startsWith("1"))).toBe(true);
    await heldBack.teachFor("1", answers);
    await heldBack.evaluate();
    expect(await heldBack.state()).toMatchObject({ regions: [], verdict: { decision: "continue", pairs: 0 } });
    await runInDurableObject(heldBack.registry, async (object, { storage }) => {
      storage.sql.exec("UPDATE jobs SET due = 1 WHERE kind = 'prepare'");
      await object.alarm();
    });
    await eventually(async () => expect((await heldBack.pointer()).heldBack).toEqual({}));
    expect(await region.rows("SELECT status FROM runs WHERE base = 2")).not.toEqual([]);
  });

  it("is empty while no canary is watched", async () => {
    const quiet = await contest("quiet");
    await expectOk(quiet.rollout({ version: 2, share: 0.5 }));
    await quiet.teachFor("1", await quiet.ask(2));
    expect(await quiet.region.rows("SELECT * FROM canary_answers")).toEqual([]);
    expect(await quiet.state()).toBeNull();
    expect(await quiet.pointer()).toMatchObject({ stable: 1, canary: { version: 2, share: 0.5 } });
  });
});

describe("a canary's certificate", () => {
  it("is separate: its errors void it, and leave the stable version's certificate as it was", async () => {
    const apart = await contest("apart");
    await expectOk(apart.rollout({ version: 2, share: 0.5 }));
    await apart.teach(await apart.ask(20), ({ version, label }) => (version === "2" ? otherThan(label) : label));
    const region = new TestRegion("apart");
    const stateOf = (base: number) => region.inside((object) => object.state(base));
    await eventually(async () => {
      expect((await stateOf(1)).certificate).toMatchObject({ status: "valid", mean: 0, window: { number: 1 } });
      expect((await stateOf(2)).certificate).toMatchObject({ status: "void" });
      // The edge receives both.
      expect((await stateOf(1)).rule?.certificate).not.toBeNull();
      expect((await stateOf(2)).rule).toMatchObject({ certificate: null, uncertified: { status: "void" } });
    });
    const thresholds = await region.rows("SELECT base, threshold FROM thresholds ORDER BY base");
    expect(thresholds[0]?.threshold).toBeLessThan(0.5);
    expect(thresholds[1]?.threshold).toBeGreaterThanOrEqual(0.99);
    // A planned label of a version that no longer serves becomes overdue, and is no longer waited for.
    await expectOk(call("POST", "/v1/models/apart/rollback", { body: {} }));
    await region.rows("UPDATE trials SET dueAt = 1, window = NULL, error = NULL WHERE base = 2 AND window > 0");
    await region.inside(async (object, { storage }) => {
      storage.sql.exec("UPDATE jobs SET due = 1 WHERE kind = 'rule'");
      await object.alarm();
      expect(storage.sql.exec("SELECT due FROM jobs WHERE kind = 'rule'").one().due).toBeGreaterThan(Date.now());
    });
    expect(await region.rows("SELECT id FROM trials WHERE window IS NULL")).toEqual([]);
  });
});

describe("a request to watch a canary", () => {
  it("returns 422 and changes nothing where a canary can't be judged", async () => {
    const plain = new Contest("unwatched");
    await plain.publish({ policy: { keep: "all", truth: "some", auditShare: 0, ladder: ["edge", "region"] } });
    const statuses = [];
    for (const body of [
      { version: 2, watch: true },
      { version: 2, share: 0.5, watch: { margin: 0 } },
      { version: 2, share: 0.5, watch: { deadlineHours: -1 } },
      { version: 2, share: 0.5, watch: { patience: 3 } },
      { version: 2, share: 0.5, watch: true },
    ]) {
      statuses.push((await plain.rollout(body)).status);
    }
    expect(statuses).toEqual([422, 422, 422, 422, 422]);
    expect(await plain.pointer()).toMatchObject({ stable: 1, canary: null });
    expect((await plain.rollout({ version: 9, share: 0.5, watch: true })).status).toBe(409);
    expect((await call("GET", "/v1/models/nothing/canary")).status).toBe(404);
    expect((await call("GET", "/v1/models/unwatched/canary", { token: "narrow-token" })).status).toBe(403);
  });
});
