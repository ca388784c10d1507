import { env } from "cloudflare:workers";
import { describe, expect, it } from "vitest";
import { isAudited } from "#core/confidence/audit.ts";
import { splitSecretsOf } from "#core/confidence/split-secret.ts";
import { splitsOf } from "#core/confidence/splits.ts";
import type { Answer, ExternalRung, HeadManifest, Instance } from "#core/contract/index.ts";
import { sha256Hex } from "#core/hash.ts";
import { reachOf } from "#core/rung/external/endpoint.ts";
import { generateKeys, sign } from "#core/sign.ts";
import { findToken, parseTokens } from "#core/tokens.ts";
import { registryObject } from "#objects/stubs.ts";
import { testTokens } from "../helpers/bindings.ts";
import { call, eventually, expectOk, instance, publish } from "../helpers/edge.ts";
import { testKeys } from "../helpers/keys.ts";
import { testModel } from "../helpers/model.ts";
import { callAtOnce } from "./doubles.ts";

// Each key: the old and the new one work during the change. What the old one opens or signs is refused once it is removed.
describe("while it is rotated, the old and the new work:", () => {
  it("PUBLISH_KEYS and the origin's SIGNING_KEY", async () => {
    const next = await generateKeys("publish-2");
    const both = JSON.stringify({ ...testKeys.publish.publicKeys, ...next.publicKeys });
    const bindings = { PUBLISH_KEYS: both, NODE_ID: "publish-both" };
    await publish({ model: "resigned" });
    const { manifest, blobs } = await testModel({ model: "resigned", version: 2, seed: 8 });
    for (const [sha256, bytes] of blobs) await expectOk(call("PUT", `/v1/blobs/${sha256}`, { raw: bytes }));
    const { signature: _, ...unsigned } = manifest;
    const signed = await sign(unsigned as typeof manifest, next.signing);
    const path = "/v1/models/resigned";
    expect((await callAtOnce({}, "PUT", `${path}/versions/2`, signed)).status).toBe(422);
    expect((await callAtOnce(bindings, "PUT", `${path}/versions/2`, signed)).status).toBe(201);
    for (const version of [1, 2]) {
      expect((await callAtOnce(bindings, "GET", `${path}/manifest?version=${version}`)).status).toBe(200);
    }
    const after = { PUBLISH_KEYS: JSON.stringify(next.publicKeys), NODE_ID: "publish-new" };
    expect((await callAtOnce(after, "GET", `${path}/manifest?version=2`)).status).toBe(200);
    expect((await callAtOnce(after, "GET", `${path}/manifest?version=1`)).status).toBe(502);
  });

  it("DEPLOYMENT_KEY and DEPLOYMENT_PUBLIC_KEYS", async () => {
    const next = await generateKeys("heads-2");
    const { manifest } = await publish({ model: "head-rotated", threshold: 0 });
    const { rule, head, backbone } = manifest.thin;
    const headFor = (region: string): HeadManifest => ({
      ...{ format: "upriver/2" as const, model: "head-rotated", base: 1, region, number: 1 },
      ...{ backbone: backbone.sha256, head, rule, createdAt: "2026-01-01T00:00:00.000Z" },
    });
    const registry = registryObject(env, "head-rotated");
    const heads = [
      await sign(headFor("north"), testKeys.deployment.signing),
      await sign(headFor("south"), next.signing),
    ];
    for (const one of heads) await registry.publishHead(one);
    await eventually(async () => {
      for (const region of ["north", "south"])
        expect(await env.CACHE.get(`head/head-rotated/1/${region}`)).not.toBeNull();
    });
    const versions = async (keys: object, name: string) => {
      const bindings = { DEPLOYMENT_PUBLIC_KEYS: JSON.stringify(keys), NODE_ID: name };
      const asked = ["north", "south"].map((region) => instance(1, region));
      const response = await callAtOnce(bindings, "POST", "/v1/models/head-rotated/ask", {
        instances: asked,
        accept: "always",
      });
      return (await response.json<{ answers: Answer[] }>()).answers.map(({ version }) => version);
    };
    const [old, fresh] = [testKeys.deployment.publicKeys, next.publicKeys];
    expect(await versions({ ...old, ...fresh }, "heads-both")).toEqual(["1+north.1", "1+south.1"]);
    // A key that was removed too early fails no question: the global head serves.
    expect(await versions(fresh, "heads-new")).toEqual(["1", "1+south.1"]);
  });

  it("a token of UPRIVER_TOKENS, of EDGE_TOKEN and of NEXT_RUNG_TOKEN: two with one id", async () => {
    const others = testTokens.map(({ id, token: _, ...rest }) => ({ id, ...rest, sha256: "0".repeat(64) }));
    const entry = async (text: string) => ({ id: "app", sha256: await sha256Hex(text), scopes: ["ask"] });
    const holders = (entries: object[]) => {
      const tokens = parseTokens("ORIGIN_TOKENS", JSON.stringify([...others, ...entries]));
      return Promise.all(
        ["old", "new", "other"].map(async (text) => (await findToken(tokens, `Bearer ${text}`))?.id ?? null),
      );
    };
    const [old, next] = [await entry("old"), await entry("new")];
    expect(await holders([old, next])).toEqual(["app", "app", null]);
    expect(await holders([next])).toEqual([null, "app", null]);
  });

  it("a RUNG_KEY_…, which the provider takes both of: the key that is set is used", () => {
    const rung = { name: "jev", kind: "system-one", url: "https://a.example", key: "RUNG_KEY_JEV" } as ExternalRung;
    for (const key of ["old", "new"]) {
      expect(reachOf(rung, { RUNG_KEY_JEV: `https://a.example ${key}` })?.endpoint?.key).toBe(key);
    }
  });

  it("SPLIT_SECRET: the new one draws, and the first still splits", async () => {
    const first = "the first secret of the tests";
    const rotated = splitSecretsOf(JSON.stringify(["a new secret of the tests", first]));
    expect(splitSecretsOf(first)).toEqual({ draws: first, splits: first });
    // A version that was trained before splits had a key of their own is split as it ever was.
    expect(splitsOf({}, rotated.splits)).toEqual(splitsOf({}, splitSecretsOf(first).splits));
    const ids = Array.from({ length: 400 }, (_, i) => `m~north~${i}`);
    const drawnBy = async (secret: string) => {
      const drawn = await Promise.all(ids.map((id) => isAudited(secret, id, 0.3)));
      return drawn.map(Number).join("");
    };
    expect(await drawnBy(rotated.draws)).not.toBe(await drawnBy(first));
    for (const odd of ["[broken", '["only one"]', '["", "a"]', "[1,2]"]) {
      expect(splitSecretsOf(odd)).toEqual({ draws: odd, splits: odd });
    }
  });

  it("SPLIT_SECRET in a deployment: the edge and doctor take both", async () => {
    const policy = { keep: "audited" as const, auditShare: 1 };
    await publish({ model: "redrawn", threshold: 0, policy });
    const secrets = JSON.stringify(["a new secret of the tests", env.SPLIT_SECRET]);
    const bindings = { SPLIT_SECRET: secrets, NODE_ID: "redrawing" };
    const body: { instance: Instance } = { instance: instance(3) };
    expect((await callAtOnce(bindings, "POST", "/v1/models/redrawn/ask", body)).status).toBe(200);
    const checks = await (await callAtOnce(bindings, "GET", "/v1/checks")).json<{ findings: { check: string }[] }>();
    expect(checks.findings.find(({ check }) => check === "split secret")).toMatchObject({
      isSound: true,
      found: "rotated: a new one draws, the first splits",
    });
  });
});
