import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as layers from "@tensorflow/tfjs-layers";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { emptySums } from "#core/head/sums.ts";
import { widestEmbedding } from "#core/head/widest.ts";
import { startBackend } from "#core/model/tfjs/backend.ts";
import { createModel } from "#origin/import/create.ts";
import { saveLayersModel } from "#test/helpers/saved-model.ts";

const { conv2d, conv3d, dense, flatten, globalAveragePooling2d, maxPooling3d } = layers.layers;

let folder: string;
beforeAll(async () => {
  await startBackend();
  folder = await mkdtemp(join(tmpdir(), "upriver-create-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const save = async (...all: layers.layers.Layer[]) =>
  saveLayersModel(layers.sequential({ layers: all }), await mkdtemp(join(folder, "base-")));
const create = (base: string, cut: string) =>
  createModel({ model: "pets", base, cut, labels: ["cat", "dog"], targetRisk: 0.05 });

describe("a model that is created on a base", () => {
  it("is refused where the embedding is wider than a region can learn on, with the limit and narrower layers", async () => {
    const base = await save(
      conv2d({ filters: 8, kernelSize: 1, inputShape: [20, 20, 1], name: "conv" }),
      flatten({ name: "flat" }),
      dense({ units: 30, name: "narrow" }),
      dense({ units: 3, name: "last" }),
    );
    const { message } = await create(base, "flat").then(
      () => new Error("none"),
      (error: Error) => error,
    );
    expect(message).toContain(`'flat' has 3200 values, and a region can learn on ${widestEmbedding(2)} at most`);
    expect(message).toContain("narrow (30), last (3)");
    expect(message).not.toContain("conv (");
    expect((await create(base, "narrow")).draft).toMatchObject({ thin: { backbone: { embedding: { width: 30 } } } });
  });

  it("says that a layer must be added where none is narrower", async () => {
    const base = await save(
      conv2d({ filters: 8, kernelSize: 1, inputShape: [20, 20, 1], name: "conv" }),
      flatten({ name: "flat" }),
    );
    await expect(create(base, "flat")).rejects.toThrow("add a pooling or dense layer");
  });

  it("is refused where the edge computes the embedding wrongly, by layer", async () => {
    const base = await save(
      conv3d({
        filters: 2,
        kernelSize: 1,
        inputShape: [3, 3, 3, 1],
        biasInitializer: layers.initializers.constant({ value: -9 }),
      }),
      maxPooling3d({ poolSize: 2, strides: 1, padding: "same", name: "pool" }),
      flatten({ name: "flat" }),
    );
    await expect(create(base, "flat")).rejects.toThrow(/output 'flat' differs .* 'pool' \(MaxPooling3D\)/);
  });

  it("is made of the layer before the last one that is dense", async () => {
    const base = await save(
      conv2d({ filters: 8, kernelSize: 3, inputShape: [9, 9, 3] }),
      globalAveragePooling2d({ name: "mean" }),
      dense({ units: 3 }),
    );
    const { draft } = await createModel({ model: "pets", base, labels: ["cat", "dog"], targetRisk: 0.05 });
    expect(draft).toMatchObject({ thin: { backbone: { embedding: { tensor: "mean", width: 8 } } } });
  });
});

describe("the widest embedding that a region can learn on", () => {
  it("includes those of common image networks", () => {
    expect(widestEmbedding(2)).toBeGreaterThanOrEqual(1280);
    expect(widestEmbedding(100)).toBeGreaterThanOrEqual(1024);
    expect(widestEmbedding(2)).toBeLessThan(2048);
  });

  it("is one whose sums of five folds leave room for the systems that are solved", () => {
    for (const labels of [2, 20, 300]) {
      const { values } = emptySums(widestEmbedding(labels), labels);
      expect(5 * values.byteLength).toBeLessThan(40 * 1024 * 1024);
    }
  });
});
