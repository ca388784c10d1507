import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { readModelFiles } from "#origin/import/files.ts";
import { type OnnxParts, onnxModel } from "#test/helpers/onnx-model.ts";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "upriver-onnx-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function saved(bytes: Uint8Array | string): Promise<string> {
  const path = join(await mkdtemp(join(folder, "model-")), "model.onnx");
  await writeFile(path, bytes);
  return path;
}

const relu: OnnxParts = {
  nodes: [{ op: "Relu", inputs: ["x"], outputs: ["y"], name: "/body/Relu" }],
  inputs: { x: ["batch", 3] },
  outputs: ["y"],
};
const nodes = (op: string, attributes = {}, domain = ""): OnnxParts => ({
  ...relu,
  nodes: [...relu.nodes, { op, domain, inputs: ["y"], outputs: ["z"], name: `/body/${op}`, attributes }],
  outputs: ["z"],
});

describe("an ONNX model that cannot be converted", () => {
  it.each<[string, OnnxParts, RegExp]>([
    [
      "an unknown operator",
      nodes("GridSample"),
      /'GridSample' in node '\/body\/GridSample' \(GridSample: y → z\).*Replace/,
    ],
    ["an operator of another domain", nodes("Attention", {}, "com.microsoft"), /'com.microsoft.Attention' in node/],
    ["an attribute", nodes("ArgMax", { select_last_index: 1 }), /node '\/body\/ArgMax' .*select_last_index=1 is not/],
    ["an axis that is not there", nodes("Softmax", { axis: 7 }), /node '\/body\/Softmax' .*axis 7 of a tensor of 2/],
    ["a first dimension that is no batch", { ...relu, inputs: { x: [5, 3] } }, /first dimension of 5.*dynamic_axes/],
    ["a single number as input", { ...relu, inputs: { x: [] } }, /single number.*batch/],
    ["an open shape", { ...relu, inputs: { x: ["batch", "length"] } }, /\[length\] after the batch.*--shape x=/],
    ["an old opset", { ...relu, opset: 9 }, /opset 9; 11 to 23.*opset_version=17/],
    ["a tensor that no node computes", { ...relu, outputs: ["gone"] }, /no node computes the output 'gone'/],
  ])("is refused by name: %s", async (_what, parts, expected) => {
    await expect(readModelFiles(await saved(onnxModel(parts)))).rejects.toThrow(expected);
  });

  it.each<[string, Uint8Array | string, RegExp]>([
    ["a JSON file", '{"format": "graph-model"}', /is not an ONNX model/],
    ["an empty file", "", /is not an ONNX model/],
    ["a pointer of Git LFS", "version https://git-lfs.github.com/spec/v1\noid sha256:00", /git lfs pull/],
    ["an archive of torch.save", "PK\u0003\u0004model/data.pkl", /torch\.onnx\.export/],
    ["a file that was cut off", onnxModel(relu).subarray(0, 40), /is not an ONNX model, or is damaged/],
  ])("is recognised: %s", async (_what, bytes, expected) => {
    await expect(readModelFiles(await saved(bytes))).rejects.toThrow(expected);
  });

  it("takes the shape of an input that leaves it open", async () => {
    const path = await saved(onnxModel({ ...relu, inputs: { x: ["batch", "length"] } }));
    expect(JSON.stringify((await readModelFiles(path, { shapes: { x: [4] } })).modelJson.signature)).toContain('"4"');
    await expect(readModelFiles(path, { shapes: { x: [4, 2] } })).rejects.toThrow("has 2 sizes, but the input has 1");
  });
});

describe("weights in a file beside the model", () => {
  const parts = (location: string, length = 12): OnnxParts => ({
    nodes: [{ op: "Add", inputs: ["x", "w"], outputs: ["y"] }],
    ...{ inputs: { x: ["batch", 3] }, outputs: ["y"] },
    tensors: [{ name: "w", shape: [3], external: { location, offset: 4, length } }],
  });

  it("are read from the model's folder", async () => {
    const path = await saved(onnxModel(parts("model.onnx.data")));
    await writeFile(`${path}.data`, new Uint8Array(Float32Array.of(9, 1, 2, 3).buffer));
    expect([...new Float32Array((await readModelFiles(path)).values)]).toEqual([1, 2, 3]);
  });

  it("are refused from anywhere else, when they are missing, and when they end too early", async () => {
    await expect(readModelFiles(await saved(onnxModel(parts("../secret"))))).rejects.toThrow("outside its folder");
    await expect(readModelFiles(await saved(onnxModel(parts("/etc/passwd"))))).rejects.toThrow("outside its folder");
    await expect(readModelFiles(await saved(onnxModel(parts("gone.data"))))).rejects.toThrow("Copy that file beside");
    const path = await saved(onnxModel(parts("short.data")));
    await mkdir(folder, { recursive: true });
    await writeFile(join(path, "../short.data"), new Uint8Array(8));
    await expect(readModelFiles(path)).rejects.toThrow("end beyond");
  });
});
