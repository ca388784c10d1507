import { beforeAll, describe, expect, it } from "vitest";
import type { Column, Regions } from "#core/contract/index.ts";
import { call, expectOk, publish } from "#test/helpers/edge.ts";
import { token } from "./infer.ts";
import { faultsOf } from "./open-inference-schema.ts";

// Requests as the protocols' own documents print them: inference_rest.md of kserve/open-inference-protocol,
// extension_binary_data.md of triton-inference-server/server, api_rest.md of tensorflow/serving.

beforeAll(async () => {
  const columns: Column[] = ["input0", "input1"].map((name) => ({ type: "number", name, mean: 0, deviation: 1 }));
  await publish({ model: "mymodel", columns, inputs: 2, threshold: 0 });
  await publish({ model: "half", columns: columns.slice(0, 1), inputs: 1, threshold: 0, policy: { regions } });
});

const regions: Regions = { from: "header", name: "x-upriver-region", keys: ["north"], parent: "world" };

describe("an example request of the specification", () => {
  it("in JSON is read, and rejected if its data does not match its shape", async () => {
    const input0 = { name: "input0", shape: [2, 2], datatype: "UINT32", data: [1, 2, 3, 4] };
    const input1 = { name: "input1", shape: [3], datatype: "BOOL", data: [true] };
    const example = { id: "42", inputs: [input0, input1], outputs: [{ name: "output0" }] };
    expect(faultsOf("inferRequest", example)).toEqual([]);
    expect(await refusalOf({ body: example })).toMatch(/inputs\.1 must be of shape \[3\], with 3 values/);
    const whole = { ...example, inputs: [input0, { ...input1, data: [true, false, true] }] };
    expect(await refusalOf({ body: whole })).toMatch(/output 'output0'/);
    const { outputs: _, ...all } = whole;
    expect(await refusalOf({ body: all })).toMatch(/input0 must be shape \[2\]; received shape \[2,2\]/);
    const fitting = { ...all, inputs: [{ ...input0, shape: [4] }] };
    const answered = await expectOk(call("POST", "/v2/models/mymodel/infer", { token, body: fitting }));
    expect(await answered.json()).toMatchObject({ id: "42", model_name: "mymodel" });
  });

  it("in binary form is read completely", async () => {
    const sized = (binary_data_size: number) => ({ parameters: { binary_data_size } });
    const head = (shape: number[], outputs?: object[]) => ({
      model_name: "mymodel",
      inputs: [
        { name: "input0", shape, datatype: "UINT32", ...sized(16) },
        { name: "input1", shape: [3], datatype: "BOOL", ...sized(3) },
      ],
      outputs,
    });
    const output0 = [{ name: "output0", parameters: { binary_data: true } }];
    expect(faultsOf("inferRequest", head([2, 2], output0))).toEqual([]);
    expect(await refusalOf(binary(head([2, 2], output0), 19))).toMatch(/output 'output0'/);
    expect(await refusalOf(binary(head([2, 2]), 18))).toMatch(/3 bytes after the JSON; received 2/);
    expect(await refusalOf(binary(head([2, 2]), 19))).toMatch(/input0 must be shape \[2\]/);
    expect(await refusalOf(binary(head([4]), 19))).toMatch(/input1 must be shape \[4\]/);
    const { inputs } = head([4]);
    const only = { inputs: inputs.slice(0, 1), outputs: [{ name: "scores", parameters: { binary_data: true } }] };
    const response = await expectOk(call("POST", "/v2/models/mymodel/infer", binary(only, 16)));
    const jsonBytes = Number(response.headers.get("inference-header-content-length"));
    expect((await response.arrayBuffer()).byteLength).toBe(jsonBytes + 4 * 3 * 4);
  });

  it("of TensorFlow Serving gets one prediction for each instance", async () => {
    const body = { instances: [1.0, 2.0, 5.0] };
    const response = await expectOk(call("POST", "/v1/models/half:predict", { token, body }));
    const { predictions } = await response.json<{ predictions: object[] }>();
    expect(predictions).toHaveLength(3);
    const unknown = await call("POST", "/v1/models/half-plus:predict", { token, body });
    expect([unknown.status, Object.keys(await unknown.json())]).toEqual([404, ["error"]]);
  });
});

async function refusalOf(options: object): Promise<string> {
  const response = await call("POST", "/v2/models/mymodel/infer", { token, ...options });
  const body = await response.json<{ error: string }>();
  expect([response.status, faultsOf("error", body)]).toEqual([400, []]);
  return body.error;
}

function binary(json: object, bytes: number) {
  const head = new TextEncoder().encode(JSON.stringify(json));
  const raw = Uint8Array.from([...head, ...Array.from({ length: bytes }, (_, i) => i % 2)]);
  const headers = { "content-type": "application/octet-stream", "inference-header-content-length": `${head.length}` };
  return { token, raw, headers };
}
