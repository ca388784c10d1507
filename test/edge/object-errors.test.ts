import { env } from "cloudflare:workers";
import { beforeAll, describe, expect, it } from "vitest";
import { manifestKey } from "#core/artefacts.ts";
import type { Answer } from "#core/contract/index.ts";
import { StateFormatError } from "#objects/migrate.ts";
import { ask, instance, publish } from "../helpers/edge.ts";
import { callWith, failingRegion } from "./doubles.ts";

const overloaded = () =>
  Object.assign(new Error("Durable Object is overloaded. Too many requests queued."), { overloaded: true });
const unreachable = () => Object.assign(new Error("Network connection lost."), { retryable: true });
const ownError = () => Object.assign(new TypeError("secret is not a function"), { remote: true });

let open: Answer;

beforeAll(async () => {
  for (const model of ["hard", "open"]) await publish({ model });
  open = await ask("open", { instance: instance() }, { token: "admin-token" });
});

const askHard = (bindings: Partial<Env>) => callWith(bindings, "POST", "/v1/models/hard/ask", { instance: instance() });
const readOpen = (bindings: Partial<Env>) => callWith(bindings, "GET", `/v1/questions/${open.id}`);

describe("a region's object that does not answer", () => {
  it.each([
    ["is overloaded", overloaded],
    ["can't be reached", unreachable],
  ])("is called once for an ask, which returns the edge's answer, when it %s", async (_, error) => {
    const { bindings, calls } = failingRegion(error());
    const response = await askHard(bindings);
    expect(response.status).toBe(200);
    expect(await response.json()).toMatchObject({ rung: "edge", accepted: false });
    expect(calls).toEqual(["ask"]);
  });

  it.each([
    ["is overloaded", overloaded, /overloaded/],
    ["can't be reached", unreachable, /can't be reached/],
  ])("is called once for a read, which returns 503 with Retry-After, when it %s", async (_, error, detail) => {
    const { bindings, calls } = failingRegion(error());
    const response = await readOpen(bindings);
    expect([response.status, response.headers.has("retry-after")]).toEqual([503, true]);
    expect(await response.json()).toMatchObject({
      title: "Service unavailable",
      detail: expect.stringMatching(detail),
    });
    expect(calls).toEqual(["read"]);
  });
});

describe("an error of the object's own code", () => {
  it.each([
    ["an ask", askHard],
    ["a read", readOpen],
  ])("fails %s after one call and reveals nothing internal", async (_, send) => {
    const { bindings, calls } = failingRegion(ownError());
    const response = await send(bindings);
    expect(response.status).toBe(500);
    expect(await response.text()).not.toContain("secret");
    expect(calls).toHaveLength(1);
  });
});

describe("state of version 0.1", () => {
  it.each([
    ["an ask", askHard],
    ["a read", readOpen],
  ])("in an object makes %s return 503 with the command that resets it", async (_, send) => {
    const error = Object.assign(new Error(`Error: ${new StateFormatError("0.1").message}`), { remote: true });
    const { bindings, calls } = failingRegion(error);
    const response = await send(bindings);
    const problem: { title: string; detail: string; next: string } = await response.json();
    expect(response.status).toBe(503);
    expect(problem.title).toBe("Service unavailable");
    expect(problem.detail).toMatch(/^This object's state was written by Upriver 0\.1, .* Locally: run npm run reset/);
    expect(problem.next).toMatch(/npm run reset/);
    expect(calls).toHaveLength(1);
  });

  it("in a manifest makes an ask return 503 with the command that resets it", async () => {
    const model = "manifest-of-0-1";
    await publish({ model, threshold: 0 });
    const key = manifestKey(model, 1);
    const text = (await (await env.ARTEFACTS.get(key))?.text()) as string;
    await env.ARTEFACTS.put(key, JSON.stringify({ ...JSON.parse(text), format: "upriver/1" }));
    const response = await callWith({ NODE_ID: "old-manifest" }, "POST", `/v1/models/${model}/ask`, {
      instance: instance(),
    });
    await env.ARTEFACTS.put(key, text);
    expect(response.status).toBe(503);
    expect(await response.json()).toMatchObject({
      title: "Service unavailable",
      detail: `${key} has the format upriver/1 of Upriver 0.1, which this version cannot read.`,
      next: expect.stringContaining("npm run reset"),
    });
  });
});
