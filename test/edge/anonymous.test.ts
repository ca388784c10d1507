import { env } from "cloudflare:workers";
import { beforeAll, describe, expect, it } from "vitest";
import type { Answer, Problem } from "#core/contract/index.ts";
import { parseId } from "#core/ids.ts";
import { app } from "#edge/app.ts";
import { call, instance, publish } from "../helpers/edge.ts";

const open = { ...env, PUBLIC_ASK: "on" } as Env;
const context = { waitUntil() {}, passThroughOnException() {}, props: {} } as unknown as ExecutionContext;

function anonymous(path: string, { body, ...headers }: Record<string, unknown> = {}): Promise<Response> {
  const method = body === undefined ? "GET" : "POST";
  const init = { method, headers: headers as HeadersInit, ...(body ? { body: JSON.stringify(body) } : {}) };
  return Promise.resolve(app.fetch(new Request(`https://edge.test${path}`, init), open, context));
}

async function asked(headers: Record<string, string> = {}, x0 = 1): Promise<Answer> {
  const response = await anonymous("/v1/models/unnamed/ask", { body: { instance: instance(x0) }, ...headers });
  if (response.status >= 300) throw new Error(await response.text());
  return response.json();
}

beforeAll(async () => {
  await publish({ model: "unnamed", threshold: 2, policy: { ladder: ["edge", "region", "human"] } });
});

describe("an anonymous caller", () => {
  it("reads its question by an id that nobody can guess", async () => {
    const [{ id }, other] = [await asked(), await asked()];
    expect(id).not.toBe(other.id);
    // 128 random bits, after the time.
    expect(parseId(id).ok && id.split("~")[2]).toMatch(/^[0-9a-z]{9}[0-9a-f]{32}$/);
    expect((await anonymous(`/v1/questions/${id}`)).status).toBe(202);
    expect((await call("GET", `/v1/questions/${id}`, { token: "ask-token" })).status).toBe(404);
  });

  it("chooses no id, and no key that another may choose", async () => {
    const body = { questions: [{ instance: instance(), id: "unnamed~north~order-1" }] };
    for (const response of [
      await anonymous("/v1/models/unnamed/ask", { body }),
      await anonymous("/v1/models/unnamed/ask", { body: { instance: instance() }, "idempotency-key": "order-1" }),
    ]) {
      const problem = await response.json<Problem>();
      expect([response.status, problem.errors?.[0]?.expected]).toEqual([
        422,
        expect.stringContaining("without a token"),
      ]);
      expect(problem.next).toContain("x-upriver-request");
    }
    // A key of a token is a question of that token, whatever an anonymous caller sends.
    const keyed = { token: "ask-token", headers: { "idempotency-key": "order-1" }, body: { instance: instance() } };
    const { id } = await (await call("POST", "/v1/models/unnamed/ask", keyed)).json<Answer>();
    expect((await anonymous(`/v1/questions/${id}`)).status).toBe(404);
  });

  it("repeats a request by a random UUID, from its own address alone", async () => {
    const uuid = crypto.randomUUID();
    const from = (address: string) => asked({ "x-upriver-request": uuid, "cf-connecting-ip": address });
    const [first, again, elsewhere] = [await from("192.0.2.1"), await from("192.0.2.1"), await from("192.0.2.2")];
    expect(again.id).toBe(first.id);
    expect(elsewhere.id).not.toBe(first.id);
    expect(first.id).not.toContain(uuid);
    // Anything else is no key: two callers who choose the same share nothing.
    const weak = { "x-upriver-request": "1", "cf-connecting-ip": "192.0.2.1" };
    expect((await asked(weak)).id).not.toBe((await asked(weak)).id);
  });
});
