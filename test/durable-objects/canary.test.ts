import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { describe, expect, it } from "vitest";
import { manifestKey } from "#core/artefacts.ts";
import { differencesOf } from "#core/confidence/canary.ts";
import type { Answer, CanaryState, ModelPointer, VersionCount, VersionList } from "#core/contract/index.ts";
import { nodeOf } from "#edge/node.ts";
import type { RegistryObject } from "#objects/registry/index.ts";
import { call, eventually, expectOk, publish } from "../helpers/edge.ts";
import type { ModelOptions } from "../helpers/model.ts";
import { seeded } from "../helpers/random.ts";
import { TestRegion } from "../helpers/region.ts";

const complete = { keep: "all", truth: "complete", ladder: ["edge", "region"] } as const;
const callers = Array.from({ length: 30 }, (_, i) => `caller-${i}`);
const instance = { region: "north", x0: 3, x1: 1, x2: -0.5, x3: 2 };

/** A model with the stable version 1, and version 2 as a canary for half of the callers. */
class Contest {
  readonly model: string;
  private readonly random = seeded(4);
  private asked = 0;

  constructor(model: string) {
    this.model = model;
  }

  async publish(options: ModelOptions = {}): Promise<void> {
    const policy = { ...complete, ladder: [...complete.ladder] };
    await publish({ model: this.model, threshold: 0, policy, ...options });
    await publish({ model: this.model, threshold: 0, policy, ...options, version: 2, seed: 7 }, null);
  }

  /** Starts to watch the canary, and waits until the known regions count. */
  async watch(watch: object | true = true, share = 0.5): Promise<void> {
    await expectOk(this.rollout({ version: 2, share, watch }));
    await eventually(async () => expect((await this.state())?.verdict).not.toBeNull());
  }

  rollout(body: object): Promise<Response> {
    return call("POST", `/v1/models/${this.model}/rollout`, { body });
  }

  /** Each caller asks `each` questions in one request. Returns one answer of each caller, then the next of each. */
  async ask(each: number): Promise<Answer[]> {
    const batches = await Promise.all(callers.map((caller) => this.askAs(caller, each)));
    return Array.from({ length: each }, (_, i) => batches.map((answers) => answers[i] as Answer)).flat();
  }

  /** The same in several turns, so that the questions of both versions alternate in the region. */
  async askInTurns(each: number, turns: number): Promise<Answer[]> {
    const answers: Answer[] = [];
    for (let turn = 0; turn < turns; turn++) answers.push(...(await this.ask(each)));
    return answers;
  }

  askAs(caller: string, n: number): Promise<Answer[]> {
    const ids = Array.from({ length: n }, () => `${this.model}~north~${this.asked++}`);
    const instances = ids.map(() => instance);
    return this.region.ask(instances, ids, { caller });
  }

  /** Sends a truth for each answer; a version's answers are wrong by chance, at its error rate. */
  async teach(answers: readonly Answer[], errorOf: (version: string) => number): Promise<boolean[]> {
    const wrong = answers.map(({ version }) => this.random() < errorOf(version));
    const truths = answers.map(({ id, label }, i) => ({ id, label: wrong[i] ? otherThan(label) : label }));
    for (let at = 0; at < truths.length; at += 1_000) await this.region.teach(truths.slice(at, at + 1_000));
    return wrong;
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
async function contest(model: string, options: ModelOptions = {}): Promise<Contest> {
  const made = new Contest(model);
  await made.publish(options);
  const first = await made.askAs(callers[0] as string, 30);
  if (!options.policy) await made.teach(first, () => 0);
  await eventually(async () => {
    expect(await runInDurableObject(made.registry, (object) => object.regions())).toEqual(["north"]);
  });
  return made;
}

const countOf = (state: CanaryState | null, version: string): VersionCount | undefined =>
  state?.regions[0]?.versions.find((count) => count.version === version);

describe("a watched canary", () => {
  it("is rolled back when its error is higher, and the history gives the reason", async () => {
    const worse = await contest("worse");
    await worse.watch({ margin: 0.1 });
    await worse.teach(await worse.ask(20), (version) => (version === "2" ? 0.5 : 0.05));
    await eventually(async () => expect((await worse.pointer()).canary).toBeNull());
    expect(await worse.pointer()).toMatchObject({ stable: 1, canary: null });
    expect(await worse.state()).toMatchObject({
      outcome: "rolled back",
      reason: expect.stringMatching(/with confidence between \+/),
    });
    const { versions, history } = await worse.versions();
    expect(history[0]).toMatchObject({ action: "rollback", version: 2 });
    expect(history[0]?.reason).toMatch(/^rolled back: error of all answers \+\d+\.\d+ points/);
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
    const equal = await contest("equal");
    await equal.watch({ margin: 0.15 });
    await equal.teach(await equal.ask(30), () => 0.05);
    await eventually(async () => expect((await equal.pointer()).stable).toBe(2));
    const { revision } = await equal.pointer();
    await equal.evaluate();
    await equal.evaluate();
    expect(await equal.pointer()).toMatchObject({ stable: 2, previous: 1, canary: null, revision });
    const { history } = await equal.versions();
    expect(history.filter(({ reason }) => reason?.startsWith("promoted: "))).toHaveLength(1);
    // The region deletes what it counted.
    await eventually(async () =>
      expect(await new TestRegion("equal").rows("SELECT * FROM canary_answers")).toEqual([]),
    );
  });

  it("is rolled back as undecided at the deadline", async () => {
    const slow = await contest("slow");
    await expectOk(slow.rollout({ version: 2, share: 0.5, watch: { deadlineHours: 1e-7 } }));
    await eventually(async () => {
      expect(await slow.state()).toMatchObject({ outcome: "rolled back", reason: expect.stringMatching(/^undecided/) });
    });
    expect((await slow.pointer()).canary).toBeNull();
  });

  it("keeps its counts when its objects are evicted", async () => {
    const evicted = await contest("evicted");
    await evicted.watch({ margin: 0.15 });
    const answers = await evicted.ask(30);
    await evicted.teach(answers.slice(0, 200), () => 0.05);
    await evictDurableObject(new TestRegion("evicted").stub);
    await evicted.state();
    await evictDurableObject(evicted.registry);
    await evicted.teach(answers.slice(200), () => 0.05);
    await runDurableObjectAlarm(evicted.registry);
    await eventually(async () => expect((await evicted.pointer()).stable).toBe(2));
    const state = await evicted.state();
    expect(state?.outcome).toBe("promoted");
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
    await evictDurableObject(new TestRegion("silent").stub);
    await env.ARTEFACTS.put(key, "nonsense");
    await runInDurableObject(silent.registry, (object) => {
      const plan = { errorsOf: "all", margin: 0.15, coverageMargin: 0.05, delta: 0.05 } as const;
      object.rolloutWatched({ version: 2, share: 0.5, plan, deadlineMs: 3600_000 });
    });
    await silent.evaluate();
    expect(await silent.state()).toMatchObject({
      outcome: null,
      regions: [],
      verdict: { decision: "continue", blocks: 0 },
    });
    await env.ARTEFACTS.put(key, manifest);
    await silent.evaluate();
    expect((await silent.state())?.regions).toMatchObject([{ region: "north" }]);
    // The edge reads the pointer from KV, since the registry was called directly.
    await eventually(async () => {
      nodeOf(env).pointers.clear();
      expect(new Set((await silent.ask(1)).map(({ version }) => version))).toEqual(new Set(["1", "2"]));
    }, 60_000);
    await silent.teach(await silent.ask(30), () => 0.05);
    await eventually(async () => expect((await silent.pointer()).stable).toBe(2));
  });

  it("is judged by its accepted answers and its coverage where only audits are labelled", async () => {
    const policy = { keep: "audited", truth: "some", auditShare: 0.8, ladder: ["edge", "region"] } as const;
    const audited = await contest("audited-canary", { policy: { ...policy, ladder: [...policy.ladder] } });
    await audited.watch({ margin: 0.2 });
    // A wider margin needs fewer questions.
    await runInDurableObject(audited.registry, (_, { storage }) => {
      storage.sql.exec("UPDATE canaries SET plan = json_set(plan, '$.coverageMargin', 0.3)");
    });
    const answers = await audited.askInTurns(2, 5);
    const kept = await eventually(async () => {
      const rows = await audited.region.rows("SELECT id FROM canary_answers");
      expect(rows.length).toBeGreaterThan(200);
      return new Set(rows.map(({ id }) => id));
    });
    expect(kept.size).toBeLessThan(280);
    await audited.teach(
      answers.filter(({ id }) => kept.has(id)),
      () => 0,
    );
    await eventually(async () => expect((await audited.pointer()).stable).toBe(2));
    const state = await audited.state();
    expect(state).toMatchObject({ plan: { errorsOf: "accepted" }, verdict: { coverage: { mean: 0 } } });
    const count = countOf(state, "2") as VersionCount;
    expect(count.questions).toBeCloseTo(count.recorded / 0.8, 6);
    expect(count).toMatchObject({ coverage: 1, errors: { accepted: 0, all: 0 } });
  });

  it("is rolled back when it accepts much less, though its error is not higher", async () => {
    const policy = { keep: "audited", truth: "some", auditShare: 0.8, ladder: ["edge", "region"] } as const;
    const shy = await contest("shy-canary", { policy: { ...policy, ladder: [...policy.ladder] } });
    const strict = { model: "shy-canary", version: 3, seed: 7, threshold: 1.01 };
    await publish({ ...strict, policy: { ...policy, ladder: [...policy.ladder] } }, null);
    await expectOk(shy.rollout({ version: 3, share: 0.5, watch: true }));
    await eventually(async () => expect((await shy.state())?.verdict).not.toBeNull());
    await shy.askInTurns(2, 5);
    await eventually(async () => {
      expect(await shy.state()).toMatchObject({
        outcome: "rolled back",
        reason: expect.stringMatching(/; coverage −100\.00 points/),
      });
    });
  });
});

describe("a region's count of a canary", () => {
  it("has each version's answers and their current labels: repeated, corrected, forgotten", async () => {
    const counted = await contest("counted-canary");
    await counted.watch({ margin: 0.001 });
    const answers = await counted.ask(4);
    const wrong = await counted.teach(answers, (version) => (version === "2" ? 0.3 : 0.2));
    const expected = (version: string, errors: readonly boolean[]) => {
      const own = answers.flatMap((answer, i) => (answer.version === version ? [errors[i] as boolean] : []));
      const share = own.filter(Boolean).length / own.length;
      return { recorded: own.length, labelled: { all: own.length }, errors: { all: share, accepted: share } };
    };
    const marks = (errors: readonly boolean[]) =>
      answers.map(({ version }, i) => {
        return { side: version === "2" ? ("canary" as const) : ("stable" as const), loss: Number(errors[i]) };
      });
    const check = async (errors: readonly boolean[]) => {
      await counted.evaluate();
      const state = await counted.state();
      for (const version of ["1", "2"]) expect(countOf(state, version)).toMatchObject(expected(version, errors));
      expect(state?.regions[0]?.differences.all).toEqual(differencesOf(marks(errors)));
    };
    await check(wrong);
    // A repeated label changes nothing; a correction replaces it.
    const region = new TestRegion("counted-canary");
    const truths = answers.map(({ id, label }, i) => ({ id, label: wrong[i] ? otherThan(label) : label }));
    await region.teach(truths);
    await check(wrong);
    const corrected = wrong.map((error, i) => (i % 3 === 0 ? !error : error));
    const truth = ({ id, label }: Answer, i: number) => ({ id, label: corrected[i] ? otherThan(label) : label });
    await region.teach(answers.map(truth));
    await check(corrected);
    // A forgotten question keeps its count without its id, so that errors can't be removed by forgetting.
    const { id } = answers[0] as Answer;
    await expectOk(call("DELETE", `/v1/questions/${id}`));
    expect(await region.rows("SELECT id FROM canary_answers WHERE id = ? OR prediction = ''", id)).toEqual([
      { id: "forgotten 1" },
    ]);
    await check(corrected);
    const logLoss = countOf(await counted.state(), "2")?.logLoss as number;
    const own = answers.flatMap((answer, i) => (answer.version === "2" ? [{ answer, i }] : []));
    const losses = own.map(({ answer, i }) => {
      const right = corrected[i] ? otherThan(answer.label) : answer.label;
      return -Math.log(Math.max(answer.scores[right] as number, 1e-7));
    });
    expect(logLoss).toBeCloseTo(losses.reduce((sum, loss) => sum + loss, 0) / losses.length, 4);
  });

  it("has nothing of the canary while the region is held back on the stable version", async () => {
    const heldBack = await contest("held-canary");
    const region = new TestRegion("held-canary");
    await region.teach(region.labelledQuestions(200));
    expect(await region.retrain()).toMatchObject({ status: "promoted" });
    const plan = { errorsOf: "all", margin: 0.15, coverageMargin: 0.05, delta: 0.05 } as const;
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
    await heldBack.teach(answers, () => 0);
    await heldBack.evaluate();
    const state = await heldBack.state();
    expect(state?.regions[0]?.versions.every(({ base }) => base === 1)).toBe(true);
    expect(state?.verdict).toMatchObject({ decision: "continue", blocks: 0 });
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
    await quiet.teach(await quiet.ask(2), () => 1);
    expect(await new TestRegion("quiet").rows("SELECT * FROM canary_answers")).toEqual([]);
    expect(await quiet.state()).toBeNull();
    expect(await quiet.pointer()).toMatchObject({ stable: 1, canary: { version: 2, share: 0.5 } });
  });
});

describe("a canary's certificate", () => {
  it("is separate: its errors void it, and leave the stable version's certificate as it was", async () => {
    const apart = await contest("apart");
    await expectOk(apart.rollout({ version: 2, share: 0.5 }));
    await apart.teach(await apart.ask(20), (version) => (version === "2" ? 1 : 0));
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
