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

/** A region with a head of its own on version 1. */
async function headed(model: string, options: ModelOptions = {}): Promise<TestRegion> {
  const region = new TestRegion(model);
  await publish({ model, policy, ...options });
  await region.teach(region.lessons(200));
  expect(await region.retrain()).toMatchObject({ status: "promoted" });
  await eventually(async () => {
    expect(await runInDurableObject(registryOf(model), (object) => object.regions())).toEqual(["north"]);
  });
  return region;
}

describe("a region with a head of its own", () => {
  it("is made ready before the version is prepared, and moves with its new head", async () => {
    const region = await headed("moving");
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

  it("is held until then where all are sent to a version that is only published", async () => {
    await headed("hurried");
    await publish({ model: "hurried", version: 2, seed: 7, policy }, {});
    expect(await pointerOf("hurried")).toMatchObject({ stable: 2, heldBack: { north: 1 } });
    await eventually(async () => expect((await pointerOf("hurried")).heldBack).toEqual({}));
  });

  it("is ready, too, where no head of its own comes of it: the version's global head serves it", async () => {
    const region = await headed("unlearning");
    await publish({ model: "unlearning", version: 2, seed: 7, policy: { ...policy, learning: [] } }, {});
    await eventually(async () => expect((await pointerOf("unlearning")).heldBack).toEqual({}));
    expect(await region.rows("SELECT status FROM runs WHERE base = 2")).toEqual([{ status: "skipped" }]);
    const pointer = await runInDurableObject(registryOf("unlearning"), (object) => object.headPointer(2, "north"));
    expect(pointer).toMatchObject({ revision: 1, head: null });
  });

  it("that learned it only after the version was published is made ready when it is rolled out", async () => {
    const region = new TestRegion("late-learner");
    await publish({ model: "late-learner", policy });
    await publish({ model: "late-learner", version: 2, seed: 7, policy }, null);
    expect(await versionOf("late-learner", 2)).toMatchObject({ state: "prepared" });
    await region.teach(region.lessons(200));
    expect(await region.retrain()).toMatchObject({ status: "promoted", base: 1 });
    await roll("late-learner", 2);
    expect(await pointerOf("late-learner")).toMatchObject({ stable: 2, heldBack: { north: 1 } });
    await eventually(async () => expect((await pointerOf("late-learner")).heldBack).toEqual({}));
    expect(await region.rows("SELECT status FROM runs WHERE base = 2")).toEqual([{ status: "promoted" }]);
  });

  it("learns the new version again where its old head has learned since", async () => {
    const region = await headed("learning-on");
    await publish({ model: "learning-on", version: 2, seed: 7, policy }, null);
    await eventually(async () => expect((await versionOf("learning-on", 2))?.state).toBe("prepared"));
    await region.teach(region.lessons(600, 21));
    await region.retrain();
    const known = await region.rows("SELECT max(lastSample) AS n FROM runs WHERE base = 1 AND status = 'promoted'");
    await roll("learning-on", 2);
    await eventually(async () => {
      const on2 = await region.rows("SELECT max(lastSample) AS n FROM runs WHERE base = 2 AND status <> 'running'");
      expect(on2[0]?.n).toBeGreaterThanOrEqual(known[0]?.n as number);
      expect((await versionOf("learning-on", 2))?.preparing).toEqual([]);
    });
  });

  it("stays where it is through later versions, until it is ready for one", async () => {
    await headed("stuck");
    await runInDurableObject(registryOf("stuck"), (_, { storage }) => {
      // Nothing it is asked to prepare comes to an end for now.
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
    await runInDurableObject(registryOf("stuck"), async (object, { storage }) => {
      storage.sql.exec("DROP TRIGGER late");
      storage.sql.exec("UPDATE jobs SET due = 1 WHERE kind = 'prepare'");
      await object.alarm();
    });
    await eventually(async () => expect((await pointerOf("stuck")).heldBack).toEqual({}));
  });

  it("prepares for each of two versions that are published one after the other", async () => {
    const region = await headed("twice");
    await publish({ model: "twice", version: 2, seed: 7, policy }, null);
    await publish({ model: "twice", version: 3, seed: 8, policy }, null);
    await eventually(async () => {
      for (const version of [2, 3]) expect(await versionOf("twice", version)).toMatchObject({ state: "prepared" });
    });
    expect(await region.rows("SELECT base, status FROM runs WHERE base > 1 ORDER BY base")).toEqual([
      { base: 2, status: "promoted" },
      { base: 3, status: "promoted" },
    ]);
  });

  it("starts again from the prior where no inputs are kept", async () => {
    const region = new TestRegion("private");
    const keepsNone = { ...policy, keepInputs: false };
    await publish({ model: "private", policy: keepsNone });
    const lessons = region.lessons(200);
    const ids = lessons.map((_, i) => `private~north~asked-${i}`);
    const instances = lessons.map(({ question }) => question.instance);
    await region.ask(instances, ids, { accept: "always" });
    await region.teach(lessons.map(({ label }, i) => ({ id: ids[i] as string, label })));
    expect(await region.retrain(Date.now())).toMatchObject({ status: "promoted" });
    await publish({ model: "private", version: 2, seed: 7, policy: keepsNone }, {});
    await eventually(async () => expect((await pointerOf("private")).heldBack).toEqual({}));
    expect(await region.rows("SELECT status FROM runs WHERE base = 2")).toEqual([{ status: "skipped" }]);
    nodeOf(env).pointers.clear();
    await eventually(async () => {
      const id = `private~north~${crypto.randomUUID()}`;
      const [answer] = await region.ask([instances[0] as (typeof instances)[0]], [id], { accept: "always" });
      expect(answer?.version).toBe("2");
    });
  });
});
