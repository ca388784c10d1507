import { listDurableObjectIds } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { beforeAll, describe, expect, it } from "vitest";
import { bodyMaxBytes } from "#core/contract/index.ts";
import { jsonLengthHeader } from "#edge/protocols/open-inference/request.ts";
import { type CallOptions, call, publish } from "#test/helpers/edge.ts";
import { faultsOf } from "./open-inference-schema.ts";

const token = "ask-token";
const infer = "/v2/models/open/infer";
const predict = "/v1/models/open:predict";

beforeAll(async () => {
  await publish({ model: "open" });
});

const x0 = { name: "x0", shape: [2], datatype: "FP64", data: [1, 2] };
const escalate = { parameters: { escalate: true } };
const of = (...inputs: object[]): CallOptions => ({ token, body: { inputs, ...escalate } });
const binary = (json: object, bytes: number[], header?: string): CallOptions => {
  const head = new TextEncoder().encode(JSON.stringify({ ...escalate, ...json }));
  return {
    token,
    raw: Uint8Array.from([...head, ...bytes]),
    headers: { [jsonLengthHeader]: header ?? String(head.byteLength) },
  };
};
const sized = (datatype: string, shape: number[], size: number) => {
  return { inputs: [{ name: "x0", shape, datatype, parameters: { binary_data_size: size } }] };
};
const rows = (instances: unknown): CallOptions => ({ token, body: { instances, signature_name: "escalate" } });
const deep = (depth: number) => `${"[".repeat(depth)}1${"]".repeat(depth)}`;

const refusals: [string, number, string, CallOptions, RegExp][] = [
  ["an unknown model", 404, "/v2/models/nothing/infer", of(x0), /model 'nothing'/],
  ["an unknown version", 404, "/v2/models/open/versions/9/infer", of(x0), /version '9' of model 'open'/],
  ["a version that is no number", 404, "/v2/models/open/versions/1e0/infer", of(x0), /version '1e0'/],
  ["no token", 401, infer, { ...of(x0), token: null }, /token/],
  ["a token without the model", 403, infer, { ...of(x0), token: "narrow-token" }, /model 'open'/],
  ["a token without the region", 403, infer, { ...of(x0), token: "north-token" }, /region 'world'/],
  ["broken JSON", 400, infer, { token, raw: '{"inputs":[' }, /broken JSON/],
  ["an empty body", 400, infer, { token, raw: "" }, /empty body/],
  ["a body too large", 413, infer, { token, raw: `"${"x".repeat(bodyMaxBytes)}"` }, /4194304 bytes/],
  ["no inputs", 400, infer, of(), /inputs/],
  ["an unknown input", 400, infer, of({ ...x0, name: "x9" }), /among x0, x1, x2, x3, region.*input 'x9'/],
  ["an input twice", 400, infer, of(x0, x0), /x0 must be present once/],
  ["inputs of different batches", 400, infer, of(x0, { ...x0, name: "x1", shape: [1], data: [1] }), /x1.*shape \[2\]/],
  ["an unknown datatype", 400, infer, of({ ...x0, datatype: "BF16" }), /datatype/],
  [
    "a wrong datatype for a column",
    400,
    infer,
    of({ ...x0, datatype: "BYTES", data: ["1", "two"] }),
    /x0.*finite number/,
  ],
  ["a shape that is not a column's", 400, infer, of({ ...x0, shape: [1, 2] }), /x0 must be shape \[1\]/],
  ["a negative shape", 400, infer, of({ ...x0, shape: [-1] }), /shape/],
  ["a huge shape", 400, infer, of({ ...x0, shape: [9e15, 9e15] }), /4194304 values/],
  ["a huge shape with nothing in it", 400, infer, of({ ...x0, shape: [0, 9e15], data: [] }), /1 to 1024/],
  ["a shape of too many dimensions", 400, infer, of({ ...x0, shape: [1, 1, 1, 1, 1, 1, 1, 1, 2] }), /shape/],
  ["a scalar", 400, infer, of({ ...x0, shape: [], data: [1] }), /1 to 1024/],
  ["too many questions", 400, infer, of({ ...x0, shape: [1025], data: Array(1025).fill(1) }), /1 to 1024/],
  ["too few values", 400, infer, of({ ...x0, data: [1] }), /2 values/],
  ["too many values", 400, infer, of({ ...x0, data: [1, 2, 3] }), /2 values/],
  ["values nested in another shape", 400, infer, of({ ...x0, data: [[1, 2]] }), /2 values at depth 0/],
  ["values nested too deep", 400, infer, of({ ...x0, shape: [2, 1], data: [[[1]], [[2]]] }), /an array of 1/],
  ["values that are not an array", 400, infer, of({ ...x0, data: "1,2" }), /array of 2 values/],
  ["a fraction as an integer", 400, infer, of({ ...x0, datatype: "INT8", data: [1.5, 1] }), /from -128 to 127/],
  ["an integer outside its datatype", 400, infer, of({ ...x0, datatype: "UINT8", data: [1, 256] }), /from 0 to 255/],
  ["an unsafe integer", 400, infer, of({ ...x0, datatype: "INT64", data: [1, 2 ** 53] }), /9007199254740991/],
  ["a number beyond its datatype", 400, infer, of({ ...x0, datatype: "FP16", data: [1, 1e5] }), /16 bits/],
  ["neither data nor bytes", 400, infer, of({ ...x0, data: undefined }), /neither/],
  ["both data and bytes", 400, infer, of({ ...x0, parameters: { binary_data_size: 0 } }), /both/],
  ["missing bytes", 400, infer, of({ ...x0, data: undefined, parameters: { binary_data_size: 16 } }), /0/],
  ["an unknown output", 400, infer, { token, body: { inputs: [x0], outputs: [{ name: "y" }] } }, /output 'y'/],
  [
    "an output twice",
    400,
    infer,
    { token, body: { inputs: [x0], outputs: [{ name: "label" }, { name: "label" }] } },
    /'label' twice/,
  ],
  [
    "classification of an output without numbers",
    400,
    infer,
    { token, body: { inputs: [x0], outputs: [{ name: "label", parameters: { classification: 1 } }] } },
    /numeric to use classification; received 'label'/,
  ],
  ["an unlisted region", 400, infer, { token, body: { inputs: [x0], parameters: { region: "moon" } } }, /north, south/],
  ["a JSON length beyond the body", 400, infer, binary(sized("FP64", [1], 8), [], "9999"), /'9999'/],
  ["a negative JSON length", 400, infer, binary(sized("FP64", [1], 8), [], "-1"), /'-1'/],
  ["a JSON length of zero", 400, infer, binary(sized("FP64", [1], 8), [], "0"), /empty body/],
  ["bytes of another size", 400, infer, binary(sized("FP64", [2], 8), Array(8).fill(0)), /16 bytes/],
  ["bytes beyond the body", 400, infer, binary(sized("FP64", [1], 8), Array(7).fill(0)), /7/],
  ["bytes that belong to no input", 400, infer, binary(sized("FP64", [1], 8), Array(9).fill(0)), /9 bytes/],
  ["an infinite number", 400, infer, binary(sized("FP32", [1], 4), [0, 0, 0x80, 0x7f]), /x0.*finite/],
  ["an unsafe integer in bytes", 400, infer, binary(sized("UINT64", [1], 8), Array(8).fill(255)), /index 0/],
  ["a byte that is not a boolean", 400, infer, binary(sized("BOOL", [1], 1), [2]), /1 or 0/],
  ["a text that exceeds the data", 400, infer, binary(sized("BYTES", [1], 5), [9, 0, 0, 0, 65]), /exceeds the data/],
  ["too few texts", 400, infer, binary(sized("BYTES", [2], 5), [1, 0, 0, 0, 65]), /1 elements in 5 of 5/],
  ["bytes after the texts", 400, infer, binary(sized("BYTES", [1], 6), [1, 0, 0, 0, 65, 66]), /1 elements in 5 of 6/],
  ["a text that is not UTF-8", 400, infer, binary(sized("BYTES", [1], 5), [1, 0, 0, 0, 255]), /UTF-8/],
  ["an unknown model", 404, "/v1/models/nothing:predict", rows([{ x0: 1 }]), /model 'nothing'/],
  ["an unknown version", 404, "/v1/models/open/versions/9:predict", rows([{ x0: 1 }]), /version '9'/],
  ["no token", 401, predict, { ...rows([{ x0: 1 }]), token: null }, /token/],
  ["neither rows nor columns", 400, predict, { token, body: {} }, /either instances or inputs/],
  ["rows and columns", 400, predict, { token, body: { instances: [1], inputs: [1] } }, /either/],
  ["an unknown signature", 400, predict, { token, body: { instances: [{ x0: 1 }], signature_name: "x" } }, /signature/],
  ["no rows", 400, predict, rows([]), /1 to 1024/],
  ["too many rows", 400, predict, rows(Array(1025).fill({ x0: 1 })), /1 to 1024/],
  ["rows that are not an array", 400, predict, rows("all"), /1 to 1024/],
  ["rows without names", 400, predict, rows([1]), /object with the inputs x0/],
  ["rows of two kinds", 400, predict, rows([{ x0: 1 }, 1]), /only objects or only values/],
  ["an unknown input", 400, predict, rows([{ x9: 1 }]), /input 'x9'/],
  ["a value of another type", 400, predict, rows([{ x0: "1" }]), /64 bits/],
  ["a value nested too deep", 400, predict, rows([{ x0: [[1]] }]), /an array of 1/],
  ["columns of different lengths", 400, predict, { token, body: { inputs: { x0: [1], x1: [1, 2] } } }, /x1/],
  ["a column that is none", 400, predict, { token, body: { inputs: { x0: 1 } } }, /x0 must be an array/],
  ["no columns", 400, predict, { token, body: { inputs: {} } }, /1 to 1024/],
  ["a nest without end", 400, predict, { token, raw: `{"inputs":{"x0":${deep(200_000)}}}` }, /x0/],
  ["a nest without end", 400, infer, { token, raw: `{"inputs":${deep(200_000)}}` }, /inputs/],
];

describe("bad input", () => {
  it.each(refusals)(
    "%s is %i in the form of the protocol, and stores nothing",
    async (_, status, path, options, what) => {
      const before = await stored();
      const response = await call("POST", path, options);
      const body = await response.json<{ error: string }>();
      expect([response.status, body.error]).toEqual([status, expect.stringMatching(what)]);
      expect(Object.keys(body)).toEqual(["error"]);
      expect(faultsOf("error", body)).toEqual([]);
      expect(await stored()).toEqual(before);
    },
  );
});

async function stored(): Promise<number> {
  return (await listDurableObjectIds(env.REGION)).length;
}
