// Writes the WebAssembly of workers/core/model/loops. Run it after a change: node scripts/build-multiply.ts
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { assemble, routine } from "#origin/backend/simd/assemble.ts";
import { type Code, f32, i32, type Local, sequence, v128, whileBelow } from "#origin/backend/simd/code.ts";
import { root } from "./local/process.ts";

const floatBytes = 4;
const blockBytes = 8 * 8;
const vectors = [0, 1, 2, 3];

const simd = (opcode: number, ...operands: Code[]): Code => [
  ...operands.flat(),
  0xfd,
  (opcode & 0x7f) | (opcode > 127 ? 0x80 : 0),
  ...(opcode > 127 ? [opcode >> 7] : []),
];
/** Reads a float32 into both halves of a vector of float64. */
const splatOf = (address: Code): Code => simd(0x14, [...f32.load(address), 0xbb]);
const add = (a: Code, b: Code) => simd(240, a, b);
const multiply = (a: Code, b: Code) => simd(242, a, b);
/** Rounds two vectors of float64 to one of float32. */
const roundedOf = (a: Code, b: Code) => v128.shuffle(simd(0x5e, a), simd(0x5e, b), [0, 1, 4, 5]);

/**
 * Computes rows · kernel + bias as `multiply` in loops/dense.ts does, with the same bits: eight sums in four vectors of float64.
 * Ends are addresses; rows of the result take whole blocks.
 */
const multiplyRows = routine(
  ["i32", "i32", "i32", "i32", "i32", "i32", "i32"],
  (local, kernel, bias, biasEnd, from, fromEnd, rowBytes, to) => {
    const [weights, biasAt, input, rowEnd, value] = [
      local("i32"),
      local("i32"),
      local("i32"),
      local("i32"),
      local("v128"),
    ];
    const sums = vectors.map(() => local("v128"));
    const sumOf = (i: number) => sums[i] as Local;
    const step = sequence(
      value.set(splatOf(input.get)),
      ...vectors.map((i) => sumOf(i).set(add(sumOf(i).get, multiply(value.get, v128.load(weights.get, 16 * i))))),
      weights.set(i32.add(weights.get, i32.const(blockBytes))),
    );
    const block = sequence(
      ...vectors.map((i) => sumOf(i).set(v128.load(biasAt.get, 16 * i))),
      input.set(from.get),
      whileBelow(input, rowEnd.get, i32.const(floatBytes), step),
      v128.store(to.get, roundedOf(sumOf(0).get, sumOf(1).get)),
      v128.store(to.get, roundedOf(sumOf(2).get, sumOf(3).get), 16),
      to.set(i32.add(to.get, i32.const(8 * floatBytes))),
    );
    const row = sequence(
      weights.set(kernel.get),
      biasAt.set(bias.get),
      rowEnd.set(i32.add(from.get, rowBytes.get)),
      whileBelow(biasAt, biasEnd.get, i32.const(blockBytes), block),
    );
    return whileBelow(from, fromEnd.get, rowBytes.get, row);
  },
);

/** The module's bytes. */
export const multiplyBytes = assemble({ multiplyRows });

/** The same bytes for platforms that compile them. */
export const multiplyText = `// Written by scripts/build-multiply.ts.
/** The bytes of multiply.wasm, in base64. */
export const multiplyWasm =
  "${Buffer.from(multiplyBytes).toString("base64")}";
`;

if (import.meta.main) {
  const folder = join(root, "workers/core/model/loops");
  await writeFile(join(folder, "multiply.wasm"), multiplyBytes);
  await writeFile(join(folder, "multiply-wasm.ts"), multiplyText);
}
