import { runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { beforeAll, describe, expect, it } from "vitest";
import type { Answer, QuestionWay, ReviewQuestion } from "#core/contract/index.ts";
import { migrate } from "#objects/migrate.ts";
import { migrations } from "#objects/review/migrations.ts";
import { ReviewQueue } from "#objects/review/tables/queue.ts";
import { ask, call, eventually, expectOk, instance, publish } from "../helpers/edge.ts";
import { TestRegion } from "../helpers/region.ts";

const labels = ["a", "b", "c"];

/** Asks about instances with fewer labels than the model has. */
async function askAbout(region: TestRegion, name: string, n: number, candidates: readonly string[]) {
  const ids = Array.from({ length: n }, (_, i) => `${region.model}~north~${name}-${i}`);
  const instances = ids.map((_, i) => instance(((7 * i) % 60) - 30));
  return region.ask(instances, ids, { candidates });
}

const count = async (region: TestRegion, table: string) => {
  const [row] = await region.rows(`SELECT count(*) AS n FROM ${table}`);
  return row?.n;
};

describe("a restricted answer that the edge accepted", () => {
  const region = new TestRegion("narrowed");

  beforeAll(async () => {
    await publish({ model: region.model });
  });

  it("is no trial: it counts in no certificate, gets no opinion and moves no threshold, whatever its label", async () => {
    const answers = await askAbout(region, "named", 80, ["a", "b"]);
    expect(answers.every(({ accepted, certificate }) => accepted && certificate === null)).toBe(true);
    await region.teach(answers.map(({ id }) => ({ id, label: "c" })));
    const tables = ["trials", "windows", "thresholds", "group_windows"];
    for (const table of tables) expect([table, await count(region, table)]).toEqual([table, 0]);
    const [asked] = await region.rows("SELECT count(*) AS n FROM questions WHERE accepted = 1");
    expect(asked?.n).toBe(80);
    // Candidates that name all labels restrict nothing.
    await askAbout(region, "all", 20, ["c", "a", "b"]);
    expect(await count(region, "trials")).toBeGreaterThan(0);
  });

  it("has a label that trains, and that certifies no semantic cache and shows no drift", async () => {
    const [sample] = await region.rows("SELECT * FROM samples WHERE id = 'narrowed~north~named-0'");
    expect(sample).toMatchObject({ label: "c", source: "truth", accepted: null });
    expect(await count(region, "samples")).toBe(80);
    const { id } = await ask(region.model, { instance: instance(99) });
    await expectOk(call("POST", `/v1/questions/${id}/truth`, { body: { label: "a" } }));
    await region.retrain(Date.now());
    const embedded = await region.rows("SELECT count(*) AS n FROM embeddings WHERE weight > 0");
    expect(embedded[0]?.n).toBeGreaterThan(30);
    const [drift] = await region.rows("SELECT report FROM drifts");
    expect(JSON.parse((drift?.report as string) ?? "{}")).toMatchObject({ recent: 1, reference: 0 });
  });
});

describe("a restricted question that escalates", () => {
  it("compares no rungs, moves no stacking weight, and counts in no canary", async () => {
    const region = new TestRegion("stacked");
    await publish({ model: region.model });
    const answers = await askAbout(region, "named", 40, ["a", "b"]);
    expect(answers.every(({ rung, certificate }) => rung === "origin" && certificate === null)).toBe(true);
    await region.teach(answers.map(({ id, label }) => ({ id, label: label === "a" ? "b" : "a" })));
    expect(await count(region, "escalations")).toBe(0);
    // The origin's choice among some labels is none that a region learns from.
    expect(await region.rows("SELECT DISTINCT source FROM samples")).toEqual([{ source: "truth" }]);
    const free = await askAbout(region, "free", 10, labels);
    await region.teach(free.map(({ id, label }) => ({ id, label })));
    expect(await count(region, "escalations")).toBe(1);
    await publish({ model: region.model, version: 2 }, { share: 0.5 });
    await askAbout(region, "watched", 40, ["a", "b"]);
    expect(await count(region, "canary_answers")).toBe(0);
  });

  it("is answered by the scores of both rungs, without a certain candidate", async () => {
    const region = new TestRegion("stacked");
    const [free] = (await askAbout(region, "once", 1, labels)) as [Answer];
    for (const label of labels) {
      const [answer] = (await askAbout(region, `once-${label}`, 1, [label])) as [Answer];
      expect(answer).toMatchObject({ label, rung: "origin" });
      expect(answer.confidence).toBeLessThanOrEqual((free.scores[label] as number) + 1e-6);
    }
  });
});

describe("a person", () => {
  const model = "unstocked";
  const post = (id: string, label: string) =>
    call("POST", `/v1/questions/${id}/answer`, { token: "review-token", body: { label } });
  const lease = async (id: string): Promise<ReviewQuestion> =>
    eventually(async () => {
      const response = await expectOk(call("GET", `/v1/models/${model}/review?limit=100`, { token: "review-token" }));
      const found = (await response.json<{ questions: ReviewQuestion[] }>()).questions.find((one) => one.id === id);
      expect(found).toBeDefined();
      return found as ReviewQuestion;
    });

  beforeAll(async () => {
    await publish({ model });
  });

  it("sees the candidates only, and may give none but them", async () => {
    const { id } = await ask(model, { instance: instance(1), candidates: ["c", "a"], top: 2 });
    const question = await lease(id);
    expect(question.candidates).toEqual(["c", "a"]);
    for (const { scores } of [question.provisional as Answer, ...question.opinions]) {
      expect(Object.keys(scores).toSorted()).toEqual(["a", "c"]);
    }
    expect(question.opinions.map(({ rung }) => rung)).toEqual(["edge", "origin"]);
    const refused = await post(id, "b");
    expect([refused.status, await refused.json()]).toMatchObject([
      422,
      { errors: [{ message: "label must be one of c, a; received 'b'." }] },
    ]);
    const answered: Answer = await (await expectOk(post(id, "c"))).json();
    expect(answered).toMatchObject({ label: "c", rung: "human", accepted: true, scores: { a: 0, c: 1 } });
    expect(answered.top?.map(({ label }) => label)).toEqual(["c", "a"]);
    expect((await post(id, "b")).status).toBe(422);
    expect(await (await expectOk(post(id, "a"))).json()).toMatchObject({ label: "a", scores: { a: 1, c: 0 } });
    const way: QuestionWay = await (await call("GET", `/v1/questions/${id}/way`)).json();
    expect(way).toMatchObject({ candidates: ["c", "a"], label: { label: "a", source: "human" } });
  });

  it("who flags it leaves the best of the candidates", async () => {
    const { id } = await ask(model, { instance: instance(2), candidates: ["b"] });
    await lease(id);
    const flag = { token: "review-token", body: { reason: "none of these" } };
    const answer: Answer = await (await expectOk(call("POST", `/v1/questions/${id}/flag`, flag))).json();
    expect(answer).toMatchObject({ status: "answered", label: "b", accepted: false });
  });
});

describe("a truth outside the candidates", () => {
  it("is kept as a label, and is never returned: the caller has the best of its candidates, not accepted", async () => {
    const { id } = await ask("unstocked", { instance: instance(3), candidates: ["a", "b"] });
    const teach = (label: string) => expectOk(call("POST", `/v1/questions/${id}/truth`, { body: { label } }));
    const read = async (): Promise<Answer> => (await call("GET", `/v1/questions/${id}`, { token: "ask-token" })).json();
    await teach("c");
    const answer = await read();
    expect(answer).toMatchObject({ status: "answered", accepted: false, certificate: null });
    expect(Object.keys(answer.scores)).toEqual(["a", "b"]);
    const region = new TestRegion("unstocked");
    expect(await region.rows("SELECT label FROM samples WHERE id = ?", id)).toEqual([{ label: "c" }]);
    // Corrected to a candidate, and back.
    await teach("b");
    expect(await read()).toMatchObject({ label: "b", accepted: true, rung: "human" });
    await teach("c");
    expect(await read()).toEqual(answer);
  });
});

describe("an earlier review queue", () => {
  it("keeps its questions, to which a person may give any label", async () => {
    const stub = env.REVIEW.get(env.REVIEW.idFromName("migrated"));
    const found = await runInDurableObject(stub, async (_, { storage }) => {
      await storage.deleteAll();
      migrate(storage, migrations.slice(0, 1));
      storage.sql.exec(
        `INSERT INTO queue (id, region, instance, provisional, opinions, queuedAt)
         VALUES ('q1', 'north', '{"x0":1}', NULL, '[]', 1)`,
      );
      migrate(storage, migrations);
      const queue = new ReviewQueue(storage.sql);
      const added = { id: "q2", region: "north", instance: {}, provisional: null, opinions: [], candidates: ["b"] };
      queue.add(added, 2);
      return queue.lease({ holder: "ada", regions: null, limit: 2, leaseMs: 60_000 }, 3);
    });
    expect(found.map(({ id, candidates }) => [id, candidates])).toEqual([
      ["q1", undefined],
      ["q2", ["b"]],
    ]);
  });

  it("has counted for nobody's limit", async () => {
    const stub = env.REVIEW.get(env.REVIEW.idFromName("migrated"));
    const added = await runInDurableObject(stub, async (_, { storage }) => {
      await storage.deleteAll();
      migrate(storage, migrations.slice(0, 2));
      storage.sql.exec(
        `INSERT INTO queue (id, region, instance, provisional, opinions, queuedAt)
         VALUES ('q1', 'north', '{"x0":1}', NULL, '[]', 1)`,
      );
      migrate(storage, migrations);
      const queue = new ReviewQueue(storage.sql);
      const question = { region: "north", instance: {}, provisional: null, opinions: [] };
      return [
        queue.add({ ...question, id: "q2", owner: "a", ownerMax: 1 }, 2),
        queue.add({ ...question, id: "q3", owner: "a", ownerMax: 1 }, 2),
        queue.add({ ...question, id: "q2", owner: "a", ownerMax: 1 }, 2),
        queue.add({ ...question, id: "q4", owner: "b", ownerMax: 1 }, 2),
        queue.add({ ...question, id: "q5" }, 2),
      ];
    });
    expect(added).toEqual(["added", "full", "known", "added", "added"]);
  });
});
