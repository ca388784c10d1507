import { evictDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { describe, expect, it } from "vitest";
import { manifestKey } from "#core/artefacts.ts";
import { servingEngine } from "#core/model/serving-engine.ts";
import { ByteLru } from "#edge/artefacts/byte-lru.ts";
import { locationHintOf } from "#edge/hints.ts";
import { nodeOf } from "#edge/node.ts";
import { ask, call, expectOk, instance, publish } from "../helpers/edge.ts";
import { TestRegion } from "../helpers/region.ts";

/** What this isolate remembers, gone: the next question reads KV and R2 as a new isolate would. */
function forgetMemory(): void {
  const node = nodeOf(env);
  node.manifests.clear();
  node.pointers.clear();
  node.headPointers.clear();
  for (const [model, version] of [
    ["easy", 1],
    ["mended", 1],
    ["mended", 2],
    ["lasting", 1],
    ["lasting", 2],
  ] as const)
    node.models.delete(manifestKey(model, version));
}

describe("blobs", () => {
  it("come from KV; a missing or corrupt value there is read from R2 and repaired", async () => {
    const { manifest } = await publish({ model: "easy" });
    const key = `blob/${manifest.thin.head.blob.sha256}`;
    const spoil: [string, () => Promise<void>][] = [
      ["missing", () => env.CACHE.delete(key)],
      ["corrupt", () => env.CACHE.put(key, "nonsense")],
    ];
    for (const [, spoilIt] of spoil) {
      await spoilIt();
      // A KV that was late is left alone for some seconds, and its values with it.
      const askAndRead = async () => {
        forgetMemory();
        nodeOf(env).cache.pausedUntil = 0;
        expect(await ask("easy", { instance: instance() })).toMatchObject({ rung: "edge" });
        return (await env.CACHE.get(key, "arrayBuffer"))?.byteLength;
      };
      await expect.poll(askAndRead).toBe(manifest.thin.head.blob.bytes);
    }
  });

  it("return an error that names them when they are corrupt in R2, until they are uploaded again", async () => {
    const { manifest, blobs } = await publish({ model: "mended", threshold: 0 });
    const { sha256 } = manifest.thin.backbone.topology;
    await spoilEverywhere(sha256);
    forgetMemory();
    const broken = await call("POST", "/v1/models/mended/ask", { token: "ask-token", body: { instance: instance() } });
    expect(broken.status).toBe(502);
    expect(await broken.text()).toContain(`blobs/${sha256}`);
    await expectOk(call("PUT", `/v1/blobs/${sha256}`, { raw: blobs.get(sha256) as Uint8Array }));
    expect(await ask("mended", { instance: instance() })).toMatchObject({ rung: "edge" });
  });

  it("that are corrupt stop a rollout, and the version that was good keeps answering", async () => {
    await publish({ model: "lasting", threshold: 0 });
    const next = await publish({ model: "lasting", threshold: 0, version: 2, seed: 60 }, null);
    const { sha256 } = next.manifest.thin.backbone.topology;
    await spoilEverywhere(sha256);
    const refused = await call("POST", "/v1/models/lasting/rollout", { body: { version: 2 } });
    expect(refused.status).toBe(502);
    expect((await ask("lasting", { instance: instance() })).version).toBe("1");
    // Spoilt only after it was rolled out: a new isolate falls back to the version before.
    await expectOk(call("PUT", `/v1/blobs/${sha256}`, { raw: next.blobs.get(sha256) as Uint8Array }));
    await expectOk(call("POST", "/v1/models/lasting/rollout", { body: { version: 2 } }));
    expect((await ask("lasting", { instance: instance() })).version).toBe("2");
    await spoilEverywhere(sha256);
    forgetMemory();
    expect((await ask("lasting", { instance: instance() })).version).toBe("1");
  });

  it("that are corrupt also stop a rollback", async () => {
    const before = await publish({ model: "kept", threshold: 0 });
    await publish({ model: "kept", threshold: 0, version: 2, seed: 61 });
    const { sha256 } = before.manifest.thin.backbone.topology;
    await spoilEverywhere(sha256);
    const refused = await call("POST", "/v1/models/kept/rollback", { body: {} });
    expect(refused.status).toBe(502);
    expect((await ask("kept", { instance: instance() })).version).toBe("2");
    await expectOk(call("PUT", `/v1/blobs/${sha256}`, { raw: before.blobs.get(sha256) as Uint8Array }));
    await expectOk(call("POST", "/v1/models/kept/rollback", { body: {} }));
    expect((await ask("kept", { instance: instance() })).version).toBe("1");
  });

  it("are stored under their hash only, and cached for ever", async () => {
    const sha256 = "0".repeat(64);
    expect((await call("PUT", `/v1/blobs/${sha256}`, { raw: "abc" })).status).toBe(422);
    expect((await call("GET", `/v1/blobs/${sha256}`)).status).toBe(404);
    expect((await call("GET", "/v1/blobs/no-hash")).status).toBe(404);
    const { manifest } = await publish({ model: "easy" });
    const response = await expectOk(call("GET", `/v1/blobs/${manifest.thin.head.blob.sha256}`, { token: "ask-token" }));
    expect(response.headers.get("cache-control")).toContain("immutable");
    expect((await response.arrayBuffer()).byteLength).toBe(manifest.thin.head.blob.bytes);
  });

  async function spoilEverywhere(sha256: string): Promise<void> {
    await env.ARTEFACTS.put(`blobs/${sha256}`, "nonsense");
    await env.CACHE.delete(`blob/${sha256}`);
  }
});

describe("a manifest", () => {
  it("that a region's object can't read is an error that names it", async () => {
    const { manifest } = await publish({ model: "open" });
    const { id } = await ask("open", { instance: instance() });
    const key = manifestKey("open", 1);
    await env.ARTEFACTS.put(key, JSON.stringify({ ...manifest, signature: { ...manifest.signature, keyId: "gone" } }));
    await evictDurableObject(new TestRegion("open").stub);
    const teach = () => call("POST", `/v1/questions/${id}/truth`, { body: { label: "a" } });
    const broken = await teach();
    expect(broken.status).toBe(502);
    expect(await broken.text()).toContain(`${key}: key 'gone' is not pinned`);
    await env.ARTEFACTS.put(key, JSON.stringify(manifest));
    await expectOk(teach());
  });
});

describe("pointers", () => {
  it("that are missing or corrupt in KV come from the registry", async () => {
    await publish({ model: "easy" });
    for (const spoil of [() => env.CACHE.delete("current/easy"), () => env.CACHE.put("current/easy", "{")]) {
      await spoil();
      forgetMemory();
      expect((await ask("easy", { instance: instance() })).version).toBe("1");
    }
  });

  it("never go back to a lower revision", async () => {
    await publish({ model: "easy" });
    await env.CACHE.put(
      "current/easy",
      JSON.stringify({ model: "easy", revision: 0, stable: null, previous: null, canary: null, heldBack: {} }),
    );
    const known = nodeOf(env).pointers.get("easy");
    if (known) known.freshUntil = 0;
    expect((await ask("easy", { instance: instance() })).version).toBe("1");
  });
});

describe("a thousand questions", () => {
  it("leave no tensor behind", async () => {
    await publish({ model: "easy" });
    const engine = servingEngine;
    await ask("easy", { instance: instance() });
    const before = engine.liveTensors();
    for (let i = 0; i < 40; i++) {
      const instances = Array.from({ length: 25 }, (_, j) => instance(i + j));
      await ask("easy", { instances });
    }
    expect(engine.liveTensors()).toBe(before);
  });
});

describe("the memory", () => {
  it("drops the least recently used entry when it is full", () => {
    const dropped: string[] = [];
    const lru = new ByteLru<string>(100, (value) => dropped.push(value));
    lru.set("a", "A", 40);
    lru.set("b", "B", 40);
    expect(lru.get("a")).toBe("A");
    lru.set("c", "C", 40);
    expect([lru.get("a"), lru.get("b"), lru.get("c"), lru.bytes]).toEqual(["A", undefined, "C", 80]);
    lru.set("d", "D", 500);
    expect([lru.get("d"), lru.bytes]).toEqual(["D", 500]);
    lru.set("d", "D2", 10);
    expect([dropped, lru.bytes]).toEqual([["B", "A", "C", "D"], 10]);
  });
});

describe("location hints", () => {
  it("are the nearest to where a request came from", () => {
    const places: [object | undefined, string | null][] = [
      [{ continent: "NA", country: "US", longitude: "-122.4" }, "wnam"],
      [{ continent: "NA", country: "US", longitude: "-74" }, "enam"],
      [{ continent: "EU", country: "FR" }, "weur"],
      [{ continent: "EU", country: "PL" }, "eeur"],
      [{ continent: "AS", country: "AE" }, "me"],
      [{ continent: "AS", country: "JP" }, "apac"],
      [{ continent: "OC", country: "AU" }, "oc"],
      [{ continent: "AF", country: "KE" }, "afr"],
      [{ continent: "SA", country: "BR" }, "sam"],
      [{}, null],
      [undefined, null],
    ];
    for (const [cf, hint] of places) expect(locationHintOf(cf)).toBe(hint);
  });
});

describe("settings", () => {
  it("that are wrong name the option, and none of the secret", () => {
    for (const option of [
      "UPRIVER_TOKENS",
      "PUBLISH_KEYS",
      "DEPLOYMENT_KEY",
      "DEPLOYMENT_PUBLIC_KEYS",
      "PUBLIC_ASK",
      "LOG_ANSWERS",
    ] as const) {
      const broken = { ...env, NODE_ID: `broken-${option}`, [option]: '{"secret' };
      expect(() => nodeOf(broken as Env)).toThrow(option);
      expect(() => nodeOf(broken as Env)).not.toThrow(/\{"secret/);
    }
  });
});
