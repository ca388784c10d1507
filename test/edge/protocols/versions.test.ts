import { env } from "cloudflare:workers";
import { beforeAll, describe, expect, it } from "vitest";
import type { HeadManifest } from "#core/contract/index.ts";
import { sha256Hex } from "#core/hash.ts";
import { encodeHead } from "#core/head/head.ts";
import { sign } from "#core/sign.ts";
import { call, expectOk, publish } from "#test/helpers/edge.ts";
import { testKeys } from "#test/helpers/keys.ts";
import { type Inferred, infer, output, tensors, token } from "./infer.ts";

beforeAll(async () => {
  await publish({ model: "two", seed: 3, threshold: 0 });
  await publish({ model: "two", seed: 4, threshold: 0, version: 2 });
});

describe("a version in the path", () => {
  it("is described", async () => {
    const two = await (await expectOk(call("GET", "/v2/models/two/versions/1", { token }))).json();
    expect(two).toMatchObject({ name: "two", versions: ["2", "1"] });
  });

  it("is ready, for each version of the model", async () => {
    for (const path of ["two", "two/versions/1", "two/versions/2"]) {
      const response = await expectOk(call("GET", `/v2/models/${path}/ready`, { token }));
      expect(await response.json()).toEqual({ name: "two", ready: true });
    }
    for (const path of ["two/versions/3", "two/versions/x", "two/versions/1.0", "nothing", "No%20name"]) {
      for (const end of ["", "/ready"]) {
        const response = await call("GET", `/v2/models/${path}${end}`, { token });
        expect([path, response.status]).toEqual([path, 404]);
        expect(await response.json()).toEqual({ error: expect.stringContaining("There is no") });
      }
    }
  });

  it("answers; without one, the served version answers", async () => {
    const inputs = tensors({ x0: [1] });
    const newest = await infer("two", { inputs });
    const byVersion = async (version: number) =>
      (await expectOk(call("POST", `/v2/models/two/versions/${version}/infer`, { token, body: { inputs } }))).json();
    const [one, two] = [(await byVersion(1)) as Inferred, (await byVersion(2)) as Inferred];
    expect([newest.model_version, one.model_version, two.model_version]).toEqual(["2", "1", "2"]);
    expect(output(two, "scores")).toEqual(output(newest, "scores"));
    expect(output(one, "scores")).not.toEqual(output(two, "scores"));
    const escalated = await expectOk(
      call("POST", "/v2/models/two/versions/1/infer", { token, body: { inputs, parameters: { escalate: true } } }),
    );
    expect(output(await escalated.json(), "version").data).toEqual(["1"]);
  });
});

describe("a region's own head", () => {
  it("answers on the requested version, and names it", async () => {
    const { manifest } = await publish({ model: "headed", seed: 5, threshold: 0 });
    await publish({ model: "headed", seed: 6, threshold: 0, version: 2 });
    const { backbone, head, rule } = manifest.thin;
    const width = head.width * 3;
    const blob = encodeHead({ weights: new Float32Array(width), bias: Float32Array.of(0, 0, 9) });
    const sha256 = await sha256Hex(blob);
    await expectOk(call("PUT", `/v1/blobs/${sha256}`, { raw: blob }));
    const own: HeadManifest = {
      ...{ format: "upriver/2", model: "headed", base: 1, region: "south", number: 3 },
      ...{ backbone: backbone.sha256, createdAt: manifest.createdAt, rule },
      head: { ...head, blob: { sha256, bytes: blob.byteLength } },
    };
    const pointer = { revision: 1, head: await sign(own, testKeys.deployment.signing), rule: null };
    await env.CACHE.put("head/headed/1/south", JSON.stringify(pointer));
    const body = { inputs: tensors({ x0: [1, 1], region: ["south", "north"] }) };
    const response = await expectOk(call("POST", "/v2/models/headed/versions/1/infer", { token, body }));
    const inferred: Inferred = await response.json();
    expect(output(inferred, "version").data).toEqual(["1+south.3", "1"]);
    expect(output(inferred, "label").data[0]).toBe("c");
    // What is not true of all rows is said of none.
    expect(inferred.model_version).toBeUndefined();
    expect(output(await infer("headed", body), "version").data).toEqual(["2", "2"]);
  });
});
