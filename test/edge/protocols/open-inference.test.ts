import { beforeAll, describe, expect, it } from "vitest";
import { ask, call, expectOk, instance, publish } from "#test/helpers/edge.ts";
import { answersOf, infer, type Output, output, rows, scoresOf, tensors, token } from "./infer.ts";
import { faultsOf } from "./open-inference-schema.ts";

beforeAll(async () => {
  for (const model of ["easy", "hard", "open"]) await publish({ model });
});

describe("the server", () => {
  it("reports liveness and readiness without a token", async () => {
    for (const path of ["/v2/health/live", "/v2/health/ready"]) {
      const response = await call("GET", path, { token: null });
      expect(response.status).toBe(200);
      expect(await response.json()).toMatchObject({ live: true });
    }
  });

  it("returns its name and extensions, with and without a trailing slash", async () => {
    for (const path of ["/v2", "/v2/"]) {
      const metadata = await (await expectOk(call("GET", path, { token }))).json();
      const extensions = ["binary_tensor_data", "classification", "parameters"];
      expect(metadata).toMatchObject({ name: "upriver", extensions });
      expect(faultsOf("serverMetadata", metadata)).toEqual([]);
    }
  });
});

describe("infer", () => {
  it("answers each row like ask", async () => {
    const inferred = await infer("easy", { id: "42", inputs: tensors() });
    const answers = await answersOf("easy", rows);
    expect(inferred).toMatchObject({ model_name: "easy", model_version: "1", id: "42" });
    expect(inferred.outputs.map(({ name, datatype, shape }) => [name, datatype, shape])).toEqual([
      ["label", "BYTES", [3]],
      ["scores", "FP32", [3, 3]],
      ["confidence", "FP32", [3]],
      ["status", "BYTES", [3]],
      ["rung", "BYTES", [3]],
      ["version", "BYTES", [3]],
      ["id", "BYTES", [3]],
    ]);
    expect(output(inferred, "label").data).toEqual(answers.map(({ label }) => label));
    expect(output(inferred, "scores").data).toEqual(scoresOf(answers));
    expect(output(inferred, "confidence").data).toEqual(answers.map(({ confidence }) => Math.fround(confidence)));
    expect(output(inferred, "status").data).toEqual(["answered", "answered", "answered"]);
    const regions = output(inferred, "id").data.map((id) => String(id).split("~")[1]);
    expect(regions).toEqual(["north", "south", "world"]);
  });

  it("accepts column vectors, any numeric datatype, nested or flat data, and the region as a parameter", async () => {
    const plain = await infer("easy", { inputs: tensors({ x0: [1, 2] }), parameters: { region: "south" } });
    for (const datatype of ["UINT8", "INT16", "UINT32", "INT64", "UINT64", "FP16", "FP32"]) {
      const inputs = [{ name: "x0", datatype, shape: [2, 1], data: [[1], [2]] }];
      const other = await infer("easy", { inputs, parameters: { region: "south" } });
      expect(output(other, "scores")).toEqual(output(plain, "scores"));
      expect(output(other, "id").data.every((id) => String(id).startsWith("easy~south~"))).toBe(true);
    }
  });

  it("returns the edge's answer, or a higher rung's with escalate", async () => {
    const inputs = tensors();
    expect(output(await infer("hard", { inputs }), "rung").data).toEqual(["edge", "edge", "edge"]);
    // The origin loads the network for the first question.
    await ask("hard", { instance: instance() });
    const escalated = await infer("hard", { inputs, parameters: { escalate: true } });
    expect(output(escalated, "rung").data).toEqual(["origin", "origin", "origin"]);
    expect(output(escalated, "scores").data).toEqual(scoresOf(await answersOf("hard", rows, { accept: "rule" })));
  });

  it("returns the provisional answer and the question's id if no rung accepts", async () => {
    const open = await infer("open", { inputs: tensors(), parameters: { escalate: true } });
    expect(output(open, "status").data).toEqual(["open", "open", "open"]);
    const id = output(open, "id").data[0];
    expect((await call("GET", `/v1/questions/${id}`, { token })).status).toBe(202);
  });

  it("answers with one of the candidates, and ranks only them", async () => {
    const [free] = await answersOf("easy", rows);
    const named = ["a", "b", "c"].filter((label) => label !== free?.label);
    const parameters = { candidates: JSON.stringify(named) };
    const plain = await infer("easy", { inputs: tensors(), parameters });
    expect(plain.outputs[0]?.data.every((label) => named.includes(label as string))).toBe(true);
    const outputs = [{ name: "scores", parameters: { classification: 3 } }];
    const ranked = await infer("easy", { inputs: tensors(), outputs, parameters });
    const [best] = ranked.outputs as [Output];
    expect(best.shape).toEqual([3, 2]);
    expect(best.data.some((text) => (text as string).endsWith(`:${free?.label}`))).toBe(false);
    for (const candidates of ["a", '["boots"]', "[]", '["a","a"]']) {
      const body = { inputs: tensors(), parameters: { candidates } };
      const refused = await call("POST", "/v2/models/easy/infer", { token, body });
      expect(await refused.text()).toContain("candidates");
      expect([400, 422]).toContain(refused.status);
    }
  });

  it("returns the requested outputs in their order, and classes by score", async () => {
    const outputs = [{ name: "scores", parameters: { classification: 2 } }, { name: "label" }];
    const inferred = await infer("easy", { inputs: tensors(), outputs });
    expect(inferred.outputs.map(({ name }) => name)).toEqual(["scores", "label"]);
    const [best] = inferred.outputs as [Output];
    expect([best.datatype, best.shape]).toEqual(["BYTES", [3, 2]]);
    for (const [row, { scores }] of (await answersOf("easy", rows)).entries()) {
      const sorted = Object.entries(scores).sort(([, a], [, b]) => b - a);
      const expected = sorted
        .slice(0, 2)
        .map(([label, score]) => `${Math.fround(score)}:${"abc".indexOf(label)}:${label}`);
      expect(best.data.slice(2 * row, 2 * row + 2)).toEqual(expected);
    }
  });
});

describe("the caller", () => {
  it("is limited to the token's regions, and can use an idempotency key, as with ask", async () => {
    const inputs = tensors({ x0: [0.7], region: ["south"] });
    expect((await call("POST", "/v2/models/easy/infer", { token: "north-token", body: { inputs } })).status).toBe(403);
    const headers = { "idempotency-key": "oip-1" };
    const first = await infer("easy", { inputs }, { headers });
    expect(output(await infer("easy", { inputs }, { headers }), "id")).toEqual(output(first, "id"));
  });
});
