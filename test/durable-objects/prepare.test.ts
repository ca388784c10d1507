import { runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { describe, expect, it } from "vitest";
import type { VersionList } from "#core/contract/index.ts";
import { nodeOf } from "#edge/node.ts";
import type { RegistryObject } from "#objects/registry/index.ts";
import { call, eventually, expectOk, publish } from "../helpers/edge.ts";
import type { ModelOptions } from "../helpers/model.ts";
import { TestRegion } from "../helpers/region.ts";

const policy = { keep: "all", truth: "complete" } as const;

const registryOf = (model: string) =>
  env.REGISTRY.get(env.REGISTRY.idFromName(model)) as DurableObjectStub<RegistryObject>;
const pointerOf = (model: string) => runInDurableObject(registryOf(model), (object) => object.pointer());
const roll = (model: string, version: number) =>
  expectOk(call("POST", `/v1/models/${model}/rollout`, { body: { version } }));

async function versionOf(model: string, version: number): Promise<VersionList["versions"][0] | undefined> {
  const list: VersionList = await (await expectOk(call("GET", `/v1/models/${model}/versions`))).json();
  return list.versions.find((row) => row.version === version);
}

/** Checks again and again, with the registry's jobs brought forward, until every region is ready. */
function onceReady(model: string, check: () => Promise<void>): Promise<void> {
  return eventually(async () => {
    await runJobs(model);
    await check();
  });
}

function runJobs(model: string): Promise<void> {
  return runInDurableObject(registryOf(model), async (object, { storage }) => {
    storage.sql.exec("UPDATE jobs SET due = 1 WHERE kind = 'prepare'");
    await object.alarm();
  });
}

const nothingHeldBack = (model: string) =>
  onceReady(model, async () => expect((await pointerOf(model)).heldBack).toEqual({}));

/** Publishes version 1 and gives the region a head on it. */
async function regionWithHead(model: string, options: ModelOptions = {}): Promise<TestRegion> {
  const region = new TestRegion(model);
  await publish({ model, policy, ...options });
  await region.teach(region.labelledQuestions(200));
  expect(await region.retrain()).toMatchObject({ status: "promoted" });
  await eventually(async () => {
    expect(await runInDurableObject(registryOf(model), (object) => object.regions())).toEqual(["north"]);
  });
  return region;
}

describe("a region with a head", () => {
  it("trains its head for a new version before the version counts as prepared", async () => {
    const region = await regionWithHead("moving");
    await publish({ model: "moving", version: 2, seed: 7, policy }, null);
    expect(await versionOf("moving", 2)).toMatchObject({ state: "published", preparing: ["north"] });
    await eventually(async () => {
      expect(await versionOf("moving", 2)).toMatchObject({ state: "prepared", preparing: [] });
    });
    expect(await region.rows("SELECT status FROM runs WHERE base = 2")).toEqual([{ status: "promoted" }]);
    await roll("moving", 2);
    const { stable, heldBack } = await pointerOf("moving");
    expect({ stable, heldBack }).toEqual({ stable: 2, heldBack: {} });
  });

  it("is held back on its version when a version is rolled out to all before it is prepared", async () => {
    await regionWithHead("hurried");
    await publish({ model: "hurried", version: 2, seed: 7, policy }, {});
    expect(await pointerOf("hurried")).toMatchObject({ stable: 2, heldBack: { north: 1 } });
    await eventually(async () => expect((await pointerOf("hurried")).heldBack).toEqual({}));
  });

  it("is ready without a head where the version trains none: the global head serves it", async () => {
    const region = await regionWithHead("unlearning");
    await publish({ model: "unlearning", version: 2, seed: 7, policy: { ...policy, learning: [] } }, {});
    await nothingHeldBack("unlearning");
    expect(await region.rows("SELECT status FROM runs WHERE base = 2")).toEqual([{ status: "skipped" }]);
    const pointer = await runInDurableObject(registryOf("unlearning"), (object) => object.headPointer(2, "north"));
    expect(pointer).toMatchObject({ revision: 1, head: null });
  });

  it("that was trained after the version was published is prepared at the rollout", async () => {
    const region = new TestRegion("late-learner");
    await publish({ model: "late-learner", policy });
    await publish({ model: "late-learner", version: 2, seed: 7, policy }, null);
    expect(await versionOf("late-learner", 2)).toMatchObject({ state: "prepared" });
    await region.teach(region.labelledQuestions(200));
    expect(await region.retrain()).toMatchObject({ status: "promoted", base: 1 });
    await roll("late-learner", 2);
    expect(await pointerOf("late-learner")).toMatchObject({ stable: 2, heldBack: { north: 1 } });
    await nothingHeldBack("late-learner");
    expect(await region.rows("SELECT status FROM runs WHERE base = 2")).toEqual([{ status: "promoted" }]);
  });

  it("trains again for the version where its old head has been retrained since", async () => {
    const region = await regionWithHead("learning-on");
    await publish({ model: "learning-on", version: 2, seed: 7, policy }, null);
    await onceReady("learning-on", async () => expect((await versionOf("learning-on", 2))?.state).toBe("prepared"));
    await region.teach(region.labelledQuestions(600, 21));
    await region.retrain();
    const known = await region.rows("SELECT max(lastSample) AS n FROM runs WHERE base = 1 AND status = 'promoted'");
    await roll("learning-on", 2);
    await onceReady("learning-on", async () => {
      const on2 = await region.rows("SELECT max(lastSample) AS n FROM runs WHERE base = 2 AND status <> 'running'");
      expect(on2[0]?.n).toBeGreaterThanOrEqual(known[0]?.n as number);
      expect((await versionOf("learning-on", 2))?.preparing).toEqual([]);
    });
  });

  it("stays on its version through later rollouts until it is ready for one of them", async () => {
    await regionWithHead("stuck");
    await runInDurableObject(registryOf("stuck"), (_, { storage }) => {
      // Postpones every preparation.
      storage.sql.exec(
        "CREATE TRIGGER late AFTER INSERT ON jobs WHEN new.kind = 'prepare' BEGIN UPDATE jobs SET due = 9e15 WHERE kind = 'prepare'; END",
      );
    });
    await publish({ model: "stuck", version: 2, seed: 7, policy }, {});
    expect((await pointerOf("stuck")).heldBack).toEqual({ north: 1 });
    await publish({ model: "stuck", version: 3, seed: 8, policy }, {});
    expect(await pointerOf("stuck")).toMatchObject({ stable: 3, heldBack: { north: 1 } });
    await expectOk(call("POST", "/v1/models/stuck/rollback", { body: {} }));
    expect(await pointerOf("stuck")).toMatchObject({ stable: 2, heldBack: { north: 1 } });
    await roll("stuck", 3);
    await runInDurableObject(registryOf("stuck"), (_, { storage }) => {
      storage.sql.exec("DROP TRIGGER late");
    });
    await nothingHeldBack("stuck");
  });

  it("prepares for each of two versions published one after the other", async () => {
    const region = await regionWithHead("twice");
    await publish({ model: "twice", version: 2, seed: 7, policy }, null);
    await publish({ model: "twice", version: 3, seed: 8, policy }, null);
    await onceReady("twice", async () => {
      for (const version of [2, 3]) expect(await versionOf("twice", version)).toMatchObject({ state: "prepared" });
    });
    expect(await region.rows("SELECT base, status FROM runs WHERE base > 1 ORDER BY base")).toEqual([
      { base: 2, status: "promoted" },
      { base: 3, status: "promoted" },
    ]);
  });

  it("starts again from the prior where inputs are not kept", async () => {
    const region = new TestRegion("private");
    const keepsNone = { ...policy, keepInputs: false };
    await publish({ model: "private", policy: keepsNone });
    const labelled = region.labelledQuestions(200);
    const ids = labelled.map((_, i) => `private~north~asked-${i}`);
    const instances = labelled.map(({ question }) => question.instance);
    await region.ask(instances, ids, { accept: "always" });
    await region.teach(labelled.map(({ label }, i) => ({ id: ids[i] as string, label })));
    expect(await region.retrain(Date.now())).toMatchObject({ status: "promoted" });
    await publish({ model: "private", version: 2, seed: 7, policy: keepsNone }, {});
    await nothingHeldBack("private");
    expect(await region.rows("SELECT status FROM runs WHERE base = 2")).toEqual([{ status: "skipped" }]);
    await eventually(async () => {
      nodeOf(env).pointers.clear();
      const id = `private~north~${crypto.randomUUID()}`;
      const [answer] = await region.ask([instances[0] as (typeof instances)[0]], [id], { accept: "always" });
      expect(answer?.version).toBe("2");
    });
  });
});
