import * as tf from "@tensorflow/tfjs-core";
import { expect, it } from "vitest";
import { type BackendChoice, startTraining } from "#origin/backend/index.ts";
import { sumTerms } from "#origin/train/bag.ts";
import { Dropout } from "#origin/train/dropout.ts";
import { conv, crossEntropy, dense } from "#origin/train/fused.ts";
import { seeded, uniform } from "#test/helpers/random.ts";

type Operation = (...inputs: tf.Tensor[]) => tf.Tensor;

/** An operation that networks are trained with, and the shapes of its inputs. */
interface Case {
  name: string;
  shapes: number[][];
  run: Operation;
  /** Added to every value, so that pools also see only negative ones. */
  shift?: number;
}

const convs = ([1, 2] as const).flatMap((stride) =>
  (["same", "valid"] as const).flatMap((padding): Case[] => [
    {
      name: `conv2d, stride ${stride}, ${padding}`,
      shapes: [
        [2, 5, 6, 2],
        [3, 3, 2, 3],
      ],
      run: (x, filter) => tf.conv2d(x as tf.Tensor4D, filter as tf.Tensor4D, stride, padding),
    },
    {
      name: `depthwiseConv2d, stride ${stride}, ${padding}`,
      shapes: [
        [2, 5, 6, 2],
        [3, 2, 2, 2],
      ],
      run: (x, filter) => tf.depthwiseConv2d(x as tf.Tensor4D, filter as tf.Tensor4D, stride, padding),
    },
    {
      name: `maxPool, stride ${stride}, ${padding}`,
      shapes: [[2, 5, 6, 2]],
      run: (x) => tf.maxPool(x as tf.Tensor4D, 2, stride, padding),
    },
    {
      name: `maxPool of negative values, stride ${stride}, ${padding}`,
      shapes: [[2, 5, 6, 2]],
      run: (x) => tf.maxPool(x as tf.Tensor4D, 2, stride, padding),
      shift: -10,
    },
  ]),
);

/** Moves every other sum of a layer far above relu's corner, and the others far below: there is no slope at the corner. */
function apart(bias: tf.Tensor): tf.Tensor1D {
  return tf.add(
    bias,
    Array.from({ length: bias.size }, (_, i) => (i % 2 === 0 ? 16 : -16)),
  );
}

/** Layers as one operation; channels beyond a multiple of four take other paths. */
const layers = [1, 2, 5].flatMap((channels): Case[] => [
  ...[1, 2].map((stride) => ({
    name: `a convolutional layer of ${channels} channels, stride ${stride}`,
    shapes: [[1, 4, 3, channels], [3, 3, channels, channels + 4], [channels + 4]],
    run: (x: tf.Tensor, filter: tf.Tensor, bias: tf.Tensor) =>
      conv(tf.mul(x, 0.05), filter as tf.Tensor4D, apart(bias), stride),
  })),
  {
    name: `maxPool of ${channels + 4} channels, overlapping`,
    shapes: [[2, 4, 3, channels + 4]],
    run: (x) => tf.maxPool(x as tf.Tensor4D, 3, 2, "same"),
  },
  {
    name: `a dense layer of ${channels + 4} units`,
    shapes: [[3, 5], [5, channels + 4], [channels + 4]],
    run: (x, kernel, bias) => dense(x as tf.Tensor2D, kernel as tf.Tensor2D, apart(bias as tf.Tensor), channels > 1),
  },
]);

/** Every operation that the origin's networks are trained with. */
const cases: Case[] = [
  ...convs,
  ...layers,
  {
    name: "cross-entropy",
    shapes: [[3, 2, 5]],
    run: (logits) =>
      crossEntropy(
        tf.tensor2d([1, 0, 0, 0, 0, 0.2, 0.3, 0.1, 0.4, 0, 0, 0, 0.5, 0.2, 0.3], [3, 5]),
        logits as tf.Tensor3D,
        tf.tensor1d([1, 0.25, 2]),
      ),
  },
  { name: "dropout", shapes: [[3, 5]], run: (x) => new Dropout(0.4, 7).apply(x as tf.Tensor) },
  {
    name: "matMul and bias",
    shapes: [[4, 5], [5, 3], [3]],
    run: (x, kernel, bias) => tf.add(tf.matMul(x as tf.Tensor2D, kernel as tf.Tensor2D), bias as tf.Tensor),
  },
  { name: "relu", shapes: [[4, 5]], run: (x) => tf.relu(x as tf.Tensor) },
  { name: "logSoftmax", shapes: [[4, 5]], run: (x) => tf.logSoftmax(x as tf.Tensor) },
  {
    name: "concat and reshape",
    shapes: [
      [2, 3, 2],
      [2, 4],
    ],
    run: (x, y) => tf.concat([tf.reshape(x as tf.Tensor, [2, 6]), y as tf.Tensor2D], 1),
  },
  {
    name: "gather",
    shapes: [[4, 3]],
    run: (x) => tf.gather(x as tf.Tensor, tf.tensor1d([2, 0, 2], "int32")),
  },
  {
    name: "embedding bag",
    shapes: [[4, 3]],
    run: (x) =>
      sumTerms(x as tf.Tensor2D, {
        places: tf.tensor1d([2, 0, 2, 3], "int32"),
        owners: tf.tensor1d([0, 0, 2, 0], "int32"),
        weights: tf.tensor1d([0.5, 1, 2, -1]),
        rows: 3,
      }),
  },
  { name: "mean over height and width", shapes: [[2, 3, 4, 2]], run: (x) => tf.mean(x as tf.Tensor, [1, 2]) },
];

const step = 1e-2;
const tolerance = 5e-3;

/**
 * Compares the gradient of every operation that we train with to finite differences. Gradients and outputs come from the
 * backend under test; the finite differences from WASM, whose outputs must be the same: a software GPU would take minutes
 * for thousands of small runs.
 */
export function testGradients(backend: BackendChoice): void {
  const use = async (choice: BackendChoice) => (await startTraining(choice)).use();

  it.each(cases.map((one) => [one.name, one] as const))("%s", async (_, { shapes, run, shift = 0 }) => {
    const random = seeded(11);
    // Values differ by more than a step: at a tie, or at relu's corner, there is no slope to compare with.
    const values = shapes.map((shape) => spread(size(shape), random).map((value) => value + shift));
    const tensors = () => values.map((part, i) => tf.tensor(part, shapes[i] as number[]));
    await use(backend);
    const inputs = tensors();
    const out = run(...inputs);
    const outputs = await out.data<"float32">();
    const weights = uniform(random, out.size);
    const loss = (...given: tf.Tensor[]) => tf.sum(tf.mul(run(...given), tf.tensor(weights, out.shape)));
    const gradients = await Promise.all(
      tf
        .grads(loss)(inputs)
        .map((gradient) => gradient.data()),
    );
    await use("wasm");
    const reference = run(...tensors()).dataSync<"float32">();
    reference.forEach((value, i) => void expect(outputs[i]).toBeCloseTo(value, 4));
    for (const [input, gradient] of gradients.entries()) {
      for (let i = 0; i < gradient.length; i++) {
        const lossAt = (change: number) => {
          const moved = values.map((part) => part.slice());
          (moved[input] as Float32Array)[i] = ((moved[input] as Float32Array)[i] as number) + change;
          return tf.tidy(
            () => loss(...moved.map((part, at) => tf.tensor(part, shapes[at] as number[]))).dataSync()[0] as number,
          );
        };
        const slope = (lossAt(step) - lossAt(-step)) / (2 * step);
        expect(Math.abs((gradient[i] as number) - slope)).toBeLessThan(tolerance * Math.max(1, Math.abs(slope)));
      }
    }
    await use(backend);
  });
}

function size(shape: readonly number[]): number {
  return shape.reduce((product, dimension) => product * dimension, 1);
}

// Shuffled values, three steps apart, none within a step of zero.
function spread(n: number, random: () => number): Float32Array {
  const levels = Array.from({ length: n }, (_, i) => (i + 0.5 - n / 2) * 3 * step);
  return Float32Array.from(
    levels.map((level) => [random(), level] as const).sort((a, b) => a[0] - b[0]),
    ([, level]) => level,
  );
}
