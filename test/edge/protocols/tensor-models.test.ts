import { beforeAll, describe, expect, it } from "vitest";
import type { TensorAnswer } from "#core/contract/index.ts";
import { call, expectOk, publishBuilt } from "#test/helpers/edge.ts";
import { seeded, uniform } from "#test/helpers/random.ts";
import { graphOfTensors, layersOfTensors } from "#test/helpers/tensor-models.ts";
import { floats, infer, inferBinary, output, token } from "./infer.ts";
import { faultsOf } from "./open-inference-schema.ts";

const random = seeded(12);
const pictures = uniform(random, 2 * 8 * 7 * 2);
const places = uniform(random, 2 * 3);

const inputs = [
  { name: "picture", datatype: "FP32", shape: [2, 8, 7, 2], data: [...pictures] },
  { name: "place", datatype: "FP32", shape: [2, 3], data: [...places] },
];
const rows = [0, 1].map((row) => ({
  picture: nested([...pictures.subarray(row * 112, (row + 1) * 112)], [8, 7, 2]),
  place: [...places.subarray(row * 3, (row + 1) * 3)],
}));

function nested(values: number[], [, ...rest]: number[]): unknown[] {
  if (rest.length === 0) return values;
  const size = rest.reduce((product, dimension) => product * dimension, 1);
  return Array.from({ length: values.length / size }, (_, i) => nested(values.slice(i * size, (i + 1) * size), rest));
}

let asked: TensorAnswer[];
const flat = (name: string) => asked.flatMap(({ outputs }) => (outputs[name] as unknown[]).flat(3));

beforeAll(async () => {
  await publishBuilt(await layersOfTensors("couple"));
  await publishBuilt(await graphOfTensors("singly", 1, false));
  const response = await expectOk(call("POST", "/v1/models/couple/ask", { token, body: { instances: rows } }));
  asked = (await response.json<{ answers: TensorAnswer[] }>()).answers;
});

describe("a tensor model", () => {
  it("is described by its inputs and outputs, and is ready", async () => {
    const metadata = await (await expectOk(call("GET", "/v2/models/couple", { token }))).json();
    expect(faultsOf("modelMetadata", metadata)).toEqual([]);
    expect(metadata).toEqual({
      ...{ name: "couple", versions: ["1"], platform: "tensorflowjs_layersmodel" },
      inputs: [
        { name: "picture", datatype: "FP32", shape: [-1, 8, 7, 2] },
        { name: "place", datatype: "FP32", shape: [-1, 3] },
      ],
      outputs: [
        { name: "embedding", datatype: "FP32", shape: [-1, 6] },
        { name: "pixels", datatype: "FP32", shape: [-1, 3, 2, 5] },
      ],
    });
    await expectOk(call("GET", "/v2/models/couple/versions/1/ready", { token }));
  });

  it("infers the same as ask, in JSON and in bytes", async () => {
    const inferred = await infer("couple", { id: "a", inputs });
    expect(inferred).toMatchObject({ model_name: "couple", model_version: "1", id: "a" });
    expect(output(inferred, "embedding")).toMatchObject({ datatype: "FP32", shape: [2, 6], data: flat("embedding") });
    expect(output(inferred, "pixels")).toMatchObject({ shape: [2, 3, 2, 5], data: flat("pixels") });
    const { blobs } = await inferBinary(
      "couple",
      [
        ["place", "FP32", new Uint8Array(places.buffer), [2, 3]],
        ["picture", "FP32", new Uint8Array(pictures.buffer), [2, 8, 7, 2]],
      ],
      { outputs: [{ name: "pixels" }], parameters: { binary_data_output: true } },
    );
    expect(floats(blobs.get("pixels"))).toEqual(flat("pixels"));
    const first = await expectOk(call("POST", "/v2/models/couple/versions/1/infer", { token, body: { inputs } }));
    expect(await first.json()).toMatchObject({ outputs: [{ data: flat("embedding") }, {}] });
  });

  it("returns the largest values of an output with their indexes", async () => {
    const outputs = [{ name: "embedding", parameters: { classification: 2 } }];
    const best = output(await infer("couple", { inputs, outputs }), "embedding");
    expect(best).toMatchObject({ datatype: "BYTES", shape: [2, 2] });
    const values = flat("embedding") as number[];
    const expected = [0, 6].flatMap((start) => {
      const own = [...values.slice(start, start + 6).entries()].sort(([, a], [, b]) => b - a);
      return own.slice(0, 2).map(([index, value]) => `${value}:${index}`);
    });
    expect(best.data).toEqual(expected);
  });

  it("predicts by rows and by columns", async () => {
    const byRow = await predict<{ predictions: TensorAnswer["outputs"][] }>("couple", { instances: rows });
    expect(byRow.predictions).toEqual(asked.map(({ outputs }) => outputs));
    const columns = { picture: rows.map(({ picture }) => picture), place: rows.map(({ place }) => place) };
    const byColumn = await predict<{ outputs: TensorAnswer["outputs"] }>("couple", { inputs: columns });
    expect(byColumn.outputs.pixels).toEqual(asked.map(({ outputs }) => outputs.pixels));
  });

  it("returns its only output without a name", async () => {
    const instances = rows.map(({ picture, place }) => ({ what: picture, where: place }));
    const { predictions } = await predict<{ predictions: number[][] }>("singly", { instances });
    expect(predictions.map((scores) => scores.length)).toEqual([4, 4]);
    for (const scores of predictions) expect(scores.reduce((sum, score) => sum + score, 0)).toBeCloseTo(1, 5);
  });

  it("rejects inputs that do not match", async () => {
    const [picture, place] = inputs as [object, object];
    const refused: [object[], RegExp][] = [
      [[picture], /input 'place'/],
      [[picture, { ...place, shape: [3, 2] }], /place must be shape \[2,3\]/],
      [[picture, { ...place, datatype: "FP64", data: Array(6).fill(0.1) }], /FP32 represents exactly.*0\.1/],
      [[picture, { ...place, datatype: "BOOL", data: Array(6).fill(true) }], /true as BOOL/],
      [[picture, { ...place, data: Array(6).fill(null) }], /finite/],
      [[picture, place, { ...place, name: "time" }], /input 'time'/],
    ];
    for (const [spoilt, what] of refused) {
      const response = await call("POST", "/v2/models/couple/infer", { token, body: { inputs: spoilt } });
      const { error } = await response.json<{ error: string }>();
      expect([response.status, error]).toEqual([400, expect.stringMatching(what)]);
    }
  });
});

async function predict<T>(model: string, body: object): Promise<T> {
  return (await expectOk(call("POST", `/v1/models/${model}:predict`, { token, body }))).json();
}
