import { beforeAll, describe, expect, it } from "vitest";
import type { Answer, Column, Regions } from "#core/contract/index.ts";
import { ask, call, expectOk, instance, publish } from "#test/helpers/edge.ts";

const token = "ask-token";
const single: Column[] = [{ type: "number", name: "x", mean: 0, deviation: 1 }];
const byHeader: Regions = { from: "header", name: "x-upriver-region", keys: ["north", "south"], parent: "world" };

beforeAll(async () => {
  for (const model of ["easy", "hard", "open"]) await publish({ model });
  await publish({ model: "single", columns: single, inputs: 1, threshold: 0, policy: { regions: byHeader } });
  await publish({ model: "two", seed: 3, threshold: 0 });
  await publish({ model: "two", seed: 4, threshold: 0, version: 2 });
});

interface Row extends Pick<Answer, "label" | "confidence" | "status" | "rung" | "version" | "id"> {
  scores: number[];
}

async function predict<T>(model: string, body: object, headers: Record<string, string> = {}): Promise<T> {
  return (await expectOk(call("POST", `/v1/models/${model}:predict`, { token, body, headers }))).json();
}

const rows = [0.1, 0.2].map((x0, i) => ({ region: ["north", "south"][i] as string, x0, x1: 1 }));

async function answersOf(model: string, instances: object[]): Promise<Answer[]> {
  const body = { instances, accept: "always" };
  const response = await expectOk(call("POST", `/v1/models/${model}/ask`, { token, body }));
  return (await response.json<{ answers: Answer[] }>()).answers;
}

const scoresOf = ({ scores }: Answer) => Object.values(scores).map(Math.fround);

describe("predict", () => {
  it("accepts instances in row format, and answers like ask", async () => {
    const { predictions } = await predict<{ predictions: Row[] }>("easy", { instances: rows });
    const answers = await answersOf("easy", rows);
    expect(predictions.map(({ scores }) => scores)).toEqual(answers.map(scoresOf));
    expect(predictions.map(({ label }) => label)).toEqual(answers.map(({ label }) => label));
    expect(Object.keys(predictions[0] as Row)).toEqual([
      ...["label", "scores", "confidence", "status", "rung", "version", "id"],
    ]);
    expect(predictions.map(({ id }) => id.split("~")[1])).toEqual(["north", "south"]);
  });

  it("answers with one of the candidates", async () => {
    const [free] = await answersOf("easy", rows);
    const candidates = ["a", "b", "c"].filter((label) => label !== free?.label);
    const { predictions } = await predict<{ predictions: Row[] }>("easy", { instances: rows, candidates });
    const expected = ["a", "b", "c"].map((one) => (one === free?.label ? 0 : Math.fround(free?.scores[one] as number)));
    expect(predictions[0]?.scores).toEqual(expected);
    expect(predictions.every(({ label }) => candidates.includes(label))).toBe(true);
    const body = { instances: rows, candidates: ["a", "boots"] };
    const refused = await call("POST", "/v1/models/easy:predict", { token, body });
    expect(await refused.json()).toMatchObject({ error: expect.stringContaining("'boots'") });
  });

  it("accepts inputs in column format, and answers in it", async () => {
    const inputs = { region: ["north", "south"], x0: [0.1, 0.2], x1: [[1], [1]] };
    const { outputs } = await predict<{ outputs: Record<keyof Row, unknown[]> }>("easy", { inputs });
    expect(outputs.scores).toEqual((await answersOf("easy", rows)).map(scoresOf));
    expect(outputs.rung).toEqual(["edge", "edge"]);
  });

  it("needs no name for a single input", async () => {
    const answers = await answersOf("single", [{ x: 1 }, { x: -2 }, { x: null }]);
    const named = { instances: [{ x: 1 }, { x: -2 }, {}] };
    for (const body of [{ instances: [1, -2, null] }, { instances: [[1], [-2], [null]] }, named]) {
      const { predictions } = await predict<{ predictions: Row[] }>("single", body);
      expect(predictions.map(({ scores }) => scores)).toEqual(answers.map(scoresOf));
    }
    const { outputs } = await predict<{ outputs: { scores: number[][] } }>("single", { inputs: [1, -2, null] });
    expect(outputs.scores).toEqual(answers.map(scoresOf));
    const south = await predict<{ predictions: Row[] }>("single", { instances: [1] }, { "x-upriver-region": "south" });
    expect(south.predictions[0]?.id).toContain("~south~");
  });

  it("escalates with the signature 'escalate'", async () => {
    await ask("hard", { instance: instance() });
    const edge = await predict<{ predictions: Row[] }>("hard", { instances: rows, signature_name: "serving_default" });
    expect(edge.predictions.map(({ rung }) => rung)).toEqual(["edge", "edge"]);
    const escalated = await predict<{ predictions: Row[] }>("hard", { instances: rows, signature_name: "escalate" });
    expect(escalated.predictions.map(({ rung }) => rung)).toEqual(["origin", "origin"]);
    const open = await predict<{ predictions: Row[] }>("open", { instances: rows, signature_name: "escalate" });
    expect(open.predictions.map(({ status }) => status)).toEqual(["open", "open"]);
  });

  it("answers with the version in the path", async () => {
    for (const version of ["1", "2"]) {
      const { predictions } = await predict<{ predictions: Row[] }>(`two/versions/${version}`, { instances: rows });
      expect(predictions.map((row) => row.version)).toEqual([version, version]);
    }
  });
});

describe("metadata", () => {
  it("returns the signatures with their tensors, of the requested version", async () => {
    const response = await expectOk(call("GET", "/v1/models/two/metadata", { token }));
    const { model_spec, metadata } = await response.json<{ model_spec: object; metadata: Definitions }>();
    expect(model_spec).toEqual({ name: "two", signature_name: "", version: "2" });
    const { signature_def } = metadata.signature_def;
    expect(Object.keys(signature_def)).toEqual(["serving_default", "escalate"]);
    const { inputs, outputs, method_name } = signature_def.serving_default as Definition;
    expect(method_name).toBe("tensorflow/serving/predict");
    const shape = (...sizes: string[]) => ({ dim: sizes.map((size) => ({ size, name: "" })), unknown_rank: false });
    expect(inputs.x0).toEqual({ name: "x0", dtype: "DT_DOUBLE", tensor_shape: shape("-1") });
    expect(inputs.region).toEqual({ name: "region", dtype: "DT_STRING", tensor_shape: shape("-1") });
    expect(outputs.scores).toEqual({ name: "scores", dtype: "DT_FLOAT", tensor_shape: shape("-1", "3") });
    const first = await expectOk(call("GET", "/v1/models/two/versions/1/metadata", { token }));
    expect(await first.json()).toMatchObject({ model_spec: { version: "1" } });
  });
});

interface Definition {
  inputs: Record<string, object>;
  outputs: Record<string, object>;
  method_name: string;
}

interface Definitions {
  signature_def: { signature_def: Record<string, Definition> };
}
