import { listDurableObjectIds } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { describe, expect, it } from "vitest";
import { headPointerSchema, modelPointerSchema } from "#core/contract/index.ts";
import { sha256Hex } from "#core/hash.ts";
import { regionObject, registryObject, reviewObject, tokensObject } from "#objects/stubs.ts";
import { tokensObjectName } from "#objects/tokens/api.ts";
import { call, eventually, expectOk, instance, publish } from "../helpers/edge.ts";
import { journey } from "../neighbours/journey.ts";
import { callWith } from "./doubles.ts";

describe("JURISDICTION", () => {
  it("is where every object is addressed, where the platform has it", async () => {
    // A double: workerd has no jurisdictions.
    const addressed: string[] = [];
    const namespace = (kind: string) => ({
      jurisdiction: (name: string) => ({
        idFromName: (id: string) => id,
        get: (id: string) => addressed.push(`${kind} ${id} in ${name}`),
      }),
    });
    const doubles = {
      ...{ REGION: namespace("region"), REGISTRY: namespace("registry") },
      ...{ REVIEW: namespace("review"), TOKENS: namespace("tokens") },
    };
    const there = { ...env, ...doubles, JURISDICTION: "eu" } as unknown as Env;
    regionObject(there, "m", "weur");
    registryObject(there, "m");
    reviewObject(there, "m");
    tokensObject(there);
    expect(addressed).toEqual([
      ...["region m~weur in eu", "registry m in eu"],
      ...["review m in eu", `tokens ${tokensObjectName} in eu`],
    ]);
  });

  it("that the runtime lacks is refused with what to do, and nothing is stored", async () => {
    await publish({ model: "placed" });
    const before = (await listDurableObjectIds(env.REGION)).length;
    // KV would say where the model's pointer is: a new deployment has none.
    const bindings = { JURISDICTION: "eu", NODE_ID: "european", CACHE: { get: async () => null } } as unknown as Env;
    const response = await callWith(bindings, "POST", "/v1/models/placed/ask", { instance: instance() });
    expect([response.status, await response.text()]).toEqual([503, expect.stringContaining("has no jurisdictions")]);
    expect((await listDurableObjectIds(env.REGION)).length).toBe(before);
    const checks = await (await callWith(bindings, "GET", "/v1/checks")).json<{ findings: { check: string }[] }>();
    expect(checks.findings.find(({ check }) => check === "jurisdiction")).toMatchObject({
      isSound: false,
      remedy: expect.stringContaining("Leave JURISDICTION empty"),
    });
  });

  it("of another name is refused", async () => {
    const response = await callWith({ JURISDICTION: "moon", NODE_ID: "lunar" } as never, "GET", "/v1/models");
    expect(response.status).toBe(500);
  });

  it("that was changed shows as registries that are empty", async () => {
    await env.ARTEFACTS.put("models/moved-away/versions/1.json", "{}");
    const checks = await (await call("GET", "/v1/checks")).json<{ findings: { check: string; found: string }[] }>();
    await env.ARTEFACTS.delete("models/moved-away/versions/1.json");
    const finding = checks.findings.find(({ check }) => check === "jurisdiction");
    expect(finding).toMatchObject({ isSound: false, found: expect.stringContaining("moved-away") });
    const after = await (await call("GET", "/v1/checks")).json<{ findings: { check: string; found: string }[] }>();
    // Models of other tests may be without a registry too.
    expect(after.findings.find(({ check }) => check === "jurisdiction")?.found).not.toContain("moved-away");
  });
});

describe("KV, which has no jurisdictions,", () => {
  it("holds pointers and weights alone after everything was used once", async () => {
    const rows = new TextEncoder().encode("training rows of people");
    const sha256 = await sha256Hex(rows);
    await expectOk(call("PUT", `/v1/blobs/${sha256}?scope=publish`, { raw: rows }));
    expect(await (await expectOk(call("GET", `/v1/blobs/${sha256}`))).text()).toBe("training rows of people");
    const before = new Set((await env.CACHE.list()).keys.map(({ name }) => name));
    const send = (method: string, path: string, { headers, body }: { headers: object; body?: string | Uint8Array }) =>
      call(method, path, { token: null, headers, ...(body === undefined ? {} : { raw: body }) } as Parameters<
        typeof call
      >[2]);
    await journey(send as Parameters<typeof journey>[0], () => {}, "everything");
    await eventually(async () => expect(await env.CACHE.get("current/everything")).not.toBeNull());
    const keys = (await env.CACHE.list()).keys.filter(({ name }) => !before.has(name));
    const kinds = new Set<string>();
    for (const { name, metadata } of keys) {
      const [kind = ""] = name.split("/");
      kinds.add(kind);
      expect(metadata ?? null).toBeNull();
      const text = (await env.CACHE.get(name)) as string;
      if (kind === "current") expect(modelPointerSchema.safeParse(JSON.parse(text)).success).toBe(true);
      else if (kind === "head") expect(headPointerSchema.safeParse(JSON.parse(text)).success).toBe(true);
      else expect((await env.ARTEFACTS.head(`blobs/${name.split("/")[1]}`))?.customMetadata?.scope).toBe("ask");
      expect(text).not.toContain("~north~");
    }
    expect(kinds.has("current") && kinds.has("head")).toBe(true);
    for (const kind of kinds) expect(["blob", "current", "head"]).toContain(kind);
    expect(await env.CACHE.get(`blob/${sha256}`)).toBeNull();
  });
});
