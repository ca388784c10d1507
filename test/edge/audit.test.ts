import { env } from "cloudflare:workers";
import { beforeAll, describe, expect, it, vi } from "vitest";
import type { AuditPage } from "#client/index.ts";
import type { AuditEntry, IssuedToken } from "#core/contract/index.ts";
import { sha256Hex } from "#core/hash.ts";
import { app } from "#edge/app.ts";
import { ask, type CallOptions, call, expectOk, instance, publish } from "../helpers/edge.ts";

const model = "acts";

/** Reads all of the log after a number, by its pages. */
async function entriesAfter(number: number): Promise<AuditEntry[]> {
  const entries: AuditEntry[] = [];
  for (let page = { cursor: number, more: true }; page.more; ) {
    const { entries: some, ...rest } = await pageOf(`after=${page.cursor}`);
    entries.push(...some);
    page = rest;
  }
  return entries;
}

async function pageOf(query: string): Promise<AuditPage> {
  const response = await expectOk(call("GET", `/v1/audit?${query}`));
  const text = new TextDecoder().decode(await response.arrayBuffer());
  const lines = text.trimEnd().split("\n");
  const last: Omit<AuditPage, "entries"> = JSON.parse(lines.pop() as string);
  return { ...last, entries: lines.map((line) => JSON.parse(line)) };
}

async function lastNumber(): Promise<number> {
  return (await pageOf("order=newest")).entries[0]?.number ?? 0;
}

/** What the log says of some calls: act, token, model, region, target and status of each. */
async function recorded(work: () => Promise<unknown>): Promise<unknown[]> {
  const before = await lastNumber();
  await work();
  const entries = await entriesAfter(before);
  return entries.map(({ act, token, model, region, target, status }) => [act, token, model, region, target, status]);
}

const send = async (method: string, path: string, options: CallOptions = {}) =>
  (await call(method, path, options)).status;

beforeAll(async () => {
  await publish({ model, threshold: 2, policy: { ladder: ["edge", "region", "human"] } });
});

describe("the audit log", () => {
  it("has every administrative act, with its outcome", async () => {
    const { id } = await ask(model, { instance: instance() });
    const blob = new TextEncoder().encode("a blob");
    const sha256 = await sha256Hex(blob);
    const acts = await recorded(async () => {
      await send("PUT", `/v1/blobs/${sha256}`, { token: "publish-token", raw: blob });
      await send("PUT", `/v1/models/${model}/versions/2`, { body: {} });
      await send("POST", `/v1/models/${model}/rollout`, { body: { version: 1 } });
      await send("POST", `/v1/models/${model}/rollback`, { body: {} });
      await send("POST", `/v1/models/${model}/rollback`, { body: { region: "north", head: null } });
      await send("POST", `/v1/models/${model}/regions/south/retrain`, { body: { at: 1 } });
      await send("POST", `/v1/models/${model}/regions/south/retrain`, { body: { at: 1, acceptOwners: ["app"] } });
      await send("DELETE", `/v1/models/${model}/samples?owner=app`);
      await send("POST", `/v1/models/${model}/trainings/a1/cancel`);
      await send("POST", `/v1/questions/${id}/truth`, { body: { label: "a" } });
      await send("POST", `/v1/models/${model}/truths`, { body: { truths: [{ id, label: "b" }] } });
      await send("DELETE", `/v1/questions/${id}`);
      await send("DELETE", `/v1/models/${model}/regions/south`);
    });
    expect(acts).toEqual([
      ["store a blob", "publisher", null, null, `blob ${sha256}`, 201],
      ["publish a version", "admin", model, null, "version 2", 422],
      ["roll out", "admin", model, null, "version 1", 200],
      ["roll back", "admin", model, null, null, 409],
      ["roll back", "admin", model, "north", "the global head", 200],
      ["retrain a region", "admin", model, "south", null, 202],
      ["retrain a region", "admin", model, "south", "accepts app", 202],
      ["forget the samples of a token", "admin", model, null, "app", 200],
      ["cancel a training", "admin", model, null, "a1", 404],
      ["teach the true label of a question", "admin", model, "north", id, 200],
      ["store true labels", "admin", model, null, null, 200],
      ["forget a question", "admin", model, "north", id, 200],
      ["forget a region", "admin", model, "south", null, 200],
    ]);
  });

  it("has what was done with tokens, and none of their secrets", async () => {
    const before = await lastNumber();
    const body = { id: "audited-app", scopes: ["ask"] };
    const { token } = await (await expectOk(call("POST", "/v1/tokens", { body }))).json<IssuedToken>();
    await send("POST", "/v1/tokens/audited-app", { body: { regions: ["a-secret-region"] } });
    await send("POST", "/v1/tokens/audited-app/rotate", { body: {} });
    await send("DELETE", "/v1/tokens/audited-app");
    const entries = await entriesAfter(before);
    expect(entries.map(({ act, target }) => `${act}: ${target}`)).toEqual(
      ["create a token", "change a token", "rotate a token", "revoke a token"].map((act) => `${act}: audited-app`),
    );
    const text = JSON.stringify(entries);
    for (const secret of [token, await sha256Hex(token), "a-secret-region"]) expect(text).not.toContain(secret);
  });

  it("leaves out asking, a caller's own labels, and what a token may not do", async () => {
    const acts = await recorded(async () => {
      const { id } = await ask(model, { instance: instance(2) }, { token: "teach-token" });
      await send("POST", `/v1/questions/${id}/truth`, { token: "teach-token", body: { label: "a" } });
      await send("DELETE", `/v1/questions/${id}`, { token: "teach-token" });
      await send("POST", `/v1/models/${model}/rollout`, { token: "ask-token", body: { version: 1 } });
      await send("DELETE", `/v1/models/${model}/regions/south`, { token: null });
      await ask(model, { instance: instance(3) }, { token: "admin-token" });
    });
    expect(acts).toEqual([]);
  });

  it("goes to the Worker's log where its object can't be reached: the act has happened", async () => {
    const logged = vi.spyOn(console, "error").mockImplementation(() => {});
    // A double of the tokens' object that fails.
    const TOKENS = { idFromName: () => null, get: () => ({ record: () => Promise.reject(new Error("away")) }) };
    const context = { waitUntil() {}, passThroughOnException() {} } as unknown as ExecutionContext;
    const request = new Request(`https://edge.test/v1/models/${model}/rollout`, {
      method: "POST",
      headers: { authorization: "Bearer admin-token" },
      body: JSON.stringify({ version: 1 }),
    });
    // Settings of an earlier release name no such object.
    for (const missing of [TOKENS, undefined]) {
      logged.mockClear();
      const response = await app.fetch(request.clone(), { ...env, TOKENS: missing } as unknown as Env, context);
      expect(response.status).toBe(200);
      const [line] = logged.mock.calls.flat().filter((text) => String(text).includes("act-not-recorded"));
      expect(JSON.parse(line)).toMatchObject({ entry: { act: "roll out", token: "admin", model, status: 200 } });
    }
    logged.mockRestore();
  });

  it("is read newest first, by pages that continue where the one before ended", async () => {
    const before = await lastNumber();
    for (let n = 0; n < 4; n++) await send("POST", `/v1/models/${model}/rollout`, { body: { version: 1 } });
    const numbersOf = async (query: string) =>
      (await pageOf(`order=newest&${query}`)).entries.map(({ number }) => number - before);
    expect((await numbersOf("")).slice(0, 4)).toEqual([4, 3, 2, 1]);
    expect((await numbersOf(`after=${before + 3}`)).slice(0, 2)).toEqual([2, 1]);
    expect(await pageOf("order=newest&after=0")).toEqual({ entries: [], cursor: 0, more: false });
    expect(await pageOf(`order=newest&from=${Date.UTC(2100, 0)}`)).toMatchObject({ entries: [], more: false });
  });

  it("is read from a time on, and refuses another cursor or order", async () => {
    const text = async (query: string) => {
      const response = await call("GET", `/v1/audit?${query}`);
      return [response.status, new TextDecoder().decode(await response.arrayBuffer()).split("\n").length];
    };
    expect(await text(`from=${Date.UTC(2100, 0)}`)).toEqual([200, 2]);
    expect((await text("after=x"))[0]).toBe(422);
    expect((await text("after=-1"))[0]).toBe(422);
    expect((await text("order=last"))[0]).toBe(422);
  });
});
