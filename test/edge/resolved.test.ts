import { env } from "cloudflare:workers";
import { beforeAll, describe, expect, it } from "vitest";
import { manifestKey } from "#core/artefacts.ts";
import type { ModelPointer } from "#core/contract/index.ts";
import { nodeOf } from "#edge/node.ts";
import { call, instance, publish } from "../helpers/edge.ts";
import { callWith } from "./doubles.ts";

const key = "current/resolved";
let before: ModelPointer;

beforeAll(async () => {
  const first = await publish({ model: "resolved" });
  const { version } = first.manifest;
  before = { model: "resolved", revision: 1, stable: version, previous: null, canary: null, heldBack: {} };
  await publish({ model: "resolved", version: 2, seed: 60 }, null);
});

/** Bindings whose pointer moves to version 2 after its first read, with an edge that forgets pointers at once. */
function movingPointer(name: string) {
  const reads = { pointer: 0, manifests: [] as string[] };
  const CACHE = new Proxy(env.CACHE, {
    get: (kv, property: keyof KVNamespace) => {
      if (property !== "get") return (kv[property] as (...values: unknown[]) => unknown).bind(kv);
      return async (name: string, options: KVNamespaceGetOptions<"text">) => {
        if (name !== key) return kv.get(name, options);
        reads.pointer++;
        return JSON.stringify(reads.pointer === 1 ? before : { ...before, revision: 2, stable: 2, previous: 1 });
      };
    },
  });
  const ARTEFACTS = new Proxy(env.ARTEFACTS, {
    get: (bucket, property: keyof R2Bucket) => (name: string, options: R2GetOptions) => {
      if (property === "get" && name.startsWith("models/")) reads.manifests.push(name);
      return (bucket[property] as (...values: unknown[]) => unknown).call(bucket, name, options);
    },
  });
  const bindings: Partial<Env> = { NODE_ID: name, CACHE, ARTEFACTS };
  nodeOf({ ...env, ...bindings }).pointers.get = () => undefined;
  return { bindings, reads };
}

const tensors = { instances: [instance()] };
const requests: [string, string, unknown][] = [
  ["ask", "/v1/models/resolved/ask", { instance: instance() }],
  ["batch", "/v1/models/resolved/ask", { instances: [instance(1), instance(2, "south")] }],
  ["truths", "/v1/models/resolved/truths", { truths: [{ label: "a", question: { instance: instance() } }] }],
  ["predict", "/v1/models/resolved:predict", tensors],
];

describe("a request during which the pointer moves", () => {
  it.each(requests)("reads one pointer and one manifest: %s", async (name, path, body) => {
    const { bindings, reads } = movingPointer(`moving-${name}`);
    const response = await callWith(bindings, "POST", path, body);
    const text = await response.text();
    expect([response.status, text]).toEqual([200, expect.any(String)]);
    expect(reads).toEqual({ pointer: 1, manifests: [manifestKey("resolved", 1)] });
    if (path.endsWith("/ask")) expect(text).not.toContain('"version":"2"');
  });
});

describe("publishing a version", () => {
  it.each([
    ["storage fails", 503, () => Promise.reject(new Error("R2 internal error 10001"))],
    ["manifest is damaged", 502, null],
  ])("is refused while the %s of the version before can't be read", async (_, status, head) => {
    const { manifest } = await publish({ model: "resolved", version: 3, seed: 61 }, null);
    const stored = (await (await env.ARTEFACTS.get(manifestKey("resolved", 2)))?.text()) as string;
    const ARTEFACTS = new Proxy(env.ARTEFACTS, {
      get: (bucket, property: keyof R2Bucket) => (name: string, options: R2GetOptions) => {
        if (head && property === "head" && name === manifestKey("resolved", 2)) return head();
        return (bucket[property] as (...values: unknown[]) => unknown).call(bucket, name, options);
      },
    });
    if (!head) await env.ARTEFACTS.put(manifestKey("resolved", 2), "nonsense");
    const bindings = { ARTEFACTS, NODE_ID: `publishing-${status}` };
    const response = await callWith(bindings, "PUT", "/v1/models/resolved/versions/3", manifest);
    await env.ARTEFACTS.put(manifestKey("resolved", 2), stored);
    expect(response.status).toBe(status);
  });

  it("needs no version before the first", async () => {
    const { manifest } = await publish({ model: "hard" }, null);
    expect((await call("PUT", "/v1/models/hard/versions/1", { body: manifest })).status).toBe(201);
  });
});
