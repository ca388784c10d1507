import { evictDurableObject, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { beforeAll, describe, expect, it } from "vitest";
import { canonicalJson } from "#core/canonical.ts";
import type { Checks, ModelPointer, Restored, VersionList } from "#core/contract/index.ts";
import { copyKey, decodeCopy } from "#core/registry-copy.ts";
import { nodeOf } from "#edge/node.ts";
import type { RegistryObject } from "#objects/registry/index.ts";
import { ask, call, eventually, expectOk, instance, publish, publishBuilt } from "../helpers/edge.ts";
import { testModel } from "../helpers/model.ts";
import { TestRegion } from "../helpers/region.ts";

const model = "restored";
const region = new TestRegion(model);
const policy = { keep: "all", truth: "complete", ladder: ["edge", "region"] } as const;
const options = { model, threshold: 0, policy: { ...policy, ladder: [...policy.ladder] } };
const stub = () => env.REGISTRY.get(env.REGISTRY.idFromName(model)) as DurableObjectStub<RegistryObject>;
const inRegistry = <T>(work: (object: RegistryObject, state: DurableObjectState) => T | Promise<T>): Promise<T> =>
  runInDurableObject(stub(), work);
const pointerOf = () => inRegistry((object) => object.pointer());
const near = async (key: string) => env.CACHE.get<{ revision: number }>(key, "json");

/** Loses the registry: its tables are empty, as those of a new one. */
async function lose(): Promise<void> {
  await inRegistry(async (_, { storage }) => {
    await storage.deleteAlarm();
    await storage.deleteAll();
  });
  await evictDurableObject(stub());
}

/** Runs the jobs of a kind now. */
async function run(kind: string): Promise<void> {
  await inRegistry(async (object, { storage }) => {
    storage.sql.exec("UPDATE jobs SET due = 1 WHERE kind = ?", kind);
    await object.alarm();
  });
}

/** What an isolate knows, gone. */
function forgetMemory(): void {
  nodeOf(env).pointers.clear();
  nodeOf(env).headPointers.clear();
}

const copyText = async () => (await (await env.ARTEFACTS.get(copyKey(model)))?.text()) as string;
const restore = () => call("POST", `/v1/models/${model}/restore`, { body: {} });
const versions = async () => (await expectOk(call("GET", `/v1/models/${model}/versions`))).json<VersionList>();
async function registryFault(): Promise<string | null> {
  const { findings } = await (await call("GET", "/v1/checks")).json<Checks>();
  return findings.find(({ check, isSound }) => check === `${model}: registry` && !isSound)?.found ?? null;
}

/** The copy as it was after the region's first head, and what the registry had come to when it was lost. */
let early: string;
let before: { pointer: ModelPointer; head: number; versions: number[]; actions: string[] };

beforeAll(async () => {
  await publish(options);
  await region.teach(region.labelledQuestions(200));
  expect(await region.retrain()).toMatchObject({ status: "promoted" });
  await eventually(async () => expect(await inRegistry((object) => object.regions())).toEqual(["north"]));
  await publish({ ...options, version: 2, seed: 7 }, null);
  await run("copy");
  early = await copyText();
  // After that copy: a head, a canary, and a version that only its manifest in R2 shows.
  // The region's custom has turned round: a head that follows it is better.
  const turned = region.labelledQuestions(600, 21).map((one) => ({ ...one, label: one.label === "a" ? "b" : "a" }));
  await region.teach(turned);
  expect(await region.retrain(300_000)).toMatchObject({ status: "promoted" });
  await expectOk(call("POST", `/v1/models/${model}/rollout`, { body: { version: 2, share: 0.5 } }));
  await publish({ ...options, version: 3, seed: 8 }, null);
  const list = await versions();
  before = {
    pointer: await pointerOf(),
    head: (await inRegistry((object) => object.headPointer(1, "north"))).head?.number ?? 0,
    versions: list.versions.map(({ version }) => version),
    actions: list.history.map(({ action }) => action),
  };
  await eventually(async () => expect((await near(`current/${model}`))?.revision).toBe(before.pointer.revision));
});

describe("the registry's copy of itself", () => {
  it("has its versions, heads and history, and nobody's name", async () => {
    expect(await inRegistry((object) => object.openRegions(["harbour"], "opener-of-harbour", 1))).toEqual(["harbour"]);
    await run("copy");
    const text = await copyText();
    expect(text).not.toContain("opener-of-harbour");
    const copy = await decodeCopy(model, text);
    if (typeof copy === "string") throw new Error(copy);
    expect(copy.header).toMatchObject({ latest: 3, revision: before.pointer.revision });
    const { versions: rows, history, opened_regions } = copy.state.tables;
    expect(opened_regions?.rows).toEqual([["harbour", "", expect.any(Number)]]);
    expect(rows?.rows).toHaveLength(3);
    expect(history?.rows.length).toBeGreaterThanOrEqual(before.actions.length);
    expect(copy.state.tables.heads?.rows).toEqual(expect.arrayContaining([expect.arrayContaining([1, "north", 2])]));
    expect(await registryFault()).toBeNull();
  });
});

describe("a registry that lost its state", () => {
  beforeAll(async () => {
    await lose();
    // The copy is an early one: what happened since is in R2, in KV and in the region.
    const customMetadata = { latest: "2", revision: "1" };
    await env.ARTEFACTS.put(copyKey(model), early, { customMetadata });
  });

  it("uses no number again, leads no isolate back, and is named by the doctor", async () => {
    for (const version of [1, 4]) {
      const { manifest, blobs } = await testModel({ ...options, version, seed: 90 + version });
      await expect(publishBuilt({ manifest, blobs }, null)).rejects.toThrow(/409.*npx upriver restore/s);
    }
    await expect(inRegistry((object) => object.nextHeadNumber(1, "north"))).rejects.toThrow("npx upriver restore");
    const known = nodeOf(env).pointers.get(model);
    if (known) known.freshUntil = 0;
    await env.CACHE.delete(`current/${model}`);
    expect((await ask(model, { instance: instance(), accept: "always" })).version).toMatch(/^[12]/);
    expect(nodeOf(env).pointers.get(model)?.value.revision).toBeGreaterThanOrEqual(before.pointer.revision);
    await env.CACHE.put(`current/${model}`, JSON.stringify(before.pointer));
    expect(await registryFault()).toContain("it lost its state");
    expect(await inRegistry((object) => object.list().versions)).toEqual([]);
  });

  it("is not restored from a copy that is damaged or of another model", async () => {
    const spoilt: [string, string][] = [
      [early.replace('"north"', '"south"'), "does not match its checksum"],
      [early.replace(`"model":"${model}"`, '"model":"other"'), "it is of the model 'other'"],
      [early.slice(0, 40), "it is not a copy of a registry"],
    ];
    for (const [text, reason] of spoilt) {
      await env.ARTEFACTS.put(copyKey(model), text);
      const refused = await restore();
      expect([refused.status, (await refused.text()).includes(reason)], reason).toEqual([409, true]);
    }
    await env.ARTEFACTS.put(copyKey(model), early);
    expect((await call("POST", `/v1/models/${model}/restore`, { token: "publish-token", body: {} })).status).toBe(403);
  });

  it("is restored with versions, heads, canary and history, above every revision that was known", async () => {
    const restored = await (await expectOk(restore())).json<Restored>();
    expect(restored).toMatchObject({ model, versions: 3, regions: 1, pointer: { stable: 1, canary: { version: 2 } } });
    expect(restored.pointer.revision).toBeGreaterThan(before.pointer.revision);
    const list = await versions();
    expect(list.versions.map(({ version }) => version)).toEqual(before.versions);
    expect(list.history.map(({ action }) => action)).toEqual(expect.arrayContaining(["stable", "head", "restored"]));
    await run("adopt");
    const head = await inRegistry((object) => object.headPointer(1, "north"));
    expect(head.head?.number).toBe(before.head);
    expect(await inRegistry((object) => object.nextHeadNumber(1, "north"))).toBe(before.head + 1);
    expect((await region.inside((object) => object.headPointers()))[0]).toEqual({ base: 1, pointer: head });
    await eventually(async () => {
      expect((await near(`current/${model}`))?.revision).toBe(restored.pointer.revision);
      expect(await near(`head/${model}/1/north`)).toEqual(head);
    });
    forgetMemory();
    expect((await ask(model, { instance: instance(), accept: "always", caller: "a" })).version).toMatch(
      /^(1\+north.2|2)/,
    );
    expect(await registryFault()).toBeNull();
  });

  it("is restored once, and goes on with the next numbers", async () => {
    const again = await restore();
    expect([again.status, (await again.text()).includes("an empty registry, or one that is behind")]).toEqual([
      409,
      true,
    ]);
    const other = await testModel({ ...options, version: 3, seed: 77 });
    await expect(publishBuilt(other, null)).rejects.toThrow("409");
    await publish({ ...options, version: 4, seed: 9 }, null);
    // The custom has turned back.
    await region.teach(region.labelledQuestions(1_000, 41));
    expect(await region.retrain(400_000)).toMatchObject({ status: "promoted", report: { head: before.head + 1 } });
  });
});

describe("reconciliation", () => {
  it("writes pointers again that KV lost, spoilt or has of an earlier revision, and leaves newer ones", async () => {
    const [current, head] = [`current/${model}`, `head/${model}/1/north`];
    const own = { current: await pointerOf(), head: await inRegistry((object) => object.headPointer(1, "north")) };
    const spoil: [string, (() => Promise<void>)[]][] = [
      ["lost", [() => env.CACHE.delete(current), () => env.CACHE.delete(head)]],
      [
        "spoilt",
        [() => env.CACHE.put(current, "{"), () => env.CACHE.put(head, canonicalJson({ ...own.head, rule: 3 }))],
      ],
      ["earlier", [() => env.CACHE.put(current, JSON.stringify({ ...own.current, revision: 1 }))]],
    ];
    for (const [what, acts] of spoil) {
      for (const act of acts) await act();
      await run("reconcile");
      await eventually(async () => {
        await run("outbox");
        expect(await near(current), what).toEqual(own.current);
        expect(await near(head), what).toEqual(own.head);
      });
    }
    const newer = { ...own.current, revision: own.current.revision + 1 };
    await env.CACHE.put(current, JSON.stringify(newer));
    await run("reconcile");
    expect(await near(current)).toEqual(newer);
    await env.CACHE.put(current, JSON.stringify(own.current));
  });
});
