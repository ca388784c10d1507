import { env } from "cloudflare:workers";
import { beforeAll, describe, expect, it, vi } from "vitest";
import { UpriverClient } from "#client/index.ts";
import { blobKey, blobsOf } from "#core/artefacts.ts";
import { type Checks, checksSchema, type Finding, type HeadManifest } from "#core/contract/index.ts";
import { sign } from "#core/sign.ts";
import { app } from "#edge/app.ts";
import { regionObject, registryObject } from "#objects/stubs.ts";
import { examine } from "#scripts/verbs/doctor.ts";
import { call, eventually, publish } from "../helpers/edge.ts";
import type { TestModel } from "../helpers/model.ts";
import { TestRegion } from "../helpers/region.ts";

const context = { waitUntil() {}, passThroughOnException() {}, props: {} } as unknown as ExecutionContext;
let easy: TestModel;
let lost: TestModel;
let corrupt: TestModel;

beforeAll(async () => {
  easy = await publish({ model: "easy" });
  lost = await publish({ model: "lost", seed: 76 });
  corrupt = await publish({ model: "corrupt", seed: 77 });
  await eventually(async () => expect(await faults()).toEqual([]));
});

/** The faults that the deployment reports with some settings changed. */
async function faults(settings: Record<string, unknown> = {}): Promise<Finding[]> {
  const bindings = {
    ...env,
    NODE_ID: `checked-${JSON.stringify(Object.keys(settings))}`,
    ...settings,
  } as unknown as Env;
  const headers = { authorization: "Bearer admin-token" };
  const response = await app.fetch(new Request("https://edge.test/v1/checks", { headers }), bindings, context);
  const { findings } = checksSchema.parse(await response.json());
  return findings.filter(({ isSound }) => !isSound);
}

async function found(settings: Record<string, unknown> = {}): Promise<Finding> {
  const all = await faults(settings);
  expect(all.map(({ check }) => check)).toHaveLength(1);
  return all[0] as Finding;
}

describe("GET /v1/checks reports, with a remedy,", () => {
  it.each([
    ["a missing bucket", { ARTEFACTS: undefined }, "bucket", "ARTEFACTS"],
    ["a key that is not pinned", { DEPLOYMENT_PUBLIC_KEYS: '{"another":"AAAA"}' }, "keys", "DEPLOYMENT_PUBLIC_KEYS"],
    ["a split secret that is too short", { SPLIT_SECRET: "short" }, "split secret", "16 random characters"],
    ["a missing next rung for models that escalate", { NEXT_RUNG_URL: "" }, "next rung", "NEXT_RUNG_URL"],
    ["a next rung that does not respond", { NEXT_RUNG_URL: "http://127.0.0.1:1" }, "next rung", "Start the origin"],
    ["a next rung that rejects this node's token", { NEXT_RUNG_TOKEN: "wrong" }, "next rung", "ORIGIN_TOKENS"],
  ])("%s", async (_what, settings, check, remedy) => {
    const fault = await found(settings);
    expect(fault.check).toBe(check);
    expect(fault.remedy).toContain(remedy);
  });

  it("an origin that can't train, since its disk is full", async () => {
    const training = { ready: false, reason: "The disk is full.", next: "Free space." };
    // A double: an origin of its own with a full disk is in test/origin/endurance.test.ts.
    const above = vi.spyOn(globalThis, "fetch").mockImplementation(async () => Response.json({ node: "o", training }));
    const fault = await found({ NEXT_RUNG_URL: "http://origin.test" }).finally(() => above.mockRestore());
    expect(fault).toMatchObject({ check: "next rung", remedy: "Free space." });
    expect(fault.found).toContain("answers, but can't train: The disk is full.");
  });

  it("a missing cache", async () => {
    const all = await faults({ CACHE: undefined });
    expect(all[0]).toMatchObject({ check: "cache", remedy: expect.stringContaining("CACHE") });
  });

  it("versions whose signing key is not pinned", async () => {
    const all = await faults({ PUBLISH_KEYS: "{}" });
    expect(all.map(({ check }) => check)).toEqual(["corrupt: version 1", "easy: version 1", "lost: version 1"]);
    expect(all[0]?.remedy).toContain("PUBLISH_KEYS");
  });

  it("a missing blob and a corrupt blob", async () => {
    const [gone] = blobsOf(lost.manifest);
    const kept = await (await env.ARTEFACTS.get(blobKey(gone?.sha256 ?? "")))?.arrayBuffer();
    await env.ARTEFACTS.delete(blobKey(gone?.sha256 ?? ""));
    expect(await found()).toMatchObject({ check: "lost: blobs of 1", found: expect.stringContaining("is missing") });
    await env.ARTEFACTS.put(blobKey(gone?.sha256 ?? ""), kept as ArrayBuffer);
    const [, bad] = blobsOf(corrupt.manifest);
    const was = await (await env.ARTEFACTS.get(blobKey(bad?.sha256 ?? "")))?.arrayBuffer();
    await env.ARTEFACTS.put(blobKey(bad?.sha256 ?? ""), "corrupt");
    expect(await found()).toMatchObject({
      check: "corrupt: blobs of 1",
      remedy: expect.stringContaining("rollback corrupt"),
    });
    await env.ARTEFACTS.put(blobKey(bad?.sha256 ?? ""), was as ArrayBuffer);
  });

  it("a pointer that differs between KV and the registry", async () => {
    const was = await env.CACHE.get("current/easy");
    await env.CACHE.put("current/easy", JSON.stringify({ ...JSON.parse(was ?? ""), revision: 0 }));
    expect(await found()).toMatchObject({ check: "easy: pointer", remedy: expect.stringContaining("rollout easy 1") });
    await env.CACHE.put("current/easy", was ?? "");
  });

  it("a head signed by a key that is not pinned, and a region that lost its state", async () => {
    const registry = registryObject(env, "easy");
    const { head: network } = easy.manifest.thin;
    const head = { model: "easy", base: 1, region: "north", number: 1, head: network } as HeadManifest;
    const [epoch] = await new TestRegion("easy").rows("SELECT id FROM epoch");
    await registry.registerRegion("north", String(epoch?.id));
    await registry.publishHead({ ...head, signature: { keyId: "old", ed25519: "AAAA" } });
    expect(await found()).toMatchObject({
      check: "easy: heads",
      found: expect.stringContaining("north (key 'old' is not pinned"),
      remedy: expect.stringContaining("DEPLOYMENT_PUBLIC_KEYS"),
    });
    const signed = await sign({ ...head, number: 2 }, JSON.parse(env.DEPLOYMENT_KEY));
    const pointer = await registry.publishHead(signed);
    expect(await found()).toMatchObject({ check: "easy: heads", remedy: expect.stringContaining("--region north") });
    await regionObject(env, "easy", "north").setHead(1, pointer);
    expect(await faults()).toEqual([]);
  });

  it("labels of tokens without trust that are all there is, too many, or decide a retrain", async () => {
    const region = new TestRegion("easy");
    await regionObject(env, "easy", "north").startRetrain(1, 1, 20_000);
    const labelled = region.labelledQuestions(8).map(({ label, question }) => ({ label, ...question }));
    const teach = (trusted: boolean, from: number, to: number) =>
      region.inside((object) => {
        const by = trusted ? "backend" : "stranger";
        const context = { owner: by, labelledBy: by, trusted, source: "truth", labelledAt: 1 } as const;
        return object.recordTruths(1, labelled.slice(from, to), context);
      });
    await teach(false, 0, 5);
    expect(await found()).toMatchObject({
      check: "easy: labels",
      found: expect.stringContaining("5 of 5 labels in north"),
    });
    await teach(true, 5, 7);
    expect(await faults()).toEqual([]);
    await teach(false, 7, 8);
    expect(await found()).toMatchObject({
      check: "easy: labels",
      found: expect.stringContaining("refused today in north (1)"),
    });
    await region.rows(`UPDATE runs SET status = 'held', report = '{"heldFor":["stranger"]}'`);
    expect(await found()).toMatchObject({
      found: expect.stringContaining("labels of 'stranger' decide it"),
      remedy: expect.stringContaining("npx upriver forget easy --owner stranger"),
    });
    for (const table of ["untrusted_labels", "runs"]) await region.rows(`DELETE FROM ${table}`);
    for (const owner of ["stranger", "backend"]) await region.inside((object) => object.forgetOwner(owner));
    expect(await faults()).toEqual([]);
  });

  it("an unreachable edge, an insufficient token and a wrong clock", async () => {
    const url = "https://edge.test";
    const nobody = new UpriverClient({ url, tries: 1, fetch: () => Promise.reject(new TypeError("away")) });
    expect(await examine(nobody)).toMatchObject([
      { check: "edge", isSound: false, remedy: expect.stringContaining("npm start") },
    ]);
    const through = (token: string, shift = 0) =>
      new UpriverClient({
        url,
        fetch: async () => {
          const response = await call("GET", "/v1/checks", { token });
          const body: Checks = await response.json();
          return Response.json(shift ? { ...body, at: body.at + shift } : body, response);
        },
      });
    expect(await examine(through("ask-token"))).toMatchObject([{ remedy: expect.stringContaining("scope admin") }]);
    expect(await examine(through("nobody"))).toMatchObject([{ remedy: expect.stringContaining("--token") }]);
    const late = await examine(through("admin-token", 120_000));
    expect(late.filter(({ isSound }) => !isSound)).toMatchObject([
      { check: "clock", remedy: expect.stringContaining("NTP") },
    ]);
    expect((await examine(through("admin-token"))).every(({ isSound }) => isSound)).toBe(true);
  });
});
