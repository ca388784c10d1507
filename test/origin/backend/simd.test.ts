import type { BackendWasm } from "@tensorflow/tfjs-backend-wasm/dist/backend_wasm.js";
import * as tf from "@tensorflow/tfjs-core";
import { beforeAll, describe, expect, it } from "vitest";
import "@tensorflow/tfjs-layers";
import { startTraining } from "#origin/backend/index.ts";
import { assemble, routine } from "#origin/backend/simd/assemble.ts";
import { i32, sequence } from "#origin/backend/simd/code.ts";
import { floatsOf, routinesOf } from "#origin/backend/simd/heap.ts";
import { seededRandom } from "#origin/random.ts";
import { ResumableAdam } from "#origin/train/adam.ts";
import { Dropout } from "#origin/train/dropout.ts";
import { conv, dense } from "#origin/train/fused.ts";
import { seeded, uniform } from "#test/helpers/random.ts";

beforeAll(() => startTraining("wasm"));

/** Expects values to differ from those of an oracle by no more than rounding. */
function expectClose(found: ArrayLike<number>, expected: ArrayLike<number>, digits = 4): void {
  expect(found.length).toBe(expected.length);
  const far = Array.from(found).findIndex((value, i) => !(Math.abs(value - (expected[i] as number)) < 10 ** -digits));
  if (far >= 0) expect([far, found[far]]).toEqual([far, expected[far]]);
}

describe("the assembler", () => {
  it("writes integers of any size and sign, and loops that may not run at all", () => {
    const numbers = [0, 1, 63, 64, -1, -64, -65, 127, 128, 8_191, 8_192, -8_193, 2 ** 31 - 1, -(2 ** 31)];
    const store = (at: number, value: number) => [...i32.const(at), ...i32.const(value), 0x36, 2, 0];
    const write = routine([], () => sequence(...numbers.map((value, i) => store(i * 4, value))));
    const memory = new WebAssembly.Memory({ initial: 1 });
    const module = new WebAssembly.Module(assemble({ write }));
    const { exports } = new WebAssembly.Instance(module, { env: { memory } });
    (exports.write as () => void)();
    expect(Array.from(new Int32Array(memory.buffer, 0, numbers.length))).toEqual(numbers);
  });

  it("acts on the backend's memory, and on no value for a count of zero", () => {
    const backend = tf.backend() as unknown as BackendWasm;
    const tensor = tf.tensor1d([1, 2, 3, 4]);
    const address = backend.getMemoryOffset(tensor.dataId);
    routinesOf(backend).reluGradient(address, address, address, 0);
    expect(Array.from(floatsOf(backend).subarray(address / 4, address / 4 + 4))).toEqual([1, 2, 3, 4]);
    tensor.dispose();
  });
});

describe("products", () => {
  const product = (a: Float32Array, b: Float32Array, [m, k, n]: readonly [number, number, number]) => {
    const out = new Float64Array(m * n);
    for (let row = 0; row < m; row++) {
      for (let column = 0; column < n; column++) {
        for (let i = 0; i < k; i++) {
          out[row * n + column] =
            (out[row * n + column] as number) + (a[row * k + i] as number) * (b[i * n + column] as number);
        }
      }
    }
    return out;
  };
  const turned = (values: Float32Array, rows: number, columns: number) =>
    Float32Array.from(values, (_, i) => values[(i % rows) * columns + Math.floor(i / rows)] as number);
  // Whole and broken tiles, steps in and beyond one block.
  const sizes = [1, 2, 3, 4, 5, 9].flatMap((m) => [1, 3, 4, 5, 8, 11, 13].map((n) => [m, n] as const));

  it.each([1, 3, 4, 7, 513])("of %s steps are those of an oracle, transposed or not", (steps) => {
    const random = seeded(steps);
    for (const [m, n] of sizes) {
      const [a, b] = [uniform(random, m * steps), uniform(random, steps * n)];
      const expected = product(a, b, [m, steps, n]);
      for (const [isLeft, isRight] of [
        [0, 0],
        [0, 1],
        [1, 0],
        [1, 1],
      ] as const) {
        const left = tf.tensor2d(isLeft ? turned(a, m, steps) : a, isLeft ? [steps, m] : [m, steps]);
        const right = tf.tensor2d(isRight ? turned(b, steps, n) : b, isRight ? [n, steps] : [steps, n]);
        const found = tf.tidy(() => tf.matMul(left, right, isLeft === 1, isRight === 1).dataSync());
        expectClose(found, expected, 3);
        tf.dispose([left, right]);
      }
    }
  });

  it("of batches are those of each, and one factor may be used for several", () => {
    const random = seeded(5);
    const [a, b] = [uniform(random, 2 * 3 * 5), uniform(random, 2 * 5 * 9)];
    const [left, right] = [tf.tensor3d(a, [2, 3, 5]), tf.tensor3d(b, [2, 5, 9])];
    const each = [0, 1].flatMap((i) => [...product(a.subarray(i * 15), b.subarray(i * 45), [3, 5, 9])]);
    expectClose(tf.matMul(left, right).dataSync(), each);
    const shared = [0, 1].flatMap((i) => [...product(a.subarray(i * 15), b, [3, 5, 9])]);
    expectClose(tf.matMul(left, tf.slice(right, [0, 0, 0], [1, 5, 9])).dataSync(), shared);
  });

  it("of shapes that do not match throw", () => {
    expect(() => tf.matMul(tf.ones([2, 3]), tf.ones([4, 2]))).toThrow("inner shapes");
  });
});

describe("layers", () => {
  it.each([
    ["one channel", [3, 9, 7, 1], [3, 3, 1, 6], 1],
    ["channels of broken vectors", [2, 6, 6, 5], [3, 3, 5, 7], 1],
    ["strides", [2, 7, 8, 4], [3, 3, 4, 8], 2],
    ["an even filter", [2, 5, 5, 3], [2, 2, 3, 3], 1],
    ["a filter of one pixel", [2, 5, 5, 8], [1, 1, 8, 12], 1],
    ["a filter larger than the image", [1, 2, 3, 2], [5, 5, 2, 4], 1],
    ["more positions than are packed at once", [1, 40, 40, 16], [3, 3, 16, 4], 1],
  ] as const)("that convolve have the values of the library's kernels: %s", (_, shape, filterShape, stride) => {
    const random = seeded(3);
    const tensor = (own: readonly number[]) => tf.tensor(uniform(random, tf.util.sizeFromShape([...own])), [...own]);
    const [x, filter, bias] = [shape, filterShape, filterShape.slice(3)].map(tensor) as [
      ...[tf.Tensor4D, tf.Tensor4D, tf.Tensor1D],
    ];
    const expected = tf.relu(tf.add(tf.conv2d(x, filter, stride, "same"), bias));
    expectClose(conv(x, filter, bias, stride).dataSync(), expected.dataSync());
  });

  it.each([1, 4, 7])("that are dense have those of a product, a bias and relu: %s units", (units) => {
    const random = seeded(4);
    const [x, kernel] = [tf.tensor2d(uniform(random, 15), [3, 5]), tf.tensor2d(uniform(random, 5 * units), [5, units])];
    const bias = tf.tensor1d(uniform(random, units));
    const sums = tf.add(tf.matMul(x, kernel), bias);
    expectClose(dense(x, kernel, bias, false).dataSync(), sums.dataSync());
    expectClose(dense(x, kernel, bias, true).dataSync(), tf.relu(sums).dataSync());
  });
});

describe("sums over the first dimensions", () => {
  it.each([
    [[3, 4, 5], [0]],
    [
      [3, 4, 5],
      [0, 1],
    ],
    [[7, 9], [-2]],
    [
      [2, 3, 4],
      [0, 2],
    ],
    [[2, 3, 4], [2]],
    [[2, 3], undefined],
  ] as [number[], number[] | undefined][])("of %j by %j are those of an oracle", (shape, axis) => {
    const values = uniform(seeded(8), tf.util.sizeFromShape(shape));
    const x = tf.tensor(values, shape);
    const axes = (axis ?? shape.map((_, i) => i)).map((one) => (one < 0 ? one + shape.length : one));
    const kept = shape.map((size, i) => (axes.includes(i) ? 1 : size));
    const expected = new Float64Array(tf.util.sizeFromShape(kept));
    for (const [at, value] of values.entries()) {
      const place = tf.util.indexToLoc(at, shape.length, tf.util.computeStrides(shape).concat(1));
      const target = place.reduce((sum, index, i) => sum * (kept[i] as number) + (axes.includes(i) ? 0 : index), 0);
      expected[target] = (expected[target] as number) + value;
    }
    expect(tf.sum(x, axis, true).shape).toEqual(kept);
    expectClose(tf.sum(x, axis).dataSync(), expected);
  });
});

describe("max pooling", () => {
  it("passes a gradient on to the first of equal maxima, in every channel", () => {
    const gradient = tf.grad((x) => tf.sum(tf.maxPool(x as tf.Tensor4D, 2, 2, "valid")))(tf.ones([1, 2, 2, 6]));
    expect(Array.from(gradient.dataSync())).toEqual([...Array(6).fill(1), ...Array(18).fill(0)]);
  });
});

describe("dropout", () => {
  it.each([0.2, 0.5, 0.999])("of %s zeroes what the seeded numbers say, one layer after another", (share) => {
    const random = seededRandom(123);
    const dropout = new Dropout(share, 123);
    for (const size of [3, 16, 21]) {
      const kept = Math.fround(1 / (1 - share));
      const expected = Array.from({ length: size }, () => (random() < share ? 0 : kept));
      expect(Array.from(dropout.apply(tf.ones([size])).dataSync())).toEqual(expected);
    }
  });
});

describe("AdamW", () => {
  it.each([1, 4, 11])("steps %s values as the library's Adam does", (size) => {
    const start = uniform(seeded(2), size);
    const [own, other] = [tf.variable(tf.tensor1d(start)), tf.variable(tf.tensor1d(start))];
    const loss = (x: tf.Tensor) => tf.sum(tf.square(tf.sub(tf.mul(x, x), 2))) as tf.Scalar;
    const [adam, library] = [new ResumableAdam(0.05), tf.train.adam(0.05)];
    for (let step = 0; step < 20; step++) {
      adam.step(() => loss(own), [own], [], 0).dispose();
      library.minimize(() => loss(other), false, [other]);
    }
    expectClose(own.dataSync(), other.dataSync(), 3);
  });

  it("leaves tensors alone that share a variable's values", () => {
    const variable = tf.variable(tf.tensor1d([1, 2, 3, 4, 5]));
    const [clone, shaped] = [variable.clone(), tf.reshape(variable, [5, 1])];
    new ResumableAdam(0.1).step(() => tf.sum(variable) as tf.Scalar, [variable], [variable], 0.5);
    expect(Array.from(variable.dataSync())).not.toEqual([1, 2, 3, 4, 5]);
    expect(Array.from(clone.dataSync())).toEqual([1, 2, 3, 4, 5]);
    expect(Array.from(shaped.dataSync())).toEqual([1, 2, 3, 4, 5]);
  });
});
