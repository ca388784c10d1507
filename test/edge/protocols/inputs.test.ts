import { beforeAll, describe, expect, it } from "vitest";
import type { Answer, Column, Input } from "#core/contract/index.ts";
import { call, expectOk, publish } from "#test/helpers/edge.ts";
import { answersOf, bytes, infer, inferBinary, output, scoresOf, texts, token } from "./infer.ts";
import { faultsOf } from "./open-inference-schema.ts";

const columns: Column[] = [
  { type: "number", name: "x0", mean: 0, deviation: 1 },
  { type: "cycle", name: "hour", period: 24 },
  { type: "category", name: "colour", values: ["red", "green"] },
];

beforeAll(async () => {
  await publish({ model: "mixed", columns, inputs: 5, threshold: 0 });
});

describe("a model of columns", () => {
  it("describes its inputs and outputs", async () => {
    const mixed = await (await expectOk(call("GET", "/v2/models/mixed", { token }))).json();
    expect(faultsOf("modelMetadata", mixed)).toEqual([]);
    expect(mixed).toEqual({
      name: "mixed",
      versions: ["1"],
      platform: "tensorflowjs_layersmodel",
      inputs: [
        { name: "x0", datatype: "FP64", shape: [-1] },
        { name: "hour", datatype: "FP64", shape: [-1] },
        { name: "colour", datatype: "BYTES", shape: [-1] },
        { name: "region", datatype: "BYTES", shape: [-1] },
      ],
      outputs: [
        { name: "label", datatype: "BYTES", shape: [-1] },
        { name: "scores", datatype: "FP32", shape: [-1, 3], parameters: { labels: ["a", "b", "c"] } },
        ...[{ name: "confidence", datatype: "FP32", shape: [-1] }],
        ...["status", "rung", "version", "id"].map((name) => ({ name, datatype: "BYTES", shape: [-1] })),
      ],
    });
  });

  it("treats NaN, null and an empty string as missing", async () => {
    const inputs = [
      { name: "x0", datatype: "FP32", shape: [2], data: [null, 1] },
      { name: "hour", datatype: "FP64", shape: [2], data: [6, null] },
      { name: "colour", datatype: "BYTES", shape: [2], data: ["green", ""] },
    ];
    const answers = await answersOf("mixed", [
      { x0: null, hour: 6, colour: "green" },
      { x0: 1, hour: null, colour: null },
    ]);
    // The schema knows no null: JSON has no other way to say NaN.
    const response = await expectOk(call("POST", "/v2/models/mixed/infer", { token, body: { inputs } }));
    expect(output(await response.json(), "scores").data).toEqual(scoresOf(answers));
    const { json } = await inferBinary("mixed", [
      ["x0", "FP32", bytes(8, (view) => [view.setFloat32(0, Number.NaN, true), view.setFloat32(4, 1, true)])],
      ["hour", "FP64", bytes(16, (view) => [view.setFloat64(0, 6, true), view.setFloat64(8, Number.NaN, true)])],
      ["colour", "BYTES", texts("green", "")],
    ]);
    expect(output(json, "scores").data).toEqual(scoresOf(answers));
  });
});

describe("a model of one tensor", () => {
  const values = [0.5, -1, 2, 0, 1, 1, -0.25, 3];
  const rows = [values.slice(0, 4), values.slice(4)];
  const instances = (datatype: string, shape: number[], data: unknown) => [{ name: "instance", datatype, shape, data }];
  const parameters = { region: "south" };

  beforeAll(async () => {
    const tensor: Input = { kind: "tensor", dtype: "float32", scale: 1, offset: 0, shape: [4] };
    await publish({ model: "plain", threshold: 0, input: tensor });
    await publish({ model: "whole", threshold: 0, input: { ...tensor, dtype: "int32" } });
    const image: Input = { kind: "image", size: [2, 2], channels: 1, scale: 1 / 255, offset: 0 };
    await publish({ model: "picture", threshold: 0, input: image });
  });

  it("describes its shape", async () => {
    const inputsOf = async (model: string) =>
      (await (await expectOk(call("GET", `/v2/models/${model}`, { token }))).json<{ inputs: object }>()).inputs;
    expect(await inputsOf("plain")).toEqual([{ name: "instance", datatype: "FP32", shape: [-1, 4] }]);
    expect(await inputsOf("whole")).toEqual([{ name: "instance", datatype: "INT32", shape: [-1, 4] }]);
    expect(await inputsOf("picture")).toEqual([{ name: "instance", datatype: "UINT8", shape: [-1, 2, 2, 1] }]);
  });

  it("answers like ask for flat and nested JSON, bytes, and datatypes that convert without loss", async () => {
    const expected = scoresOf(await answersOf("plain", rows));
    for (const [datatype, data] of [...[values, rows].map((one) => ["FP32", one]), ["FP16", values], ["FP64", rows]]) {
      const inferred = await infer("plain", { inputs: instances(datatype as string, [2, 4], data), parameters });
      expect(output(inferred, "scores").data).toEqual(expected);
      expect(output(inferred, "id").data.every((id) => String(id).startsWith("plain~south~"))).toBe(true);
    }
    const float32 = new Uint8Array(Float32Array.from(values).buffer);
    const { json } = await inferBinary("plain", [["instance", "FP32", float32, [2, 4]]]);
    expect(output(json, "scores").data).toEqual(expected);
    const pixels = [0, 255, 128, 7];
    const [picture] = await answersOf("picture", [pixels]);
    for (const shape of [
      [1, 2, 2, 1],
      [1, 2, 2],
    ]) {
      const { json: seen } = await inferBinary("picture", [["instance", "UINT8", Uint8Array.from(pixels), shape]]);
      expect(output(seen, "scores").data).toEqual(scoresOf([picture as Answer]));
    }
  });

  it("rejects values that would be rounded", async () => {
    const refused: [string, string, number[], unknown, RegExp][] = [
      ["plain", "FP64", [1, 4], [0.1, 0, 0, 0], /FP32 represents exactly.*0\.1 as FP64/],
      ["plain", "INT32", [1, 4], [2 ** 24 + 1, 0, 0, 0], /FP32 represents exactly/],
      ["plain", "BOOL", [1, 4], [true, true, true, true], /FP32 represents exactly/],
      ["plain", "FP32", [4], [1, 2, 3, 4], /shape \[4,4\]/],
      ["plain", "FP32", [1, 1, 4], [1, 2, 3, 4], /shape \[1,4\]/],
      ["plain", "FP32", [1, 4], [null, 0, 0, 0], /finite/],
      ["whole", "FP32", [1, 4], [0.5, 0, 0, 0], /integer/],
      ["picture", "INT16", [1, 2, 2, 1], [256, 0, 0, 0], /pixel/],
    ];
    for (const [model, datatype, shape, data, what] of refused) {
      const body = { inputs: instances(datatype, shape, data) };
      const response = await call("POST", `/v2/models/${model}/infer`, { token, body });
      const { error } = await response.json<{ error: string }>();
      expect([response.status, error]).toEqual([400, expect.stringMatching(what)]);
    }
  });
});
