import { beforeAll, describe, expect, it } from "vitest";
import type { Answer } from "#core/contract/index.ts";
import { ask, call, eventually, expectOk, instance, publish } from "#test/helpers/edge.ts";
import { testNumber } from "#test/helpers/model.ts";

beforeAll(async () => {
  await publish({ model: "easy-number", number: testNumber, threshold: 0, policy: { keep: "all", truth: "complete" } });
  await publish({ model: "hard-number" });
  await publish({ model: "open-number" });
  await publish({ model: "labels-only" });
});

const truthOf = (id: string, label: unknown) => call("POST", `/v1/questions/${id}/truth`, { body: { label } });

describe("an answer of a model of numbers", () => {
  it("has value, mean, interval and the probability of being within the tolerance", async () => {
    const answer = await ask("easy-number", { instance: instance(3) });
    expect(answer).toMatchObject({ rung: "edge", accepted: true, tolerance: 1, unit: "°C", intervalCoverage: 0.9 });
    const { value = Number.NaN, interval = [9, -9], label, confidence, scores } = answer;
    expect(label).toBe(String(value));
    expect(value).toBeGreaterThanOrEqual(interval[0]);
    expect(value).toBeLessThanOrEqual(interval[1]);
    expect(confidence).toBeGreaterThan(0);
    expect(confidence).toBeLessThan(1);
    expect(Object.keys(scores)).toHaveLength(16);
    expect(Object.keys(scores)[0]).toBe("below -7");
  });

  it("comes from the origin where the edge does not accept it", async () => {
    const answer = await ask("hard-number", { instance: instance(4) });
    expect(answer).toMatchObject({ rung: "origin", accepted: true, tolerance: 1 });
    expect(answer.label).toBe(String(answer.value));
  });

  it("is described by the model's state", async () => {
    const state = await (await expectOk(call("GET", "/v1/models/easy-number"))).json();
    expect(state).toMatchObject({ task: "regress", number: testNumber });
  });
});

describe("a label of a model of numbers", () => {
  it("is a number or its text, and stored in one form", async () => {
    const answers = await Promise.all(
      [5, 6].map((seed) => ask("easy-number", { instance: instance(seed) }, { token: "admin-token" })),
    );
    const [first, second] = answers as [Answer, Answer];
    expect(await (await expectOk(truthOf(first.id, 2.5))).json()).toMatchObject({ label: "2.5", changed: true });
    expect(await (await expectOk(truthOf(first.id, "2.50"))).json()).toMatchObject({ label: "2.5", changed: false });
    const truths = [{ id: second.id, label: -3 }];
    const reply = await expectOk(call("POST", "/v1/models/easy-number/truths", { body: { truths } }));
    expect(await reply.json()).toEqual({ accepted: 1, changed: 1 });
  });

  it.each(["warm", "NaN", "Infinity", "24,5", "1e999", "", "0x10"])(
    "is refused as %j, and nothing changes",
    async (label) => {
      const { id } = await ask("easy-number", { instance: instance(7) }, { token: "admin-token" });
      const response = await truthOf(id, label);
      expect(response.status).toBe(422);
      expect(await response.json()).toMatchObject({
        errors: [{ path: "label", expected: "a finite number, such as 24.5", received: `'${label}'` }],
      });
      const way = await (await expectOk(call("GET", `/v1/questions/${id}/way`))).json();
      expect(way).toMatchObject({ label: null });
    },
  );

  it("is refused where JSON has no such number", async () => {
    const { id } = await ask("easy-number", { instance: instance(8) }, { token: "admin-token" });
    const response = await call("POST", `/v1/questions/${id}/truth`, { raw: '{"label": 1e999}' });
    expect(response.status).toBe(422);
  });

  it("may be a number where labels are texts of numbers, and is refused where there is none", async () => {
    const { id } = await ask("labels-only", { instance: instance(1), accept: "always" }, { token: "admin-token" });
    const response = await truthOf(id, 3);
    expect(response.status).toBe(422);
    expect(await response.json()).toMatchObject({ errors: [{ expected: "one of a, b, c", received: "'3'" }] });
  });
});

describe("a person", () => {
  it("types a number, which answers the question without a spread", async () => {
    const asked = await call("POST", "/v1/models/open-number/ask", {
      token: "ask-token",
      body: { instance: instance(9) },
    });
    expect(asked.status).toBe(202);
    const { id, value } = await asked.json<Answer>();
    expect(value).toBeTypeOf("number");
    const leased = await eventually(async () => {
      const path = "/v1/models/open-number/review";
      const body = await (await expectOk(call("GET", path, { token: "review-token" }))).json<{
        questions: { id: string; opinions: object[] }[];
      }>();
      expect(body.questions).toHaveLength(1);
      return body.questions[0];
    });
    expect(leased).toMatchObject({ id, opinions: [{ rung: "edge" }, { rung: "origin" }] });
    const answerWith = (label: unknown) =>
      call("POST", `/v1/questions/${id}/answer`, { token: "review-token", body: { label } });
    const refused = await answerWith("about 3");
    expect(refused.status).toBe(422);
    expect(await refused.json()).toMatchObject({
      errors: [{ path: "label", expected: "a finite number, such as 24.5" }],
    });
    const answer = await (await expectOk(answerWith(3.5))).json<Answer>();
    expect(answer).toMatchObject({
      rung: "human",
      status: "answered",
      label: "3.5",
      value: 3.5,
      confidence: 1,
      tolerance: 1,
    });
    expect(answer.scores["3 to 4"]).toBe(1);
    expect(answer).not.toHaveProperty("interval");
    expect(answer).not.toHaveProperty("mean");
  });
});

describe("other protocols", () => {
  it("TensorFlow Serving predicts fields, and regresses numbers", async () => {
    const examples = [
      { x0: 0.1, x1: 1 },
      { x0: 0.2, x1: 1 },
    ];
    const post = async (verb: string, body: object) =>
      (await expectOk(call("POST", `/v1/models/easy-number:${verb}`, { token: "ask-token", body }))).json<
        Record<string, unknown[]>
      >();
    const { predictions } = await post("predict", { instances: examples.map((one) => ({ ...one, region: "north" })) });
    const { result } = await post("regress", { examples, context: { region: "north" } });
    expect(result).toHaveLength(2);
    expect(predictions?.map((row) => (row as { value: number }).value)).toEqual(result);
    expect(predictions?.[0]).toMatchObject({
      interval: [expect.any(Number), expect.any(Number)],
      mean: expect.any(Number),
    });
    expect(predictions?.[0]).not.toHaveProperty("label");
    const wrong = await call("POST", "/v1/models/labels-only:regress", { token: "ask-token", body: { examples } });
    expect(wrong.status).toBe(409);
    expect(await wrong.json()).toMatchObject({
      error: expect.stringMatching(/a model of numbers.*task is 'classify'/),
    });
    const odd = await call("POST", "/v1/models/easy-number:regress", {
      token: "ask-token",
      body: { examples: [{ x9: 1 }] },
    });
    expect(odd.status).toBe(400);
  });

  it("the Open Inference Protocol lists and returns them", async () => {
    const path = "/v2/models/easy-number";
    const metadata = await (await expectOk(call("GET", path, { token: "ask-token" }))).json<{
      outputs: { name: string; datatype: string; shape: number[] }[];
    }>();
    expect(metadata.outputs.slice(0, 3)).toEqual([
      { name: "value", datatype: "FP64", shape: [-1] },
      { name: "mean", datatype: "FP64", shape: [-1] },
      { name: "interval", datatype: "FP64", shape: [-1, 2] },
    ]);
    const input = (name: string, values: (number | string)[]) => ({
      name,
      shape: [2],
      datatype: name === "region" ? "BYTES" : "FP64",
      data: values,
    });
    const body = { inputs: [input("region", ["north", "south"]), input("x0", [0.1, 0.2]), input("x1", [1, 1])] };
    const { outputs } = await (await expectOk(call("POST", `${path}/infer`, { token: "ask-token", body }))).json<{
      outputs: { name: string; shape: number[]; data: number[] }[];
    }>();
    const [value, , interval] = outputs;
    expect(value).toMatchObject({ name: "value", shape: [2] });
    expect(interval?.data).toHaveLength(4);
    expect(value?.data[0]).toBeGreaterThanOrEqual(interval?.data[0] ?? 9);
  });
});
