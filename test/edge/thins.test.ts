import { describe, expect, it } from "vitest";
import type { ClassifyManifest } from "#core/contract/index.ts";
import { call, expectOk, instance, publishBuilt } from "#test/helpers/edge.ts";
import { TestRegion } from "#test/helpers/region.ts";
import { thinsModel } from "#test/helpers/thins-model.ts";

const never = 1.01;

async function publishThins(model: string) {
  const built = await thinsModel({ model, threshold: never, policy: { ladder: ["edge", "region", "human"] } });
  const prior = built.manifest.thins?.node?.prior?.blob.sha256 as string;
  const raw = built.blobs.get(prior) as Uint8Array;
  built.blobs.delete(prior);
  return { ...built, prior, putPrior: (scope: string) => call("PUT", `/v1/blobs/${prior}?scope=${scope}`, { raw }) };
}

describe("a version with a thin for nodes", () => {
  it("is published only with all blobs, those that reveal data for publishers alone, and is read as it was signed", async () => {
    const built = await publishThins("several");
    await expect(publishBuilt(built)).rejects.toThrow(`blob ${built.prior} to be there`);
    await expectOk(built.putPrior("ask"));
    await expect(publishBuilt(built)).rejects.toThrow(/received.*a blob for scope 'ask'/);
    await expectOk(built.putPrior("publish"));
    await publishBuilt(built);
    const read = await expectOk(call("GET", "/v1/models/several/manifest"));
    expect(await read.json()).toEqual(built.manifest);
    const { findings } = await (await expectOk(call("GET", "/v1/checks"))).json<{ findings: object[] }>();
    const blobs = `${new Set(built.blobs.keys()).size + 1}, all match their hashes`;
    expect(findings).toContainEqual(expect.objectContaining({ check: "several: blobs of 1", found: blobs }));
  });

  it("takes nothing of a hop whose inference is of the node's backbone, and what is of its own", async () => {
    const built = await publishThins("hops");
    await expectOk(built.putPrior("publish"));
    await publishBuilt(built);
    const { thin, thins } = built.manifest as ClassifyManifest;
    const region = new TestRegion("hops");
    const hop = async (id: string, { backbone, head }: ClassifyManifest["thin"]) => {
      const embedding = Array.from({ length: head.width }, (_, i) => i / 10);
      const inference = { backbone: backbone.sha256, version: "1", embedding, scores: [1, 0, 0], accepted: false };
      const question = { id, region: "north", instance: instance(3), at: 5, inference };
      const body = { questions: [question], via: ["below"], remainingMs: 5_000 };
      await expectOk(call("POST", "/v1/models/hops/ask", { token: "rung-token", body }));
      const [row] = await region.rows("SELECT backbone, length(embedding) AS bytes FROM questions WHERE id = ?", id);
      return row;
    };
    const own = { backbone: thin.backbone.sha256, bytes: 2 * thin.head.width };
    expect(await hop("hops~north~node", thins?.node?.network as ClassifyManifest["thin"])).toEqual(own);
    expect(await hop("hops~north~edge", thin)).toEqual(own);
    const [row] = await region.rows("SELECT hex(embedding) AS hex FROM questions WHERE id = 'hops~north~node'");
    const [plain] = await region.rows("SELECT hex(embedding) AS hex FROM questions WHERE id = 'hops~north~edge'");
    expect(row).toEqual(plain);
  });

  it("refuses to read a region's sums as those of another backbone", async () => {
    const path = "/v1/models/hops/regions/north/sums?backbone=";
    const { thin, thins } = (await publishThins("hops")).manifest;
    expect((await call("GET", path + thin.backbone.sha256)).status).toBe(200);
    expect((await call("GET", path + thins?.node?.network.backbone.sha256)).status).toBe(409);
  });
});
