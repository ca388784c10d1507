import { env } from "cloudflare:workers";
import { beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { blobKey } from "#core/artefacts.ts";
import type { Answer, Checks, HeadManifest, HeadPointer } from "#core/contract/index.ts";
import { app } from "#edge/app.ts";
import { nodeOf } from "#edge/node.ts";
import { registryObject } from "#objects/stubs.ts";
import { eventually, instance, publish } from "../helpers/edge.ts";
import { TestRegion } from "../helpers/region.ts";
import { failingKv, failingRegistry } from "./doubles.ts";

const model = "failing";
const region = new TestRegion(model);
let head: HeadManifest;
let isolates = 0;

/** Bindings of an isolate that has nothing in memory. */
const cold = (bindings: Partial<Env> = {}) => ({ NODE_ID: `failing-${++isolates}`, ...bindings }) as Partial<Env>;

/** Nobody waits for what an isolate does after its answer, such as sending counts. */
const context = { waitUntil() {}, passThroughOnException() {}, props: {} } as unknown as ExecutionContext;

async function call(bindings: Partial<Env>, method: string, path: string, body?: object): Promise<Response> {
  const init = { method, headers: { authorization: "Bearer admin-token" }, body: body && JSON.stringify(body) };
  return app.fetch(new Request(`https://edge.test${path}`, init as RequestInit), { ...env, ...bindings }, context);
}

async function ask(bindings: Partial<Env>): Promise<Answer> {
  const body = { instance: instance(), accept: "always" };
  const response = await call(bindings, "POST", `/v1/models/${model}/ask`, body);
  expect(response.status, await response.clone().text()).toBe(200);
  return response.json();
}

/** What an isolate knows is no longer fresh. */
function expire(bindings: Partial<Env>): void {
  const node = nodeOf({ ...env, ...bindings } as Env);
  for (const known of [...node.pointers.values(), ...node.headPointers.values(), ...node.headFaults.values()]) {
    known.freshUntil = 0;
  }
}

beforeAll(async () => {
  await publish({ model, threshold: 0, policy: { ladder: ["edge", "region"], truth: "complete" } });
  await region.teach(region.labelledQuestions(200));
  expect(await region.retrain()).toMatchObject({ status: "promoted" });
  const pointer = await registryObject(env, model).headPointer(1, "north");
  head = pointer.head as HeadManifest;
  await eventually(async () => expect(await env.CACHE.get(`head/${model}/1/north`)).not.toBeNull());
});

describe("a KV that fails", () => {
  it("leaves a cold isolate with the registry, and a warm one with its memory, the regions' heads as well", async () => {
    const isolate = cold({ CACHE: failingKv("throws") });
    expect((await ask(isolate)).version).toBe("1+north.1");
    expire(isolate);
    expect((await ask(isolate)).version).toBe("1+north.1");
    expire(isolate);
    const alone = { ...isolate, ...failingRegistry(new Error("Network connection lost.")) };
    expect((await ask(alone)).version).toBe("1+north.1");
  });

  it("delays a cold ask once by a bounded time when it does not reply, and the next ones not at all", async () => {
    const CACHE = failingKv("hangs");
    const reads = vi.spyOn(CACHE, "get");
    const isolate = cold({ CACHE });
    // One read, whose wait is bounded (nearTimeoutMs); then none while KV is left alone.
    for (const again of [false, true]) {
      if (again) expire(isolate);
      expect((await ask(isolate)).version).toBe("1+north.1");
      expect(reads).toHaveBeenCalledTimes(1);
    }
  });
});

describe("a regional head", () => {
  const key = () => blobKey(head.head.blob.sha256);
  let bytes: ArrayBuffer;

  beforeAll(async () => {
    bytes = (await (await env.ARTEFACTS.get(key()))?.arrayBuffer()) as ArrayBuffer;
  });
  beforeEach(() => env.CACHE.delete(`blob/${head.head.blob.sha256}`));

  it.each([
    ["missing", "it is missing", () => env.ARTEFACTS.delete(key())],
    ["corrupt", "the SHA-256 of its content is", () => env.ARTEFACTS.put(key(), "nonsense")],
  ])("that is %s in R2: the global head answers and says so, and the region repairs it", async (_, why, spoil) => {
    await spoil();
    const isolate = cold();
    const found = async () => {
      const { findings }: Checks = await (await call(isolate, "GET", "/v1/checks")).json();
      return findings.find(({ check }) => check === `${model}: blobs of heads`);
    };
    expect(await found()).toMatchObject({ isSound: false, found: expect.stringContaining(`north (${why}`) });
    const answer = await ask(isolate);
    expect(answer).toMatchObject({ version: "1", rung: "edge", certificate: null });
    expect(answer.warnings?.[0]).toContain(`in place of the head of region 'north', which can't be read: ${why}`);
    await eventually(async () => {
      expect(await (await env.ARTEFACTS.get(key()))?.arrayBuffer()).toEqual(bytes);
    });
    expire(isolate);
    const repaired = await ask(isolate);
    expect(repaired.version).toBe("1+north.1");
    expect(repaired.warnings).toBeUndefined();
    expect(await found()).toMatchObject({ isSound: true });
  });

  it("whose pointer in KV has a wrong signature comes from the registry", async () => {
    const near = `head/${model}/1/north`;
    const was = (await env.CACHE.get(near)) as string;
    const pointer = JSON.parse(was) as HeadPointer;
    const forged = { ...head, head: { ...head.head, temperature: 9 } };
    await env.CACHE.put(near, JSON.stringify({ ...pointer, head: forged }));
    const isolate = cold();
    expect((await ask(isolate)).version).toBe("1+north.1");
    // An isolate that has the weights in memory checks the signature all the same.
    expire(isolate);
    await env.CACHE.put(near, JSON.stringify({ ...pointer, head: { ...head, number: 99 } }));
    expect((await ask(isolate)).version).toBe("1+north.1");
    await env.CACHE.put(near, was);
  });

  it("that is lost for good stops neither answers nor the next retrain", async () => {
    await env.ARTEFACTS.delete(key());
    await region.rows("DELETE FROM head_blobs");
    expect((await ask(cold())).version).toBe("1");
    await region.teach(region.labelledQuestions(200, 21));
    expect((await region.retrain()).status).toBe("promoted");
    const isolate = cold();
    await eventually(async () => {
      expire(isolate);
      expect((await ask(isolate)).version).toBe("1+north.2");
    });
  });
});
