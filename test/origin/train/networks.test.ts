import * as tf from "@tensorflow/tfjs-core";
import { beforeAll, describe, expect, it } from "vitest";
import { scoresOf } from "#core/head/head.ts";
import { loadNetwork } from "#core/model/network.ts";
import { servingEngine } from "#core/model/serving-engine.ts";
import { startTraining } from "#origin/backend/index.ts";
import { ResumableAdam } from "#origin/train/adam.ts";
import { batchOf } from "#origin/train/batches.ts";
import { classWeightsOf, takeOut, weightScores } from "#origin/train/class-weights.ts";
import { Dropout } from "#origin/train/dropout.ts";
import { fitNetwork } from "#origin/train/fit.ts";
import { buildNetwork } from "#origin/train/network.ts";
import { objective, servedLoss } from "#origin/train/objective.ts";
import { type Blobs, packNetwork } from "#origin/train/pack.ts";
import { readFrom } from "#origin/train/score.ts";
import { inputTensors, type NetworkShape, servedLogits } from "#origin/train/trainable.ts";

import { testRule } from "#test/helpers/model.ts";
import { seeded, uniform } from "#test/helpers/random.ts";
import { trainingSet } from "#test/helpers/training-set.ts";

beforeAll(() => startTraining("wasm"));

const dense = (...units: number[]) => units.map((n) => ({ type: "dense" as const, units: n }));
const [inputs, classes, rows] = [4, 3, 6];
const values = uniform(seeded(5), rows * inputs, -1, 1);
const forms: Record<string, Omit<NetworkShape, "shapes" | "classes" | "seed">> = {
  linear: { kind: "linear", layers: [] },
  network: { kind: "network", layers: dense(5, 4) },
  ensemble: { kind: "ensemble", layers: dense(6, 5), members: 3 },
  "an ensemble with one layer": { kind: "ensemble", layers: dense(5), members: 3 },
};
const plan = { l2: 0.01, regionalHeads: null, distil: 0.3, distilTemperature: 2 };

function build(name: string, seed = 3) {
  return buildNetwork({ ...(forms[name] as NetworkShape), shapes: [[inputs]], classes, seed });
}

const instances = () => inputTensors([[inputs]], values, rows);

describe.each(Object.keys(forms))("%s", (name) => {
  it("has the same scores when it is packed", async () => {
    const network = build(name);
    const expected = tf.tidy(() => {
      const logits = servedLogits(network, network.embed(instances(), null));
      return tf.softmax(logits).dataSync();
    });
    const blobs: Blobs = new Map();
    const input = { kind: "tensor" as const, shape: [inputs], dtype: "float32" as const, scale: 1, offset: 0 };
    const packed = await packNetwork(network, input, blobs);
    const { backbone, head } = await loadNetwork(servingEngine, { ...packed, rule: testRule(0) }, readFrom(blobs));
    const embeddings = backbone.embed(values, rows);
    backbone.release();
    for (let row = 0; row < rows; row++) {
      scoresOf(head, embeddings, row * head.width).forEach(
        (score, c) => void expect(score).toBeCloseTo(expected[row * classes + c] as number, 5),
      );
    }
    network.dispose();
  });

  it("has the gradients of finite differences, with dropout and a teacher", () => {
    const network = build(name);
    // Away from zero, where relu has no gradient.
    const random = seeded(11);
    for (const variable of network.variables)
      variable.assign(tf.tensor(uniform(random, variable.size), variable.shape));
    const teacher = Float32Array.from({ length: rows * classes }, (_, i) => [0.5, 0.3, 0.2][i % classes] as number);
    const labels = Int32Array.from({ length: rows }, (_, row) => row % classes);
    const set = { ...trainingSet([inputs], values, labels), classes, teacher };
    const batch = batchOf(
      set,
      labels.map((_, row) => row),
    );
    // Each evaluation draws the same masks.
    const loss = () => objective({ network, plan, regional: null }, batch, new Dropout(0.25, 7));
    const { grads } = tf.variableGrads(loss, [...network.variables]);
    for (const variable of network.variables) {
      const own = variable.dataSync().slice() as Float32Array;
      const slopes = grads[variable.name]?.dataSync() as Float32Array;
      for (const i of own.keys()) {
        const lossAt = (shift: number) => {
          const moved = own.map((value, j) => (i === j ? value + shift : value));
          variable.assign(tf.tensor(moved, variable.shape));
          return loss().dataSync()[0] as number;
        };
        expect(slopes[i]).toBeCloseTo((lossAt(0.001) - lossAt(-0.001)) / 0.002, 2);
      }
      variable.assign(tf.tensor(own, variable.shape));
    }
  });

  it("frees all tensors, packed or not", async () => {
    const before = tf.memory().numTensors;
    const set = { ...trainingSet([inputs], values, Int32Array.of(0, 1, 2, 0, 1, 2)), classes };
    const training = {
      ...{ epochs: 3, patience: 3, batchSize: 3, learningRate: 0.01, seed: 1, l2: 0, weightDecay: 0.1, dropout: 0.5 },
      ...{ distil: 0, distilTemperature: 1, regionDropout: 0, augment: null, regionalHeads: null, classWeights: null },
    };
    const form = { ...forms[name], kind: forms[name]?.kind ?? "network", layers: forms[name]?.layers ?? [] };
    const { network } = await fitNetwork(set, set.data, { form, plan: training });
    await network.cut();
    network.dispose();
    expect(tf.memory().numTensors).toBe(before);
  });
});

describe("an ensemble", () => {
  it("serves the mean of its members' logits, each of which multiplies the inputs by its own factors", () => {
    const network = build("ensemble");
    const [factors, first, firstBias, second, secondBias, heads, headBias] = network.variables.map((variable) =>
      variable.dataSync(),
    ) as Float32Array[];
    const layer = (from: number[], kernel: Float32Array, bias: Float32Array) =>
      Array.from(bias, (own, j) =>
        Math.max(0, own + from.reduce((sum, value, i) => sum + value * (kernel[i * bias.length + j] as number), 0)),
      );
    const expected = Array.from({ length: classes }, () => 0);
    for (let member = 0; member < 3; member++) {
      const own = Array.from(values.subarray(0, inputs), (value, i) => value * (factors?.[i * 3 + member] as number));
      const hidden = layer(
        layer(own, first as Float32Array, firstBias as Float32Array),
        second as Float32Array,
        secondBias as Float32Array,
      );
      for (let c = 0; c < classes; c++) {
        const logit = hidden.reduce(
          (sum, value, i) => sum + value * (heads?.[(member * hidden.length + i) * classes + c] as number),
          headBias?.[member * classes + c] as number,
        );
        expected[c] = (expected[c] as number) + logit / 3;
      }
    }
    const logits = tf.tidy(() => servedLogits(network, network.embed(instances(), null)).dataSync());
    expected.forEach((logit, c) => void expect(logits[c]).toBeCloseTo(logit, 5));
    network.dispose();
  });
});

describe("dropout", () => {
  it("zeroes its share, keeps the expected sum, and is decided by its seed", () => {
    const ones = tf.ones([100, 100]);
    const drop = (seed: number) => new Dropout(0.2, seed).apply(ones).dataSync<"float32">();
    const dropped = drop(1);
    expect(dropped.filter((value) => value === 0).length / dropped.length).toBeCloseTo(0.2, 1);
    expect(dropped.reduce((sum, value) => sum + value, 0) / dropped.length).toBeCloseTo(1, 1);
    expect(drop(1)).toEqual(dropped);
    expect(drop(2)).not.toEqual(dropped);
  });
});

describe("AdamW", () => {
  it("shrinks kernels by rate · decay apart from the gradient's step", () => {
    const kernel = tf.variable(tf.tensor2d([[4]]));
    const other = tf.variable(tf.tensor1d([4]));
    const adam = new ResumableAdam(0.1);
    const loss = () => tf.add(tf.sum(kernel), tf.sum(other)) as tf.Scalar;
    adam.step(loss, [kernel, other], [kernel], 0.5);
    // Adam's first step is the rate itself.
    expect(kernel.dataSync()[0]).toBeCloseTo(4 * (1 - 0.1 * 0.5) - 0.1, 5);
    expect(other.dataSync()[0]).toBeCloseTo(4 - 0.1, 5);
  });
});

describe("class weights", () => {
  const labels = Int32Array.of(0, 0, 0, 1);
  const weights = new Float32Array(4).fill(1);

  it("balance the classes, or are those that the plan names", () => {
    expect(Array.from(classWeightsOf("balanced", { labels, weights }, ["a", "b"]) ?? [])).toEqual([
      expect.closeTo(4 / 6, 6),
      2,
    ]);
    expect(Array.from(classWeightsOf({ b: 3 }, { labels, weights }, ["a", "b"]) ?? [])).toEqual([1, 3]);
    expect(classWeightsOf(null, { labels, weights }, ["a", "b"])).toBeNull();
  });

  it("weight a teacher's scores, which still sum to 1", () => {
    expect(Array.from(weightScores(Float32Array.of(0.9, 0.1), Float32Array.of(1, 9)))).toEqual([
      expect.closeTo(0.5, 6),
      expect.closeTo(0.5, 6),
    ]);
  });

  it("are taken out of the head, so that scores are probabilities", async () => {
    // One input that says nothing: the best answer is the share of each class.
    const rows = 400;
    const own = Int32Array.from({ length: rows }, (_, row) => (row % 10 === 0 ? 1 : 0));
    const set = {
      ...trainingSet([1], new Float32Array(rows).fill(1), own),
      classWeights: Float32Array.of(1, 9),
    };
    const training = {
      ...{ epochs: 60, patience: 60, batchSize: 50, learningRate: 0.05, seed: 1, l2: 0, weightDecay: 0, dropout: 0 },
      ...{ distil: 0, distilTemperature: 1, regionDropout: 0, augment: null, regionalHeads: null, classWeights: null },
    };
    const { network, validationLoss } = await fitNetwork(set, set.data, {
      form: { kind: "linear", layers: [] },
      plan: training,
    });
    const score = () =>
      tf.tidy(() => tf.softmax(servedLogits(network, network.embed([tf.ones([1, 1])], null))).dataSync()[1] as number);
    const best = -(0.9 * Math.log(0.9) + 0.1 * Math.log(0.1));
    expect(score()).toBeCloseTo(0.5, 1);
    expect(validationLoss).toBeCloseTo(best, 2);
    takeOut(set.classWeights, network);
    expect(score()).toBeCloseTo(0.1, 1);
    const batch = batchOf(
      { ...set, classWeights: null },
      own.map((_, row) => row),
    );
    const loss = servedLoss({ network, regional: null, plan: training }, batch, null);
    expect(loss.dataSync()[0]).toBeCloseTo(best, 2);
  });
});
