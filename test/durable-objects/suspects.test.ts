import { runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { describe, expect, it } from "vitest";
import type { Answer, Problem, ReviewQuestion, SentSuspects, Suspects } from "#core/contract/index.ts";
import { suspectsMax } from "#core/suspect-limits.ts";
import { correctionsMs } from "#objects/region/tables/checks.ts";
import { call, eventually, expectOk, instance, publish } from "../helpers/edge.ts";
import { TestRegion } from "../helpers/region.ts";

const region = new TestRegion("suspected");
const path = `/v1/models/${region.model}/regions/${region.region}/suspects`;
const planted = 12;
const [ada, volunteer] = ["review-token", "volunteer-token"] as const;

async function suspects(query = ""): Promise<Suspects> {
  return (await expectOk(call("GET", `${path}${query}`))).json();
}

it("finds wrong labels among a region's samples by heads that have not learned from them", async () => {
  await publish({ model: region.model, policy: { keep: "all", truth: "complete" } });
  const labelled = region.labelledQuestions(400);
  const wrong = new Set(labelled.slice(0, planted).map(({ question }) => question.id));
  const other = { a: "b", b: "c", c: "a" } as Record<string, string>;
  await region.teach(
    labelled.map((one) => (wrong.has(one.question.id) ? { ...one, label: other[one.label] as string } : one)),
  );
  expect(await suspects()).toEqual({ samples: 0, disagreements: 0, suspects: [] });
  await region.retrain();
  const found = await suspects();
  const hits = found.suspects.slice(0, planted).filter(({ id }) => wrong.has(id)).length;
  // By chance it would be less than one.
  expect([hits >= planted / 2, found.samples >= 300]).toEqual([true, true]);
  expect((await suspects("?limit=3")).suspects).toEqual(found.suspects.slice(0, 3));
  // A corrected label is no longer a suspect.
  const first = found.suspects.find(({ id }) => wrong.has(id));
  await region.teach([{ id: first?.id as string, label: first?.suggestion as string }]);
  expect((await suspects()).suspects.map(({ id }) => id)).not.toContain(first?.id);
  expect((await call("GET", path.replace(region.region, "nowhere"))).status).toBe(404);
  expect((await call("GET", path, { token: "ask-token" })).status).toBe(403);
});

/** Sends samples to review, and waits until the queue has them. */
async function send(ids: readonly string[], to = region): Promise<SentSuspects> {
  const body = { ids };
  const sent = await expectOk(call("POST", `/v1/models/${to.model}/regions/${to.region}/suspects/review`, { body }));
  await eventually(async () =>
    expect(await to.rows("SELECT 1 FROM checks WHERE state = 'due' AND at < 9e15")).toEqual([]),
  );
  return sent.json();
}

async function lease(token: string, of = region.model): Promise<ReviewQuestion[]> {
  const response = await expectOk(call("GET", `/v1/models/${of}/review?limit=100`, { token }));
  return (await response.json<{ questions: ReviewQuestion[] }>()).questions;
}

const answer = (id: string, label: string, token: string = ada) =>
  expectOk(call("POST", `/v1/questions/${id}/answer`, { token, body: { label } }));
const sampleOf = async (id: string, of = region) =>
  (await of.rows("SELECT label, source, labelledBy FROM samples WHERE id = ?", id))[0];
const queue = (model: string) =>
  runInDurableObject(env.REVIEW.get(env.REVIEW.idFromName(model)), (_, { storage }) =>
    storage.sql.exec("SELECT id FROM queue WHERE label IS NULL AND flaggedAt IS NULL").toArray(),
  );

describe("suspects that are sent to review", () => {
  it("are refused where one has no label here, without sending the others", async () => {
    const [first] = (await suspects()).suspects;
    const body = { ids: [first?.id, `${region.model}~north~none`] };
    const refused = await call("POST", `${path}/review`, { body });
    expect(refused.status).toBe(422);
    const { errors } = await refused.json<Problem>();
    expect(errors).toMatchObject([{ path: "ids/1", expected: "a labelled question of region 'north'" }]);
    for (const ids of [[], Array.from({ length: suspectsMax + 1 }, (_, i) => `${first?.id}${i}`), "all"]) {
      expect((await call("POST", `${path}/review`, { body: { ids } })).status).toBe(422);
    }
    expect((await call("POST", `${path}/review`, { body, token: "ask-token" })).status).toBe(403);
    expect(await region.rows("SELECT * FROM checks")).toEqual([]);
  });

  it("come once, without their label or an opinion, and take the label that a person gives", async () => {
    const [first, second, third, fourth] = (await suspects()).suspects.map(({ id, label, suggestion }) => ({
      ...{ id, label, suggestion },
    })) as [Suspects["suspects"][0], Suspects["suspects"][0], Suspects["suspects"][0], Suspects["suspects"][0]];
    const ids = [first.id, second.id, third.id];
    expect(await send([...ids, first.id])).toEqual({ sent: 3, waiting: 3 });
    expect(await send(ids)).toEqual({ sent: 0, waiting: 3 });
    expect((await suspects()).suspects.filter(({ inReview }) => inReview).map(({ id }) => id)).toEqual(ids);
    const leased = await lease(ada);
    expect(leased.map(({ id }) => id).sort()).toEqual(ids.toSorted());
    for (const question of leased) {
      expect(question).toMatchObject({ provisional: null, opinions: [] });
      expect(Object.keys(question).sort()).toEqual(
        ["id", "instance", "leaseUntil", "opinions", "provisional", "queuedAt", "region"].sort(),
      );
    }
    await answer(first.id, first.suggestion);
    await answer(second.id, second.label);
    await expectOk(call("POST", `/v1/questions/${third.id}/flag`, { token: ada, body: { reason: "blurred" } }));
    // A correction by the person who answered.
    await answer(first.id, "c");
    await answer(first.id, first.suggestion);
    expect(await sampleOf(first.id)).toEqual({ label: first.suggestion, source: "truth", labelledBy: "ada" });
    expect(await sampleOf(second.id)).toMatchObject({ label: second.label, source: "truth" });
    expect(await sampleOf(third.id)).toMatchObject({ label: third.label, source: "truth" });
    const left = (await suspects()).suspects;
    expect(left.map(({ id }) => id)).toEqual(expect.not.arrayContaining(ids));
    expect(left.find(({ inReview }) => inReview)).toBeUndefined();

    // A person without trust changes nothing, and hides nothing.
    await send([fourth.id]);
    await lease(volunteer);
    await answer(fourth.id, fourth.suggestion, volunteer);
    expect(await sampleOf(fourth.id)).toMatchObject({ label: fourth.label });
    expect((await suspects()).suspects.map(({ id }) => id)).toContain(fourth.id);
    expect(await send([fourth.id])).toEqual({ sent: 0, waiting: 0 });
    await region.rows("UPDATE checks SET at = at - ?", correctionsMs);
    expect(await send([fourth.id])).toEqual({ sent: 1, waiting: 1 });
    await expectOk(call("DELETE", `/v1/questions/${fourth.id}`));
    await eventually(async () => expect(await queue(region.model)).toEqual([]));
  });

  it("leave the queue when they are taught or forgotten, and are a hundred at most", async () => {
    const [first, second] = (await suspects()).suspects as [Suspects["suspects"][0], Suspects["suspects"][0]];
    await send([first.id, second.id]);
    await region.teach([{ id: first.id, label: first.suggestion }]);
    await expectOk(call("DELETE", `/v1/questions/${second.id}`));
    await eventually(async () => expect(await queue(region.model)).toEqual([]));
    expect((await region.rows("SELECT id FROM checks WHERE state IN ('due', 'asked')")).length).toBe(0);
    expect(await sampleOf(first.id)).toMatchObject({ label: first.suggestion, source: "truth" });

    const ids = (await region.rows("SELECT id FROM samples WHERE id NOT IN (SELECT id FROM checks)")).map(
      ({ id }) => id as string,
    );
    await send(ids.slice(0, suspectsMax - 1));
    const refused = await call("POST", `${path}/review`, { body: { ids: ids.slice(suspectsMax, suspectsMax + 2) } });
    expect(refused.status).toBe(409);
    expect((await send([ids[suspectsMax] as string])).waiting).toBe(suspectsMax);
  });

  it("judge nothing: no certificate, threshold or comparison counts what a person says of them", async () => {
    const judged = new TestRegion("rejudged");
    await publish({ model: judged.model, threshold: 0, policy: { keep: "all", truth: "complete" } });
    const ids = Array.from({ length: 12 }, (_, i) => `${judged.model}~north~q${i}`);
    const answers = await judged.ask(
      ids.map((_, i) => instance(i)),
      ids,
    );
    const wrong = (label: string) => (label === "a" ? "b" : "a");
    await judged.teach(answers.map(({ id, label }, i) => ({ id, label: i < 6 ? wrong(label) : label })));
    const state = () =>
      judged.rows(
        "SELECT (SELECT state FROM windows) AS w, (SELECT sum(error) FROM trials) AS e, (SELECT threshold FROM thresholds) AS t",
      );
    const before = await state();
    expect(before[0]).toMatchObject({ e: 6 });
    const [, second] = answers as [Answer, Answer];
    await send(ids.slice(0, 2), judged);
    await lease(ada, judged.model);
    for (const { id, label } of answers.slice(0, 2)) await answer(id, label);
    for (const { id, label } of answers.slice(0, 2)) expect(await sampleOf(id, judged)).toMatchObject({ label });
    expect(await state()).toEqual(before);
    // A truth that comes later counts, as it always has.
    await judged.teach([{ id: second.id, label: wrong(second.label) }]);
    await judged.teach([{ id: second.id, label: second.label }]);
    expect((await state())[0]).toMatchObject({ e: 5 });
  });

  it("count a truth as the first label that may judge where they had the origin's", async () => {
    const told = new TestRegion("retold");
    await publish({
      model: told.model,
      threshold: 1.01,
      policy: { learning: ["control"], ladder: ["edge", "region"] },
    });
    const id = `${told.model}~north~q`;
    const [asked] = await told.ask([instance(1)], [id]);
    await told.teach([{ id, label: "a" }]);
    await told.rows("UPDATE samples SET source = 'origin'");
    const right = () => told.rows("SELECT id, state, judged FROM checks");
    await send([id], told);
    await lease(ada, told.model);
    await answer(id, "b");
    expect(await sampleOf(id, told)).toMatchObject({ label: "b", source: "human" });
    expect(await right()).toEqual([{ id, state: "checked", judged: 0 }]);
    await told.teach([{ id, label: "b" }]);
    expect(await right()).toEqual([{ id, state: "checked", judged: 1 }]);
    expect(await sampleOf(id, told)).toMatchObject({ label: "b", source: "truth" });
    expect(asked?.id).toBe(id);
  });
});
