import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { readModelFiles } from "#origin/import/files.ts";
import { inspect } from "#origin/import/inspect.ts";
import { graphNetwork, type ImageNetwork, layersNetwork } from "#test/helpers/image-networks.ts";
import { saveNetwork } from "#test/helpers/saved-model.ts";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "upriver-inspect-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** A network's files, with a text in its model.json replaced. */
async function files(network: ImageNetwork, from = "", to = "") {
  const text = JSON.stringify(network.modelJson);
  expect(text).toContain(from);
  const modelJson = JSON.parse(from === "" ? text : text.replaceAll(from, to));
  return readModelFiles(await saveNetwork({ ...network, modelJson }, await mkdtemp(join(folder, "model-"))));
}

describe("inspecting a model", () => {
  it("finds inputs, outputs, cost and the embedding", async () => {
    expect(await inspect(await files(layersNetwork("uint8")))).toMatchObject({
      kind: "tfjs-layers-model",
      operations: { Dense: 2, DepthwiseConv2D: 1, InputLayer: 2 },
      unsupported: [],
      inputs: [
        { name: "picture", shape: [8, 7, 2], dtype: "float32" },
        { name: "place", shape: [3] },
      ],
      outputs: [{ name: "embedding", shape: [6] }],
      batch: true,
      embedding: null,
    });
    const graph = await inspect(await files(graphNetwork()));
    expect(graph).toMatchObject({
      outputs: [{ name: "Identity", tensor: "Identity", shape: [4], dtype: "float32" }],
      batch: true,
      embedding: { tensor: "embedding", width: 6 },
    });
    expect(graph.bytes.peak).toBeGreaterThan(graph.bytes.expanded);
  });

  it("finds that a model takes one instance at a time", async () => {
    // The declared first dimension of its image is 1.
    const single = await files(graphNetwork(), '"size":"-1"},{"size":"8"', '"size":"1"},{"size":"8"');
    expect(await inspect(single)).toMatchObject({ batch: false, outputs: [{ shape: [4] }] });
  });

  it.each([
    ["an unknown node", () => files(graphNetwork(), '"op":"Tanh"', '"op":"Hologram"'), "Hologram", ["tanh"]],
    ["an unknown layer", () => files(layersNetwork(), "SeparableConv2D", "Hologram"), "Hologram", ["separable"]],
    [
      "an operation whose output shape is known only at run time",
      () => files(graphNetwork(), '"op":"Tanh"', '"op":"Where"'),
      "Where",
      ["tanh"],
    ],
    [
      "an operation without a kernel at the edge",
      () =>
        files(
          graphNetwork(),
          '"op":"MatMul","input":["embedding/Identity","head/w"],"attr":{',
          `"op":"Einsum","input":["embedding/Identity","head/w"],"attr":{"N":{"i":"2"},"equation":{"s":"${btoa("ij,jk->ik")}"},`,
        ),
      "Einsum",
      ["head"],
    ],
  ])("lists %s as unsupported, with its name and where it is", async (_what, make, operation, where) => {
    expect((await inspect(await make())).unsupported).toMatchObject([{ operation, where }]);
  });

  it("needs the shape of an input that leaves it open", async () => {
    const open = '"size":"-1"},{"size":"-1"},{"size":"7"},{"size":"2"';
    const make = () => files(graphNetwork(), '"size":"-1"},{"size":"8"},{"size":"7"},{"size":"2"', open);
    await expect(inspect(await make())).rejects.toThrow("--shape what=");
    expect(await inspect(await make(), { what: [8, 7, 2] })).toMatchObject({ outputs: [{ shape: [4] }] });
  });
});
