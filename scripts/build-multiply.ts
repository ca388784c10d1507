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
 * Computes rows · kernel + bias as `multiply` in loops/dense.ts does, with the same bits: for each row eight sums in four vectors
 * of float64. Two rows at a time share the reading of weights. Ends are addresses; rows of the result take whole blocks.
 */
const multiplyRows = routine(
  ["i32", "i32", "i32", "i32", "i32", "i32", "i32", "i32"],
  (local, kernel, bias, biasEnd, from, fromEnd, rowBytes, to, resultBytes) => {
    const [weights, biasAt, input, rowEnd] = [local("i32"), local("i32"), local("i32"), local("i32")];
    const weight = local("v128");
    const pair = [0, 1].map((row) => ({
      /** An address in this row, from that in the first. */
      after: (address: Code, bytes: Code) => (row === 0 ? address : i32.add(address, bytes)),
      value: local("v128"),
      sums: vectors.map(() => local("v128")) as [Local, Local, Local, Local],
    }));
    /** Computes one or two rows from `from` on. */
    const rowsOf = (rows: typeof pair): Code => {
      const step = sequence(
        ...rows.map(({ after, value }) => value.set(splatOf(after(input.get, rowBytes.get)))),
        ...vectors.flatMap((i) => [
          weight.set(v128.load(weights.get, 16 * i)),
          ...rows.map(({ value, sums }) => {
            const sum = sums[i] as Local;
            return sum.set(add(sum.get, multiply(value.get, weight.get)));
          }),
        ]),
        weights.set(i32.add(weights.get, i32.const(blockBytes))),
      );
      const block = sequence(
        ...rows.flatMap(({ sums }) => sums.map((sum, i) => sum.set(v128.load(biasAt.get, 16 * i)))),
        input.set(from.get),
        whileBelow(input, rowEnd.get, i32.const(floatBytes), step),
        ...rows.flatMap(({ after, sums: [a, b, c, d] }) => [
          v128.store(after(to.get, resultBytes.get), roundedOf(a.get, b.get)),
          v128.store(after(to.get, resultBytes.get), roundedOf(c.get, d.get), 16),
        ]),
        to.set(i32.add(to.get, i32.const(8 * floatBytes))),
      );
      return sequence(
        weights.set(kernel.get),
        biasAt.set(bias.get),
        rowEnd.set(i32.add(from.get, rowBytes.get)),
        whileBelow(biasAt, biasEnd.get, i32.const(blockBytes), block),
      );
    };
    const both = sequence(rowsOf(pair), to.set(i32.add(to.get, resultBytes.get)));
    return sequence(
      whileBelow(from, i32.sub(fromEnd.get, rowBytes.get), i32.add(rowBytes.get, rowBytes.get), both),
      whileBelow(from, fromEnd.get, rowBytes.get, rowsOf(pair.slice(0, 1))),
    );
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
