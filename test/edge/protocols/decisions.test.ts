import { createExecutionContext, waitOnExecutionContext } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { beforeAll, describe, expect, it, vi } from "vitest";
import type { Answer, Ladder } from "#core/contract/index.ts";
import type { DecisionsReply } from "#core/decisions/openai-decisions.ts";
import type { SystemOneReply } from "#core/decisions/system-one.ts";
import worker from "#edge/index.ts";
import { ask, type CallOptions, call, instance, publish } from "../../helpers/edge.ts";
import { testNumber } from "../../helpers/model.ts";

const labels = ["a", "b", "c"];
const criteria = { a: "The first", b: null, c: null };
const choice = { type: "choice", instructions: "Which?", criteria };
const system = (body: object, options: CallOptions = {}) =>
  call("POST", "/v1/systemone", { token: "ask-token", body, ...options });
const openAi = (body: object, options: CallOptions = {}) =>
  call("POST", "/v1/decisions", { token: "ask-token", body, ...options });

beforeAll(async () => {
  await publish({ model: "decide", threshold: 0 });
  await publish({ model: "levels", threshold: 0, labels: ["10", "2", "1"] });
  await publish({ model: "yesno", threshold: 0, labels: ["no", "yes"] });
  await publish({
    ...{ model: "texts", threshold: 0, inputs: 16 },
    columns: [{ type: "text", name: "message", buckets: 16 }],
    policy: { regions: { from: "cf", keys: ["world"], parent: "world" } },
  });
  await publish({ model: "numbers", threshold: 0, number: testNumber });
  // No rung answers: questions stay open.
  await publish({ model: "open" });
});

describe("System One", () => {
  it("answers a choice with the scores of the ladder", async () => {
    const reply = await (
      await system({ model: "decide", state: instance(3), questions: { q: choice } })
    ).json<SystemOneReply>();
    const asked = await ask("decide", { instance: instance(3) });
    const { q } = reply.answers;
    if (q?.type !== "choice") throw new Error("a choice was expected");
    expect(reply).toMatchObject({ model: "decide", usage: { input_tokens: 0, output_tokens: 0 } });
    expect(q.choice).toBe(asked.label);
    for (const label of labels) expect(q.probabilities[label]).toBeCloseTo(asked.scores[label] as number, 4);
    expect(q.confidence).toBeCloseTo((asked.confidence - 1 / 3) / (2 / 3), 3);
  });

  it("names the question behind each answer in a header", async () => {
    const response = await system({ model: "decide", state: instance(3), questions: { q: choice } });
    const [{ id, accepted, rung }] = JSON.parse(response.headers.get("x-upriver-answers") as string) as [Answer];
    expect({ accepted, rung }).toEqual({ accepted: true, rung: "edge" });
    expect(id).toContain("decide");
  });

  it("answers some labels, a label as yes or no, and several questions as one", async () => {
    const questions = {
      some: { type: "choice", instructions: "Which?", criteria: { c: null, b: null } },
      is: { type: "noul", instructions: "b" },
      "10": choice,
    };
    const response = await system({ model: "decide", state: instance(3), questions });
    const { answers } = await response.json<SystemOneReply>();
    const { scores } = await ask("decide", { instance: instance(3) });
    expect(Object.keys(answers).toSorted()).toEqual(["10", "is", "some"]);
    expect(answers.is).toEqual({ type: "noul", noul: expect.closeTo(scores.b as number, 4) });
    const { some } = answers;
    if (some?.type !== "choice") throw new Error("a choice was expected");
    const sum = (scores.b as number) + (scores.c as number);
    expect(some.probabilities).toEqual({
      b: expect.closeTo((scores.b as number) / sum, 3),
      c: expect.closeTo((scores.c as number) / sum, 3),
    });
    const ids = (JSON.parse(response.headers.get("x-upriver-answers") as string) as Answer[]).map(({ id }) => id);
    expect(new Set(ids).size).toBe(2);
  });

  it("does not let ids or other questions change an answer", async () => {
    const alone = await (
      await system({ model: "decide", state: instance(1), questions: { q: choice } })
    ).json<SystemOneReply>();
    const questions = { first: { type: "noul", instructions: "a" }, renamed: choice };
    const both = await (await system({ model: "decide", state: instance(1), questions })).json<SystemOneReply>();
    expect(both.answers.renamed).toEqual(alone.answers.q);
  });

  it("answers yes or no by a model of these two labels, and a score by levels that are numbers", async () => {
    const questions = { q: { type: "noul", instructions: "Does it work?" } };
    const { answers } = await (await system({ model: "yesno", state: instance(2), questions })).json<SystemOneReply>();
    const { scores } = await ask("yesno", { instance: instance(2) });
    expect(answers.q).toEqual({ type: "noul", noul: expect.closeTo(scores.yes as number, 4) });
    const levels = { q: { type: "score", instructions: "How much?", criteria: ["Little", "Some", "Much"] } };
    const scored = await (
      await system({ model: "levels", state: instance(2), questions: levels })
    ).json<SystemOneReply>();
    const asked = await ask("levels", { instance: instance(2) });
    expect(scored.answers.q).toMatchObject({
      score: expect.closeTo((asked.scores["2"] as number) + 2 * (asked.scores["10"] as number), 3),
      legend: { "0": "Little", "1": "Some", "2": "Much" },
    });
  });

  it.each<[string, unknown]>([
    ["text", "Where is my card?"],
    ["parts of text", [{ type: "text", text: "Where is my card?" }]],
    ["columns", { message: "Where is my card?" }],
    ["columns as JSON text", '{"message":"Where is my card?"}'],
  ])("takes a state that is %s", async (_, state) => {
    const response = await system({ model: "texts", state, questions: { q: choice } });
    const { answers } = await response.json<SystemOneReply>();
    const { label } = await ask("texts", { instance: { message: "Where is my card?" } });
    expect(answers.q).toMatchObject({ choice: label });
  });

  it("takes a compressed body, counted unpacked", async () => {
    const zip = async (body: object) => {
      const text = new Blob([JSON.stringify(body)]).stream().pipeThrough(new CompressionStream("gzip"));
      return new Uint8Array(await new Response(text).arrayBuffer());
    };
    const headers = { "content-encoding": "gzip", "content-type": "application/json" };
    const body = { model: "decide", state: instance(3), questions: { q: choice } };
    const packed = await call("POST", "/v1/systemone", { token: "ask-token", raw: await zip(body), headers });
    expect(packed.status).toBe(200);
    const bomb = await zip({ ...body, state: "x".repeat(5_000_000) });
    expect((await call("POST", "/v1/systemone", { token: "ask-token", raw: bomb, headers })).status).toBe(413);
    expect((await call("POST", "/v1/systemone", { token: "ask-token", raw: "no gzip", headers })).status).toBe(400);
  });

  it("gives the answer so far to a question that no rung accepts", async () => {
    const response = await system({ model: "open", state: instance(3), questions: { q: choice } });
    expect(response.status).toBe(200);
    const [{ id, status }] = JSON.parse(response.headers.get("x-upriver-answers") as string) as [Answer];
    expect(status).toBe("open");
    expect((await call("GET", `/v1/questions/${id}`, { token: "ask-token" })).status).toBe(202);
  });
});

describe("OpenAI Decisions", () => {
  const choices = labels.map((value) => ({ value }));

  it("answers a choice, a predicate and a score in order, by name", async () => {
    const questions = [
      { type: "choice", name: "which", instructions: "Which?", choices },
      { type: "predicate", instructions: "b" },
      { type: "score", name: "order", instructions: "How far?", levels: labels.map((label) => ({ label })) },
    ];
    const input = [{ role: "user", content: [{ type: "input_json", data: instance(3) }] }];
    const reply = await (await openAi({ model: "decide", input, questions })).json<DecisionsReply>();
    const { label, scores } = await ask("decide", { instance: instance(3) });
    expect(reply.answers.map(({ type, name }) => [type, name])).toEqual([
      ["choice", "which"],
      ["predicate", null],
      ["score", "order"],
    ]);
    expect(reply.answers[0]).toMatchObject({ choice: label });
    expect(reply.answers[1]).toMatchObject({ probability: expect.closeTo(scores.b as number, 4) });
    expect(reply.answers[2]).toMatchObject({
      score: expect.closeTo((scores.b as number) + 2 * (scores.c as number), 3),
    });
  });

  it("takes an input that is JSON text", async () => {
    const questions = [{ type: "choice", instructions: "Which?", choices }];
    const reply = await (
      await openAi({ model: "decide", input: JSON.stringify(instance(3)), questions })
    ).json<DecisionsReply>();
    expect(reply.answers[0]).toMatchObject({ choice: (await ask("decide", { instance: instance(3) })).label });
  });
});

describe("what is refused", () => {
  const questions = { q: choice };
  const asked = [{ type: "choice", name: "q", instructions: "Which?", choices: labels.map((value) => ({ value })) }];

  it.each<[string, object, number, object]>([
    ["a model that is not ours", { model: "jev-latest", state: {}, questions }, 404, { error_type: "not_found_error" }],
    ["a model with tensors' name", { model: "UPPER", state: {}, questions }, 404, { error_type: "not_found_error" }],
    ["no questions", { model: "decide", state: {}, questions: {} }, 422, [{ loc: ["body", "questions"] }]],
    [
      "an unknown type",
      { model: "decide", state: {}, questions: { q: { type: "box" } } },
      422,
      [{ loc: ["body", "questions", "q", "type"] }],
    ],
    [
      "levels as an object",
      { model: "decide", state: {}, questions: { q: { type: "score", criteria: { a: 1 } } } },
      422,
      [{ loc: ["body", "questions", "q", "criteria"] }],
    ],
    [
      "an option that is no label",
      { model: "decide", state: instance(1), questions: { q: { ...choice, criteria: { a: null, z: null } } } },
      422,
      [{ loc: ["body", "questions", "q", "criteria"] }],
    ],
    [
      "yes or no about nothing",
      { model: "decide", state: instance(1), questions: { q: { type: "noul", instructions: "Really?" } } },
      422,
      [{ loc: ["body", "questions", "q", "instructions"] }],
    ],
    ["a model of numbers", { model: "numbers", state: instance(1), questions }, 422, [{ loc: ["body", "model"] }]],
    ["text for columns", { model: "decide", state: "hello", questions }, 422, [{ loc: ["body", "state"] }]],
    [
      "a wrong column",
      { model: "decide", state: { ...(instance(1) as object), x0: "many" }, questions },
      422,
      [{ loc: ["body", "state", "x0"] }],
    ],
  ])("by System One: %s", async (_, body, status, detail) => {
    const response = await system(body);
    expect(response.status).toBe(status);
    expect(await response.json()).toMatchObject({ detail });
  });

  it.each<[string, object, number, object]>([
    [
      "a model that is not ours",
      { model: "gpt-6-luna", input: "x", questions: asked },
      404,
      { code: "model_not_found" },
    ],
    ["no questions", { model: "decide", input: "x", questions: [] }, 400, { param: "questions" }],
    [
      "an option that is no label",
      {
        model: "decide",
        input: JSON.stringify(instance(1)),
        questions: [{ ...asked[0], choices: [{ value: "a" }, { value: "z" }] }],
      },
      400,
      { param: "questions.0.choices" },
    ],
    ["text for columns", { model: "decide", input: "hello", questions: asked }, 400, { param: "input" }],
  ])("by OpenAI Decisions: %s", async (_, body, status, error) => {
    const response = await openAi(body);
    expect(response.status).toBe(status);
    expect(await response.json()).toMatchObject({ error });
  });

  it("is told in each protocol's form: tokens, broken JSON and bodies that are too large", async () => {
    const body = { model: "decide", state: instance(1), questions };
    const [noToken, noModel] = [await system(body, { token: null }), await system(body, { token: "narrow-token" })];
    expect([noToken.status, noModel.status]).toEqual([401, 403]);
    expect(await noToken.json()).toMatchObject({ detail: { error_type: "authentication_error" } });
    expect(noToken.headers.get("www-authenticate")).toContain("Bearer");
    const unknown = await openAi({ model: "decide", input: "x", questions: asked }, { token: "wrong" });
    expect(await unknown.json()).toMatchObject({ error: { code: "invalid_api_key", type: "invalid_request_error" } });
    const broken = await call("POST", "/v1/decisions", { token: "ask-token", raw: "{" });
    expect([broken.status, await broken.json()]).toMatchObject([400, { error: { type: "invalid_request_error" } }]);
    const large = await call("POST", "/v1/systemone", { token: "ask-token", raw: " ".repeat(4_300_000) });
    expect([large.status, await large.json()]).toMatchObject([413, { detail: { error_type: "request_too_large" } }]);
  });
});

describe("passing on", () => {
  const above = (env as unknown as { TEST_ABOVE_URL: string }).TEST_ABOVE_URL;
  const body = { model: "jev-latest", state: "x", questions: { q: choice } };
  async function passed(fault: string, token: string, budget: object | null = null): Promise<Response> {
    const context = createExecutionContext();
    const settings = settingsOf(fault, budget);
    const headers = { authorization: `Bearer ${token}`, "content-type": "application/json" };
    const request = new Request("https://edge.test/v1/systemone", {
      method: "POST",
      headers,
      body: JSON.stringify(body),
    });
    const response = await worker.fetch(request as never, settings as never, context);
    await waitOnExecutionContext(context);
    return response;
  }

  function settingsOf(fault: string, budget: object | null) {
    const passing = { DECISIONS_ABOVE_URL: `${above}/${fault}`, RUNG_KEY_DECISIONS: "sk-deployment" };
    return { ...env, ...passing, ...(budget ? { DECISIONS_ABOVE_BUDGET: JSON.stringify(budget) } : {}) };
  }
  async function ladderWith(budget: object): Promise<Ladder> {
    const headers = { authorization: "Bearer admin-token" };
    const context = createExecutionContext();
    const request = new Request("https://edge.test/v1/ladder", { headers });
    return (await worker.fetch(request as never, settingsOf("none", budget) as never, context)).json();
  }

  it("counts in a budget of its own, and ends where it is used up", async () => {
    // A request to the double reads 100 tokens, and may read as many as it has bytes, and 1,024 more.
    const budget = { usdPerMonth: 0.0025, usdPerMillionInputTokens: 1 };
    const statuses: number[] = [];
    while (statuses.at(-1) !== 429 && statuses.length < 30) {
      statuses.push((await passed("none", "pass-token", budget)).status);
    }
    const answered = statuses.filter((status) => status === 200).length;
    const used = await passed("none", "pass-token", budget);
    expect(await used.json()).toMatchObject({
      detail: { error_type: "rate_limit_error", message: expect.stringContaining("is used up") },
    });
    expect(Number(used.headers.get("retry-after"))).toBeGreaterThan(0);
    const { passed: spending } = await ladderWith(budget);
    expect(spending).toMatchObject({ usdPerMonth: 0.0025, asked: answered, leftOut: 2 });
    expect(spending?.usd).toBeCloseTo(answered * 0.0001, 10);
    // It ends when the most that a request may cost is not left.
    expect(0.0025 - (spending?.usd ?? 0)).toBeLessThan(0.0013);
    expect(answered).toBeGreaterThan(10);
  });

  it("names the setting of a budget that says no price", async () => {
    const logged = vi.spyOn(console, "error").mockImplementation(() => {});
    expect((await passed("none", "pass-token", { usdPerMonth: 5 })).status).toBe(500);
    expect(logged.mock.calls.flat().join()).toContain("DECISIONS_ABOVE_BUDGET can't be read");
  });

  it("needs a scope of its own, and a server that is named", async () => {
    expect((await passed("none", "ask-token")).status).toBe(404);
    expect((await system(body, { token: "admin-token" })).status).toBe(404);
    const logged = vi.spyOn(console, "log");
    const response = await passed("none", "pass-token");
    expect([response.status, await response.json()]).toMatchObject([
      200,
      { model: "faulty-1", answers: { q: { choice: "a" } } },
    ]);
    expect(logged.mock.calls.flat().join()).toContain('"passed-above"');
  });

  it.each([
    ["limited-hint", 429],
    ["used-up", 429],
    ["broken", 503],
    ["redirect", 503],
    ["too-large", 422],
  ])("tells that the server above is '%s' by %d, without its key", async (fault, status) => {
    const response = await passed(fault, "pass-token");
    expect(response.status).toBe(status);
    if (fault === "limited-hint") expect(response.headers.get("retry-after")).toBe("7");
    expect(await response.text()).not.toContain("sk-deployment");
  });
});
