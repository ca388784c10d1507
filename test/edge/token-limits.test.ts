import { env } from "cloudflare:workers";
import { beforeAll, describe, expect, it } from "vitest";
import { blobKey, privateBlobsOf } from "#core/artefacts.ts";
import type { IssuedToken, Ladder, ModelState, OriginState, VersionList } from "#core/contract/index.ts";
import { sha256Hex } from "#core/hash.ts";
import { registryObject, reviewObject } from "#objects/stubs.ts";
import { ask, call, eventually, expectOk, instance, publish } from "../helpers/edge.ts";
import type { TestModel } from "../helpers/model.ts";

let mine: TestModel;
let theirs: TestModel;
let ofModel: string;
let ofRegion: string;

async function tokenOf(id: string, limits: object): Promise<string> {
  const body = { id, scopes: ["ask", "teach", "review", "metrics", "publish"], ...limits };
  return (await (await expectOk(call("POST", "/v1/tokens", { body }))).json<IssuedToken>()).token;
}

beforeAll(async () => {
  const policy = { ladder: ["edge" as const, "region" as const, "human" as const] };
  mine = await publish({ model: "mine", seed: 41, threshold: 2, policy });
  theirs = await publish({ model: "theirs", seed: 42, threshold: 2, policy });
  ofModel = await tokenOf("of-model", { models: ["mine"] });
  ofRegion = await tokenOf("of-region", { regions: ["north"] });
  for (const region of ["north", "south", "south"]) await ask("mine", { instance: instance(Math.random(), region) });
  await eventually(async () => expect(await reviewObject(env, "mine").size()).toBe(3));
});

describe("a token that is limited to a model", () => {
  it("reads the blobs of its model alone", async () => {
    const get = async (sha256: string, token: string) => (await call("GET", `/v1/blobs/${sha256}`, { token })).status;
    const [own, other] = [mine, theirs].map(({ manifest }) => manifest.thin.backbone.topology.sha256) as [
      string,
      string,
    ];
    expect([await get(own, ofModel), await get(other, ofModel), await get(other, "ask-token")]).toEqual([
      200, 404, 200,
    ]);
  });

  it("does not change who may read a blob that is there", async () => {
    const bytes = new TextEncoder().encode("rows of another model");
    const sha256 = await sha256Hex(bytes);
    const put = (scope: string, token: string) =>
      expectOk(call("PUT", `/v1/blobs/${sha256}?scope=${scope}`, { token, raw: bytes }));
    const scope = async () => (await env.ARTEFACTS.head(blobKey(sha256)))?.customMetadata?.scope;
    await put("publish", "publish-token");
    await put("ask", ofModel);
    expect(await scope()).toBe("publish");
    await put("ask", "publish-token");
    await put("publish", ofModel);
    expect(await scope()).toBe("ask");
    expect(privateBlobsOf(mine.manifest)).toEqual([]);
  });

  it("sees its models in the origin's state, and no training of another", async () => {
    const read = async (token: string) => (await expectOk(call("GET", "/v1/status", { token }))).json<OriginState>();
    const named = async (token: string) => (await read(token)).models.map(({ model }) => model);
    expect([await named("publish-token"), await named(ofModel)]).toEqual([["mine", "theirs"], ["mine"]]);
    expect((await call("GET", "/v1/models/theirs/trainings", { token: ofModel })).status).toBe(403);
    // It becomes a part of the path at the origin.
    expect((await call("GET", "/v1/models/mine/trainings/..%2f..%2ftheirs", { token: ofModel })).status).toBe(404);
  });
});

describe("a token that is limited to a region", () => {
  it("counts and leases what waits for people in its region alone", async () => {
    const review = async (token: string) =>
      (await expectOk(call("GET", "/v1/models/mine/review?limit=9", { token }))).json();
    expect(await review(ofRegion)).toMatchObject({ waiting: 1, questions: [{ region: "north" }] });
    const ladder = await (await call("GET", "/v1/ladder", { token: ofRegion })).json<Ladder>();
    expect(ladder.models.find(({ model }) => model === "mine")).toMatchObject({ waiting: 1 });
  });

  it("does nothing that is about all regions", async () => {
    const status = async (method: string, path: string, body?: object) =>
      (await call(method, `/v1/models/mine${path}`, { token: ofRegion, ...(body ? { body } : {}) })).status;
    expect(await status("POST", "/rollout", { version: 1 })).toBe(403);
    expect(await status("POST", "/rollback", {})).toBe(403);
    expect(await status("PUT", "/versions/2", mine.manifest)).toBe(403);
    expect(await status("POST", "/trainings", {})).toBe(403);
    expect(await status("GET", "/trainings")).toBe(403);
    expect(await status("POST", "/rollback", { region: "south", head: null })).toBe(403);
    expect(await status("POST", "/rollback", { region: "north", head: null })).toBe(200);
    expect(await status("POST", "/truths", { truths: [{ id: "mine~south~1", label: "a" }] })).toBe(403);
  });

  it("sees no other region in a model's pointer and history", async () => {
    const registry = registryObject(env, "mine");
    await registry.rollbackHead(1, "south", null);
    const versions = async (token: string) =>
      (await (await call("GET", "/v1/models/mine/versions", { token })).json<VersionList>()).history.map(
        ({ region }) => region,
      );
    expect(await versions("ask-token")).toContain("south");
    expect(await versions(ofRegion)).not.toContain("south");
    const { pointer } = await (await call("GET", "/v1/models/mine", { token: ofRegion })).json<ModelState>();
    expect(pointer.heldBack).toEqual({});
  });
});
