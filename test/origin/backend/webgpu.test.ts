import * as tf from "@tensorflow/tfjs-core";
import { beforeAll, describe, expect, it } from "vitest";
import "@tensorflow/tfjs-layers";
import { startTraining } from "#origin/backend/index.ts";
import { adapterOf } from "#origin/backend/webgpu.ts";
import { fitNetwork } from "#origin/train/fit.ts";
import { seeded, uniform } from "#test/helpers/random.ts";
import { systemPackages } from "#test/helpers/system-packages.ts";
import { trainingSet } from "#test/helpers/training-set.ts";
import { testGradients } from "./gradients.suite.ts";

await systemPackages();
const found = await adapterOf();
if (!found.found) console.warn(`Skipped training on WebGPU: ${found.reason}.`);

describe.skipIf(!found.found)("training on WebGPU", () => {
  beforeAll(async () => {
    await startTraining("webgpu");
  });

  it("runs on WebGPU and names its adapter", async () => {
    expect((await startTraining("webgpu")).adapter).toBe(found.found && found.description);
    expect(tf.getBackend()).toBe("webgpu");
  });

  describe("has the gradients of finite differences", () => testGradients("webgpu"));

  // At these sizes other shaders are used than for a few channels.
  it.each([
    ["the first convolution of an image", [8, 28, 28, 1], [3, 3, 1, 32], 1],
    ["a convolution of many channels", [8, 14, 14, 32], [3, 3, 32, 64], 1],
    ["a convolution with strides", [8, 14, 14, 32], [3, 3, 32, 64], 2],
    ["a dense layer of many units", [64, 3136], [3136, 128], 0],
  ] as const)("has the same gradients as WASM for %s", async (_, inputShape, kernelShape, stride) => {
    const gradientsOn = async (backend: "webgpu" | "wasm") => {
      await (await startTraining(backend)).use();
      const random = seeded(13);
      const [x, kernel] = [inputShape, kernelShape].map((shape) =>
        tf.tensor(uniform(random, tf.util.sizeFromShape([...shape])), [...shape]),
      ) as [tf.Tensor, tf.Tensor];
      const run = (input: tf.Tensor, weights: tf.Tensor) =>
        stride === 0
          ? tf.matMul(input as tf.Tensor2D, weights as tf.Tensor2D)
          : tf.conv2d(input as tf.Tensor4D, weights as tf.Tensor4D, stride, "same");
      const loss = (...inputs: tf.Tensor[]) => tf.mean(tf.square(run(...(inputs as [tf.Tensor, tf.Tensor]))));
      return Promise.all(
        tf
          .grads(loss)([x, kernel])
          .map((part) => part.data<"float32">()),
      );
    };
    const [gpu, wasm] = [await gradientsOn("webgpu"), await gradientsOn("wasm")];
    for (const [input, part] of wasm.entries()) {
      const scale = part.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
      const far = part.findIndex((value, i) => Math.abs(value - (gpu[input]?.[i] as number)) > 1e-4 * scale);
      expect(far).toBe(-1);
    }
  });

  it("learns the same as WASM from the same seed", async () => {
    const [gpu, wasm] = [await firstRun(), await learnOn("wasm")];
    expect(gpu.losses.at(-1)).toBeLessThan((gpu.losses[0] as number) * 0.7);
    gpu.losses.forEach((loss, epoch) => void expect(loss).toBeCloseTo(wasm.losses[epoch] as number, 2));
  });

  it("gives bit-identical results for the same seed, and frees all tensors", async () => {
    const first = await firstRun();
    await (await startTraining("webgpu")).use();
    const before = tf.memory().numTensors;
    expect(await learnOn("webgpu")).toEqual(first);
    expect(tf.memory().numTensors).toBe(before);
  });
});

let run: ReturnType<typeof learnOn> | undefined;
/** The first training on WebGPU, which two tests share. */
function firstRun() {
  run ??= learnOn("webgpu");
  return run;
}

async function learnOn(backend: "webgpu" | "wasm"): Promise<{ losses: number[]; weights: Float32Array[] }> {
  await (await startTraining(backend)).use();
  const set = brighterSides();
  const { network, history } = await fitNetwork(set, set.data, { form: { kind: "network", layers }, plan });
  const weights = await Promise.all(network.variables.map((variable) => variable.data<"float32">()));
  network.dispose();
  return { losses: history.map(({ validationLoss }) => validationLoss), weights };
}

const layers = [
  { type: "conv" as const, filters: 4, size: 3 },
  { type: "pool" as const, size: 2 },
  { type: "dense" as const, units: 8 },
];

const plan = {
  ...{ epochs: 4, patience: 4, batchSize: 16, learningRate: 0.01, seed: 5, distil: 0, distilTemperature: 1, l2: 0 },
  ...{ regionDropout: 0, augment: null, regionalHeads: null, weightDecay: 0, dropout: 0, classWeights: null },
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
