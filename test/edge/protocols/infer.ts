import { expect } from "vitest";
import type { Answer } from "#core/contract/index.ts";
import { jsonLengthHeader } from "#edge/protocols/open-inference/request.ts";
import { type CallOptions, call, expectOk } from "#test/helpers/edge.ts";
import { faultsOf } from "./open-inference-schema.ts";

export const token = "ask-token";

export interface Output {
  name: string;
  datatype: string;
  shape: number[];
  data: (number | string)[];
  parameters?: { binary_data_size: number };
}

export interface Inferred {
  model_name: string;
  model_version?: string;
  id?: string;
  outputs: Output[];
}

/** Three questions as columns; each may be put in another datatype. */
export const three = {
  region: ["north", "south", "moon"],
  x0: [0.1, 0.2, 0.3],
  x1: [1, 1, 1],
  x2: [-0.5, -0.5, -0.5],
};
export const rows = three.x0.map((x0, i) => ({ region: three.region[i] as string, x0, x1: 1, x2: -0.5, x3: null }));

export function tensors(data: Record<string, unknown[]> = three) {
  return Object.entries(data).map(([name, values]) => {
    const datatype = typeof values[0] === "string" ? "BYTES" : "FP64";
    return { name, datatype, shape: [values.length] as number[], data: values as unknown };
  });
}

/** Asks in JSON; the protocol's own schema judges what goes and what comes. */
export async function infer(model: string, body: object, options: CallOptions = {}): Promise<Inferred> {
  expect(faultsOf("inferRequest", body)).toEqual([]);
  const response = await expectOk(call("POST", `/v2/models/${model}/infer`, { token, body, ...options }));
  const inferred: Inferred = await response.json();
  expect(faultsOf("inferResponse", inferred)).toEqual([]);
  return inferred;
}

export const output = ({ outputs }: Inferred, name: string) => outputs.find((one) => one.name === name) as Output;

export async function answersOf(model: string, instances: object[], body: object = {}): Promise<Answer[]> {
  const response = await expectOk(
    call("POST", `/v1/models/${model}/ask`, { token, body: { instances, accept: "always", ...body } }),
  );
  return (await response.json<{ answers: Answer[] }>()).answers;
}

export const scoresOf = (answers: Answer[]) => answers.flatMap(({ scores }) => Object.values(scores).map(Math.fround));

type BinaryInput = [name: string, datatype: string, data: Uint8Array, shape?: number[]];

/** Sends tensors as bytes after the JSON, with the JSON's own inputs, if any, before them. */
export async function inferBinary(
  model: string,
  inputs: BinaryInput[],
  rest: { inputs?: object[]; outputs?: object[]; parameters?: object } = {},
) {
  const own = inputs.map(([name, datatype, data, given]) => {
    const count = datatype === "BYTES" ? textsIn(data).length : data.byteLength / width(datatype);
    return { name, datatype, shape: given ?? [count], parameters: { binary_data_size: data.byteLength } };
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

export function bytes(size: number, fill: (view: DataView) => unknown): Uint8Array {
  const view = new DataView(new ArrayBuffer(size));
  fill(view);
  return new Uint8Array(view.buffer);
}

export function texts(...values: string[]): Uint8Array {
  const encoded = values.map((value) => [...new TextEncoder().encode(value)]);
  return Uint8Array.from(encoded.flatMap((text) => [text.length, 0, 0, 0, ...text]));
}

export function textsIn(data: Uint8Array = new Uint8Array()): string[] {
  const found: string[] = [];
  for (let at = 0; at < data.length; at += 4 + (data[at] as number)) {
    found.push(new TextDecoder().decode(data.subarray(at + 4, at + 4 + (data[at] as number))));
  }
  return found;
}

export function floats(data: Uint8Array = new Uint8Array()): number[] {
  return [...new Float32Array(data.buffer)];
}
