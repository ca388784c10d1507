import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, it } from "vitest";
import { multiply, packKernel } from "#core/model/loops/dense.ts";
import { multiplyBySimd } from "#core/model/loops/simd.ts";
import { multiplyBytes, multiplyText } from "#scripts/build-multiply.ts";
import { root } from "#scripts/local/process.ts";
import { seeded, uniform } from "#test/helpers/random.ts";

it("the WebAssembly of loops is what its script writes", async () => {
  const folder = join(root, "workers/core/model/loops");
  expect(new Uint8Array(await readFile(join(folder, "multiply.wasm")))).toEqual(multiplyBytes);
  expect(await readFile(join(folder, "multiply-wasm.ts"), "utf8")).toBe(multiplyText);
});

it("SIMD gives the bits of the loops, for any width and number of rows", () => {
  const random = seeded(3);
  for (const [inputs, units, rows] of [
    ...[
      [1, 1, 1],
      [3, 8, 2],
      [25, 64, 64],
      [64, 32, 9],
      [7, 13, 5],
      [130, 9, 64],
    ],
  ] as [number, number, number][]) {
    const kernel = Float64Array.from(uniform(random, inputs * units));
    const dense = packKernel(kernel, random() < 0.5 ? Float64Array.from(uniform(random, units)) : null, inputs, units);
    const from = uniform(random, rows * inputs, -3, 3);
    from[0] = Number.NaN;
    from[inputs * rows - 1] = 3e38;
    const [own, other] = [new Float32Array(rows * units), new Float32Array(rows * units)];
    multiply(dense, from, rows, other);
    expect(multiplyBySimd(dense, from, rows, own)).toBe(true);
    expect(own).toEqual(other);
  }
});

it("SIMD leaves what does not fit its memory", () => {
  const dense = packKernel(new Float64Array(2 ** 17), null, 512, 256);
  expect(multiplyBySimd(dense, new Float32Array(512), 1, new Float32Array(256))).toBe(false);
});
