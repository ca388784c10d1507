import { beforeAll, describe, expect, it } from "vitest";
import type { Answer, Problem } from "#core/contract/index.ts";
import { ask, call, eventually, expectOk, instance, publish } from "../helpers/edge.ts";
import { TestRegion } from "../helpers/region.ts";

const labels = ["a", "b", "c"];
const token = "ask-token";

/** The labels of an answer, the best first. */
const rankedOf = ({ scores }: Answer) => labels.toSorted((x, y) => (scores[y] as number) - (scores[x] as number));
/** Every label that an answer names, in any field. */
const namedIn = ({ label, scores, top = [] }: Answer) => [
  label,
  ...Object.keys(scores),
  ...top.map((one) => one.label),
];

beforeAll(async () => {
  for (const model of ["stocked", "unstocked"]) await publish({ model });
  await publish({ model: "shelf", threshold: 0, policy: { ladder: ["edge"] } });
  await publish({ model: "sure", threshold: 0.9, policy: { ladder: ["edge", "region"] } });
});

const refusals: [string, object, RegExp][] = [
  ["no candidate", { candidates: [] }, /candidates must be an array of at least 1/],
  ["a candidate twice", { candidates: ["a", "a"] }, /candidates must be an array without duplicates/],
  ["an unknown candidate", { candidates: ["a", "boots"] }, /candidates.1 must be one of a, b, c; received 'boots'/],
  ["more candidates than labels", { candidates: [..."abcd"] }, /candidates must be an array of at most 3 labels/],
  ["a thousand candidates", { candidates: Array.from({ length: 1000 }, (_, i) => `${i}`) }, /an array of at most 3/],
  ["a candidate that is no text", { candidates: [1] }, /candidates.0 must be a string/],
  ["an empty candidate", { candidates: [""] }, /candidates.0 must be a string that is not empty/],
  ["candidates that are no list", { candidates: "a" }, /candidates must be an array/],
  ["no label in order", { top: 0 }, /top must be a number of at least 1/],
  ["more labels in order than there are", { top: 4 }, /top must be an integer from 1 to 3; received 4/],
  ["half a label", { top: 1.5 }, /top must be an integer/],
];

describe("candidates that are refused", () => {
  it.each(refusals)("%s returns 422 and names the field", async (_, chosen, detail) => {
    for (const body of [
      { instance: instance(), ...chosen },
      { instances: [instance()], ...chosen },
      { questions: [{ instance: instance() }, { instance: instance(), ...chosen }] },
    ]) {
      const response = await call("POST", "/v1/models/stocked/ask", { token, body });
      const problem: Problem = await response.json();
      expect([response.status, problem.title]).toEqual([422, "Validation failed"]);
      const messages = problem.errors?.map(({ message }) => message?.replace(/^question 1, |questions\.1\./, ""));
      expect(messages?.some((message) => detail.test(message ?? ""))).toBe(true);
    }
  });
});

describe("an answer with candidates", () => {
  it("at the edge is the best of them, with scores among all labels and without a certificate", async () => {
    const free = await ask("shelf", { instance: instance(1) });
    const [, second, third] = rankedOf(free) as [string, string, string];
    const answer = await ask("shelf", { instance: instance(1), candidates: [third, second] });
    expect(answer).toMatchObject({ rung: "edge", label: second, confidence: free.scores[second], certificate: null });
    expect(answer.uncertified?.reason).toMatch(/restricted to candidates/);
    expect(answer.scores).toEqual({ [second]: free.scores[second], [third]: free.scores[third] });
    const all = await ask("shelf", { instance: instance(1), candidates: ["c", "b", "a"] });
    expect({ ...all, id: free.id }).toEqual(free);
  });

  it("is not made certain by leaving out the other labels", async () => {
    let accepted = 0;
    for (let seed = -30; seed < 30; seed += 4) {
      const free = await ask("sure", { instance: instance(seed) });
      for (const label of labels) {
        const answer = await ask("sure", { instance: instance(seed), candidates: [label] });
        expect(answer).toMatchObject({ label, status: "answered", confidence: free.scores[label], certificate: null });
        expect(answer.accepted).toBe((free.scores[label] as number) >= 0.9);
        accepted += Number(answer.accepted);
      }
    }
    expect(accepted).toBeGreaterThan(0);
  });

  it("comes from the origin, which knows them too", async () => {
    const free = await ask("stocked", { instance: instance(2) });
    const [first, second, third] = rankedOf(free) as [string, string, string];
    const answer = await ask("stocked", { instance: instance(2), candidates: [second, third], top: 2 });
    expect(answer).toMatchObject({ rung: "origin", label: second, accepted: true, certificate: null });
    expect(answer.confidence).toBeCloseTo(free.scores[second] as number, 6);
    expect(answer.top?.map(({ label }) => label)).toEqual([second, third]);
    expect(namedIn(answer)).not.toContain(first);
  });

  it("is given to each question of a batch: its own candidates, or the body's", async () => {
    const questions = [{ instance: instance(3) }, { instance: instance(3), candidates: ["c"], top: 1 }];
    const response = await expectOk(
      call("POST", "/v1/models/stocked/ask", { token, body: { questions, candidates: ["a", "b"], top: 2 } }),
    );
    const { answers } = await response.json<{ answers: Answer[] }>();
    expect(answers.map(({ scores }) => Object.keys(scores))).toEqual([["a", "b"], ["c"]]);
    expect(answers.map(({ top }) => top?.length)).toEqual([2, 1]);
    const both = await expectOk(
      call("POST", "/v1/models/stocked/ask", {
        token,
        body: { instances: [instance(4), instance(5)], candidates: ["b"] },
      }),
    );
    expect((await both.json<{ answers: Answer[] }>()).answers.map(({ label }) => label)).toEqual(["b", "b"]);
  });

  it("shows every head's own scores in a trace, and the restricted answer beside them", async () => {
    const answer = await ask(
      "stocked",
      { instance: instance(6), candidates: ["a"], trace: true },
      { token: "admin-token" },
    );
    expect(answer.trace?.map(({ scores }) => scores.length)).toEqual([3, 3, 3]);
    expect(Object.keys(answer.scores)).toEqual(["a"]);
  });
});

describe("the best labels in order", () => {
  it("change neither the answer nor its acceptance", async () => {
    const free = await ask("shelf", { instance: instance(7) });
    const { top, ...answer } = await ask("shelf", { instance: instance(7), top: 2 });
    expect({ ...answer, id: free.id }).toEqual(free);
    expect(top).toEqual(
      rankedOf(free)
        .slice(0, 2)
        .map((label) => ({ label, score: free.scores[label] })),
    );
  });

  it("are those of a question that is open, too, whenever it is read", async () => {
    const open = await ask("unstocked", { instance: instance(8), candidates: ["a", "c"], top: 3 });
    expect(open).toMatchObject({ status: "open", accepted: false });
    expect(open.top).toHaveLength(2);
    expect(namedIn(open)).not.toContain("b");
    const path = `/v1/questions/${open.id}`;
    expect(await (await call("GET", path, { token })).json()).toEqual(open);
    const stream = await call("GET", path, { token, headers: { accept: "text/event-stream" } });
    await expectOk(call("POST", `${path}/truth`, { body: { label: "c" } }));
    const events = (await stream.text()).match(/(?<=^data: ).*/gm) ?? [];
    const [, last] = events.map((text) => JSON.parse(text) as Answer);
    expect(last).toMatchObject({ status: "answered", label: "c", rung: "human", accepted: true });
    expect(last?.top).toEqual([
      { label: "c", score: 1 },
      { label: "a", score: 0 },
    ]);
  });
});

describe("a question that is repeated", () => {
  it("with other candidates is a conflict; with the same, in another order, it is the same question", async () => {
    const question = { id: "stocked~north~repeated", instance: instance(9), candidates: ["a", "b"] };
    const send = (chosen: object) =>
      call("POST", "/v1/models/stocked/ask", { token, body: { questions: [{ ...question, ...chosen }] } });
    const first = await (await expectOk(send({}))).json();
    expect(await (await expectOk(send({ candidates: ["b", "a"] }))).json()).toEqual(first);
    expect((await send({ candidates: ["a", "c"] })).status).toBe(409);
    expect((await send({ candidates: labels })).status).toBe(409);
    // How many labels are listed is no other question.
    const listed = await (await expectOk(send({ top: 1 }))).json<{ answers: Answer[] }>();
    expect(listed.answers[0]?.top).toHaveLength(1);
  });

  it("under an idempotency key follows the same rule, also at the edge", async () => {
    const headers = { "idempotency-key": "with-candidates" };
    const send = (chosen: object) =>
      call("POST", "/v1/models/shelf-kept/ask", { token, headers, body: { instance: instance(10), ...chosen } });
    await publish({ model: "shelf-kept", threshold: 0, policy: { ladder: ["edge", "region"] } });
    const first = await (await expectOk(send({ candidates: ["b"] }))).json();
    expect(await (await expectOk(send({ candidates: ["b"] }))).json()).toEqual(first);
    expect((await send({ candidates: ["c"] })).status).toBe(409);
    expect((await send({})).status).toBe(409);
    // All labels are no restriction.
    const whole = { "idempotency-key": "all-labels" };
    const all = (body: object) =>
      call("POST", "/v1/models/shelf-kept/ask", { token, headers: whole, body: { instance: instance(11), ...body } });
    expect(await (await expectOk(all({}))).json()).toEqual(await (await expectOk(all({ candidates: labels }))).json());
  });
});

describe("a hop from a rung below", () => {
  it("may name labels of a version that is not served here: they are never answered", async () => {
    const question = { instance: instance(12), candidates: ["later", "b"] };
    const body = { questions: [question], via: ["far-edge"] };
    const response = await expectOk(call("POST", "/v1/models/stocked/ask", { token, body }));
    const { answers } = await response.json<{ answers: Answer[] }>();
    expect(answers.map(namedIn)).toEqual([["b", "b"]]);
    const none = { questions: [{ ...question, candidates: ["later"] }], via: ["far-edge"], accept: "always" };
    const [alone] = (
      await (
        await expectOk(call("POST", "/v1/models/shelf/ask", { token, body: none }))
      ).json<{
        answers: Answer[];
      }>()
    ).answers;
    expect(alone).toMatchObject({ label: "later", confidence: 0, accepted: false });
  });
});

describe("a canary whose labels differ", () => {
  it("answers with the candidates that it has", async () => {
    const model = "reshelved";
    await publish({ model, threshold: 0, policy: { ladder: ["edge"] } });
    await publish(
      { model, version: 2, labels: ["a", "b"], threshold: 0, policy: { ladder: ["edge"] } },
      { share: 0.99 },
    );
    await eventually(async () => expect((await ask(model, { instance: instance(1) })).version).toBe("2"));
    const answer = await ask(model, { instance: instance(1), candidates: ["b", "c"] });
    expect(answer).toMatchObject({ version: "2", label: "b", accepted: true });
    expect(answer.scores.c).toBe(0);
    expect(await ask(model, { instance: instance(1), candidates: ["c"] })).toMatchObject({
      accepted: false,
      confidence: 0,
    });
  });
});

describe("a region that cannot be reached", () => {
  it("leaves the edge's answer, within the candidates", async () => {
    const region = new TestRegion("stocked");
    await region.inside((object) => {
      Object.assign(object, {
        asking: { ask: () => Promise.reject(Object.assign(new Error("x"), { retryable: true })) },
      });
    });
    const answer = await ask("stocked", { instance: instance(13), candidates: ["b"], top: 1 }).catch((error) => error);
    if (answer instanceof Error) throw answer;
    expect(namedIn(answer)).toEqual(["b", "b", "b"]);
  });
});
