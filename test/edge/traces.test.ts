import { env } from "cloudflare:workers";
import { beforeAll, describe, expect, it } from "vitest";
import type { Answer } from "#core/contract/index.ts";
import { parseTraceparent } from "#core/trace-context.ts";
import { app } from "#edge/app.ts";
import { call, eventually, instance, publish } from "../helpers/edge.ts";
import { listen } from "../helpers/listen.ts";

const trace = "0af7651916cd43dd8448eb211c80319c";
const parent = "b7ad6b7169203331";
const traceparent = `00-${trace}-${parent}-01`;
const context = { waitUntil() {}, passThroughOnException() {}, props: {} } as unknown as ExecutionContext;

beforeAll(async () => {
  for (const model of ["easy", "hard"]) await publish({ model });
});

/** Asks with some of the edge's settings otherwise. */
async function askWith(settings: Partial<Env>, model: string, body: object = { instance: instance() }) {
  const bindings = { ...env, NODE_ID: `traces-${JSON.stringify(settings)}`, ...settings } as Env;
  const headers = { authorization: "Bearer ask-token", traceparent };
  const request = new Request(`https://edge.test/v1/models/${model}/ask`, {
    ...{ method: "POST", headers, body: JSON.stringify(body) },
  });
  return (await app.fetch(request, bindings, context)).json<Answer & { answers: Answer[] }>();
}

describe("a response", () => {
  it.each([
    ["an answer", "POST", "/v1/models/easy/ask", { body: { instance: instance() } }, 200],
    ["a refusal", "POST", "/v1/models/easy/ask", { body: {} }, 422],
    ["a refusal of another protocol", "POST", "/v2/models/easy/infer", { body: {} }, 400],
    ["an unknown token", "GET", "/v1/models", { token: "nobody" }, 401],
    ["no such route", "GET", "/v9", {}, 404],
    ["a page", "GET", "/docs", {}, 200],
  ])("names the trace that it belongs to: %s", async (_, method, path, options, status) => {
    const response = await call(method, path, { ...options, headers: { traceparent } });
    expect(response.status).toBe(status);
    const told = parseTraceparent(response.headers.get("traceparent") ?? "");
    expect(told).toMatchObject({ trace, flags: "01" });
    expect(told?.parent).not.toBe(parent);
  });

  it("starts a trace where the request has none, in a header that pages of other origins may read", async () => {
    const bindings = { ...env, NODE_ID: "traces-cors", ALLOWED_ORIGINS: "*" } as Env;
    const request = new Request("https://edge.test/healthz", { headers: { origin: "https://page.test" } });
    const { headers } = await app.fetch(request, bindings, context);
    expect(parseTraceparent(headers.get("traceparent") ?? "")?.flags).toBe("00");
    expect(headers.get("access-control-expose-headers")).toContain("traceparent");
  });
});

describe("the edge's log", () => {
  it("has the questions that leave the edge, with id and trace, and not those answered there", async () => {
    const heard = listen();
    const response = await call("POST", "/v1/models/hard/ask", {
      ...{ token: "ask-token", body: { instance: instance() }, headers: { traceparent } },
    });
    const { id } = await response.json<Answer>();
    const span = parseTraceparent(response.headers.get("traceparent") ?? "")?.parent;
    const line = { rung: "edge", model: "hard", region: "north", trace, span, parent, question: id };
    const outcome = { status: "answered", by: "origin", accepted: true, version: "1" };
    const own = heard(id).filter(({ rung }) => rung === "edge");
    expect(own).toEqual([{ event: "escalated", ...line, ms: expect.any(Number), ...outcome }]);
    expect(heard((await askWith({}, "easy")).id)).toEqual([]);
  });

  it("has all of them, or none, where LOG_ANSWERS says so", async () => {
    const heard = listen();
    const [all, none] = await Promise.all(["all", "off"].map((LOG_ANSWERS) => askWith({ LOG_ANSWERS }, "easy")));
    expect(heard(all?.id as string)).toMatchObject([
      { event: "answered", rung: "edge", trace, by: "edge", accepted: true },
    ]);
    expect(heard(none?.id as string)).toEqual([]);
    const escalated = await askWith({ LOG_ANSWERS: "off" }, "hard");
    expect(heard(escalated.id).filter(({ rung }) => rung === "edge")).toEqual([]);
  });

  it("has a batch in one line a region", async () => {
    const heard = listen();
    const instances = [instance(1), instance(2), instance(3, "south")];
    const { answers } = await askWith({}, "hard", { instances });
    const [north, , south] = answers as [Answer, Answer, Answer];
    await eventually(async () => expect(heard(south.id)).not.toEqual([]));
    const ofEdge = (id: string) => heard(id).filter(({ rung }) => rung === "edge");
    expect(ofEdge(north.id)).toMatchObject([{ count: 2, answered: 2, open: 0, region: "north" }]);
    expect(ofEdge(south.id)).toMatchObject([{ question: south.id, region: "south" }]);
  });
});
