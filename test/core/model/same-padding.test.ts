import * as tf from "@tensorflow/tfjs-core";
import { beforeAll, describe, expect, it } from "vitest";
import { startBackend } from "#core/model/tfjs/backend.ts";
import { seeded, uniform } from "#test/helpers/random.ts";

beforeAll(() => startBackend());

type Size = [number, number];

/** A convolution with `same` padding, by its definition. */
function convolved(x: Float32Array, [height, width]: Size, w: Float32Array, [down, right]: Size, stride: Size) {
  const [outHeight, outWidth] = [Math.ceil(height / stride[0]), Math.ceil(width / stride[1])];
  const before = (size: number, out: number, kernel: number, step: number) =>
    Math.floor(Math.max(0, (out - 1) * step + kernel - size) / 2);
  const [top, left] = [before(height, outHeight, down, stride[0]), before(width, outWidth, right, stride[1])];
  return Array.from({ length: outHeight * outWidth }, (_, at) => {
    const [row, column] = [Math.floor(at / outWidth) * stride[0] - top, (at % outWidth) * stride[1] - left];
    let sum = 0;
    for (let i = 0; i < down; i++) {
      for (let j = 0; j < right; j++) {
        const [y, z] = [row + i, column + j];
        if (y < 0 || y >= height || z < 0 || z >= width) continue;
        sum += (x[y * width + z] as number) * (w[i * right + j] as number);
      }
    }
    return sum;
  });
}

describe("convolutions with `same` padding at the edge", () => {
  const kernels: Size[] = [
    [3, 1],
    [1, 3],
    [2, 2],
    [3, 3],
    [1, 1],
  ];
  it.each(kernels)(
    "are right for a %i×%i kernel, also where its stride passes over the end of the input",
    (...kernel) => {
      const random = seeded(3);
      for (const size of [
        [4, 4],
        [5, 6],
        [7, 4],
      ] as Size[]) {
        for (const stride of [
          [1, 1],
          [2, 2],
          [3, 3],
        ] as Size[]) {
          const [x, w] = [uniform(random, size[0] * size[1], -1, 1), uniform(random, kernel[0] * kernel[1], -1, 1)];
          const image = tf.tensor4d(x, [1, ...size, 1]);
          const filter = tf.tensor4d(w, [...kernel, 1, 1]);
          const expected = convolved(x, size, w, kernel, stride);
          const given = { x: image, filter, strides: stride, pad: "same" as const };
          for (const found of [
            tf.conv2d(image, filter, stride, "same"),
            tf.depthwiseConv2d(image, filter, stride, "same"),
            tf.fused.conv2d({ ...given, activation: "linear" }),
            tf.fused.depthwiseConv2d({ ...given, activation: "linear" }),
          ]) {
            const values = [...found.dataSync()];
            for (const [i, value] of expected.entries()) expect(values[i]).toBeCloseTo(value, 5);
          }
        }
      }
    },
  );
});
