import { beforeAll, describe, expect, it } from "vitest";
import type { Answer, Column } from "../../../workers/core/contract/index.ts";
import { jsonLengthHeader } from "../../../workers/edge/protocols/open-inference/request.ts";
import { ask, type CallOptions, call, expectOk, instance, publish } from "../../helpers/edge.ts";
import { faultsOf } from "./open-inference-schema.ts";

const token = "ask-token";
const columns: Column[] = [
  { type: "number", name: "x0", mean: 0, deviation: 1 },
  { type: "cycle", name: "hour", period: 24 },
  { type: "category", name: "colour", values: ["red", "green"] },
];

beforeAll(async () => {
  for (const model of ["easy", "hard", "open"]) await publish({ model });
  await publish({ model: "mixed", columns, inputs: 5, threshold: 0 });
  await publish({ model: "two", seed: 3, threshold: 0 });
  await publish({ model: "two", seed: 4, threshold: 0, version: 2 });
});

interface Output {
  name: string;
  datatype: string;
  shape: number[];
  data: (number | string)[];
  parameters?: { binary_data_size: number };
}

interface Inferred {
  model_name: string;
  model_version?: string;
  id?: string;
  outputs: Output[];
}

/** Three questions as columns; each may be put in another datatype. */
const three = {
  region: ["north", "south", "moon"],
  x0: [0.1, 0.2, 0.3],
  x1: [1, 1, 1],
  x2: [-0.5, -0.5, -0.5],
};
const rows = three.x0.map((x0, i) => ({ region: three.region[i] as string, x0, x1: 1, x2: -0.5, x3: null }));

function tensors(data: Record<string, unknown[]> = three) {
  return Object.entries(data).map(([name, values]) => {
    const datatype = typeof values[0] === "string" ? "BYTES" : "FP64";
    return { name, datatype, shape: [values.length] as number[], data: values as unknown };
  });
}

/** Asks in JSON; the protocol's own schema judges what goes and what comes. */
async function infer(model: string, body: object, options: CallOptions = {}): Promise<Inferred> {
  expect(faultsOf("inferRequest", body)).toEqual([]);
  const response = await expectOk(call("POST", `/v2/models/${model}/infer`, { token, body, ...options }));
  const inferred: Inferred = await response.json();
  expect(faultsOf("inferResponse", inferred)).toEqual([]);
  return inferred;
}

const output = ({ outputs }: Inferred, name: string) => outputs.find((one) => one.name === name) as Output;

async function answersOf(model: string, instances: object[], body: object = {}): Promise<Answer[]> {
  const response = await expectOk(
    call("POST", `/v1/models/${model}/ask`, { token, body: { instances, accept: "always", ...body } }),
  );
  return (await response.json<{ answers: Answer[] }>()).answers;
}

const scoresOf = (answers: Answer[]) => answers.flatMap(({ scores }) => Object.values(scores).map(Math.fround));

describe("the server", () => {
  it("says that it lives and is ready, to anybody", async () => {
    for (const path of ["/v2/health/live", "/v2/health/ready"]) {
      const response = await call("GET", path, { token: null });
      expect(response.status).toBe(200);
      expect(await response.json()).toMatchObject({ live: true });
    }
  });

  it("names itself and its extensions, with and without a slash", async () => {
    for (const path of ["/v2", "/v2/"]) {
      const metadata = await (await expectOk(call("GET", path, { token }))).json();
      const extensions = ["binary_tensor_data", "classification", "parameters"];
      expect(metadata).toMatchObject({ name: "upriver", extensions });
      expect(faultsOf("serverMetadata", metadata)).toEqual([]);
    }
  });
});

describe("a model", () => {
  it("says its versions, inputs and outputs", async () => {
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
    const two = await (await expectOk(call("GET", "/v2/models/two/versions/1", { token }))).json();
    expect(two).toMatchObject({ name: "two", versions: ["2", "1"] });
  });

  it("is ready, in each version that it has", async () => {
    for (const path of ["two", "two/versions/1", "two/versions/2"]) {
      const response = await expectOk(call("GET", `/v2/models/${path}/ready`, { token }));
      expect(await response.json()).toEqual({ name: "two", ready: true });
    }
    for (const path of ["two/versions/3", "two/versions/x", "two/versions/1.0", "nothing", "No%20name"]) {
      for (const end of ["", "/ready"]) {
        const response = await call("GET", `/v2/models/${path}${end}`, { token });
        expect([path, response.status]).toEqual([path, 404]);
        expect(await response.json()).toEqual({ error: expect.stringContaining("There is no") });
      }
    }
  });
});

describe("infer", () => {
  it("answers as ask does, a row of the columns each", async () => {
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

  it("takes columns upright, in any numeric datatype, nested or flat, and regions as a parameter", async () => {
    const plain = await infer("easy", { inputs: tensors({ x0: [1, 2] }), parameters: { region: "south" } });
    for (const datatype of ["UINT8", "INT16", "UINT32", "INT64", "UINT64", "FP16", "FP32"]) {
      const inputs = [{ name: "x0", datatype, shape: [2, 1], data: [[1], [2]] }];
      const other = await infer("easy", { inputs, parameters: { region: "south" } });
      expect(output(other, "scores")).toEqual(output(plain, "scores"));
      expect(output(other, "id").data.every((id) => String(id).startsWith("easy~south~"))).toBe(true);
    }
  });

  it("takes NaN, null and an empty text for missing", async () => {
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

  it("gives the edge's own answer, and another's with escalate", async () => {
    const inputs = tensors();
    expect(output(await infer("hard", { inputs }), "rung").data).toEqual(["edge", "edge", "edge"]);
    // The origin loads the network for the first question.
    await ask("hard", { instance: instance() });
    const climbed = await infer("hard", { inputs, parameters: { escalate: true } });
    expect(output(climbed, "rung").data).toEqual(["origin", "origin", "origin"]);
    expect(output(climbed, "scores").data).toEqual(scoresOf(await answersOf("hard", rows, { accept: "rule" })));
  });

  it("gives the best answer so far where nobody is sure, and the id to ask for more", async () => {
    const open = await infer("open", { inputs: tensors(), parameters: { escalate: true } });
    expect(output(open, "status").data).toEqual(["open", "open", "open"]);
    const id = output(open, "id").data[0];
    expect((await call("GET", `/v1/questions/${id}`, { token })).status).toBe(202);
  });

  it("is answered by the version of the path, else by the one that serves", async () => {
    const inputs = tensors({ x0: [1] });
    const newest = await infer("two", { inputs });
    const byVersion = async (version: number) =>
      (await expectOk(call("POST", `/v2/models/two/versions/${version}/infer`, { token, body: { inputs } }))).json();
    const [one, two] = [(await byVersion(1)) as Inferred, (await byVersion(2)) as Inferred];
    expect([newest.model_version, one.model_version, two.model_version]).toEqual(["2", "1", "2"]);
    expect(output(two, "scores")).toEqual(output(newest, "scores"));
    expect(output(one, "scores")).not.toEqual(output(two, "scores"));
    const climbed = await expectOk(
      call("POST", "/v2/models/two/versions/1/infer", { token, body: { inputs, parameters: { escalate: true } } }),
    );
    expect(output(await climbed.json(), "version").data).toEqual(["1"]);
  });

  it("gives the outputs that are asked for, in that order, and classes by their score", async () => {
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

describe("binary tensors", () => {
  const x0 = bytes(24, (view) => three.x0.map((value, i) => view.setFloat64(8 * i, value, true)));

  it("are answered as JSON is, JSON beside them", async () => {
    const json = await infer("easy", { inputs: tensors() });
    const binary = await inferBinary(
      "easy",
      [
        ["x0", "FP64", x0],
        ["region", "BYTES", texts(...three.region)],
      ],
      { inputs: tensors({ x1: three.x1, x2: three.x2 }) },
    );
    expect(output(binary.json, "scores")).toEqual(output(json, "scores"));
    expect(binary.response.headers.get("content-type")).toContain("application/json");
  });

  it("come back where they are asked for, all or some", async () => {
    const json = await infer("easy", { inputs: tensors() });
    const all = await inferBinary("easy", [["x0", "FP64", x0]], {
      inputs: tensors({ x1: three.x1, x2: three.x2, region: three.region }),
      parameters: { binary_data_output: true },
    });
    expect(all.response.headers.get("content-type")).toBe("application/octet-stream");
    expect(floats(all.blobs.get("scores"))).toEqual(output(json, "scores").data);
    expect(textsIn(all.blobs.get("label"))).toEqual(output(json, "label").data);
    expect(output(all.json, "scores").data).toBeUndefined();
    const outputs = [
      { name: "label" },
      { name: "scores", parameters: { binary_data: true } },
      { name: "confidence", parameters: { binary_data: true } },
    ];
    const some = await inferBinary("easy", [], { inputs: tensors(), outputs });
    expect(some.json.outputs.map(({ parameters }) => parameters?.binary_data_size)).toEqual([undefined, 36, 12]);
    expect(output(some.json, "label").data).toEqual(output(json, "label").data);
    expect(floats(some.blobs.get("confidence"))).toEqual(output(json, "confidence").data);
    const noneOfAll = await inferBinary("easy", [], {
      inputs: tensors(),
      outputs: [{ name: "label", parameters: { binary_data: false } }],
      parameters: { binary_data_output: true },
    });
    expect(noneOfAll.blobs.size).toBe(0);
  });

  it("hold every datatype", async () => {
    const plain = await infer("easy", { inputs: tensors({ x0: [2] }) });
    const one: [string, number, (view: DataView) => void][] = [
      ["UINT8", 1, (view) => view.setUint8(0, 2)],
      ["INT8", 1, (view) => view.setInt8(0, 2)],
      ["UINT16", 2, (view) => view.setUint16(0, 2, true)],
      ["INT16", 2, (view) => view.setInt16(0, 2, true)],
      ["UINT32", 4, (view) => view.setUint32(0, 2, true)],
      ["INT32", 4, (view) => view.setInt32(0, 2, true)],
      ["UINT64", 8, (view) => view.setBigUint64(0, 2n, true)],
      ["INT64", 8, (view) => view.setBigInt64(0, 2n, true)],
      ["FP16", 2, (view) => view.setUint16(0, 0x4000, true)],
      ["FP32", 4, (view) => view.setFloat32(0, 2, true)],
      ["FP64", 8, (view) => view.setFloat64(0, 2, true)],
    ];
    for (const [datatype, width, fill] of one) {
      const { json } = await inferBinary("easy", [["x0", datatype, bytes(width, fill)]]);
      expect([datatype, output(json, "scores")]).toEqual([datatype, output(plain, "scores")]);
    }
  });
});

/** Sends tensors as bytes after the JSON, with the JSON's own inputs, if any, before them. */
async function inferBinary(
  model: string,
  inputs: [string, string, Uint8Array][],
  rest: { inputs?: object[]; outputs?: object[]; parameters?: object } = {},
) {
  const own = inputs.map(([name, datatype, data]) => {
    const count = datatype === "BYTES" ? textsIn(data).length : data.byteLength / width(datatype);
    return { name, datatype, shape: [count], parameters: { binary_data_size: data.byteLength } };
  });
  const request = { ...rest, inputs: [...(rest.inputs ?? []), ...own] };
  expect(faultsOf("inferRequest", request)).toEqual([]);
  const json = new TextEncoder().encode(JSON.stringify(request));
  const raw = new Uint8Array(
    await new Blob([json, ...inputs.map(([, , data]) => data as Uint8Array<ArrayBuffer>)]).arrayBuffer(),
  );
  const headers = { [jsonLengthHeader]: String(json.byteLength), "content-type": "application/octet-stream" };
  const response = await expectOk(call("POST", `/v2/models/${model}/infer`, { token, raw, headers }));
  return { response, ...split(response, new Uint8Array(await response.arrayBuffer())) };
}

const width = (datatype: string) => Number(/\d+/.exec(datatype)?.[0] ?? 8) / 8;

function split({ headers }: Response, body: Uint8Array) {
  const jsonBytes = Number(headers.get(jsonLengthHeader) ?? body.byteLength);
  const json: Inferred = JSON.parse(new TextDecoder().decode(body.subarray(0, jsonBytes)));
  expect(faultsOf("inferResponse", json)).toEqual([]);
  const blobs = new Map<string, Uint8Array>();
  let at = jsonBytes;
  for (const { name, parameters } of json.outputs ?? []) {
    if (!parameters) continue;
    blobs.set(name, body.slice(at, at + parameters.binary_data_size));
    at += parameters.binary_data_size;
  }
  expect(at).toBe(body.byteLength);
  return { json, blobs };
}

function bytes(size: number, fill: (view: DataView) => unknown): Uint8Array {
  const view = new DataView(new ArrayBuffer(size));
  fill(view);
  return new Uint8Array(view.buffer);
}

function texts(...values: string[]): Uint8Array {
  const encoded = values.map((value) => [...new TextEncoder().encode(value)]);
  return Uint8Array.from(encoded.flatMap((text) => [text.length, 0, 0, 0, ...text]));
}

function textsIn(data: Uint8Array = new Uint8Array()): string[] {
  const found: string[] = [];
  for (let at = 0; at < data.length; at += 4 + (data[at] as number)) {
    found.push(new TextDecoder().decode(data.subarray(at + 4, at + 4 + (data[at] as number))));
  }
  return found;
}

function floats(data: Uint8Array = new Uint8Array()): number[] {
  return [...new Float32Array(data.buffer)];
}

describe("tensors in", () => {
  it("are told apart by the token's region and the caller's key, as ask does", async () => {
    const inputs = tensors({ x0: [0.7], region: ["south"] });
    expect((await call("POST", "/v2/models/easy/infer", { token: "north-token", body: { inputs } })).status).toBe(403);
    const headers = { "idempotency-key": "oip-1" };
    const first = await infer("easy", { inputs }, { headers });
    expect(output(await infer("easy", { inputs }, { headers }), "id")).toEqual(output(first, "id"));
  });
});
