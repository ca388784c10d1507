import * as tf from "@tensorflow/tfjs-core";
import { beforeAll, describe, expect, it } from "vitest";
import { startBackend } from "#core/model/tfjs/backend.ts";
import type { TrainingPlan } from "#origin/recipes/index.ts";
import { batchOf } from "#origin/train/batches.ts";
import { fitNetwork } from "#origin/train/fit.ts";
import { buildNetwork } from "#origin/train/network.ts";
import { objective, servedLoss, type Trainee } from "#origin/train/objective.ts";
import { startRegionalHeads } from "#origin/train/regional-heads.ts";
import { setVariables } from "#origin/train/trainable.ts";
import { seeded, uniform } from "#test/helpers/random.ts";
import { trainingSet } from "#test/helpers/training-set.ts";

const regionalHeads = { share: 0.5, l2: 0.003 };
const plan: TrainingPlan = {
  ...{ epochs: 40, patience: 40, batchSize: 32, learningRate: 0.02, seed: 3, distil: 0, l2: 0 },
  ...{ distilTemperature: 1, regionDropout: 0, augment: null, weightDecay: 0, dropout: 0, classWeights: null },
  regionalHeads,
};

beforeAll(startBackend);

/** One input, one hidden unit that passes it on, and a zero head: all logits come from the regional heads. */
function plainTrainee(): Trainee {
  const network = buildNetwork({ shapes: [[1]], layers: [{ type: "dense", units: 1 }], classes: 2, seed: 1 });
  const [one, zeros, zero] = [tf.tensor2d([[1]]), tf.zeros([1, 2]), tf.zeros([1])];
  setVariables(network, [one, zero, zeros, tf.zeros([2])]);
  return { network, plan: { ...plan, l2: 0.1, regionalHeads }, regional: startRegionalHeads(2, 1, 2) };
}

/** Three rows with inputs 1, 2, 3: of region 0, of region 1, of an unlisted region. */
const three = trainingSet([1], Float32Array.of(1, 2, 3), Int32Array.of(1, 0, 1), Int32Array.of(0, 1, -1));
const batchOfThree = () => batchOf(three, Int32Array.of(0, 1, 2));

const scalar = (value: tf.Scalar) => value.dataSync()[0] as number;

describe("regional heads in training", () => {
  it("add the logits of the row's region, and nothing for an unlisted one (computed by hand)", () => {
    const trainee = plainTrainee();
    // Region 0: logits h·(0, 1) + (0, 0.5); region 1: h·(2, 0).
    trainee.regional?.kernels.assign(tf.tensor2d([0, 1, 2, 0], [2, 2]));
    trainee.regional?.biases.assign(tf.tensor2d([0, 0.5, 0, 0], [2, 2]));
    const regionalLoss = (Math.log(1 + Math.exp(-1.5)) + Math.log(1 + Math.exp(-4)) + Math.log(2)) / 3;
    const expected = 0.5 * Math.log(2) + 0.5 * regionalLoss;
    expect(scalar(servedLoss(trainee, batchOfThree(), null))).toBeCloseTo(expected, 6);
    // The only kernel that is not zero is 1; the heads' squares are 0.25 + 1 + 4, over two regions.
    const pull = 0.1 * 1 + (regionalHeads.l2 * 5.25) / 2;
    expect(scalar(objective(trainee, batchOfThree(), null))).toBeCloseTo(expected + pull, 6);
  });

  it("have the gradients of finite differences", () => {
    const trainee = plainTrainee();
    const { kernels, biases } = trainee.regional as NonNullable<Trainee["regional"]>;
    const random = seeded(4);
    for (const head of [kernels, biases]) head.assign(tf.tensor2d(uniform(random, head.size), head.shape));
    const variables = [...trainee.network.variables, kernels, biases];
    const loss = () => objective(trainee, batchOfThree(), null);
    const { grads } = tf.variableGrads(loss, variables);
    for (const variable of variables) {
      const values = variable.dataSync().slice() as Float32Array;
      const slopes = grads[variable.name]?.dataSync() as Float32Array;
      for (const i of values.keys()) {
        const lossAt = (shift: number) => {
          variable.assign(
            tf.tensor(
              values.map((value, j) => (i === j ? value + shift : value)),
              variable.shape,
            ),
          );
          return scalar(loss());
        };
        expect(slopes[i]).toBeCloseTo((lossAt(0.01) - lossAt(-0.01)) / 0.02, 3);
      }
      variable.assign(tf.tensor(values, variable.shape));
    }
  });

  it("make the backbone keep what matters within regions, even if it does not matter over all", async () => {
    // The label is the first input's sign in region 0 and the opposite in region 1: over all rows it is independent of it.
    const rows = 400;
    const inputs = uniform(seeded(9), 2 * rows);
    const regions = Int32Array.from({ length: rows }, (_, row) => row % 2);
    const labels = regions.map((region, row) => ((inputs[2 * row] as number) > 0 ? 1 - region : region));
    const set = trainingSet([2], inputs, labels, regions);
    const share = async (trained: TrainingPlan) => {
      const layers = [{ type: "dense" as const, units: 8 }];
      const { network } = await fitNetwork(set, set.data, { form: { kind: "network", layers }, plan: trained });
      const embeddings = network.embed([tf.tensor2d(inputs, [rows, 2])], null);
      return centroidAccuracy(embeddings.dataSync() as Float32Array, labels, regions);
    };
    const kept = await share(plan);
    expect(kept).toBeGreaterThan(0.9);
    expect(await share({ ...plan, regionalHeads: null, l2: 0.01 })).toBeLessThan(kept - 0.1);
  });

  it("free all tensors but the network's", async () => {
    const before = tf.memory().numTensors;
    const layers = [{ type: "dense" as const, units: 2 }];
    const { network } = await fitNetwork(three, three.data, {
      form: { kind: "network", layers },
      plan: { ...plan, epochs: 3 },
    });
    network.dispose();
    expect(tf.memory().numTensors).toBe(before);
  });
});

/** How often the nearer of a region's two class means is the correct one. */
function centroidAccuracy(embeddings: Float32Array, labels: Int32Array, regions: Int32Array): number {
  const width = embeddings.length / labels.length;
  const rowOf = (row: number) => embeddings.subarray(row * width, (row + 1) * width);
  const mean = (region: number, label: number) => {
    const rows = [...labels.keys()].filter((row) => regions[row] === region && labels[row] === label);
    return Array.from(
      { length: width },
      (_, i) => rows.reduce((s, row) => s + (rowOf(row)[i] as number), 0) / rows.length,
    );
  };
  const means = [0, 1].map((region) => [mean(region, 0), mean(region, 1)]);
  const distance = (row: number, centre: number[]) =>
    centre.reduce((sum, value, i) => sum + (value - (rowOf(row)[i] as number)) ** 2, 0);
  const right = [...labels.keys()].filter((row) => {
    const [no, yes] = means[regions[row] as number] as [number[], number[]];
    return (distance(row, yes) < distance(row, no) ? 1 : 0) === labels[row];
  });
  return right.length / labels.length;
}
