import * as tf from "@tensorflow/tfjs-core";
import { beforeAll, describe, expect, it } from "vitest";
import { startBackend } from "#core/model/tfjs/backend.ts";
import { chooseWithin, frontierOf, type ThinCandidate } from "#origin/thin/search.ts";
import { softenScores } from "#origin/train/distil.ts";
import { keepPruned, prune } from "#origin/train/prune.ts";
import { quantiseWeights } from "#origin/train/quantise.ts";
import { seeded, uniform } from "#test/helpers/random.ts";

beforeAll(startBackend);

describe("distillation", () => {
  it("softens scores as if their logits were divided by the temperature", () => {
    const logits = [2, -1, 0.5, -3, 4, 0];
    const softmax = (values: number[]) => {
      const powers = values.map(Math.exp);
      return powers.map((power) => power / powers.reduce((sum, value) => sum + value, 0));
    };
    const rows = [logits.slice(0, 3), logits.slice(3)];
    const scores = Float32Array.from(rows.flatMap(softmax));
    const expected = rows.flatMap((row) => softmax(row.map((logit) => logit / 3)));
    softenScores(scores, 3, 3).forEach((value, i) => void expect(value).toBeCloseTo(expected[i] as number, 6));
  });
});

describe("pruning", () => {
  it("sets the smallest weights of each kernel to zero, but no biases and no head", async () => {
    const kernel = tf.tensor2d([0.1, -5, 0.2, 0.3, 4, 3], [2, 3]);
    const [bias, head] = [tf.tensor1d([0.01, 0.02, 0.03]), tf.tensor2d([0.001, 0.002, 0.003], [3, 1])];
    const [variables, kernels] = [[kernel, bias, head].map((one) => tf.variable(one)), [0, 2]];
    const { weights, masks } = await prune(
      { variables, kernels: kernels.map((i) => variables[i] as tf.Variable) },
      0.5,
    );
    expect(Array.from(weights[0]?.dataSync() ?? [])).toEqual([0, -5, 0, 0, 4, 3]);
    expect(weights.slice(1).map((weight) => Array.from(weight.dataSync()))).toEqual(
      [bias, head].map((weight) => Array.from(weight.dataSync())),
    );
    expect(masks.map((mask) => mask !== null)).toEqual([true, false, false]);
  });

  it("sets pruned weights to zero again after a step", async () => {
    const kernels = [tf.tensor2d([1, 2, 3, 4], [2, 2]), tf.zeros([2, 2])].map((one) => tf.variable(one));
    const { weights, masks } = await prune({ variables: kernels, kernels }, 0.5);
    const variables = weights.map((weight) => tf.variable(tf.add(weight, 1)));
    keepPruned(variables, masks);
    expect(Array.from(variables[0]?.dataSync() ?? [])).toEqual([0, 0, 4, 5]);
  });
});

describe("quantising", () => {
  const values = uniform(seeded(2), 500, -0.7, 1.9);

  it("to uint8 has an error of at most half a step, and keeps zero", () => {
    values[7] = 0;
    const { bytes, quantization } = quantiseWeights(values, "uint8");
    const { scale, min } = quantization as { scale: number; min: number };
    bytes.forEach((level, i) => {
      expect(Math.abs(level * scale + min - (values[i] as number))).toBeLessThanOrEqual(scale / 2 + 1e-6);
    });
    expect((bytes[7] as number) * scale + min).toBe(0);
    expect(Array.from(quantiseWeights(new Float32Array(3), "uint8").bytes)).toEqual([0, 0, 0]);
  });

  it("to float16 has an error of at most 1/2048, and to float32 none", () => {
    const half = new DataView(quantiseWeights(values, "float16").bytes.buffer);
    values.forEach((value, i) => {
      expect(Math.abs(half.getFloat16(2 * i, true) - value)).toBeLessThanOrEqual(Math.abs(value) / 2048 + 1e-7);
    });
    expect(new Float32Array(quantiseWeights(values, "float32").bytes.slice().buffer)).toEqual(values);
  });
});

describe("the search for a thin network", () => {
  const candidate = (bytes: number, accuracy: number, ms = 1): ThinCandidate => ({
    ...{ width: 1, prune: 0, weights: "uint8", gzippedBytes: bytes, logLoss: 1 },
    ...{ bytes, accuracy, ms },
  });
  const all = [candidate(30, 0.9, 3), candidate(10, 0.8), candidate(20, 0.79), candidate(40, 0.9), candidate(50, 0.92)];

  it("puts a candidate on the frontier if no smaller one is as accurate", () => {
    expect(frontierOf(all).map(({ bytes }) => bytes)).toEqual([10, 30, 50]);
  });

  it("chooses the most accurate candidate within the budget, or none", () => {
    const budget = { bytes: null, ms: null, accuracy: null };
    const choose = (limits: object) => chooseWithin(all, { ...budget, ...limits }, { accuracy: 0.93 })?.bytes ?? null;
    expect([choose({}), choose({ bytes: 40 }), choose({ bytes: 45, ms: 2 })]).toEqual([50, 30, 40]);
    expect([choose({ accuracy: 0.02 }), choose({ bytes: 20, accuracy: 0.02 })]).toEqual([50, null]);
  });
});
