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
    const [gpu, wasm] = [await learnOn("webgpu"), await learnOn("wasm")];
    expect(gpu.losses.at(-1)).toBeLessThan((gpu.losses[0] as number) * 0.7);
    gpu.losses.forEach((loss, epoch) => void expect(loss).toBeCloseTo(wasm.losses[epoch] as number, 2));
  });

  it("learns the same again from the same seed, to the last bit, and leaves nothing behind", async () => {
    const before = tf.memory().numTensors;
    const first = await learnOn("webgpu");
    expect(await learnOn("webgpu")).toEqual(first);
    expect(tf.memory().numTensors).toBe(before);
  });
});

async function learnOn(backend: "webgpu" | "wasm"): Promise<{ losses: number[]; weights: Float32Array[] }> {
  await (await startTraining(backend)).use();
  const set = brighterSides();
  const { network, history } = await fitNetwork(set, set.data, { layers, plan });
  const weights = await Promise.all(network.whole.getWeights().map((weight) => weight.data<"float32">()));
  network.whole.dispose();
  return { losses: history.map(({ validationLoss }) => validationLoss), weights };
}

const layers = [
  { type: "conv" as const, filters: 4, size: 3 },
  { type: "pool" as const, size: 2 },
  { type: "dense" as const, units: 8 },
];

const plan = {
  ...{ epochs: 4, patience: 4, batchSize: 16, learningRate: 0.01, seed: 5, distil: 0, distilTemperature: 1, l2: 0 },
  ...{ regionDropout: 0, augment: null, regionalHeads: null },
};

/** Images that are brighter on the left, or on the right. */
function brighterSides() {
  const rows = 96;
  const images = uniform(seeded(3), rows * 64, 0, 1);
  const labels = Int32Array.from({ length: rows }, (_, row) => row % 2);
  for (let i = 0; i < images.length; i++) {
    const isLit = Math.floor((i % 8) / 4) === labels[Math.floor(i / 64)];
    if (isLit) images[i] = (images[i] as number) + 0.5;
  }
  return trainingSet([8, 8, 1], images, labels);
}
