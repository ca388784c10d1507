import { env } from "cloudflare:workers";
import { beforeAll, describe, expect, it } from "vitest";
import type { QuestionPage } from "#core/contract/index.ts";
import { ask, call, eventually, expectOk, instance, publish } from "../helpers/edge.ts";
import { TestRegion } from "../helpers/region.ts";

const model = "listed";

async function list(query: string): Promise<QuestionPage> {
  return (await expectOk(call("GET", `/v1/models/${model}/questions?${query}`))).json();
}

describe("a list of stored questions", () => {
  const ids: string[] = [];

  beforeAll(async () => {
    await publish({ model, threshold: 1.01, policy: { ladder: ["edge", "region"] } });
    for (let i = 0; i < 5; i++) ids.push((await ask(model, { instance: instance(i) })).id);
    ids.push((await ask(model, { instance: instance(1, "south") })).id);
    const { label } = (await list("region=north")).questions[0] ?? {};
    const other = label === "a" ? "b" : "a";
    await expectOk(call("POST", `/v1/questions/${ids[4]}/truth`, { body: { label: other } }));
  });

  it("has those of a region page by page, the newest first", async () => {
    const first = await list("region=north&limit=3");
    expect(first.questions.map(({ id }) => id)).toEqual([ids[4], ids[3], ids[2]]);
    const second = await list(`region=north&limit=3&before=${first.next}`);
    expect([second.questions.map(({ id }) => id), second.next]).toEqual([[ids[1], ids[0]], null]);
  });

  it("has only those that pass the filter", async () => {
    const found = async (query: string) => (await list(`region=north&${query}`)).questions.map(({ id }) => id);
    expect(await found("wrong=true")).toEqual([ids[4]]);
    expect(await found("wrong=false")).toEqual([]);
    expect(await found("rung=origin")).toEqual([]);
    expect(await found("from=0.999")).toEqual([]);
    expect(await found("since=2100-01-01")).toEqual([]);
    expect(await found("until=2100-01-01&to=1")).toHaveLength(5);
  });

  it("has the newest of all regions, as they reported them last", async () => {
    const recent = async () => (await list("")).questions.map(({ id }) => id);
    await eventually(async () => expect((await recent()).sort()).toEqual(ids.toSorted()));
    const region = new TestRegion(model);
    const report = await region.inside(async (object) => ({
      base: 1,
      activity: { ...object.counts(), recent: [] },
      state: await object.state(1),
    }));
    await env.REGISTRY.get(env.REGISTRY.idFromName(model)).report("north", report);
    expect(await recent()).toEqual([ids[5]]);
  });

  it.for([
    ...["from=high", "from=", "to=2", "since=soon", "since=", "open=1", "rung=cloud"],
    ...["before=x&region=north", "before=7"],
  ])("refuses %s", async (query) => {
    expect((await call("GET", `/v1/models/${model}/questions?${query}`)).status).toBe(422);
  });

  it("refuses a region that is unknown or not the token's, and a token without the scope", async () => {
    expect((await call("GET", `/v1/models/${model}/questions?region=nowhere`)).status).toBe(404);
    expect((await call("GET", `/v1/models/${model}/questions`, { token: "ask-token" })).status).toBe(403);
  });
});
