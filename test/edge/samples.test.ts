import { beforeAll, describe, expect, it } from "vitest";
import type { BlobRef, ClassifyManifest } from "#core/contract/index.ts";
import { sha256Hex } from "#core/hash.ts";
import { sign } from "#core/sign.ts";
import { call, expectOk, publish, publishBuilt } from "../helpers/edge.ts";
import { testKeys } from "../helpers/keys.ts";
import { testModel } from "../helpers/model.ts";

const model = "pulled";

beforeAll(async () => {
  await publish({ model });
});

describe("what shows more of the data than a model does", () => {
  const bytes = new TextEncoder().encode("an anchor, or a prior");

  it("is read by publishers only, once it was stored for them", async () => {
    const sha256 = await sha256Hex(bytes);
    await expectOk(call("PUT", `/v1/blobs/${sha256}?scope=publish`, { raw: bytes }));
    expect((await call("GET", `/v1/blobs/${sha256}`, { token: "ask-token" })).status).toBe(403);
    expect(await (await expectOk(call("GET", `/v1/blobs/${sha256}`))).text()).toBe("an anchor, or a prior");
  });

  it("is read by a rung below where its regions' heads are trained with it: no recipe, and no rows", async () => {
    const store = async (text: string) => {
      const raw = new TextEncoder().encode(text);
      const sha256 = await sha256Hex(raw);
      await expectOk(call("PUT", `/v1/blobs/${sha256}?scope=publish`, { raw }));
      return { sha256, bytes: raw.byteLength };
    };
    const [anchor, document] = [await store("an anchor for rungs"), await store("a recipe")];
    const built = await testModel({ model: "trained-below" });
    const { signature: _, ...unsigned } = built.manifest;
    const withParts = { ...unsigned, anchor: { blob: anchor, rows: 1 }, recipe: { document, source: [] } };
    const manifest = await sign(withParts as ClassifyManifest, testKeys.publish.signing);
    await publishBuilt({ manifest, blobs: built.blobs }, null);
    const read = async ({ sha256 }: BlobRef) =>
      (await call("GET", `/v1/blobs/${sha256}`, { token: "rung-token" })).status;
    expect([await read(anchor), await read(document)]).toEqual([200, 403]);
  });

  it("is refused as a version's anchor when it is public", async () => {
    const open = new TextEncoder().encode("an anchor that anybody may read");
    const sha256 = await sha256Hex(open);
    await expectOk(call("PUT", `/v1/blobs/${sha256}`, { raw: open }));
    const { manifest } = await publish({ model: "loose" }, null);
    const anchored = { ...manifest, version: 2, anchor: { blob: { sha256, bytes: open.byteLength }, rows: 1 } };
    const response = await call("PUT", "/v1/models/loose/versions/2", { body: anchored });
    expect(response.status).toBe(422);
    expect(await response.text()).toContain(`blob ${sha256} to be there: PUT /v1/blobs/{sha256}?scope=publish first`);
  });

  it.each([
    ["samples", `/v1/models/${model}/samples`],
    ["sums", `/v1/models/${model}/regions/north/sums`],
  ])("%s want the publish scope", async (_, path) => {
    expect((await call("GET", path, { token: "ask-token" })).status).toBe(403);
    expect((await call("GET", path, { token: "teach-token" })).status).toBe(403);
    expect((await call("GET", path)).status).toBe(200);
  });

  it("a cursor that is none is a 422 that says so", async () => {
    const response = await call("GET", `/v1/models/${model}/samples?since=yesterday`);
    expect(response.status).toBe(422);
    expect(await response.json()).toMatchObject({ errors: [{ path: "since" }] });
  });

  it("returns 404 for the sums of an unlisted region", async () => {
    expect((await call("GET", `/v1/models/${model}/regions/nowhere/sums`)).status).toBe(404);
  });
});
