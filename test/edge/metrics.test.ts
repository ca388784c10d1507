import { env } from "cloudflare:workers";
import { beforeAll, describe, expect, it } from "vitest";
import type { Ladder, LadderRung, RungName, TokenState } from "#core/contract/index.ts";
import { operations, sumOf, usdOf } from "#core/cost/index.ts";
import { noCounts } from "#core/counts.ts";
import { registryObject } from "#objects/stubs.ts";
import { ask, call, eventually, expectOk, instance, publish } from "../helpers/edge.ts";
import { metricLabels } from "../helpers/metric-names.ts";

const metrics = { token: "metrics-token" };

async function ladder(model: string) {
  const state: Ladder = await (await expectOk(call("GET", "/v1/ladder", metrics))).json();
  const found = state.models.find((one) => one.model === model);
  if (!found) throw new Error(`no ladder of ${model}`);
  const rungs = Object.fromEntries(found.rungs.map((rung) => [rung.rung, rung]));
  return { ...found, nextRung: state.nextRung, of: rungs as Record<RungName, LadderRung> };
}

async function samples(query = ""): Promise<Map<string, number>> {
  const text = await (await expectOk(call("GET", `/metrics${query}`, metrics))).text();
  const lines = text.split("\n").filter((line) => line !== "" && !line.startsWith("#"));
  return new Map(
    lines.map((line) => {
      const space = line.lastIndexOf(" ");
      return [line.slice(0, space), Number(line.slice(space + 1))];
    }),
  );
}

beforeAll(async () => {
  for (const model of ["easy", "hard", "open", "lone", "kept"]) await publish({ model });
  await publish({ model: "ended", threshold: 1.01, policy: { ladder: ["edge", "region"] } });
});

describe("counts", () => {
  it("include escalated questions once their region has reported, each question once", async () => {
    const headers = { "idempotency-key": "one" };
    await ask("hard", { instance: instance(1) }, { headers });
    await ask("hard", { instance: instance(1) }, { headers });
    await call("POST", "/v1/models/hard/ask", { body: { instances: [instance(2), instance(3, "south")] } });
    const { rungs, of } = await eventually(async () => {
      const found = await ladder("hard");
      expect(found).toMatchObject({ questions: 3, open: 0, regions: 2, asOf: expect.any(Number) });
      return found;
    });
    expect(rungs.map(({ rung }) => rung)).toEqual(["edge", "region", "origin", "human"]);
    expect(of.edge).toMatchObject({ asked: 3, answered: 0, passed: 3 });
    expect(of.origin).toMatchObject({ asked: 3, answered: 3, passed: 0, share: 1, judged: 0, accuracy: null });
    expect(of.human).toMatchObject({ asked: 0, answered: 0, p50Ms: null, usdPerMillion: null });
  });

  it("include the edge's answers once the isolate has sent its counts", async () => {
    const instances = Array.from({ length: 7 }, (_, i) => instance(i, i % 2 ? "north" : "south"));
    await expectOk(call("POST", "/v1/models/easy/ask", { body: { instances } }));
    await ask("easy", { instance: instance(9) });
    await eventually(async () => {
      const { requests, questions, of } = await ladder("easy");
      expect({ requests, questions }).toEqual({ requests: 2, questions: 8 });
      expect(of.edge).toMatchObject({ asked: 8, answered: 8, passed: 0 });
    });
  });

  it("include open questions, the review queue and correct answers", async () => {
    const open = await ask("open", { instance: instance(4) });
    await eventually(async () =>
      expect(await ladder("open")).toMatchObject({ waiting: 1, open: 1, breakersOpen: [], unanswered: [] }),
    );
    expect((await ladder("open")).of.human).toMatchObject({ asked: 1, answered: 0, passed: 1 });
    await expectOk(call("POST", `/v1/questions/${open.id}/truth`, { body: { label: "a" } }));
    const { of } = await eventually(async () => {
      const found = await ladder("open");
      expect(found).toMatchObject({ labels: { truth: 1, human: 0, origin: 0 }, open: 0 });
      return found;
    });
    expect(of.human).toMatchObject({ asked: 1, answered: 1, passed: 0 });
    const kept = await ask("kept", { instance: instance(4) });
    await expectOk(call("POST", `/v1/questions/${kept.id}/truth`, { body: { label: kept.label } }));
    await expectOk(call("POST", `/v1/questions/${kept.id}/truth`, { body: { label: kept.label } }));
    await eventually(async () =>
      expect((await ladder("kept")).of.edge).toMatchObject({ answered: 1, judged: 1, accuracy: 1 }),
    );
  });

  it("attribute a question that no rung accepted to the rung whose answer was returned", async () => {
    await ask("lone", { instance: instance(5) });
    await eventually(async () =>
      expect((await ladder("lone")).of.origin).toMatchObject({ asked: 1, answered: 1, passed: 0 }),
    );
  });

  it("price what escalated though the edge's answer was final: a ladder without an origin", async () => {
    for (const n of [1, 2, 3]) await ask("ended", { instance: instance(n) });
    const perQuestion = 1e6 * usdOf(sumOf([operations.edge, 1], [operations.region, 1]));
    await eventually(async () => expect((await ladder("ended")).requests).toBe(3));
    const { of, usdPerMillion } = await ladder("ended");
    expect(of.edge).toMatchObject({ asked: 3, answered: 3, passed: 3 });
    expect(of.region).toMatchObject({ asked: 3, answered: 0, passed: 0 });
    // Sending the counts of so few costs as well.
    expect(usdPerMillion).toBeGreaterThan(perQuestion);
    expect(usdPerMillion).toBeCloseTo(of.region.usdPerMillion as number, 9);
  });

  it("add a batch of an isolate once if it is sent again", async () => {
    const counts = { ...noCounts(), questions: 5 };
    const batch = { isolate: "an isolate", sequence: 3, rows: [{ region: "east", base: 1, counts }] };
    const registry = registryObject(env, "counted");
    await registry.addCounts(batch);
    await registry.addCounts(batch);
    await registry.addCounts({ ...batch, sequence: 2 });
    await registry.addCounts({ ...batch, sequence: 4 });
    expect(await registry.counts()).toMatchObject([{ region: "east", counts: { questions: 10 } }]);
  });
});

describe("GET /metrics", () => {
  it("returns the same figures in Prometheus' text format", async () => {
    const before = await ladder("hard");
    const found = await eventually(async () => {
      const found = await samples();
      expect(found.get('upriver_samples{model="open",region="north",split="archived"}')).toBe(0);
      return found;
    });
    expect(found.get('upriver_escalated_total{model="hard",region="north"}')).toBe(2);
    const answered = 'upriver_answers_total{model="hard",region="north",base="1",rung="origin",accepted="true"}';
    expect(found.get(answered)).toBe(2);
    expect(found.get('upriver_answer_seconds_count{model="hard",rung="origin"}')).toBe(before.of.origin.answered);
    expect(found.get('upriver_answer_seconds_bucket{model="hard",rung="origin",le="+Inf"}')).toBe(3);
    expect(found.get("upriver_next_rung_up")).toBe(1);
    const own = found.get('upriver_usd_per_million{model="hard"}') as number;
    expect(own).toBeCloseTo(before.usdPerMillion as number, 6);
    // Each question went to the origin already.
    expect(found.get('upriver_origin_only_usd_per_million{model="hard"}')).toBeLessThanOrEqual(own);
    expect(found.get('upriver_served_version{model="hard",stage="stable"}')).toBe(1);
  });

  it("shows some regions one by one, and the others together", async () => {
    const [all, one] = [await samples(), await samples("?regions=1")];
    expect((await call("GET", "/metrics?regions=few", metrics)).status).toBe(422);
    // North registered first; south had one of the three questions.
    const of = (found: Map<string, number>, metric: string, region: string) =>
      found.get(`${metric}{model="hard",region="${region}"}`);
    for (const metric of ["upriver_questions_total", "upriver_escalated_total"]) {
      expect([of(all, metric, "north"), of(all, metric, "south"), of(all, metric, "")]).toEqual([2, 1, undefined]);
      expect([of(one, metric, "north"), of(one, metric, "south"), of(one, metric, "")]).toEqual([2, undefined, 1]);
    }
    expect(of(one, "upriver_open_questions", "")).toBe(0);
    for (const found of [all, one]) {
      expect(found.get('upriver_answer_seconds_count{model="hard",rung="origin"}')).toBe(3);
    }
  });

  it("is valid in that format and has the labels that the dashboard uses", async () => {
    const text = await (await expectOk(call("GET", "/metrics", metrics))).text();
    const label = String.raw`[a-z_]+="(?:[^"\\\n]|\\[\\"n])*"`;
    const sample = new RegExp(String.raw`^([a-z_]+)(?:\{(${label}(?:,${label})*)\})? (\d+(?:\.\d+)?(?:e[+-]?\d+)?)$`);
    const typed = new Set<string>();
    for (const line of text.trimEnd().split("\n")) {
      const [, kind, name] = /^# (HELP|TYPE) ([a-z_]+) .+$/.exec(line) ?? [];
      if (kind === "TYPE") typed.add(name as string);
      if (kind) continue;
      const [, found = "", labels = ""] = sample.exec(line) ?? [];
      expect(metricLabels[found], line).toBeDefined();
      const names = [...labels.matchAll(/([a-z_]+)="/g)].map(([, one]) => one);
      expect(names, line).toEqual(metricLabels[found]);
      expect(typed.has(found) || typed.has(found.replace(/_(bucket|sum|count)$/, "")), line).toBe(true);
    }
    expect(text.endsWith("\n")).toBe(true);
  });

  it("returns 401 without a token and 403 without the scope", async () => {
    expect((await call("GET", "/metrics", { token: null })).status).toBe(401);
    expect((await call("GET", "/metrics", { token: "ask-token" })).status).toBe(403);
    expect((await call("GET", "/v1/ladder", { token: "ask-token" })).status).toBe(403);
  });
});

it("GET /v1/token returns the permissions and limits of the token", async () => {
  const state: TokenState = await (await expectOk(call("GET", "/v1/token", { token: "north-token" }))).json();
  expect(state).toMatchObject({ id: "north", scopes: ["ask"], models: ["*"], regions: ["north"], trusted: true });
  expect(state.limits).toEqual({
    ...{ questionsPerMinute: 60_000, openQuestions: 5_000, reviewQuestions: 1_000 },
    contributionLabels: 500,
  });
  expect((await call("GET", "/v1/token", { token: "nobody" })).status).toBe(401);
});
