import { env } from "cloudflare:workers";
import { describe, expect, it } from "vitest";
import { manifestSchema } from "#core/contract/index.ts";
import { registryObject } from "#objects/stubs.ts";
import { call, eventually, expectOk, publish } from "../helpers/edge.ts";
import { testModel } from "../helpers/model.ts";

describe("publishing", () => {
  it("keeps one of two manifests sent at once for a version, the same in R2 as in the registry", async () => {
    const rivals = [await testModel({ model: "raced", seed: 1 }), await testModel({ model: "raced", seed: 2 })];
    for (const { blobs } of rivals) {
      for (const [sha256, raw] of blobs) await expectOk(call("PUT", `/v1/blobs/${sha256}`, { raw }));
    }
    const path = "/v1/models/raced/versions/1";
    const responses = await Promise.all(rivals.map(({ manifest }) => call("PUT", path, { body: manifest })));
    expect(responses.map(({ status }) => status).sort()).toEqual([201, 409]);
    const winner = rivals[responses.findIndex(({ status }) => status === 201)]?.manifest;
    const stored = await env.ARTEFACTS.get("models/raced/versions/1.json");
    expect(manifestSchema.parse(await stored?.json())).toEqual(winner);
  });

  it("is refused unless it has the next number, its blobs, and the model of the path", async () => {
    await publish({ model: "counted" });
    const third = await testModel({ model: "counted", version: 3 });
    expect((await call("PUT", "/v1/models/counted/versions/3", { body: third.manifest })).status).toBe(409);
    const bare = await testModel({ model: "counted", version: 2, seed: 99 });
    const missing = await call("PUT", "/v1/models/counted/versions/2", { body: bare.manifest });
    expect([missing.status, (await missing.text()).includes("PUT /v1/blobs/{sha256} first")]).toEqual([422, true]);
    expect((await call("PUT", "/v1/models/other/versions/2", { body: bare.manifest })).status).toBe(422);
  });
});

describe("a version that is taken from the rung above", () => {
  it("keeps its number, also a first one above 1 and one that is lower, and only its own manifest", async () => {
    const registry = registryObject(env, "taken");
    const seventh = await testModel({ model: "taken", version: 7 });
    const fifth = await testModel({ model: "taken", version: 5 });
    expect(await registry.take(seventh.manifest)).toMatchObject({ ok: true, value: { version: 7 } });
    expect(await registry.rollout(7, null)).toMatchObject({ ok: true, value: { stable: 7 } });
    expect(await registry.take(fifth.manifest)).toMatchObject({ ok: true, value: { version: 5 } });
    expect(await registry.rollout(5, null)).toMatchObject({ ok: true, value: { stable: 5, previous: 7 } });
    expect(await registry.take(seventh.manifest)).toMatchObject({ ok: true });
    const other = await testModel({ model: "taken", version: 7, seed: 3 });
    const refused = { ok: false, error: { kind: "version-exists", version: 7 } };
    expect(await registry.take(other.manifest)).toEqual(refused);
    expect((await registry.list()).versions.map(({ version }) => version)).toEqual([7, 5]);
  });
});

describe("model pointers", () => {
  it("reach KV with a revision that grows with each move", async () => {
    await publish({ model: "moved" });
    const seen = async () =>
      (await env.CACHE.get<{ revision: number; stable: number }>("current/moved", "json")) ?? null;
    const first = await eventually(async () => {
      const pointer = await seen();
      expect(pointer?.stable).toBe(1);
      return pointer as { revision: number };
    });
    await publish({ model: "moved", version: 2, seed: 3 });
    await eventually(async () => {
      const pointer = await seen();
      expect(pointer?.stable).toBe(2);
      expect(pointer?.revision).toBeGreaterThan(first.revision);
    });
  });

  it("stay where they are when a move is refused", async () => {
    await publish({ model: "fixed" }, null);
    const roll = (body: object) => call("POST", "/v1/models/fixed/rollout", { body });
    expect((await roll({ version: 1, share: 0.5 })).status).toBe(409);
    expect((await roll({ version: 7 })).status).toBe(409);
    expect((await roll({ version: 1, share: 1.5 })).status).toBe(422);
    await expectOk(roll({ version: 1 }));
    expect((await roll({ version: 1, share: 0.5 })).status).toBe(409);
    expect((await call("POST", "/v1/models/fixed/rollback", { body: {} })).status).toBe(409);
    expect((await call("POST", "/v1/models/nothing/rollback", { body: {} })).status).toBe(404);
  });
});
