import * as tf from "@tensorflow/tfjs-core";
import { beforeAll, describe, expect, it } from "vitest";
import "@tensorflow/tfjs-layers";
import { findBackend, startTraining } from "#origin/backend/index.ts";
import { seeded, uniform } from "#test/helpers/random.ts";
import { testGradients } from "./gradients.suite.ts";

describe("training on WASM", () => {
  beforeAll(() => startTraining("wasm"));

  it("starts when it is chosen", async () => {
    expect(tf.getBackend()).toBe("wasm");
    expect(await findBackend("wasm")).toMatchObject({ name: "wasm", adapter: null });
  });

  describe("has the gradients of finite differences", () => testGradients("wasm"));

  it.each([
    ["a batch", 70, 28],
    ["an image larger than one block of patches", 1, 230],
  ])("adds up a filter's gradient over %s", async (_, images, side) => {
    const outs = 2;
    const random = seeded(7);
    const [x, dy] = [uniform(random, images * side * side), uniform(random, images * side * side * outs)];
    const run = (filter: tf.Tensor) =>
      tf.conv2d(tf.tensor4d(x, [images, side, side, 1]), filter as tf.Tensor4D, 1, "same");
    const gradient = tf.grad((filter) => tf.sum(tf.mul(run(filter), tf.tensor4d(dy, [images, side, side, outs]))))(
      tf.zeros([3, 3, 1, outs]),
    );
    const expected = new Float64Array(9 * outs);
    for (let at = 0; at < images * side * side; at++) {
      const [row, column] = [Math.floor(at / side) % side, at % side];
      for (let place = 0; place < 9; place++) {
        const [down, right] = [Math.floor(place / 3) - 1, (place % 3) - 1];
        if (row + down < 0 || row + down >= side || column + right < 0 || column + right >= side) continue;
        const value = x[at + down * side + right] as number;
        for (let o = 0; o < outs; o++) {
          expected[place * outs + o] = (expected[place * outs + o] as number) + value * (dy[at * outs + o] as number);
        }
      }
    }
    const found = await gradient.data();
    expected.forEach((value, i) => void expect(found[i]).toBeCloseTo(value, 2));
  });

  it.each([
    [false, true],
    [true, false],
    [true, true],
  ])("multiplies matrices with transposeA %s and transposeB %s", async (transposeA, transposeB) => {
    const [rows, inner, columns] = [5, 7, 3];
    const random = seeded(9);
    const [a, b] = [uniform(random, rows * inner), uniform(random, inner * columns)];
    const turned = (values: Float32Array, from: [number, number], isTurned: boolean) => {
      const tensor = tf.tensor2d(values, from);
      return isTurned ? tf.transpose(tensor) : tensor;
    };
    const product = tf.matMul(
      turned(a, [rows, inner], transposeA),
      turned(b, [inner, columns], transposeB),
      transposeA,
      transposeB,
    );
    expect(product.shape).toEqual([rows, columns]);
    const found = await product.data();
    for (let at = 0; at < rows * columns; at++) {
      let sum = 0;
      for (let i = 0; i < inner; i++) {
        sum += (a[Math.floor(at / columns) * inner + i] as number) * (b[i * columns + (at % columns)] as number);
      }
      expect(found[at]).toBeCloseTo(sum, 4);
    }
  });

  it("frees all memory", () => {
    const before = tf.memory().numTensors;
    const heap = () => (tf.backend() as unknown as { numDataIds(): number }).numDataIds();
    const known = heap();
    tf.tidy(() => {
      const x = tf.randomNormal([4, 6, 6, 2]) as tf.Tensor4D;
      const loss = (filter: tf.Tensor, kernel: tf.Tensor) => {
        const hidden = tf.maxPool(tf.conv2d(x, filter as tf.Tensor4D, 2, "same"), 2, 1, "same");
        const spread = tf.depthwiseConv2d(hidden, filter as tf.Tensor4D, 1, "same");
        return tf.sum(tf.matMul(tf.reshape(spread, [4, -1]), kernel as tf.Tensor2D)) as tf.Scalar;
      };
      tf.grads(loss)([tf.randomNormal([3, 3, 2, 2]), tf.randomNormal([36, 5])]);
    });
    expect(tf.memory().numTensors).toBe(before);
    expect(heap()).toBe(known);
  });
});
