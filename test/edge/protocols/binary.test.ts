import { beforeAll, describe, expect, it } from "vitest";
import { publish } from "#test/helpers/edge.ts";
import { bytes, floats, infer, inferBinary, output, tensors, texts, textsIn, three } from "./infer.ts";

beforeAll(async () => {
  await publish({ model: "easy" });
});

describe("binary tensors", () => {
  const x0 = bytes(24, (view) => three.x0.map((value, i) => view.setFloat64(8 * i, value, true)));

  it("get the same answers as JSON, also next to JSON tensors", async () => {
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

  it("are returned for the outputs that request them", async () => {
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

  it("support every datatype", async () => {
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
