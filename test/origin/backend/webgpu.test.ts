import * as tf from "@tensorflow/tfjs-core";
import { beforeAll, describe, expect, it } from "vitest";
import "@tensorflow/tfjs-layers";
import { startTraining } from "../../../workers/origin/backend/index.ts";
import { adapterOf } from "../../../workers/origin/backend/webgpu.ts";
import { fitNetwork } from "../../../workers/origin/train/fit.ts";
import { seeded, uniform } from "../../helpers/random.ts";
import { trainingSet } from "../../helpers/training-set.ts";
import { testGradients } from "./gradients.suite.ts";

const found = await adapterOf();
if (!found.found) console.warn(`Skipped: training on WebGPU; ${found.reason}.`);

describe.skipIf(!found.found)("training on WebGPU", () => {
  beforeAll(async () => {
    await startTraining("webgpu");
  });

  it("is on WebGPU, and names its adapter", async () => {
    expect((await startTraining("webgpu")).adapter).toBe(found.found && found.description);
    expect(tf.getBackend()).toBe("webgpu");
  });

  describe("has the gradients that finite differences have", testGradients);

  it("learns what WASM learns from the same seed", async () => {
    const rows = 96;
    const random = seeded(3);
    const images = uniform(random, rows * 64, 0, 1);
    // Brighter on the left, or on the right.
    const labels = Int32Array.from({ length: rows }, (_, row) => row % 2);
    for (const [row, label] of labels.entries()) {
      for (let pixel = 0; pixel < 64; pixel++) {
        if (Math.floor((pixel % 8) / 4) === label)
          images[row * 64 + pixel] = (images[row * 64 + pixel] as number) + 0.5;
      }
    }
    const plan = {
      ...{ epochs: 4, patience: 4, batchSize: 16, learningRate: 0.01, seed: 5, distil: 0, distilTemperature: 1, l2: 0 },
      ...{ regionDropout: 0, augment: null, regionalHeads: null },
    };
    const layers = [
      { type: "conv" as const, filters: 4, size: 3 },
      { type: "pool" as const, size: 2 },
      { type: "dense" as const, units: 8 },
    ];
    const lossesOn = async (backend: "webgpu" | "wasm") => {
      await (await startTraining(backend)).use();
      const set = trainingSet([8, 8, 1], images, labels);
      const { network, history } = await fitNetwork(set, set.data, { layers, plan });
      network.whole.dispose();
      return history.map(({ validationLoss }) => validationLoss);
    };
    const [gpu, wasm] = [await lossesOn("webgpu"), await lossesOn("wasm")];
    expect(gpu.at(-1)).toBeLessThan((gpu[0] as number) * 0.7);
    gpu.forEach((loss, epoch) => void expect(loss).toBeCloseTo(wasm[epoch] as number, 2));
  });
});
